"""Strange columns and files: each gets its counts and a status, and none disturbs its neighbours."""

import json
from collections.abc import Iterable
from random import Random
from typing import Any, Final

import pytest

from acceptance import bodies
from acceptance.bodies import CSV, NDJSON
from acceptance.oracle import FINITE_KINDS, Rules, count
from acceptance.streams import clean, recent
from acceptance.world import World, check_counts, check_receipt, good, micros, now_us, problem

COLUMNS: Final[dict[str, Any]] = {
    "all null": None,
    "all nan": float("nan"),
    "all inf": float("inf"),
    "steady": 3.25,
    "zero": 0,
    "negative zero": -0.0,
    "tiny": 5e-324,
    "huge": 1.7e308,
    "beyond": 10**400,
    "empty text": "",
    "one word": "same",
    "objects": {"a": 1},
    "lists": [1, 2],
    "true": True,
    "long": "y" * 5000,
    "nul": "a\0b",
}


def total(feature: dict[str, Any], kinds: Iterable[str]) -> int:
    """The rows of a published feature in bins of these kinds."""
    return sum(one["count"] for one in feature["bins"] if one["kind"] in kinds)


def test_neighbours(world: World) -> None:
    """Beside sixteen degenerate columns, ordinary ones have the bins and scores they have alone."""
    start = recent(now_us())
    reference, rows = clean(Random(1), 400, start=start), clean(Random(2), 300, start=start, shift=0.5)
    alone, crowded = world.model("-alone"), world.model("-crowded")
    alone.baseline(bodies.as_array(reference))
    made = crowded.baseline(bodies.as_array([row | COLUMNS for row in reference]))
    assert made["features"].keys() >= COLUMNS.keys()
    good(alone.batch(bodies.as_array(rows)))
    good(crowded.batch(bodies.as_array([row | COLUMNS for row in rows])))
    ours, theirs = alone.read_baseline()["features"], crowded.read_baseline()["features"]
    scores = {}
    for model in (alone, crowded):
        model.evaluate()
        scores[model.name] = [
            {key: value for key, value in score.items() if key != "threshold"}  # the budget is shared by all features
            for score in model.scores()
            if score["feature"] in ours
        ]
    for name, feature in ours.items():
        assert theirs[name] == feature, name
    assert scores[alone.name] == scores[crowded.name]
    crowded.counts()
    status = good(crowded.client.get(f"{crowded.path}/status"))["versions"]["default"]["features"]
    assert status.keys() >= COLUMNS.keys() | ours.keys()
    assert all(one["status"] for one in status.values())


@pytest.mark.parametrize("name", COLUMNS)
def test_swaps(world: World, name: str) -> None:
    """A degenerate column may turn ordinary and an ordinary one degenerate; both are counted and scored."""
    model, start, random = world.model(), recent(now_us()), Random(3)
    ordinary: list[Any] = [random.choice((1.5, 2, 7, "a", None)) for _ in range(60)]
    model.baseline(bodies.as_array([{"was": COLUMNS[name], "becomes": value} for value in ordinary]))
    rows = [{"timestamp": start, "was": value, "becomes": COLUMNS[name]} for value in ordinary]
    good(model.batch(bodies.as_array(rows)))
    reference = [{"was": COLUMNS[name], "becomes": value} for value in ordinary]
    check_counts(model, [count(rows, model.features(reference), Rules(), now=now_us())])
    model.evaluate()
    assert {score["feature"] for score in model.scores(statistic="psi")} == {"was", "becomes"}
    assert all(score["value"] is not None for score in model.scores(statistic="psi"))


