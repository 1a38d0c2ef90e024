"""Rows and columns as servers write them."""

import base64
from typing import Any, Final

import numpy as np
import psutil
import pytest

from app.errors import BadRequest, TooLarge
from app.wire.senders.calls import read_request, read_response, read_truth, rows_told
from app.wire.senders.joined import joined
from app.wire.senders.matrix import Matrix
from app.wire.senders.sides import Answer, Side
from app.wire.table import Table
from wire.senders.peers import ANSWERED, ASKED, NAMES, TRUE, TWO, as_json, numbers, rows_of, split, words

FRAME: Final[dict[str, list[object]]] = {
    "age": [41.5, None, float("nan")],
    "income": [1, "2e3", float("-inf")],
    "city": ["Oslo", "Ålesund", None],
}
EXPECTED: Final = {"age": [41.5, None, "nan"], "income": [1.0, 2000.0, "-inf"], "city": ["Oslo", "Ålesund", None]}
RECORDS: Final = [dict(zip(FRAME, row, strict=True)) for row in zip(*FRAME.values(), strict=True)]
SHAPE: Final = {"dim": [{"size": "2"}, {"size": "2"}]}
SINGLES: Final = base64.b64encode(np.array([1, 2, np.nan, 4], "<f4").tobytes()).decode()
MANY: Final = (1 << 20) + 2
LISTS: Final = [list(row) for row in zip(*FRAME.values(), strict=True)]


def read(value: object, side: Side = ASKED) -> Any:
    """Read a request that is JSON."""
    return read_request(as_json(value), "application/json", header_length=None, side=side)


@pytest.mark.parametrize(
    "document",
    [
        {"instances": RECORDS},
        {"instances": LISTS},
        {"signature_name": "serving_default", "instances": LISTS},
        {"inputs": FRAME},
        {"inputs": {name: [[value] for value in values] for name, values in FRAME.items()}},
        {"inputs": LISTS},
        {"inputs": {"x": LISTS}},
        {"dataframe_split": split(FRAME)},
        {"dataframe_split": split(FRAME) | {"index": [7, 8, 9]}, "params": {"a": 1}},
        {"dataframe_records": RECORDS},
        split(FRAME),
        RECORDS,
        {"rows": RECORDS},
        {"data": {"names": list(NAMES), "ndarray": LISTS}, "meta": {"puid": "p"}},
        {"data": {"ndarray": LISTS}},
        {"jsonData": {"instances": LISTS}},
        {"strData": as_json({"dataframe_records": RECORDS}).decode()},
    ],
)
def test_one_table_in_every_form(document: object) -> None:
    """The same rows are read out of every form, with nulls, NaN and letters of any script."""
    table = read(document)
    assert (table.rows, table.received) == (3, 3)
    assert rows_of(table) == EXPECTED


def test_tensors_of_seldon() -> None:
    """A tensor's values are laid out by its shape."""
    tensor = {"shape": [2, 3], "values": [1, 2, 3, 4, 5, 6]}
    expected = {"age": [1.0, 4.0], "income": [2.0, 5.0], "city": ["3", "6"]}
    assert rows_of(read({"data": {"tensor": tensor}})) == expected
    turned = {"data": {"names": ["city", "income", "age"], "tensor": tensor}}
    assert rows_of(read(turned)) == {"age": [3.0, 6.0], "income": [2.0, 5.0], "city": ["1", "4"]}
    with pytest.raises(BadRequest, match="shape"):
        read({"data": {"tensor": {"shape": [2, 2], "values": [1, 2, 3]}}})


@pytest.mark.parametrize(
    ("rows", "reasons", "ages"),
    [
        ([[1, 2, "a"], [1, 2], [3, 4, "b"], 7], {1: "ragged line", 3: "not an object"}, [1.0, 3.0]),
        ([{"age": 1}, 5, None, {"age": 2}], {1: "not an object", 2: "not an object"}, [1.0, 2.0]),
    ],
)
def test_one_bad_row_costs_no_other(rows: list[object], reasons: dict[int, str], ages: list[float]) -> None:
    """A row of another shape is rejected alone, by its number."""
    table = read({"instances": rows})
    assert {one.row: one.reason for one in table.rejections} == reasons
    assert (table.rows, table.received) == (2, 4)
    assert numbers(table.columns["age"]) == ages


