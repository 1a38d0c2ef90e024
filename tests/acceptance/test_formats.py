"""One random table, written in every own format and every way of it, gives the same histograms to the last bit."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from acceptance.world import Model, World, good, iso, now_us, problem

ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
JSON: Final = "application/json"
HOUR_US: Final = 3_600_000_000
ROWS: Final = 300

KINDS: Final = {"real": "numeric", "whole": "numeric", "price": "numeric", "flag": "numeric"} | dict.fromkeys(
    ("code", "ratio", "word", "cost", "yes"), "categorical"
)

Table = dict[str, list[Any]]
Way = tuple[str, bytes, dict[str, str]]


def maybe(rng: np.random.Generator, values: list[Any]) -> list[Any]:
    """Put nulls among the values."""
    return [None if gone else value for value, gone in zip(values, rng.random(len(values)) < 0.1, strict=True)]


def random_table(rng: np.random.Generator, *, rows: int = ROWS) -> Table:
    """Every kind of column, as Python has its values; times within the last hours."""
    odd = [float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 5e-324, 1.7e308, 2.0**53 + 2]
    real = [odd[rng.integers(len(odd))] if rng.random() < 0.1 else float(x) for x in rng.normal(size=rows) * 1e3]
    words = ["a", "Zürich", "日本", "N/A", "NaN", "1", "1.00", " x ", 'say "hi", he said', "two\nlines", "#", "007"]
    cents = rng.integers(-(10**6), 10**6, rows).tolist()
    times = now_us() - rng.integers(60_000_000, 5 * HOUR_US, rows)
    return {
        "timestamp": maybe(rng, (times // 1000 * 1000).tolist()),
        "real": maybe(rng, real),
        "whole": maybe(rng, rng.integers(-128, 128, rows).tolist()),
        "price": maybe(rng, [Decimal(cent).scaleb(-2) for cent in cents]),
        "flag": maybe(rng, [bool(x) for x in rng.integers(0, 2, rows)]),
        "code": maybe(rng, rng.integers(0, 120, rows).tolist()),
        "ratio": maybe(rng, [float(x) for x in rng.integers(-3, 4, rows) / 4]),
        "word": maybe(rng, [words[n] for n in rng.zipf(1.5, rows) % len(words)]),
        "cost": maybe(rng, [Decimal(cent % 1000).scaleb(-2) for cent in cents]),
        "yes": maybe(rng, [bool(x) for x in rng.integers(0, 2, rows)]),
    }


def spelled(table: Table) -> Table:
    """As JSON holds it: RFC 3339 and doubles."""
    return {
        name: [
            iso(value)
            if name == "timestamp" and value is not None
            else float(value)
            if isinstance(value, Decimal)
            else value
            for value in column
        ]
        for name, column in table.items()
    }


def objects(table: Table) -> list[dict[str, Any]]:
    """Rows, of which some leave their nulls out."""
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return [
        {name: value for name, value in row.items() if value is not None} if n % 7 == 5 else row
        for n, row in enumerate(rows)
    ]


def whole_rows(table: Table) -> list[dict[str, Any]]:
    """Rows that all have every name."""
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def csv_of(table: Table) -> bytes:
    """Cells as a careful writer has them: null empty, and a whole number without a fraction, for a cell is text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if value is None else str(value).removesuffix(".0") for value in row])
    return text.getvalue().encode()


