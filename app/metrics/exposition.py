"""Drift series as bytes, rendered once an evaluation and served as they are.

Only gauges without units or quotes in their help, so the same bytes are valid in the Prometheus text format 0.0.4 and
in OpenMetrics 1.0. Under the caps, of a model and of the page, room is given in this order, and what comes after the
first series without room is dropped: series of models and versions; then, statistic by statistic in the order of
`families.KEPT` (others after it by name), each feature's score together with its thresholds; then whether features
were scored; then means; then distinct values; then expectations. Within each step models, versions and features go by
name.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from app.metrics import families
from app.metrics.snapshot import SEVERITIES, STATUSES, FeatureView, ModelView, VersionView

Sample = tuple[str, str]
"""A family's name and one line of it, without the name."""

_MICROSECONDS: Final = 1_000_000
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class DriftPage:
    """Ready bytes: plain, and as raw deflate that another stream may continue; `crc` is that of the plain bytes."""

    plain: bytes
    deflated: bytes
    crc: int
    series: int
    dropped: int


def render(models: Iterable[ModelView], *, max_series: int, max_model_series: int | None = None) -> DriftPage:
    """Render every model's drift series, at most `max_series` of them, and of one model at most `max_model_series`."""
    ordered = sorted(models, key=lambda model: model.name)
    over = frozenset[Sample]() if max_model_series is None else _over(ordered, max_model_series)
    samples = (one for one in _samples(ordered) if one not in over) if over else _samples(ordered)
    lines: dict[str, list[str]] = {name: [] for name in families.HELP}
    series = 0
    for name, line in islice(samples, max_series):
        lines[name].append(line)
        series += 1
    dropped = len(over) + sum(1 for _ in samples)
    plain = "".join(_family(name, body) for name, body in lines.items() if body).encode()
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
    return DriftPage(plain, deflated, zlib.crc32(plain), series, dropped)


def number(value: float | None) -> str | None:
    """A sample's value in shortest exact digits; None when there is nothing to show."""
    if value is None or value != value:  # noqa: PLR0124 - the cheapest test for NaN
        return None
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def escape(value: str) -> str:
    """A label value as it stands between quotes."""
    return value.translate(_ESCAPES)


def _over(models: Sequence[ModelView], cap: int) -> frozenset[Sample]:
    """The samples of models that have more than their share."""
    large = [model for model in models if _most(model) > cap]
    return frozenset(sample for model in large for sample in islice(_samples([model]), cap, None))


def _most(model: ModelView) -> int:
    """How many samples a model can have at most, without making them."""
    most = 5
    for version in model.versions:
        most += (
            15 + len(version.episodes) + len(version.incidents) + len(version.rollups) + 2 * len(version.expectations)
        )
        most += sum(3 + len(feature.scores) + len(feature.thresholds) for feature in version.features)
    return most


def _family(name: str, body: Sequence[str]) -> str:
    separator = f"\n{name}"
    return f"# HELP {name} {families.HELP[name]}\n# TYPE {name} gauge\n{name}{separator.join(body)}\n"


def _samples(models: Sequence[ModelView]) -> Iterator[Sample]:
    """Yield every sample in the order in which it is given room."""
    versions = [
        (f'{{model="{escape(model.name)}",version="{escape(version.version)}"', version)
        for model in models
        for version in sorted(model.versions, key=lambda version: version.version)
    ]
    features = [
        (f'{labels},feature="{escape(feature.name)}"', feature)
        for labels, version in versions
        for feature in sorted(version.features, key=lambda feature: feature.name)
    ]
    for model in models:
        yield from _of_model(model)
    for labels, version in versions:
        yield from _of_version(labels, version)
    for statistic in _statistics(features):
        if statistic == families.VOLUME:
            for labels, version in versions:
                yield from _volume(labels, version)
        else:
            yield from _scores(statistic, features)
    for labels, feature in features:
        yield families.SCORED, f"{labels}}} {int(feature.scored)}"
    yield from _values(families.MEAN, [(labels, feature.mean) for labels, feature in features])
    yield from _values(families.DISTINCT, [(labels, feature.distinct) for labels, feature in features])
    for labels, version in versions:
        yield from _expectations(labels, version)


