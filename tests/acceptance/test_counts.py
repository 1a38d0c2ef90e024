"""Every row is counted once, in the right bin of the right window, whatever it looks like and however it came."""

import gzip
from random import Random
from typing import Any, Final

import pytest
import zstandard

from acceptance import bodies
from acceptance.bodies import JSON, LOOSE, TYPED
from acceptance.oracle import Expected, Rules, count
from acceptance.streams import clean, dirty, recent
from acceptance.world import Model, World, check_counts, check_receipt, good, iso, micros, now_us

NUMERIC: Final = ("amount", "score", "count", "age", "flag", "constant")
CATEGORICAL: Final = ("city", "tier", "word")
KINDS: Final = dict.fromkeys(NUMERIC, "numeric") | dict.fromkeys(CATEGORICAL, "categorical")
FEATURES: Final = {name: {"kind": kind} for name, kind in KINDS.items()}
VERSIONED: Final = Rules(version_column="arm")


def declared(world: World, seed: int) -> tuple[Model, list[Any]]:
    """A model with declared kinds and a dirty baseline, and that baseline's rows."""
    model = world.model(features=FEATURES, version_column="arm")
    now = now_us()
    rows = dirty(Random(seed), 900, start=recent(now), now=now, strange=False)
    model.baseline(bodies.as_array(rows))
    return model, rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_baseline_counts(world: World, seed: int) -> None:
    """The counts of a baseline are those of a recount on its own published bins, with nothing unseen."""
    model, rows = declared(world, seed)
    features = model.features(rows)
    recount = count(rows, features, Rules(horizon=None, tolerance=2**62, version_column="arm"), now=now_us())
    total: dict[str, list[int]] = {feature.name: [0] * len(feature.bins) for feature in features}
    for counts in recount.counts.values():
        for name, held in counts.items():
            total[name] = [a + b for a, b in zip(total[name], held, strict=True)]
    assert {feature.name for feature in features} == FEATURES.keys() | {"surplus"}
    for feature in features:
        assert [one["count"] for one in feature.bins] == total[feature.name], feature.name
        assert sum(total[feature.name]) == recount.accepted
        assert sum(one["count"] for one in feature.bins if one["kind"] == "unseen") == 0


@pytest.mark.parametrize("form", LOOSE)
@pytest.mark.parametrize("seed", [11, 12])
def test_dirty_rows(world: World, form: str, seed: int) -> None:
    """Receipts and counts of the dirtiest batches equal the oracle's, for several versions, in each JSON shape."""
    model, reference = declared(world, seed)
    features, random = model.features(reference), Random(seed * 7)
    content_type, encode = LOOSE[form]
    parts = []
    for version in ("default", "night", None):
        now = now_us()
        rows = dirty(random, 400, start=recent(now), now=now)
        if form == "columns":
            rows = [row for row in rows if isinstance(row, dict)]
        query = {} if version is None else {"version": version}
        receipt = good(model.batch(encode(rows), content_type, **query))
        parts.append(count(rows, features, VERSIONED, now=micros(receipt["server_time"]), version=version or "default"))
        check_receipt(receipt, parts[-1])
        assert receipt["baseline"] == 1
    assert {version for version, _ in parts[1].rows} == {"default", "canary", "v7", "arm one", "night"}
    check_counts(model, parts)


@pytest.mark.parametrize("form", TYPED)
def test_typed_rows(world: World, form: str) -> None:
    """Baselines and batches of typed formats are counted as their cells say, with kinds learnt from the file."""
    content_type, encode = TYPED[form]
    text = form == "csv"
    random, start = Random(form), recent(now_us())
    reference = clean(random, 1500, start=start)
    model = world.model()
    made = model.baseline(encode(reference), content_type)
    assert {name: one["kind"] for name, one in made["features"].items()} == KINDS
    features = model.features(bodies.cells(reference) if text else reference, text=text)
    parts: list[Expected] = []
    for version, shift in (("default", 0.0), ("v2", 0.4)):
        rows = [{**row, "surplus": 1} for row in clean(random, 700, start=start, shift=shift)]
        receipt = good(model.batch(encode(rows), content_type, version=version))
        held = bodies.cells(rows) if text else rows
        parts.append(count(held, features, Rules(), now=micros(receipt["server_time"]), version=version, text=text))
        check_receipt(receipt, parts[-1])
    check_counts(model, parts)


def test_dirty_cells(world: World) -> None:
    """CSV cells of every sort, quoted line ends among them, are counted like the text they are."""
    model, reference = declared(world, 5)
    features, now = model.features(reference), now_us()
    rows = [row for row in dirty(Random(6), 600, start=recent(now), now=now) if isinstance(row, dict)]
    lawful = {*FEATURES, "timestamp", "arm", "surplus", "Amount"}
    rows = [{key: value for key, value in row.items() if key in lawful and value != "nul\0"} for row in rows]
    receipt = good(model.batch(bodies.as_csv(rows), bodies.CSV))
    part = count(bodies.cells(rows), features, VERSIONED, now=micros(receipt["server_time"]), text=True)
    check_receipt(receipt, part)
    check_counts(model, [part])


