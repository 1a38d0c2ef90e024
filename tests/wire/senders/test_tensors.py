"""Tensors: what Triton's client writes, and bytes that lie."""

import contextlib
import struct
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.errors import BadRequest, TooLarge
from app.wire.senders import protobuf
from app.wire.senders.calls import GRPC, read_request, read_response
from app.wire.senders.sides import Side
from app.wire.senders.tensors import TYPES, texts
from app.wire.table import Table
from wire.senders.peers import (
    ANSWERED,
    ASKED,
    NAMES,
    TWO,
    as_json,
    grpc_messages,
    numbers,
    rows_of,
    tensor,
    triton_body,
    words,
)

AGES: Final = np.array([[41.5], [np.nan], [np.inf]], np.float32)
CITIES: Final = np.array([["Oslo"], ["Å\u0142\U0001f600"], [""]], object)
EXPECTED: Final = {"age": [41.5, "nan", "inf"], "income": [1.0, 2.0, -3.0], "city": ["Oslo", "Å\u0142\U0001f600", ""]}


def read(body: bytes, *, length: int | None = None) -> Table:
    """Read a request."""
    return read_request(body, "application/octet-stream", header_length=length, side=ASKED)


@pytest.mark.parametrize("told", ["true", "missing", "short", "long", "zero"])
def test_one_tensor_a_feature(told: str) -> None:
    """Binary and JSON tensors of Triton's client give every value back, however the length of the JSON is told."""
    body, length = triton_body(
        tensor("age", AGES, "FP32"),
        tensor("city", CITIES, "BYTES"),
        tensor("income", np.array([1, 2, -3]), "INT64", binary=False),
    )
    assert length is not None
    lengths = {"true": length, "missing": None, "short": length - 3, "long": length + 3, "zero": 0}
    table = read(body, length=lengths[told])
    assert table.rows == 3
    assert rows_of(table) == EXPECTED


@pytest.mark.parametrize("binary", [True, False])
def test_one_tensor_of_all_features(binary: bool) -> None:  # noqa: FBT001 - both ways
    """A matrix that bears no feature's name is named by the model's order."""
    values = np.array([[41.5, 100.0, 7.0], [22.0, np.nan, 8.5]], np.float64)
    table = read(triton_body(tensor("input-0", values, "FP64", binary=binary))[0])
    assert rows_of(table) == {"age": [41.5, 22.0], "income": [100.0, "nan"], "city": ["7", "8.5"]}


def test_a_matrix_beside_a_named_tensor() -> None:
    """A matrix gives the features that no other tensor names, in order."""
    table = read(
        triton_body(
            tensor("dense", np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), "FP32"),
            tensor("city", np.array([["Oslo"], ["Bergen"]], object), "BYTES"),
        )[0]
    )
    assert rows_of(table) == {"age": [1.0, 3.0], "income": [2.0, 4.0], "city": ["Oslo", "Bergen"]}


@pytest.mark.parametrize(
    ("datatype", "kind"),
    [
        ("BOOL", np.bool_),
        ("UINT8", np.uint8),
        ("UINT16", np.uint16),
        ("UINT32", np.uint32),
        ("UINT64", np.uint64),
        ("INT8", np.int8),
        ("INT16", np.int16),
        ("INT32", np.int32),
        ("INT64", np.int64),
        ("FP16", np.float16),
        ("FP32", np.float32),
        ("FP64", np.float64),
    ],
)
def test_every_type(datatype: str, kind: Any) -> None:
    """Every type of the protocol is read as the numbers that numpy wrote."""
    values = np.array([[0], [1], [1], [0]]).astype(kind)
    assert numbers(read(triton_body(tensor("age", values, datatype))[0]).columns["age"]) == [0.0, 1.0, 1.0, 0.0]