def _expectations(labels: str, version: VersionView) -> Iterator[Sample]:
    for one in sorted(version.expectations, key=lambda one: (one.expectation, one.feature, one.severity)):
        named = f'{labels},expectation="{escape(one.expectation)}",feature="{escape(one.feature)}"'
        where = f'{named},severity="{one.severity}"}}'
        yield families.EXPECTATION, f"{where} {int(one.success)}"
        if (shown := number(one.unexpected_ratio)) is not None:
            yield families.UNEXPECTED, f"{where} {shown}"


def _values(name: str, values: Sequence[tuple[str, float | None]]) -> Iterator[Sample]:
    for labels, value in values:
        if (shown := number(value)) is not None:
            yield name, f"{labels}}} {shown}"


def _of_model(model: ModelView) -> Iterator[Sample]:
    labels = f'{{model="{escape(model.name)}"'
    if model.baseline is not None:
        yield families.BASELINE, f'{labels},baseline="{model.baseline}"}} 1'
    for name, value in (
        (families.BASELINE_CREATED, _seconds(model.baseline_created_us)),
        (families.BUDGET, model.pages_per_month),
        (families.SPENT, model.pages_spent),
    ):
        if (shown := number(value)) is not None:
            yield name, f"{labels}}} {shown}"


def _of_version(labels: str, version: VersionView) -> Iterator[Sample]:
    for name, value in (
        (families.WINDOW_ROWS, version.volume),
        (families.WINDOW_START, _seconds(version.window_start_us)),
        (families.WINDOW_END, _seconds(version.window_end_us)),
        (families.LAST_ROW, _seconds(version.last_row_us)),
        (families.SILENCE_LIMIT, _seconds(version.silence_us)),
    ):
        if (shown := number(value)) is not None:
            yield name, f"{labels}}} {shown}"
    for status in STATUSES:
        count = sum(feature.status == status for feature in version.features)
        yield families.FEATURES, f'{labels},status="{status}"}} {count}'
    for episode in sorted(version.episodes, key=lambda one: (one.feature, one.statistic, one.severity)):
        where = f'feature="{escape(episode.feature)}",statistic="{escape(episode.statistic)}"'
        yield families.EPISODE, f'{labels},{where},severity="{episode.severity}",cause="{escape(episode.cause)}"}} 1'
    for rollup in sorted(version.rollups, key=lambda one: (one.window, one.feature, one.statistic)):
        where = f'feature="{escape(rollup.feature)}",statistic="{escape(rollup.statistic)}"'
        told = f'severity="{rollup.severity}",cause="{escape(rollup.cause)}",window="{rollup.window}"'
        yield families.ROLLUP, f"{labels},{where},{told}}} 1"
    for incident in sorted(version.incidents, key=lambda one: (one.feature, one.statistic)):
        where = f'feature="{escape(incident.feature)}",statistic="{escape(incident.statistic)}"'
        yield families.INCIDENT, f"{labels},{where}}} {number(_seconds(incident.start_us))}"


def _volume(labels: str, version: VersionView) -> Iterator[Sample]:
    where = f'{labels},feature="",statistic="{families.VOLUME}"'
    if (shown := number(version.volume)) is not None:
        yield families.SCORE, f"{where}}} {shown}"
    for severity in SEVERITIES:
        if (shown := number(version.volume_thresholds.get(severity))) is not None:
            yield families.THRESHOLD, f'{where},severity="{severity}"}} {shown}'


def _scores(statistic: str, features: Sequence[tuple[str, FeatureView]]) -> Iterator[Sample]:
    suffix = f',statistic="{escape(statistic)}"'
    endings = [((statistic, severity), f'{suffix},severity="{severity}"}} ') for severity in SEVERITIES]
    for labels, feature in features:
        if (shown := number(feature.scores.get(statistic))) is not None:
            yield families.SCORE, f"{labels}{suffix}}} {shown}"
        for line, ending in endings:
            if (shown := number(feature.thresholds.get(line))) is not None:
                yield families.THRESHOLD, f"{labels}{ending}{shown}"


def _statistics(features: Sequence[tuple[str, FeatureView]]) -> list[str]:
    seen = {name for _, feature in features for name in feature.scores}
    seen.update(name for _, feature in features for name, _ in feature.thresholds)
    return [*families.KEPT, *sorted(seen.difference(families.KEPT))]


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / _MICROSECONDS