@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2, 3, 4], [1, 2, 3, 4]], [1, 2, 3], [[]]])
def test_another_width(rows: list[object]) -> None:
    """Rows of which none has as many values as the model has features are refused by that name."""
    with pytest.raises(BadRequest) as refused:
        read({"instances": rows})
    assert refused.value.code == "schema-width"


@pytest.mark.parametrize(
    "document",
    [5, "x", None, {}, {"instances": 5}, {"instances": "abc"}, {"dataframe_split": [1]}, {"data": {"tensor": {}}},
         {"data": {"tftensor": 3}}, {"data": {"tftensor": {"tensorShape": {}}}},
         {"data": {"tftensor": {"tensorShape": {"dim": [{}]}, "intVal": [1]}}},
         {"data": {"tftensor": {"tensorShape": {"dim": [{"size": float("inf")}]}, "intVal": [1]}}},
         {"data": {"tftensor": {"dtype": "DT_FLOAT", "tensorContent": "!"}}},
     {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, {"binData": "AA=="}, {"age": 1}],
)  # fmt: skip
def test_what_is_no_call(document: object) -> None:
    """Anything else is undecodable."""
    with pytest.raises(BadRequest) as refused:
        read(document)
    assert refused.value.code == "undecodable"


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [1] * MANY + [[1]]},
        {"dataframe_split": {"columns": ["age"], "data": [1] * MANY}},
        {"predictions": [1] * MANY + [[1]]},
        {"predictions": [1] * MANY + [{}]},
    ],
    ids=lambda document: next(iter(document)),
)
def test_rows_beyond_bounds(document: dict[str, object]) -> None:
    """Values that would each become an array are refused before they do."""
    body, before = as_json(document), psutil.Process().memory_info().rss
    reader, side = (read_response, ANSWERED) if "predictions" in document else (read_request, ASKED)
    with pytest.raises(TooLarge):
        reader(body, "", header_length=None, side=side)
    assert psutil.Process().memory_info().rss - before < 100 << 20


def test_values_alone_need_no_arrays() -> None:
    """A list of single values may be longer."""
    assert read({"instances": [1] * MANY}, Side(("age",), frozenset({"age"}))).rows == MANY


def test_no_rows() -> None:
    """An empty call has no rows and is no fault."""
    assert read({"instances": []}).received == 0


def test_one_feature_alone() -> None:
    """A model of one feature takes single values."""
    table = read({"instances": [1, 2.5, None]}, Side(("age",), frozenset({"age"})))
    assert numbers(table.columns["age"]) == [1.0, 2.5, None]


@pytest.mark.parametrize(
    ("document", "side", "expected"),
    [
        ({"predictions": [0.5, None, "0.25"]}, ANSWERED, {"score": [0.5, None, 0.25]}),
        ({"predictions": [[0.5], [0.25], [1]]}, ANSWERED, {"score": [0.5, 0.25, 1.0]}),
        ({"predictions": [0.5, [0.25], None, [1, 2]]}, ANSWERED, {"score": [0.5, 0.25, None, None]}),
        ({"predictions": [{"score": 0.5}, {"score": 1}, 3, [4, 5]]}, ANSWERED, {"score": [0.5, 1.0, 3.0, None]}),
        ({"predictions": [0.5, {"error": "x"}, [0.25]]}, ANSWERED, {"score": [0.5, None, 0.25]}),
        ({"predictions": [{"score": [0.5]}, {"score": [0.25]}]}, ANSWERED, {"score": [0.5, 0.25]}),
        ({"predictions": [[0.5, 1], {"label": 0}]}, TWO, {"score": [0.5, None], "label": [1.0, 0.0]}),
        ({"jsonData": {"score": [0.5, 1]}}, ANSWERED, {"score": [0.5, 1.0]}),
        ({"predictions": [{"p": 0.5}, {"p": 1}]}, ANSWERED, {"score": [0.5, 1.0]}),
        ({"predictions": [{"label": 1, "q": 2}]}, TWO, {"label": [1.0]}),
        ({"predictions": [[0.5, 1], [0.25, 0], [7]]}, TWO, {"score": [0.5, 0.25, None], "label": [1.0, 0.0, None]}),
        ({"outputs": {"score": [1, 2], "label": [[3], [4]]}}, TWO, {"score": [1.0, 2.0], "label": [3.0, 4.0]}),
        ({"outputs": [[1], [2]]}, ANSWERED, {"score": [1.0, 2.0]}),
        ({"data": {"names": ["t:0"], "ndarray": [[0.5]]}}, ANSWERED, {"score": [0.5]}),
        ({"data": {"names": ["label", "score"], "ndarray": [[1, 0.5]]}}, TWO, {"score": [0.5], "label": [1.0]}),
        ({"data": {"tensor": {"shape": [2], "values": [0.5, 1]}}}, ANSWERED, {"score": [0.5, 1.0]}),
        ({"predictions": [1]}, Side((), frozenset(), answer=True), {}),
    ],
)
def test_answers(document: object, side: Side, expected: dict[str, object]) -> None:
    """Predictions go to the features they name, or to those of their role in order."""
    answer = read_response(as_json(document), "", header_length=None, side=side)
    assert {name: numbers(answer.columns[name]) for name in answer.columns if name in ASKED.known} == expected