@given(
    st.sampled_from(["UINT8", "INT64", "UINT64", "FP32", "FP64"]),
    arrays(np.float64, (4, 3), elements=st.floats(-1e18, 1e18) | st.just(np.nan)),
    st.booleans(),
)
def test_numbers_side_by_side_are_those_of_the_columns(
    datatype: str,
    values: np.ndarray[Any, Any],
    one: bool,  # noqa: FBT001 - both ways
) -> None:
    """Tensors of one type give all columns at once, be they a matrix or a tensor a feature."""
    with np.errstate(invalid="ignore"):
        values = values.astype(TYPES[datatype])
    columns = [tensor(name, values[:, n], datatype) for n, name in enumerate(NAMES)]
    table = read(triton_body(*([tensor("input-0", values, datatype)] if one else columns))[0])
    assert table.block is not None
    assert list(table.block.places) == list(table.columns) == list(NAMES)
    for name, place in table.block.places.items():
        assert numbers(pa.array(table.block.values[place])) == numbers(table.columns[name])


def test_what_is_no_number_lies_not_beside_numbers() -> None:
    """Truth values, texts, and tensors of several types are read column by column."""
    mixed = [tensor("age", np.array([1.0]), "FP64"), tensor("income", np.array([1]), "INT64")]
    for tensors in (
        [tensor("age", np.array([True]), "BOOL")],
        [tensor("city", np.array([b"x"], object), "BYTES")],
        mixed,
    ):
        assert read(triton_body(*tensors)[0]).block is None


@pytest.mark.parametrize("octets", [b" ", b"\n", b" \n\r\t", b"  ab"])
def test_bytes_that_are_blanks(octets: bytes) -> None:
    """Values that look like the blanks behind a JSON text are values, without a true length too."""
    body, length = triton_body(tensor("age", np.frombuffer(octets, np.uint8), "UINT8"))
    for told in (length, None):
        assert numbers(read(body, length=told).columns["age"]) == [float(octet) for octet in octets]


def test_json_that_is_called_a_message() -> None:
    """The bytes tell JSON from a message of ModelMesh, whatever its sender calls it."""
    body = as_json({"inputs": [{"name": "age", "shape": [1], "datatype": "FP64", "data": [5.0]}]})
    assert numbers(read_request(body, GRPC, header_length=None, side=ASKED).columns["age"]) == [5.0]


def test_brain_floats() -> None:
    """BF16 is the upper half of a float of four bytes."""
    halves = (np.array([1.5, -2.0, np.inf], np.float32).view(np.uint32) >> 16).astype("<u2")
    head = {"name": "age", "shape": [3], "datatype": "BF16", "parameters": {"binary_data_size": 6}}
    assert numbers(read(as_json({"inputs": [head]}) + halves.tobytes()).columns["age"]) == [1.5, -2.0, "inf"]


def test_integers_as_categories() -> None:
    """An integer tensor of a categorical feature is spelled in decimal, beyond a double's precision too."""
    table = read(triton_body(tensor("city", np.array([2**53 + 1, -1]), "INT64"))[0])
    assert words(table.columns["city"]) == ["9007199254740993", "-1"]


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_texts(cells: list[bytes]) -> None:
    """Texts of any lengths come back, whether the lengths are alike or not."""
    data = b"".join(struct.pack("<I", len(cell)) + cell for cell in cells)
    assert texts(memoryview(data), len(cells)).to_pylist() == cells


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=8), st.integers(-3, 3), st.integers(0, 60))
def test_texts_that_lie(cells: list[bytes], more: int, cut: int) -> None:
    """A count or an end that does not fit is refused, never read beyond the bytes."""
    data = b"".join(struct.pack("<I", len(cell)) + cell for cell in cells)[: max(cut, 1)]
    try:
        found = texts(memoryview(data), max(0, len(cells) + more))
    except BadRequest:
        return
    assert b"".join(struct.pack("<I", len(cell)) + cell for cell in found.to_pylist()) == data


def json_tensor(**fields: object) -> bytes:
    """A request of one JSON tensor."""
    whole = {"name": "age", "shape": [2], "datatype": "FP32", "data": [1, 2]} | fields
    return as_json({"inputs": [whole]})


