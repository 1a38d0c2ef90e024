"""The sample of a window: uniform, the same for everybody, each row once."""

import datetime as dt
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.drift.columns import Kind, Role
from app.monitor.arrival import arrive
from app.monitor.catalog import Watched
from app.monitor.configuration import Configuration
from app.monitor.sampling import Reservoirs, merged, row_hash, row_hashes, sampled_names, whole
from app.quality.naming import Named
from app.storage.models import Model, ModelFeature
from app.storage.reservoirs import Part
from app.wire.decode import decode
from app.wire.picks import MANY, packed, packed_rows, picked, unpacked

HOUR_US = 3_600_000_000
FEATURES = (
    ModelFeature("x", Kind.NUMERIC, Role.FEATURE),
    ModelFeature("c", Kind.CATEGORICAL, Role.FEATURE),
    ModelFeature("s", Kind.CATEGORICAL, Role.FEATURE, sensitive=True),
)
WATCHED = Watched(Model(1, "m", 1, {}, FEATURES, 0), Configuration(), (), sampled=True)


def offered(reservoirs: Reservoirs, batch: str, rows: Sequence[int], *, watched: Watched = WATCHED) -> tuple[Part, ...]:
    """What a batch of rows numbered x offers, all in the first hour of 1970."""
    body = str([{"timestamp": 1000 + n, "x": value, "c": f"c{value}", "s": "secret"} for n, value in enumerate(rows)])
    table = decode(body.replace("'", '"').encode(), "application/json")
    arrival = arrive(table, Configuration().clockwork(), now_us=HOUR_US, version=None, backfill=True)
    return reservoirs.offered(watched, table, arrival, batch_id=batch)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 60), st.randoms(use_true_random=False))
def test_whoever_takes_the_batches_the_sample_is_the_same(sizes: list[int], size: int, random: Any) -> None:
    """One process, two, or one that is started again after each batch: the same rows of lowest hash."""
    batches = [(f"b{n}", [100 * n + k for k in range(count)]) for n, count in enumerate(sizes)]
    alone, pair = Reservoirs(size), (Reservoirs(size), Reservoirs(size))
    one: list[Part] = []
    two: list[Part] = []
    forgetful: list[Part] = []
    for batch, rows in batches:
        own = random.choice(pair)
        for reservoirs, parts in ((alone, one), (own, two), (Reservoirs(size), forgetful)):
            found = offered(reservoirs, batch, rows)
            reservoirs.note(1, found)
            parts.extend(found)
    random.shuffle(two)
    samples = [merged(WATCHED, parts, size=size) for parts in (one, two, forgetful)]
    everything = np.concatenate([row_hashes(batch, np.arange(len(rows))) for batch, rows in batches])
    wanted = np.sort(everything)[:size]
    for sample in samples:
        assert sample.hashes.tolist() == wanted.tolist()
        assert sample.columns == samples[0].columns
    assert samples[0].columns["c"] == [f"c{value}" for value in samples[0].columns["x"]]
    again = merged(WATCHED, [whole(samples[0], version="default", start_us=0), *two], size=size)
    assert (again.hashes.tolist(), again.columns) == (wanted.tolist(), samples[0].columns)