def arrow_table(table: Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Columns of these types; dictionaries where a type says so."""
    columns = {}
    for name, column in table.items():
        kind = types.get(name)
        if kind is not None and pa.types.is_dictionary(kind):
            columns[name] = pa.array(column, kind.value_type).dictionary_encode().cast(kind)
        elif kind is not None and pa.types.is_timestamp(kind):
            columns[name] = pa.array(column, pa.timestamp("us", kind.tz)).cast(kind)
        elif kind is not None and pa.types.is_floating(kind):
            columns[name] = pa.array([None if value is None else float(value) for value in column], kind)
        else:
            columns[name] = pa.array(column, kind)
    return pa.table(columns)


STAMP: Final = pa.timestamp("us", "UTC")
PLAIN: Final = {"timestamp": STAMP, "price": pa.decimal128(12, 2), "cost": pa.decimal128(12, 2)}
TYPINGS: Final[dict[str, Mapping[str, pa.DataType]]] = {
    "plain": PLAIN,
    "narrow": PLAIN | {"timestamp": pa.timestamp("ms", "Asia/Kolkata"), "whole": pa.int8(), "code": pa.uint8()},
    "wide": PLAIN
    | {"timestamp": pa.timestamp("ns"), "whole": pa.int32(), "code": pa.uint64(), "word": pa.large_string()},
    "middle": PLAIN
    | {"whole": pa.int16(), "code": pa.uint16(), "price": pa.decimal256(40, 2), "word": pa.string_view()},
    "coded": PLAIN
    | {
        "word": pa.dictionary(pa.int8(), pa.string()),
        "code": pa.dictionary(pa.int32(), pa.int64()),
        "real": pa.dictionary(pa.int16(), pa.float64()),
        "ratio": pa.float32(),
        "cost": pa.float64(),
        "whole": pa.int64(),
    },
    "text": PLAIN | {"timestamp": pa.int64(), "code": pa.uint32(), "word": pa.binary()},
}


def stream(table: pa.Table, compression: str | None, *, chunk: int = 97) -> bytes:
    """An Arrow stream in record batches of some rows."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table.unify_dictionaries(), max_chunksize=chunk)
    return sink.getvalue()


def parquet(table: pa.Table, **options: Any) -> bytes:
    """A Parquet file in row groups of some rows."""
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=110, **options)
    return sink.getvalue()


def ways(table: Table) -> dict[str, Way]:
    """The table in every way; a third part are headers that lie or say more."""
    plain = spelled(table)
    rows = json.dumps({"rows": objects(plain)}).encode()
    lines = b"\n".join(json.dumps(row, ensure_ascii=False).encode() for row in objects(plain))
    columns = json.dumps({"columns": plain}).encode()
    typed = {name: arrow_table(table, types) for name, types in TYPINGS.items()}
    text = csv_of(plain)
    found: dict[str, Way] = {
        "rows": (JSON, rows, {}),
        "whole rows": (JSON, json.dumps({"rows": whole_rows(plain)}).encode(), {}),
        "array": ("text/csv", json.dumps(whole_rows(plain)).encode(), {"Content-Encoding": "gzip"}),
        "columns": (JSON, columns, {}),
        "columns as zstd": (JSON, zstandard.compress(columns), {}),
        "ndjson": ("application/x-ndjson", lines, {}),
        "whole ndjson": (JSON, b"\n".join(json.dumps(row).encode() for row in whole_rows(plain)) + b"\n", {}),
        "ndjson as gzip": ("application/x-ndjson", gzip.compress(lines), {"Content-Encoding": "zstd"}),
        "csv": ("text/csv", text, {}),
        "csv with a mark": ("text/csv; charset=utf-8", b"\xef\xbb\xbf" + text, {}),
        "csv as gzip": ("text/csv", gzip.compress(text), {"Content-Encoding": "gzip"}),
        "parquet": (PARQUET, parquet(typed["plain"], compression="snappy"), {}),
        "parquet 2": (JSON, parquet(typed["narrow"], compression="zstd", data_page_version="2.0"), {}),
        "parquet as gzip": (PARQUET, gzip.compress(parquet(typed["coded"], compression="none")), {}),
    }
    for name, one in typed.items():
        for compression in (None, "lz4", "zstd"):
            found[f"arrow {name} {compression}"] = (ARROW, stream(one, compression), {"X-Row-Count": str(ROWS)})
    return found


def make(world: World, **settings: Any) -> Model:
    """A model that has learnt another random table."""
    model = world.model(window="1h", features={name: {"kind": kind} for name, kind in KINDS.items()}, **settings)
    learnt = random_table(np.random.default_rng(1), rows=4000)
    model.baseline(parquet(arrow_table(learnt, PLAIN)), PARQUET)
    return model


def histograms(model: Model, version: str) -> dict[str, Any]:
    """Everything that was counted for a version."""
    found = {}
    for window in good(model.client.get(f"{model.path}/windows", params={"version": version})):
        start = window["start"]
        read = good(model.client.get(f"{model.path}/windows/{start}/histograms", params={"version": version}))
        found[start] = {name: value for name, value in read.items() if name != "version"}
    return found