def test_one_row(world: World) -> None:
    """A baseline of one row holds, and so does a window of one row."""
    model, start = world.model(), recent(now_us())
    model.baseline(bodies.as_array([{"x": 1.5, "c": "only"}]))
    rows = [{"timestamp": start, "x": value, "c": word} for value, word in ((1.5, "only"), (2, "other"), (None, None))]
    for row in rows:
        good(model.batch(bodies.as_array([row])))
    check_counts(model, [count(rows, model.features([{"x": 1.5, "c": "only"}]), Rules(), now=now_us())])
    assert model.evaluate()["windows"] == 1
    assert {score["status"] for score in model.scores() if score["feature"]} == {"insufficient_rows"}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"x,y\n", CSV), (b"[]", "application/json"), (b'{"columns": {"x": []}}', "application/json"), (b"\n", NDJSON)],
)
def test_no_row(world: World, content: bytes, content_type: str) -> None:
    """A file without a row makes no baseline."""
    model = world.model()
    headers = {"Content-Type": content_type}
    problem(model.client.post(f"{model.path}/baselines", content=content, headers=headers), 422, "empty-baseline")
    problem(model.batch(b"[]"), 409, "no-baseline")


def test_ragged_csv(world: World) -> None:
    """Ragged lines are rejected by number; a BOM, blank lines, quotes and N/A cost nothing."""
    text = (
        '\ufefftimestamp,x,c\r\n{t},1,"a,b"\r\n\r\n{t},2\r\n{t},N/A,"line\nend"\r\n{t},3,c,4\r\n'
        '"{t}",,""\r\n{t},null,"say ""hi"""\r\n{t},TRUE,False\r\n{t},1e2, c \r\nsoon,1,c\r\n'
    )
    start = recent(now_us())
    content = text.replace("{t}", str(start)).encode()
    model = world.model(features={"x": {"kind": "numeric"}, "c": {"kind": "categorical"}})
    made = model.baseline(content, CSV)
    assert (made["rows"], made["rejected"]) == (6, 3)
    reasons = [{"row": 1, "reason": "ragged line"}, {"row": 3, "reason": "ragged line"}]
    reasons.append({"row": 8, "reason": "unreadable time"})
    assert made["rejections"] == reasons
    features = model.read_baseline()["features"]
    assert [total(features["x"], {kind}) for kind in ("null", "invalid")] == [1, 2]
    assert total(features["x"], FINITE_KINDS) == 3
    words = {one["value"]: one["count"] for one in features["c"]["bins"] if one["kind"] == "category"}
    assert words == dict.fromkeys(("a,b", "line\nend", 'say "hi"', "false", " c "), 1)
    receipt = good(model.batch(content, CSV))
    assert receipt["rows"] == {"received": 9, "accepted": 6, "late": 0, "future": 0, "rejected": 3}
    assert receipt["rejections"] == reasons


@pytest.mark.parametrize("header", ["x,x", "x,", ",x", "x,a\u202eb", '"a\nb",x'])
def test_bad_headers(world: World, header: str) -> None:
    """An empty, repeated or unlawful name in a CSV header is refused, in a batch and in a baseline."""
    model = world.model()
    model.baseline(bodies.as_array([{"x": 1}]))
    content = f"{header}\n1,2\n".encode()
    problem(model.batch(content, CSV), 422)
    problem(model.client.post(f"{model.path}/baselines", content=content, headers={"Content-Type": CSV}), 422)
    assert not model.windows()


def test_bad_lines(world: World) -> None:
    """NDJSON lines that are no objects or no JSON cost only themselves, and are numbered without the blank ones."""
    model, start = world.model(features={"x": {"kind": "numeric"}}), recent(now_us())
    model.baseline(bodies.as_array([{"x": value} for value in range(40)]))
    row = json.dumps({"timestamp": start, "x": 3})
    lines = [row, "", "{", row, "null", "[1]", "  ", row + row, '"x"', '{"x": NaN}', '{"x": 1e400}', "nonsense", row]
    receipt = good(model.batch("\n".join(lines).encode(), NDJSON))
    rejected = [one["row"] for one in receipt["rejections"]]
    assert {one["reason"] for one in receipt["rejections"]} == {"not an object"}
    assert receipt["rows"]["received"] == receipt["rows"]["accepted"] + len(rejected)
    assert set(rejected) >= {1, 3, 4}
    assert receipt["rows"]["accepted"] >= 5


