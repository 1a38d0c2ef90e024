"""Documents made of the words that readers look for: every one is a table or a problem, and every table can be read."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadRequest, Problem
from app.wire.senders.calls import read_request, read_response, read_truth
from app.wire.senders.events import Event, events_of
from wire.senders.peers import ANSWERED, ASKED, NAMES, TRUE, TWO, numbers, words

KEYS: Final = (
    *NAMES, "score", "label", "instances", "inputs", "outputs", "predictions", "rows", "columns", "data", "names",
    "ndarray", "tensor", "shape", "values", "name", "datatype", "parameters", "binary_data_size", "jsonData",
    "strData", "dataframe_split", "dataframe_records", "index", "truth", "reward", "meta", "puid", "response",
    "specversion", "id", "type", "source", "data_base64", "datacontenttype", "modelid", "kind", "time", "metadata",
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 4), st.floats(), st.text(max_size=3), st.sampled_from(KEYS),
    st.sampled_from(["FP32", "BYTES", "request", "AAAA", "1.0", '{"a":1}', 10**400]),
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)
calls = st.one_of(
    documents,
    st.builds(
        lambda key, value: {key: value},
        st.sampled_from(["instances", "inputs", "outputs", "predictions", "dataframe_split", "data", "truth"]),
        documents,
    ),
    st.builds(
        lambda key, shape, data, more: {key: [{"name": "age", "shape": shape, "data": data} | more]},
        st.sampled_from(["inputs", "outputs"]),
        st.lists(st.integers(-1, 4), max_size=3),
        documents,
        st.dictionaries(st.sampled_from(["parameters", "datatype", "name"]), documents, max_size=2),
    ),
)  # fmt: skip


def written(document: object) -> bytes:
    """The document as JSON; what has a lone surrogate is escaped."""
    return json.dumps(document).encode()


def check(columns: Mapping[str, Any], rows: int) -> None:
    """Every column can be counted, and has as many values as there are rows."""
    for name in columns:
        assert len(numbers(columns[name])) == rows, name
        assert len(words(columns[name])) == rows, name


@settings(max_examples=400, deadline=None)
@given(calls, st.binary(max_size=12))
def test_calls(document: object, tail: bytes) -> None:
    """Whatever a call, an answer or a truth is made of, it is read whole or refused."""
    for body in (written(document), written(document) + tail):
        try:
            table = read_request(body, "", header_length=None, side=ASKED)
            check(table.columns, table.rows)
        except Problem:
            pass
        for side in (ANSWERED, TWO):
            try:
                answer = read_response(body, "", header_length=None, side=side)
                check(answer.columns, answer.rows)
            except Problem:
                pass
        try:
            answer = read_truth(body, side=TRUE)
            check(answer.columns, answer.rows)
        except Problem:
            pass


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["ce-id", "ce-type", "ce-source", "ce-metadata", "ce-requestid", "content-type"]),
        st.one_of(
            st.sampled_from(["io.seldon.serving.feedback", "application/cloudevents+json", '{"a":', '"%C3%A9"', "404"]),
            st.text(st.characters(max_codepoint=255), max_size=8),
        ),
    ),
    st.one_of(documents.map(written), st.binary(max_size=20)),
)  # fmt: skip
def test_events(headers: dict[str, str], body: bytes) -> None:
    """Whatever headers and body are, they are events or a problem."""
    try:
        found = events_of(headers, body)
    except BadRequest:
        return
    assert all(isinstance(one, Event | BadRequest) for one in found)


@pytest.mark.parametrize(
    ("sent", "read"),
    [("caf%C3%A9", "café"), ("caf\u00c3\u00a9", "café"), ('"a b"', "a b"), ("100%", "100%"), ("", "")],
)
def test_attributes(sent: str, read: str) -> None:
    """Attributes in headers are UTF-8 as it is, in percent or in quotes."""
    (event,) = events_of({"ce-id": "1", "ce-type": "x.request", "ce-inferenceservicename": sent}, b"")
    assert isinstance(event, Event)
    assert event.candidates == ((read,) if read else ())
