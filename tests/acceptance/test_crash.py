"""Killing the service at any moment loses nothing and counts nothing twice; a clean stop leaves nothing behind."""

import threading
import time
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import httpx
import pytest

from acceptance import bodies
from acceptance.oracle import Expected, Rules, count
from acceptance.streams import clean, dirty, recent
from acceptance.world import Model, World, check_counts, check_receipt, good, micros, now_us
from service import Service, processes_of, until

KILLS: Final = 4
BATCHES: Final = 100
DEADLINE: Final = 240.0


@pytest.fixture
def mortal() -> Iterator[Service]:
    """A service of the test's own, which it may kill."""
    with Service({"DRIFTGAUGE_EVALUATE_INTERVAL": "100ms", "DRIFTGAUGE_FOLD_INTERVAL": "20ms"}) as running:
        yield running


class Sender(threading.Thread):
    """A sidecar that sends each frozen batch under its id until it is answered, whatever happens meanwhile."""

    def __init__(self, model: Model, batches: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self.model = model
        self.batches = batches
        self.receipts: dict[str, Any] = {}
        self.failures: list[str] = []
        self.retries = 0
        self.end = time.monotonic() + DEADLINE

    def run(self) -> None:
        """Send every batch once, and some of them again."""
        random = Random(9)
        for batch_id, body in self.batches.items():
            first = self._settle(batch_id, body)
            again = self._settle(batch_id, body) if random.random() < 0.2 else None
            self.receipts[batch_id] = first
            if again is not None and again != first | {"duplicate": True}:
                self.failures.append(f"{batch_id}: {first} then {again}")

    def reach(self, batches: int) -> None:
        """Wait until so many batches are answered."""
        until(lambda: len(self.receipts) >= batches or not self.is_alive(), seconds=DEADLINE, what="progress")

    def _settle(self, batch_id: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": bodies.JSON}
        while time.monotonic() < self.end:
            url = f"{self.model.service.url}{self.model.path}/batches/{batch_id}"
            try:
                answer = httpx.put(url, content=body, headers=headers, timeout=30.0)
            except httpx.TransportError:
                self.retries += 1
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                return dict(answer.json())
            if answer.status_code not in {409, 503}:
                self.failures.append(f"{batch_id}: {answer.status_code} {answer.text[:200]}")
                return {}
        self.failures.append(f"{batch_id}: never answered")
        return {}


@pytest.mark.timeout(400)
def test_kills_in_a_replay(mortal: Service) -> None:
    """A replay through several kills ends with exactly the oracle's counts, receipts and a balanced ledger."""
    model, random = World(mortal, prefix="crash").model(version_column="arm"), Random(4)
    reference = clean(random, 800, start=recent(now_us()))
    model.baseline(bodies.as_array(reference))
    features = model.features(reference)
    rows = {f"batch {i}": dirty(random, 60, start=recent(now_us()), now=now_us()) for i in range(BATCHES)}
    for number, batch in enumerate(rows.values()):
        batch.append({"timestamp": recent(now_us()), "word": "a", "count": number % 7})
    sender = Sender(model, {batch_id: bodies.as_array(batch) for batch_id, batch in rows.items()})
    sender.start()
    for kill in range(KILLS):
        sender.reach((kill + 1) * BATCHES // (KILLS + 2))
        time.sleep(random.random() * 0.02)
        mortal.kill()
        mortal.restart()
    sender.join(DEADLINE)
    assert not sender.is_alive()
    assert not sender.failures
    parts: list[Expected] = []
    for batch_id, receipt in sender.receipts.items():
        parts.append(count(rows[batch_id], features, Rules(version_column="arm"), now=micros(receipt["server_time"])))
        check_receipt(receipt | {"duplicate": False}, parts[-1])
    assert len(parts) == BATCHES
    check_counts(model, parts)
    balance = good(model.client.get("/v1/admin/ledger-balance", params={"model": model.name}))
    assert balance["imbalance"] == 0
    assert balance["ledger_rows"] == balance["folded_rows"] + balance["journal_rows"] == sum(p.accepted for p in parts)
    _, fresh = model.evaluate(), model.scores()
    mortal.kill()
    mortal.restart()
    model.evaluate()
    assert model.scores() == fresh
    check_counts(model, parts)


def test_a_duplicate_after_a_kill(mortal: Service) -> None:
    """A batch that was answered before a kill is a duplicate after it, and its window is scored by itself."""
    model, start = World(mortal, prefix="again").model(), recent(now_us())
    model.baseline(bodies.as_array([{"x": value} for value in range(100)]))
    body = bodies.as_array([{"timestamp": start, "x": value} for value in range(40)])
    first = good(model.batch(body, batch_id="b"))
    mortal.kill()
    mortal.restart()
    assert good(model.batch(body, batch_id="b")) == first | {"duplicate": True}
    assert sum(window["rows"] for window in model.windows()) == 40
    until(lambda: [window["status"] for window in model.windows()] == ["scored"], what="the score")
    world = World(mortal, prefix="again")
    until(lambda: ("drift_score", "x", "psi", "default") in world.metrics(model), what="the gauge")
    psi = next(score["value"] for score in model.scores(statistic="psi", feature="x"))
    assert world.metrics(model)[("drift_score", "x", "psi", "default")] == psi


def test_clean_stop() -> None:
    """SIGTERM ends with code 0 and takes the embedded Postgres along; what was stored is there at the next start."""
    with Service() as service:
        model = World(service, prefix="stop").model()
        model.baseline(bodies.as_array([{"x": value} for value in range(50)]))
        good(model.batch(bodies.as_array([{"timestamp": recent(now_us()), "x": 1}])))
        stored = model.counts()
        assert any("postgres" in process.name() for process in processes_of(service.data_dir))
        assert service.stop() == 0
        until(lambda: not processes_of(service.data_dir), what="the end of Postgres")
        service.restart()
        assert model.counts() == stored


def test_two_on_one_directory(mortal: Service) -> None:
    """A second service on the same directory shares the data, or refuses with a reason and harms nobody."""
    model, start = World(mortal, prefix="two").model(), recent(now_us())
    model.baseline(bodies.as_array([{"x": value} for value in range(50)]))
    other = Service()
    empty, other.data_dir = other.data_dir, mortal.data_dir
    try:
        other.start()
    except AssertionError:
        assert other.log.read_text(encoding="utf-8").strip()
    else:
        twin = Model(other, model.name)
        good(twin.batch(bodies.as_array([{"timestamp": start, "x": 1}]), batch_id="twin"))
        assert good(model.client.get(f"{model.path}/batches/twin"))["rows"]["accepted"] == 1
        assert other.stop() == 0
    finally:
        other.data_dir = empty
        if other.process is not None:
            other.stop()
        other.close()
    good(model.batch(bodies.as_array([{"timestamp": start, "x": 2}])))
    assert model.counts() == {("default", start): {"x": next(iter(model.counts().values()))["x"]}}