@pytest.mark.parametrize(
    "body",
    [
        json_tensor(shape=[3]),
        json_tensor(shape=[-1]),
        json_tensor(shape=[2.0]),
        json_tensor(shape=[True, 2]),
        json_tensor(shape="2"),
        json_tensor(shape=[2**40, 2**40]),
        json_tensor(shape=[1] * 20),
        json_tensor(data=[[1], 2]),
        json_tensor(data=None),
        json_tensor(data={"a": 1}),
        json_tensor(name=None),
        json_tensor(data=None, parameters={"binary_data_size": -1}),
        json_tensor(data=None, parameters={"binary_data_size": 2**60}),
        json_tensor(data=None, parameters=[1]),
        json_tensor() + b"12345678",
        json_tensor(data=None, parameters={"binary_data_size": 7}) + b"1234567",
        json_tensor(data=None, parameters={"binary_data_size": 8}) + b"123456789",
        json_tensor(data=None, parameters={"binary_data_size": 8}, datatype="FP12") + b"12345678",
        as_json(
            {"inputs": [{"name": "age", "shape": [1], "data": [1]}, {"name": "city", "shape": [2], "data": [1, 2]}]}
        ),
        as_json({"inputs": [{"name": "age", "datatype": "FP32", "data": [1]}]}),
        as_json({"inputs": [{"name": "age", "shape": [1], "data": [1]}, {"name": "city", "data": ["Oslo"]}]}),
        as_json({"inputs": [{"name": "age", "shape": [1], "datatype": "FP32", "data": [1]}, 5]}),
        b"\x00\x00\x26\x42",
        b"",
        b"{",
        b"[" * 100_000,
    ],
)
def test_what_is_refused(body: bytes) -> None:
    """A shape against its data, bytes that nobody announced and what is no JSON are undecodable, nothing else."""
    with pytest.raises(BadRequest) as refused:
        read(body)
    assert refused.value.code == "undecodable"


def test_one_bad_value_costs_no_row() -> None:
    """A value of the wrong kind inside JSON data is invalid alone, and null is null."""
    table = read(json_tensor(shape=[4, 1], data=[1, "x", None, "2"]))
    assert numbers(table.columns["age"]) == [1.0, "invalid", None, 2.0]


def test_several_values_are_no_value() -> None:
    """A feature's tensor of two columns is invalid in every row."""
    table = read(json_tensor(shape=[2, 2], data=[[1, 2], [3, 4]]))
    assert numbers(table.columns["age"]) == ["invalid", "invalid"]


def test_a_stranger_is_not_the_missing_feature() -> None:
    """Beside tensors with features' names, one that nobody knows is left alone, and times keep their name."""
    known = Side(ASKED.ordered, ASKED.known | {"timestamp"})
    for name in ("timestamp", "stranger"):
        body = triton_body(
            tensor("age", AGES, "FP32"), tensor("income", AGES, "FP32"), tensor(name, np.array([1, 2, 3]), "INT64")
        )[0]
        table = read_request(body, "", header_length=None, side=known)
        assert set(table.columns) == {"age", "income", name}