def test_splits_and_orders(world: World) -> None:
    """The same rows in one batch, in many, in other orders and in other formats give the same histograms."""
    random, start = Random(21), recent(now_us())
    reference, rows = clean(random, 800, start=start), clean(random, 1000, start=start, shift=0.2)
    stored = []
    for pieces, (content_type, encode) in (
        (1, LOOSE["rows"]),
        (7, LOOSE["ndjson"]),
        (40, LOOSE["columns"]),
        (3, TYPED["parquet"]),
    ):
        model = world.model()
        model.baseline(bodies.as_rows(reference))
        random.shuffle(rows)
        for piece in range(pieces):
            good(model.batch(encode(rows[piece::pieces]), content_type))
        stored.append(model.counts())
        check_counts(model, [count(rows, model.features(reference), Rules(), now=now_us())])
    assert all(one == stored[0] for one in stored)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", ""])
def test_compressed(world: World, encoding: str) -> None:
    """A compressed body counts as its content, declared or not, and is the same batch as the plain one."""
    model, reference = declared(world, 31)
    now = now_us()
    rows = dirty(Random(32), 200, start=recent(now), now=now)
    plain = bodies.as_array(rows)
    body = zstandard.compress(plain) if encoding == "zstd" else gzip.compress(plain)
    headers = {"Content-Type": JSON} | ({"Content-Encoding": encoding} if encoding else {})
    receipt = good(model.client.put(f"{model.path}/batches/one", content=body, headers=headers))
    part = count(rows, model.features(reference), VERSIONED, now=micros(receipt["server_time"]))
    check_receipt(receipt, part)
    assert good(model.batch(plain, batch_id="one")) == receipt | {"duplicate": True}
    check_counts(model, [part])


def test_local_times(world: World) -> None:
    """Naive local times of both clock changes land in the windows that the zone's rules give."""
    kinds = {"x": {"kind": "numeric"}}
    model = world.model(timezone="America/New_York", naive_timestamps="local", features=kinds)
    reference = [{"x": value} for value in range(100)]
    model.baseline(bodies.as_rows(reference))
    days = ("2024-11-03", "2024-03-10", "2024-07-01")
    rows = [{"timestamp": f"{day}T{hour:02d}:30:00", "x": hour} for day in days for hour in range(24)]
    rows += [{"timestamp": "2024-11-03T01:30:00-05:00", "x": 1}, {"timestamp": "2024-11-03T01:30:00Z", "x": 2}]
    receipt = good(model.batch(bodies.as_rows(rows), backfill="true"))
    rules = Rules(horizon=None, zone="America/New_York", local=True)
    part = count(rows, model.features(reference), rules, now=micros(receipt["server_time"]))
    check_receipt(receipt, part)
    check_counts(model, [part])
    assert micros("2024-11-03T06:00:00Z") in {start for _, start in part.rows}


@pytest.mark.parametrize(("window", "seconds"), [("15m", 900), ("1d", 86_400), ("1w", 604_800)])
def test_window_lengths(world: World, window: str, seconds: int) -> None:
    """Windows of every length tile time as the contract says; weeks begin on Mondays."""
    model = world.model(window=window, late_horizon="1h", features={"x": {"kind": "numeric"}})
    reference = [{"x": value} for value in range(100)]
    model.baseline(bodies.as_rows(reference))
    random, first = Random(seconds), micros("2024-02-25T00:00:00Z")
    rows = [
        {"timestamp": iso(first + random.randrange(20 * 86_400 * 10**6)), "x": random.gauss(50, 30)} for _ in range(300)
    ]
    edge = (first // (seconds * 10**6) + 1) * seconds * 10**6
    rows += [{"timestamp": iso(edge - 1), "x": 0}, {"timestamp": iso(edge), "x": 0}]
    receipt = good(model.batch(bodies.as_rows(rows), backfill="true"))
    part = count(rows, model.features(reference), Rules(window=seconds * 10**6, horizon=None), now=now_us())
    check_receipt(receipt, part)
    check_counts(model, [part])
    assert all(micros(one["end"]) - micros(one["start"]) == seconds * 10**6 for one in model.windows())


def test_outcomes_on_metrics(world: World) -> None:
    """The ingest counter counts each row once by outcome, and the rows of a repeated delivery as duplicates."""
    model, reference = declared(world, 41)
    now = now_us()
    rows = dirty(Random(42), 500, start=recent(now), now=now)
    body = bodies.as_ndjson(rows)
    receipt = good(model.batch(body, bodies.NDJSON, batch_id="b"))["rows"]
    good(model.batch(body, bodies.NDJSON, batch_id="b"))
    seen = world.metrics(model)
    for outcome in ("accepted", "late", "future", "rejected"):
        assert seen[("driftgauge_ingest_rows_total", "ndjson", outcome)] == receipt[outcome] > 0
    assert seen[("driftgauge_ingest_rows_total", "ndjson", "duplicate")] > 0
    assert reference
