"""What a scrape of running replicas shows, whatever happens beside it."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families as parse_text

from metrics.tools import openmetrics
from scene import replicas
from service import Service, processes_of, until

HOSTILE = ('quo"te', "back\\slash", "\\n", "\U0001f600 😀", "é" * 128, "{a=b}", "# HELP x", "'; --", 'a,b="c"')
SETTINGS = {"DRIFTGAUGE_EVALUATE_INTERVAL": "100ms", "DRIFTGAUGE_ACCOUNT_INTERVAL": "500ms"}
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
Pair = tuple[Service, Service]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two replicas on one database."""
    with replicas(SETTINGS) as found:
        yield found


def drift(service: Service, name: str = "") -> list[str]:
    """The drift series of a page, or of one model on it, line by line."""
    lines = service.client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("drift_") and f'{{model="{name}' in line]


def model(service: Service, name: str, features: tuple[str, ...], *, window: str = "1h") -> str:
    """A model with a baseline of some rows of these features; gives its path."""
    path = f"/v1/models/{name}"
    service.client.put(path, json={"window": window}).raise_for_status()
    rows = [dict.fromkeys(features, number % 7) for number in range(60)]
    service.client.post(f"{path}/baselines?activate=true", json=rows).raise_for_status()
    return path


def scored(service: Service, path: str, features: tuple[str, ...]) -> None:
    """Rows of a closed window, evaluated."""
    moment = time.time() // 3600 * 3600 - 1800
    rows = [{"timestamp": moment} | dict.fromkeys(features, number % 5) for number in range(50)]
    service.client.post(f"{path}/batches", json=rows).raise_for_status()
    service.client.post(f"{path}/evaluate").raise_for_status()


def present(service: Service, text: str) -> bool:
    """Whether a page holds a text."""
    return text in service.client.get("/metrics").text


def missing(service: Service, text: str) -> bool:
    """Whether it does not."""
    return not present(service, text)


def same(pair: Pair) -> bool:
    """Whether both replicas show the same drift series."""
    first, second = (drift(service) for service in pair)
    return bool(first) and first == second


def names(families: Callable[[str], list[Metric]], text: str, where: str) -> set[str]:
    """The features of a model with a PSI."""
    return {
        sample.labels["feature"]
        for family in families(text)
        for sample in family.samples
        if sample.name == "drift_score" and sample.labels["statistic"] == "psi" and sample.labels["model"] == where
    }


def test_hostile_names_come_back_in_both_formats(pair: Pair) -> None:
    """Quotes, backslashes, emoji and 256 bytes reach every parser as they were sent."""
    first, second = pair
    scored(first, model(first, "hostile", HOSTILE), HOSTILE)
    until(lambda: same(pair), seconds=60, what="the same page on both replicas")
    assert names(lambda text: list(parse_text(text)), second.client.get("/metrics").text, "hostile") == set(HOSTILE)
    modern = second.client.get("/metrics", headers=OPENMETRICS)
    assert names(openmetrics, modern.text, "hostile") == set(HOSTILE)


def test_a_deleted_model_vanishes_everywhere(pair: Pair) -> None:
    """Its series, those of the counters too, would keep alerts alive."""
    first, second = pair
    path = model(first, "doomed", ("x",))
    scored(first, path, ("x",))
    scored(second, path, ("x",))
    for service in pair:
        until(partial(present, service, 'drift_score{model="doomed"'), seconds=60, what="its series")
    second.client.delete(path).raise_for_status()
    for service in pair:
        until(partial(missing, service, 'model="doomed"'), seconds=60, what="the end of its series")


def test_no_scrape_sees_half_a_window(pair: Pair) -> None:
    """Twenty features that are always equal have equal means in every scrape, while window after window is scored."""
    first, second = pair
    features = tuple(f"x{number}" for number in range(20))
    path = model(first, "whole", features, window="1s")
    seen: set[str] = set()
    end = time.monotonic() + 60
    while len(seen) < 6 and time.monotonic() < end:
        now = time.time()
        rows = [{"timestamp": now} | dict.fromkeys(features, int(now) % 1000) for _ in range(40)]
        first.client.post(f"{path}/batches", json=rows).raise_for_status()
        for service in (second, first) * 4:
            means = [line for line in drift(service) if line.startswith('drift_feature_mean{model="whole"')]
            values = {line.rsplit(" ", 1)[1] for line in means}
            assert len(values) <= 1
            assert len(means) in {0, len(features)}
            seen |= values
    assert len(seen) >= 6


def test_rules_tell_the_budgets_in_force(pair: Pair) -> None:
    """With the service's address the rules name its models; without an answer they are the same rules."""
    first, _ = pair
    model(first, "paid", ("x",))
    first.client.put("/v1/models/paid/alert-budget", json={"pages_per_month": 2.5}).raise_for_status()
    told = first.run("rules", "--url", first.url)
    assert told.returncode == 0, told.stderr
    assert '# "paid": 2.5 pages a month\n' in told.stdout
    alone = first.run("rules", "--url", "http://127.0.0.1:9")
    assert alone.returncode == 0
    assert "the models are not told" in alone.stderr
    one, other = (yaml.safe_load(text.replace(first.url, "http://127.0.0.1:9")) for text in (told.stdout, alone.stdout))
    assert one == other


def test_a_page_outlives_its_database(pair: Pair) -> None:
    """Without Postgres a scrape answers as before, tells that the database is gone, and its scores tell their age."""
    scored(pair[0], model(pair[0], "orphan", ("x",)), ("x",))
    until(lambda: same(pair), seconds=60, what="the same page on both replicas")
    before = drift(pair[0], "orphan")  # an hour may end meanwhile, which closes windows of the others
    for process in processes_of(pair[0].data_dir):
        process.send_signal(signal.SIGQUIT)
    for service in pair:
        until(partial(present, service, "\ndriftgauge_database_up 0.0\n"), seconds=60, what="database_up 0")
        answer = service.client.get("/metrics")
        assert answer.status_code == 200
        assert drift(service, "orphan") == before
        assert any(line.startswith('drift_window_end_timestamp_seconds{model="orphan"') for line in before)
    assert json.loads(pair[0].client.get("/livez").text)["status"] == "alive"