def test_answers() -> None:
    """Outputs go to the features they name; a single stranger to the single prediction; other strangers are left."""

    def outputs(**tensors: list[float]) -> bytes:
        return as_json(
            {"outputs": [{"name": n, "shape": [len(v)], "datatype": "FP32", "data": v} for n, v in tensors.items()]}
        )

    def answered(body: bytes, side: Any) -> dict[str, object]:
        answer = read_response(body, "", header_length=None, side=side)
        return {name: numbers(column) for name, column in answer.columns.items() if name in side.known}

    assert answered(outputs(score=[0.5]), ANSWERED) == {"score": [0.5]}
    assert answered(outputs(predict=[0.5, 0.25]), ANSWERED) == {"score": [0.5, 0.25]}
    assert answered(outputs(a=[0.5], b=[0.25]), ANSWERED) == {}
    assert answered(outputs(a=[0.5], label=[1]), TWO) == {"label": [1.0]}
    assert answered(outputs(a=[0.5]), TWO) == {}
    both = as_json({"outputs": [{"name": "o", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]})
    assert answered(both, TWO) == {"score": [1.0, 3.0], "label": [2.0, 4.0]}
    with pytest.raises(BadRequest) as refused:
        read_response(both, "", header_length=None, side=ANSWERED)
    assert refused.value.code == "schema-width"


@pytest.mark.parametrize("raw", [True, False])
def test_protobuf(raw: bool) -> None:  # noqa: FBT001 - both ways
    """The gRPC messages of Triton's client give every value back, raw or as lists."""
    grpc = grpc_messages()
    message = grpc.ModelInferRequest(model_name="credit", id="r-1")
    for name, datatype in (("age", "FP32"), ("income", "INT64"), ("city", "BYTES")):
        made = message.inputs.add(name=name, datatype=datatype, shape=[3, 1])
        made.parameters["x"].string_param = "y"
        if raw:
            continue
        if name == "age":
            made.contents.fp32_contents.extend(AGES.ravel().tolist())
        elif name == "income":
            made.contents.int64_contents.extend([1, 2, -3])
        else:
            made.contents.bytes_contents.extend(cell.encode() for cell in CITIES.ravel())
    if raw:
        packed = b"".join(struct.pack("<I", len(cell.encode())) + cell.encode() for cell in CITIES.ravel())
        message.raw_input_contents.extend([AGES.tobytes(), np.array([1, 2, -3], "<i8").tobytes(), packed])
    table = read_request(message.SerializeToString(), GRPC, header_length=None, side=ASKED)
    assert rows_of(table) == EXPECTED


def test_protobuf_answers() -> None:
    """Every list of an answer is read: booleans, and unsigned numbers of any size."""
    grpc = grpc_messages()
    message = grpc.ModelInferResponse(model_name="credit")
    score = message.outputs.add(name="score", datatype="UINT64", shape=[3])
    score.contents.uint64_contents.extend([0, 127, 2**63])
    label = message.outputs.add(name="label", datatype="BOOL", shape=[3])
    label.contents.bool_contents.extend([True, False, True])
    answer = read_response(message.SerializeToString(), GRPC, header_length=None, side=TWO)
    assert {name: numbers(column) for name, column in answer.columns.items()} == {
        "score": [0.0, 127.0, 2.0**63],
        "label": [1.0, 0.0, 1.0],
    }


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50), st.integers(10, 40))
def test_numbers_of_seven_bits(values: list[int], at_once: int) -> None:
    """Numbers come back however the list is cut into blocks."""
    message = grpc_messages().InferTensorContents(uint64_contents=values).SerializeToString()
    packed = next((value for _, value in protobuf.fields(memoryview(message))), memoryview(b""))
    assert isinstance(packed, memoryview)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf, "AT_ONCE", at_once)
        assert protobuf.varints(packed).tolist() == values


def test_a_message_of_too_many_fields() -> None:
    """Fields are counted before they become anything."""
    with pytest.raises(TooLarge):
        read_request(b"\x08\x01" * 1_000_001, GRPC, header_length=None, side=ASKED)


@given(st.binary(max_size=200))
def test_protobuf_of_anything(data: bytes) -> None:
    """Any bytes are a message or a problem."""
    with contextlib.suppress(BadRequest):
        read_request(data, GRPC, header_length=None, side=ASKED)


def test_names_are_as_they_were_sent() -> None:
    """A name in any script is found in JSON before bytes, where the end of the JSON has to be looked for."""
    body = as_json(
        {"inputs": [{"name": 'å{"}', "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}]}
    )
    table = read(body + struct.pack("<f", 2.5))
    assert {name: numbers(table.columns[name]) for name in table.columns} == {'å{"}': [2.5]}
    assert set(NAMES).isdisjoint(table.columns)