def test_rows_are_drawn_evenly() -> None:
    """Over batches large and small every row is as likely: the mean rank of the sample is that of all rows."""
    reservoirs, row = Reservoirs(500), 0
    parts: list[Part] = []
    for n, count in enumerate([1, 5, 50, 500, 5000] * 4):
        found = offered(reservoirs, f"batch-{n}", range(row, row + count))
        reservoirs.note(1, found)
        parts.extend(found)
        row += count
    sample = merged(WATCHED, parts, size=500)
    assert len(sample) == 500
    assert float(np.mean(sample.columns["x"])) == pytest.approx(row / 2, abs=5 * row / np.sqrt(12 * 500))
    written = sum(len(part.hashes) // 8 for part in parts)
    assert written < 500 * (1 + np.log(row / 500)) * 2.5


@given(st.text(min_size=1), st.sets(st.integers(0, 200_000), max_size=50))
def test_a_row_has_one_hash_however_it_is_asked_for(batch: str, chosen: set[int]) -> None:
    """Alone, among its neighbours or among others."""
    rows = np.array(sorted(chosen), np.int64)
    hashes = row_hashes(batch, rows).tolist()
    assert hashes == [row_hash(batch, row) for row in rows.tolist()]
    assert [row_hashes(batch, np.arange(row, row + 3))[0] for row in rows.tolist()] == hashes


def test_hashes_are_even_and_of_one_batch_say_nothing_of_another() -> None:
    """In shares of all rows, in each batch, and in pairs of batches; no two rows share one."""
    rows = np.arange(1000)
    hashes = np.array([row_hashes(f"b{n}", rows) for n in range(400)])
    assert len(np.unique(hashes)) == hashes.size
    share = hashes < np.uint64(2**64 // 10)
    assert float(share.mean()) == pytest.approx(0.1, abs=0.002)
    assert float(share.sum(axis=1).std()) == pytest.approx(np.sqrt(1000 * 0.1 * 0.9), rel=0.2)
    assert float(share.sum(axis=0).std()) == pytest.approx(np.sqrt(400 * 0.1 * 0.9), rel=0.2)
    centred = share - share.mean()
    together = centred.T @ centred / len(share)
    assert np.abs(together[np.triu_indices(1000, 1)]).max() < 6.5 * 0.09 / np.sqrt(400)
    assert len(np.unique(row_hashes("long", np.arange(200_000)))) == 200_000


def test_only_committed_rows_raise_the_bar() -> None:
    """A batch that was offered and lost keeps no other row out."""
    reservoirs = Reservoirs(10)
    offered(reservoirs, "lost", range(1000))
    assert sum(len(part.hashes) // 8 for part in offered(reservoirs, "kept", range(1000))) == 10


def test_nothing_is_offered_without_a_suite() -> None:
    """A model without one costs nothing."""
    plain = Watched(WATCHED.model, WATCHED.configuration, ())
    assert offered(Reservoirs(10), "b", range(10), watched=plain) == ()


def test_sensitive_values_are_left_out() -> None:
    """Neither offered, nor given from what was stored before the feature became sensitive."""
    assert sampled_names(WATCHED) == ["x", "c", "timestamp"]
    (part,) = offered(Reservoirs(10), "b", range(10))
    assert b"secret" not in part.payload
    table = decode(b'[{"x":1,"c":"a","s":"secret"}]', "application/json")
    old = Part("default", 0, row_hashes("o", np.arange(1)).tobytes(), packed(picked(table, ["x", "s"], [0])))
    assert list(merged(WATCHED, [old], size=10).columns) == ["x"]


@pytest.mark.parametrize("count", [2, MANY])
def test_columns_that_no_baseline_knows_are_kept_when_suites_name_them(count: int) -> None:
    """Values of those named, and of all others the name if a suite asks which columns there are; secrets never."""
    columns: dict[str, list[Any]] = {
        "timestamp": [1000 + n for n in range(count)],
        "x": [n + 0.5 for n in range(count)],
        "s": ["secret"] * count,
        "who": [f"w{n}" for n in range(count)],
        "more": ["private"] * count,
    }
    rows = json.dumps([{name: values[n] for name, values in columns.items()} for n in range(count)])
    csv = "\n".join([",".join(columns), *(",".join(str(columns[name][n]) for name in columns) for n in range(count))])
    parquet = io.BytesIO()
    pq.write_table(pa.table(columns), parquet, row_group_size=3)
    for body, kind in (
        (rows.encode(), "application/json"),
        (csv.encode(), "text/csv"),
        (_arrow(columns), "application/vnd.apache.arrow.stream"),
        (parquet.getvalue(), "application/vnd.apache.parquet"),
    ):
        table = decode(body, kind)
        arrival = arrive(table, Configuration().clockwork(), now_us=HOUR_US, version=None, backfill=True)
        for every, names in ((False, {"timestamp", "x", "who"}), (True, {"timestamp", "x", "who", "more"})):
            watched = replace(WATCHED, named=Named(frozenset({"who", "s", "ghost"}), every))
            parts = Reservoirs(count).offered(watched, table, arrival, batch_id="b")
            sample = merged(watched, parts, size=count)
            assert set(sample.columns) == names, kind
            assert set(sample.columns["who"]) == set(columns["who"]), kind
            assert not every or sample.columns["more"] == [None] * count, kind


@pytest.mark.parametrize("long", [2_000, 1_000_000])
def test_long_text_is_cut_where_rows_are_huge(long: int) -> None:
    """A sample of documents stays as small as one of numbers, whatever format they came in."""
    columns: dict[str, list[Any]] = {"timestamp": [1, 2], "x": [1.5, 2.5], "c": ["é" * long, "ab"]}
    csv = "\n".join(f"{a},{b},{c}" for a, b, c in [tuple(columns), *zip(*columns.values(), strict=True)])
    for body, kind in (
        (json.dumps({"columns": columns}).encode(), "application/json"),
        (csv.encode(), "text/csv"),
        (_arrow(columns), "application/vnd.apache.arrow.stream"),
    ):
        table = decode(body, kind)
        payload = packed_rows(table, ["x", "c"], np.arange(2))
        found = unpacked(payload).columns
        assert len(payload) < 10_000, kind
        assert found["c"] == ["é" * 2_000, "ab"], kind
        assert [float(one) for one in found["x"]] == columns["x"], kind


def _arrow(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    table = pa.table(columns)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("count", [3, MANY + 10, 2000])
def test_values_are_kept_as_they_came(count: int) -> None:
    """Integers stay integers, nulls null, text text, however few rows are picked of whatever format."""
    columns: dict[str, list[Any]] = {
        "i": [n if n % 3 else None for n in range(count)],
        "w": list(range(count)),
        "f": [n / 2 for n in range(count)],
        "g": [n / 2 if n % 4 else None for n in range(count)],
        "t": [None if n == 1 else f"é{n}" for n in range(count)],
        "b": [n % 2 == 0 for n in range(count)],
    }
    rows = [{name: values[n] for name, values in columns.items()} for n in range(count)]
    parquet = io.BytesIO()
    pq.write_table(pa.table(columns), parquet)
    bodies = {
        "application/json": str({"rows": rows}),
        "application/x-ndjson": "\n".join(map(str, rows)),
        "json columns": str({"columns": columns}),
    }
    told = {"'": '"', "None": "null", "True": "true", "False": "false"}
    wanted = {name: values[::-1][:count] for name, values in columns.items()}
    places = np.arange(count)[::-1]
    for kind, text in bodies.items():
        body = text
        for python, own in told.items():
            body = body.replace(python, own)
        table = decode(body.encode(), "application/json" if "columns" in kind else kind)
        assert unpacked(packed_rows(table, [*columns, "nobody"], places)).columns == wanted, kind
    for kind, octets in (
        ("application/vnd.apache.arrow.stream", _arrow(columns)),
        ("application/vnd.apache.parquet", parquet.getvalue()),
    ):
        found = unpacked(packed_rows(decode(octets, kind), list(columns), places))
        assert found.columns == wanted, kind
        assert [type(value) for value in found.columns["w"]] == [int] * count


def test_integers_beyond_doubles_are_kept() -> None:
    """In an Arrow batch, whose numbers are kept as doubles side by side, too; and NaN is not null."""
    columns = {
        "big": pa.array([2**53 + 1, 1, 2**63 - 1]),
        "unsigned": pa.array([2**64 - 1, 0, 1], pa.uint64()),
        "small": pa.array([-1, 2, 3], pa.int8()),
        "half": pa.array([0.5, float("nan"), -0.0], pa.float32()),
        "nan": pa.array([None, float("nan"), 1.0]),
        "when": pa.array([0, 1, None], pa.timestamp("ns", "UTC")),
    }
    table = decode(_arrow(columns), "application/vnd.apache.arrow.stream")
    found = unpacked(packed_rows(table, ["small", *columns], np.array([2, 0, 1]))).columns
    assert [found[name] for name in ("big", "unsigned", "small")] == [
        [2**63 - 1, 2**53 + 1, 1],
        [1, 2**64 - 1, 0],
        [3, -1, 2],
    ]
    assert str(found["half"]) == "[-0.0, 0.5, nan]"
    assert str(found["nan"]) == "[1.0, None, nan]"
    assert [value and value.isoformat() for value in found["when"]] == [None] + ["1970-01-01T00:00:00+00:00"] * 2


@pytest.mark.parametrize("count", [3, MANY + 10])
def test_columns_keep_the_types_that_they_came_with(count: int) -> None:
    """Of Arrow and Parquet, in every form of a part, until a part of another type or of none joins them."""
    table = pa.table(
        {
            "timestamp": pa.array(range(1000, 1000 + count)),
            "x": pa.array(np.arange(count), pa.float32()),
            "c": pa.array([f"c{n}" for n in range(count)]).dictionary_encode(),
            "small": pa.array([n % 9 for n in range(count)], pa.int16()),
            "gaps": pa.array([n if n % 2 else None for n in range(count)], pa.int32()),
            "when": pa.array([0] * count, pa.timestamp("ns", "UTC")),
        }
    )
    watched = replace(WATCHED, named=Named(frozenset(table.column_names)))
    parquet, sink = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    text = table.drop_columns(["when"]).to_pandas().to_csv(index=False).encode()
    parts: list[Part] = []
    for kind, octets in (("arrow.stream", sink.getvalue()), ("parquet", parquet.getvalue())):
        read = decode(octets, f"application/vnd.apache.{kind}")
        arrival = arrive(read, Configuration().clockwork(), now_us=HOUR_US, version=None, backfill=True)
        parts += Reservoirs(count).offered(watched, read, arrival, batch_id=kind)
    sample = merged(watched, parts, size=2 * count)
    assert sample.types == {field.name: str(field.type) for field in table.schema}
    again = merged(watched, [whole(sample, version="default", start_us=0)], size=2 * count)
    assert (again.types, len(again)) == (sample.types, 2 * count)
    assert again.columns["x"] == sample.columns["x"]
    bare = {name: column for name, column in zip(table.column_names, table.columns, strict=True) if name != "gaps"}
    wide = pa.table(bare | {"small": pa.array(range(count), pa.int64())})
    read = decode(_arrow({name: wide[name] for name in wide.column_names}), "application/vnd.apache.arrow.stream")
    arrival = arrive(read, Configuration().clockwork(), now_us=HOUR_US, version=None, backfill=True)
    other = Reservoirs(count).offered(watched, read, arrival, batch_id="wide")
    mixed = merged(watched, [*parts, *other], size=3 * count).types
    assert mixed == {name: kind for name, kind in sample.types.items() if name != "small"}
    read = decode(text, "text/csv")
    arrival = arrive(read, Configuration().clockwork(), now_us=HOUR_US, version=None, backfill=True)
    cells = Reservoirs(count).offered(watched, read, arrival, batch_id="csv")
    assert set(merged(watched, [*parts, *cells], size=3 * count).types) == {"when"}
    assert merged(watched, cells, size=count).types == {}


def test_cells_of_csv_stay_cells_until_other_formats_join_them() -> None:
    """They are kept as they stand and named; beside JSON the cells of a numeric feature are read as numbers."""
    table = decode(b"timestamp,x,c\n1000,1.5,7\n1001,oops,\n1002,,b\n1003,12,c\n", "text/csv")
    arrival = arrive(table, Configuration().clockwork(), now_us=HOUR_US, version=None, backfill=True)
    parts = Reservoirs(10).offered(WATCHED, table, arrival, batch_id="b")
    sample = merged(WATCHED, parts, size=10)
    for _ in range(2):
        rows = sorted(zip(sample.columns["timestamp"], sample.columns["x"], sample.columns["c"], strict=True))
        assert rows == [("1000", "1.5", "7"), ("1001", "oops", None), ("1002", None, "b"), ("1003", "12", "c")]
        assert sample.cells == {"timestamp", "x", "c"}
        sample = merged(WATCHED, [whole(sample, version="default", start_us=0)], size=10)
    both = merged(WATCHED, [*parts, *offered(Reservoirs(10), "j", [20, 21])], size=10)
    assert both.cells == set()
    assert {str(value) for value in both.columns["x"]} == {"1.5", "oops", "None", "12", "20", "21"}
    assert {type(value) for value in both.columns["x"]} == {float, str, type(None), int}
    assert set(both.columns["c"]) == {"7", None, "b", "c", "c20", "c21"}


@pytest.mark.parametrize("count", [3, 300])
def test_values_of_arrow_are_the_same_however_they_were_kept(count: int) -> None:
    """Few or many, joined or not, decimals are decimals and times have their zone; beside JSON they are numbers."""
    now = dt.datetime(2024, 3, 1, 12, 30, tzinfo=ZoneInfo("America/New_York"))
    columns = {"x": [Decimal("1.50")] * count, "c": [Decimal("1.00")] * count, "timestamp": [now] * count}
    parquet = io.BytesIO()
    pq.write_table(pa.table(columns), parquet)
    parts: list[Part] = []
    for body, kind in (
        (parquet.getvalue(), None),
        (_arrow(columns), None),
        (b'[{"x":2.5,"c":"1"}]', "application/json"),
    ):
        table = decode(body, kind)
        arrival = arrive(table, Configuration().clockwork(), now_us=2 * 10**15, version=None, backfill=True)
        offers = Reservoirs(count).offered(WATCHED, table, arrival, batch_id=str(len(parts)))
        sample = merged(WATCHED, offers, size=count)
        again = merged(WATCHED, [whole(sample, version="default", start_us=0)], size=count)
        for one in (sample, again):
            assert [type(value) for value in one.columns["x"]] == [Decimal if len(parts) < 2 else float] * len(one)
            if len(parts) < 2:
                assert [str(value) for value in one.columns["timestamp"]] == [str(now)] * count
        parts += offers
    mixed = merged(WATCHED, parts, size=2 * count + 1)
    assert (set(mixed.columns["x"]), set(mixed.columns["c"])) == ({1.5, 2.5}, {1, "1"})
    assert {*map(type, mixed.columns["x"])} == {float}
