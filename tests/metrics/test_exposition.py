"""Drift series as bytes."""

import math
import zlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.metrics import families
from app.metrics.exposition import number, render
from app.metrics.snapshot import ModelView, VersionView
from metrics.tools import openmetrics
from metrics.views import complete, feature, model

MANY = 10**6


def page(*models: ModelView, max_series: int = MANY) -> str:
    """The rendered text."""
    return render(models, max_series=max_series).plain.decode()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels, each at most once."""
    found = [(one.name, frozenset(one.labels.items()), one.value) for f in parse_text(text) for one in f.samples]
    assert len({(name, labels) for name, labels, _ in found}) == len(found)
    return {(name, labels): value for name, labels, value in found}


def test_one_model_reads_as_expected() -> None:
    """The whole page of a small model, byte for byte, without its help."""
    labels = 'model="m",version="default",feature="y",statistic="evidence"'
    lines = [line for line in page(model()).splitlines() if not line.startswith("#")]
    assert lines == [
        'drift_score{model="m",version="default",feature="x",statistic="evidence"} 1.5',
        'drift_score{model="m",version="default",feature="y",statistic="evidence"} 1.5',
        'drift_score{model="m",version="default",feature="",statistic="volume"} 1000.0',
        'drift_score{model="m",version="default",feature="x",statistic="null_ratio"} 0.0',
        'drift_score{model="m",version="default",feature="y",statistic="null_ratio"} 0.0',
        'drift_score{model="m",version="default",feature="x",statistic="psi"} 0.1',
        'drift_score{model="m",version="default",feature="y",statistic="psi"} 0.1',
        'drift_score{model="m",version="default",feature="x",statistic="ks"} 0.05',
        'drift_score{model="m",version="default",feature="y",statistic="ks"} 0.05',
        'drift_score_threshold{model="m",version="default",feature="x",statistic="evidence",severity="critical"} 5.16',
        'drift_score_threshold{model="m",version="default",feature="y",statistic="evidence",severity="critical"} 5.16',
        'drift_score_threshold{model="m",version="default",feature="",statistic="volume",severity="critical"} 5000.0',
        'drift_score_threshold{model="m",version="default",feature="x",statistic="psi",severity="warning"} 0.2',
        'drift_score_threshold{model="m",version="default",feature="y",statistic="psi",severity="warning"} 0.2',
        'drift_feature_scored{model="m",version="default",feature="x"} 1',
        'drift_feature_scored{model="m",version="default",feature="y"} 1',
        'drift_features{model="m",version="default",status="ok"} 1',
        'drift_features{model="m",version="default",status="warning"} 0',
        'drift_features{model="m",version="default",status="critical"} 1',
        'drift_features{model="m",version="default",status="insufficient_rows"} 0',
        'drift_features{model="m",version="default",status="calibrating"} 0',
        'drift_features{model="m",version="default",status="no_baseline"} 0',
        'drift_window_rows{model="m",version="default"} 1000.0',
        'drift_window_start_timestamp_seconds{model="m",version="default"} 0.0',
        'drift_window_end_timestamp_seconds{model="m",version="default"} 3600.0',
        'drift_last_row_timestamp_seconds{model="m",version="default"} 3600.5',
        'drift_silence_limit_seconds{model="m",version="default"} 10800.0',
        'drift_feature_mean{model="m",version="default",feature="x"} 2.5',
        'drift_baseline_info{model="m",baseline="1"} 1',
        'drift_baseline_created_timestamp_seconds{model="m"} 1.5',
        'drift_alert_budget_pages_per_month{model="m"} 1.0',
        'drift_alert_budget_spent_pages{model="m"} 2.0',
        f'drift_episode_info{{{labels},severity="critical",cause="nulls"}} 1',
        f"drift_incident_start_timestamp_seconds{{{labels}}} 0.0",
    ]


def test_every_family_has_help_that_both_formats_read() -> None:
    """Neither format needs an escape in a help text, so one rendering serves both."""
    for text in families.HELP.values():
        assert not set(text) & set('\\"\n')
    families_seen = {family.name for family in openmetrics(page(complete()) + "# EOF\n")}
    assert families_seen == set(families.HELP)


def test_nothing_to_show_is_no_sample() -> None:
    """None and NaN never reach the page; a model without a window or baseline shows only what it has."""
    empty = feature(scores={"psi": None, "ks": math.nan}, thresholds={("psi", "warning"): math.nan}, mean=math.nan)
    version = VersionView("default", (empty,))
    assert "nan" not in page(ModelView("m", versions=(version,))).lower().replace("warning", "")
    assert page(ModelView("m")) == ""
    assert "drift_score{" not in page(ModelView("m", versions=(version,)))


def test_infinities_are_spelt_as_prometheus_does() -> None:
    """An infinite evidence or ratio stays comparable."""
    assert number(math.inf) == "+Inf"
    assert number(-math.inf) == "-Inf"


@given(st.floats(allow_nan=False))
def test_numbers_keep_every_digit(value: float) -> None:
    """A sample reads back as the double it was."""
    assert float(number(value) or "") == value


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=20))
def test_any_name_survives_the_page(name: str) -> None:
    """Quotes, backslashes and line ends in a feature's name come back as they were."""
    found = samples(page(model(versions=(VersionView("default", (feature(name),)),))))
    labels = {"model": "m", "version": "default", "feature": name, "statistic": "psi"}
    assert found["drift_score", frozenset(labels.items())] == 0.1