def test_an_answer_of_another_width() -> None:
    """Predictions of which none has as many values as there are prediction features are refused."""
    with pytest.raises(BadRequest) as refused:
        read_response(as_json({"predictions": [[1, 2, 3]]}), "", header_length=None, side=TWO)
    assert refused.value.code == "schema-width"


def test_the_truth() -> None:
    """A feedback's truth goes to the outcomes; without one there is nothing to count."""
    told = read_truth(as_json({"truth": {"data": {"ndarray": [[1], [0]]}}, "reward": 0.5}), side=TRUE)
    assert (told.rows, numbers(told.columns["default"])) == (2, [1.0, 0.0])
    assert read_truth(as_json({"reward": 0.5}), side=TRUE) == Answer(0, {})
    rewarded = Side(("reward",), frozenset({"reward"}), answer=True)
    assert numbers(read_truth(as_json({"reward": 0.5}), side=rewarded).columns["reward"]) == [0.5]


def test_answers_stay_with_their_rows() -> None:
    """Rejected rows take their answers with them, and a feature that was asked about is not overwritten."""
    table = read({"instances": [[1, 2, "a"], [1], [3, 4, "b"]]})
    answer = Answer(3, {"score": [0.1, 0.2, 0.3], "city": ["x", "y", "z"], "timestamp": [1, 2, 3]})
    whole = joined(table, [answer], own=frozenset(NAMES), barred=frozenset({"timestamp"}))
    assert numbers(whole.columns["score"]) == [0.1, 0.3]
    assert words(whole.columns["city"]) == ["a", "b"]
    assert list(whole.columns) == [*NAMES, "score"]
    assert len(whole.columns) == 4


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        (
            {"instances": [[1, 2, "a"], {"oops": 1}, [3, 4, "b"]]},
            [[1.0, None, 3.0], [2.0, None, 4.0], ["a", None, "b"]],
        ),
        ({"instances": [[1, 2, "a"], {"city": "b", "age": 3}, [5]]}, [[1.0, 3.0], [2.0, None], ["a", "b"]]),
        ({"data": {"ndarray": [[1, 2, "a"], {"age": 5}]}}, [[1.0, 5.0], [2.0, None], ["a", None]]),
        (
            {"instances": [{"age": [1], "income": [2], "city": ["a"]}, {"age": 3}]},
            [[1.0, 3.0], [2.0, None], ["a", None]],
        ),
        ({"instances": [{"x": [1, 2, "a"]}, {"x": [3, 4, "b"]}]}, [[1.0, 3.0], [2.0, 4.0], ["a", "b"]]),
        ({"instances": [{"x": [1, 2], "city": "a"}]}, [[1.0], [2.0], ["a"]]),
        ({"instances": [{"age": [1, 2], "city": "a"}]}, [["invalid"], [None], ["a"]]),
        ({"instances": [{"age": 1, "income": 2, "tag": [7]}]}, [[1.0], [2.0], [None]]),
        (
            {
                "data": {
                    "names": ["age", "income"],
                    "tftensor": {"dtype": "DT_INT64", "tensorShape": SHAPE, "int64Val": ["1", "2", 3, 4]},
                }
            },
            [[1.0, 3.0], [2.0, 4.0], [None, None]],
        ),
        (
            {
                "data": {
                    "names": ["age", "income"],
                    "tftensor": {"dtype": "DT_FLOAT", "tensorShape": SHAPE, "tensorContent": SINGLES},
                }
            },
            [[1.0, "nan"], [2.0, 4.0], [None, None]],
        ),
        (
            {
                "data": {
                    "names": ["city"],
                    "tftensor": {
                        "dtype": "DT_STRING",
                        "tensorShape": {"dim": [{"size": 1}, {"size": 1}]},
                        "stringVal": ["w4U="],
                    },
                }
            },
            [[None], [None], ["Å"]],
        ),
        ({"jsonData": {"age": 1, "income": 2, "city": "a"}}, [[1.0], [2.0], ["a"]]),
        ({"jsonData": {"age": [1, 3], "income": [2, 4], "city": ["a", "b"]}}, [[1.0, 3.0], [2.0, 4.0], ["a", "b"]]),
        ({"dataframe_split": {"columns": ["age"], "data": []}}, [[], [], []]),
        ({"dataframe_split": {"columns": ["age", "city"], "data": [[1]]}}, [[], [], []]),
        ({"data": {"names": ["age", "city"], "ndarray": []}}, [[], [], []]),
    ],
)
def test_rows_of_many_makes(document: object, rows: list[list[object]]) -> None:
    """Objects among arrays, values wrapped in arrays, and no rows at all cost no row that can be read."""
    table = read(document)
    assert list(rows_of(table).values()) == rows