@pytest.mark.parametrize("distinct", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_many_categories(world: World, distinct: int) -> None:
    """A dirty CSV with very many categories makes a bounded baseline that still knows them all."""
    model = world.model()
    lines = [f"user {i},{i % 7 if i % 50 else 'N/A'}\n" for i in range(distinct)]
    lines += [f"user {i % 20},{i % 7}\n" for i in range(distinct // 10)] + ["ragged\n"] * 3
    made = model.baseline(("\ufeffuser,x\n" + "".join(lines)).encode(), CSV)
    assert (made["rows"], made["rejected"]) == (distinct + distinct // 10, 3)
    read = model.read_baseline()["features"]
    assert read["user"]["kind"] == "categorical"
    assert read["x"]["kind"] == "numeric"
    assert total(read["x"], {"invalid"}) == distinct // 50
    assert len(read["user"]["bins"]) <= 128
    assert total(read["user"], {"category", "other"}) == made["rows"]
    assert total(read["user"], {"unseen"}) == 0
    top = {f"user {i}" for i in range(20)}
    assert top <= {one["value"] for one in read["user"]["bins"] if one["kind"] == "category"}
    start = recent(now_us())
    rows = [{"timestamp": start, "user": f"user {i * (distinct // 400)}"} for i in range(400)]
    rows += [{"timestamp": start, "user": f"stranger {i}"} for i in range(300)]
    receipt = good(model.batch(bodies.as_array(rows)))
    assert receipt["rows"]["accepted"] == 700
    counts = next(iter(model.counts().values()))["user"]
    unseen = sum(c for c, one in zip(counts, read["user"]["bins"], strict=True) if one["kind"] == "unseen")
    assert 290 <= unseen <= 300


def test_naughty_values(world: World) -> None:
    """Strings that break other programs are categories like any other, or invalid numbers."""
    words = [
        *("' OR 1=1 --", "<script>alert(1)</script>", "${jndi:ldap://x}", "../../etc/passwd", "%s%n", "\u202etxt"),
        *(
            "\ufeff",
            "\u200b",
            "\u0000",
            "\ufffd",
            "\U0001f468\u200d\U0001f469",
            "Z\u0351\u036b\u0343",
            "\r\n",
            "NULL",
            "-",
        ),
        *("NULL", "-", "1/0", "0b1", "1.2.3", "0,1", "\u0661\u0662", "1\u00a0000", "\u221e", "+", "e5", "nan(1)"),
    ]
    model, start = world.model(features={"c": {"kind": "categorical"}, "x": {"kind": "numeric"}}), recent(now_us())
    reference = [{"c": word, "x": index} for index, word in enumerate(words[::2])]
    model.baseline(bodies.as_array(reference))
    rows = [{"timestamp": start, "c": word, "x": word} for word in words]
    receipt = good(model.batch(bodies.as_array(rows)))
    part = count(rows, model.features(reference), Rules(), now=micros(receipt["server_time"]))
    check_receipt(receipt, part)
    check_counts(model, [part])


@pytest.mark.parametrize(
    "body", [b'[{"c": "\\ud800"}, {"c": "a"}]', b'[{"\\udfff": 1, "c": "a"}]', b'[{"c": "\xff"}, {"c": "a"}]']
)
def test_broken_characters(world: World, body: bytes) -> None:
    """Half a character, or no character, costs at most its own body and never its neighbours."""
    model = world.model(features={"c": {"kind": "categorical"}})
    model.baseline(bodies.as_array([{"c": "a"}]))
    answer = model.batch(body)
    if answer.status_code == 200:
        received = answer.json()["rows"]["received"]
        assert answer.json()["rows"]["accepted"] == received == sum(window["rows"] for window in model.windows())
        model.counts()
    else:
        problem(answer, 400, "undecodable")
        assert not model.windows()