def test_order_of_input_changes_no_byte() -> None:
    """Two replicas that hold the same state in another order show the same page."""
    (version,) = model().versions
    turned = replace(version, features=tuple(reversed(version.features)))
    assert page(model("a"), model("b")) == page(model("b", versions=(turned,)), model("a", versions=(turned,)))


def test_the_cap_keeps_what_pages() -> None:
    """Under the cap series of the model survive, then evidence with its line; the rest is counted as dropped."""
    whole = render([model()], max_series=MANY)
    assert (whole.series, whole.dropped) == (34, 0)
    capped = render([model()], max_series=21)
    assert (capped.series, capped.dropped) == (21, 13)
    kept = samples(capped.plain.decode())
    names = {name for name, _ in kept}
    assert "drift_window_rows" in names
    statistics = {dict(labels)["statistic"] for name, labels in kept if name == "drift_score"}
    assert statistics == {"evidence"}
    assert "drift_feature_mean" not in names


@given(st.integers(0, 40))
def test_a_larger_cap_shows_more_of_the_same(cap: int) -> None:
    """Series leave in one fixed order: what a small cap keeps, a larger one keeps too."""
    small = samples(page(model(), max_series=cap))
    large = samples(page(model(), max_series=cap + 1))
    assert len(small) == min(cap, 34)
    assert small.items() <= large.items()


@given(st.integers(0, 45))
def test_no_model_takes_the_room_of_others(cap: int) -> None:
    """Of each model its own first series are shown, as if it were alone; what is over is counted."""
    shown = render([model("a"), model("b")], max_series=MANY, max_model_series=cap)
    alone = [render([model(name)], max_series=cap) for name in ("a", "b")]
    expected = [one for page_ in alone for one in samples(page_.plain.decode()).items()]
    assert samples(shown.plain.decode()) == dict(expected)
    assert shown.dropped == sum(page_.dropped for page_ in alone)


def test_both_caps_hold() -> None:
    """The cap of the page counts what the caps of its models left."""
    both = render([model("a"), model("b")], max_series=30, max_model_series=20)
    whole = render([model("a"), model("b")], max_series=MANY)
    assert (both.series, both.dropped) == (30, whole.series - 30)


def test_the_deflated_page_can_be_continued() -> None:
    """Raw deflate that ends on a byte boundary, so that another stream can follow."""
    drift = render([model()], max_series=MANY)
    tail = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    joined = drift.deflated + tail.compress(b"end") + tail.flush()
    assert zlib.decompress(joined, -zlib.MAX_WBITS) == drift.plain + b"end"
    assert drift.crc == zlib.crc32(drift.plain)