def test_large_integers_in_rows_of_many_makes() -> None:
    """Integers beyond a double's precision are read again in the same places."""
    table = read({"instances": [[1, 2, 2**60 + 1], {"city": 2**60 + 3}, {"city": [2**60 + 5]}]})
    assert words(table.columns["city"]) == [str(2**60 + 1), str(2**60 + 3), str(2**60 + 5)]


@pytest.mark.parametrize(("answered", "stays"), [("score", True), ("age", False)])
def test_numbers_side_by_side_stay_so_beside_answers(answered: str, stays: bool) -> None:  # noqa: FBT001 - a parameter
    """The numbers of a request lie side by side still, unless an answer stands in the place of one."""
    asked = Matrix(NAMES, np.ones((3, 2)))
    whole = joined(
        Table(2, asked, 2), [Answer(2, {answered: [5.0, 6.0]})], own=frozenset(), barred=frozenset({"timestamp"})
    )
    assert (whole.block is not None) == stays
    assert numbers(whole.columns[answered]) == [5.0, 6.0]


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ({"instances": [[1, 2], [3, 4]]}, 2),
        ({"inputs": [{"name": "x", "shape": [7, 2]}]}, 7),
        ({"inputs": [{"name": "x", "shape": [-7]}]}, 1),
        ({"dataframe_split": {"columns": [], "data": [1, 2, 3]}}, 3),
        ({"data": {"ndarray": [1, 2]}}, 2),
        ([1, 2, 3], 3),
        ({}, 1),
        (5, 1),
    ],
)
def test_rows_of_a_model_that_nobody_knows(document: object, rows: int) -> None:
    """They are counted as far as the body tells."""
    assert rows_told(as_json(document), header_length=None) == rows
    assert rows_told(b"{", header_length=None) == 1


@pytest.mark.parametrize("orient", ["split", "records"])
def test_frames_of_pandas(orient: str) -> None:
    """MLflow's clients write frames as pandas does: NaN comes as null."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"city": ["Oslo", "Ålesund", None], "age": [41.5, None, 7.0], "income": [1, 2, 3]})
    text = '{"dataframe_%s": %s}' % (orient, frame.to_json(orient=orient))  # noqa: UP031 - JSON is full of braces
    table = read_request(text.encode(), "application/json", header_length=None, side=ASKED)
    assert rows_of(table) == {"age": [41.5, None, 7.0], "income": [1.0, 2.0, 3.0], "city": ["Oslo", "Ålesund", None]}