@pytest.mark.parametrize("seed", range(2))
def test_every_way_counts_the_same(world: World, seed: int) -> None:
    """Each way has a version of its own; all have the histograms of the first, and their bins sum to their rows."""
    model = make(world)
    table = random_table(np.random.default_rng(100 + seed))
    first: dict[str, Any] = {}
    for version, (kind, body, headers) in ways(table).items():
        path = f"{model.path}/batches/{seed}-{version.replace(' ', '-')}"
        sent = model.client.put(
            path, content=body, params={"version": version}, headers={"Content-Type": kind, **headers}
        )
        assert good(sent)["rows"]["accepted"] == ROWS, version
        counted = histograms(model, version)
        assert sum(window["rows"] for window in counted.values()) == ROWS
        first = first or counted
        assert counted == first, version
    for window in first.values():
        for feature in window["features"].values():
            assert sum(one["count"] for one in feature["bins"]) == window["rows"]


def wrapped_ways(table: Table) -> dict[str, Way]:
    """The table with its features in one column, as an object or as JSON in a string."""
    plain = spelled(table)
    rows = whole_rows(plain)
    lines = [json.dumps({name: value for name, value in row.items() if name != "timestamp"}) for row in rows]
    logged: Table = {"host": ["a"] * ROWS, "timestamp": plain["timestamp"], "log": lines}
    parts: Table = {"timestamp": plain["timestamp"], "features": [json.loads(line) for line in lines]}
    found: dict[str, Way] = {
        "plain rows": (JSON, json.dumps(rows).encode(), {}),
        "csv": ("text/csv", csv_of(logged), {}),
    }
    for name, held in (("log", logged), ("features", parts)):
        found |= {
            f"{name} rows": (JSON, json.dumps({"rows": whole_rows(held)}).encode(), {}),
            f"{name} columns": (JSON, json.dumps({"columns": held}).encode(), {}),
            f"{name} lines": (JSON, b"\n".join(json.dumps(row).encode() for row in whole_rows(held)), {}),
        }
    texts = pa.table(logged)
    found |= {"log arrow": (ARROW, stream(texts, "lz4"), {}), "log parquet": (PARQUET, parquet(texts), {})}
    for name, types in TYPINGS.items():
        typed = arrow_table(table, types).combine_chunks()
        inner = typed.drop(["timestamp"]).to_struct_array()
        packed = pa.table({"timestamp": typed["timestamp"], "features": inner})
        found |= {
            f"features arrow {name}": (ARROW, stream(packed, None), {}),
            f"log struct {name}": (
                ARROW,
                stream(pa.table({"host": logged["host"], "log": typed.to_struct_array()}), None),
                {},
            ),
        }
        if name != "middle":  # pyarrow writes no views inside of structs
            found[f"features parquet {name}"] = (PARQUET, parquet(packed), {})
    return found


def test_envelopes_count_the_same(world: World) -> None:
    """Rows inside a column, as structs or as JSON in strings, count like plain rows in every format."""
    model = make(world, envelope=["log"])
    first: dict[str, Any] = {}
    for version, (kind, body, headers) in wrapped_ways(random_table(np.random.default_rng(7))).items():
        path = f"{model.path}/batches/{version.replace(' ', '-')}"
        sent = model.client.put(
            path, content=body, params={"version": version}, headers={"Content-Type": kind, **headers}
        )
        assert good(sent)["rows"]["accepted"] == ROWS, version
        counted = histograms(model, version)
        first = first or counted
        assert counted == first, version


BROKEN: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cut": lambda body: body[: len(body) // 2],
    "without its end": lambda body: body[:-8],
    "with more behind": lambda body: body + b"\0" * 8,
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_arrow_is_refused_whole(world: World, how: str) -> None:
    """Nothing of a stream is stored that is not all there."""
    model = make(world)
    body = stream(arrow_table(random_table(np.random.default_rng(5)), PLAIN), None)
    answer = model.client.put(f"{model.path}/batches/b", content=BROKEN[how](body), headers={"Content-Type": ARROW})
    problem(answer, 400, "undecodable")
    assert histograms(model, "default") == {}


def test_another_number_of_rows_is_refused(world: World) -> None:
    """In every way, whatever it is."""
    model = make(world)
    for way, (kind, body, headers) in ways(random_table(np.random.default_rng(6))).items():
        told = {"Content-Type": kind, **headers, "X-Row-Count": str(ROWS + 1)}
        answer = model.client.put(f"{model.path}/batches/{way.replace(' ', '-')}", content=body, headers=told)
        problem(answer, 422, "row-count-mismatch")
        answer = model.client.post(f"{model.path}/baselines", content=body, headers=told)
        problem(answer, 422, "row-count-mismatch")
    assert histograms(model, "default") == {}
    assert len(model.client.get(f"{model.path}/baselines").json()) == 1
