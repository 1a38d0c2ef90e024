"""The JSON test suite (https://github.com/nst/JSONTestSuite) through the decoder, as bodies and as values."""

from typing import Final

import pytest

from app.errors import BadRequest, Problem
from app.wire.decode import decode
from app.wire.jsontext import load_exact, load_json
from app.wire.table import Table
from app.wire.values import categorical, numeric
from wire.corpora import is_json, json_files

FILES: Final = json_files()


def test_it_is_whole() -> None:
    """All 318 files are here."""
    kinds = [name[0] for name in FILES]
    assert (kinds.count("y"), kinds.count("n"), kinds.count("i")) == (95, 188, 35)


def refusal(body: bytes, content_type: str | None) -> tuple[int, str] | Table:
    """The table of a body, or the status and code of its refusal."""
    try:
        return decode(body, content_type)
    except Problem as problem:
        return problem.status, problem.code


@pytest.mark.parametrize("content_type", ["application/json", "text/json; charset=utf-8", None])
@pytest.mark.parametrize("name", FILES)
def test_as_a_body(name: str, content_type: str | None) -> None:
    """What is no JSON is undecodable; what is JSON is a table, or undecodable for its shape."""
    found = refusal(FILES[name], content_type)
    if isinstance(found, Table):
        assert is_json(name) is not False
        assert found.rows + len(found.rejections) == found.received
    else:
        assert found == (400, "undecodable") or (content_type is None and found == (415, "unsupported-media-type"))


@pytest.mark.parametrize("name", FILES)
def test_as_a_value(name: str) -> None:
    """In the place of a value every JSON is counted, beside its neighbours; anything else refuses the whole body."""
    found = refusal(b'{"rows":[{"x":1},{"x":' + FILES[name] + b'},{"x":2}]}', "application/json")
    if not isinstance(found, Table):
        assert found == (400, "undecodable")
        assert is_json(name) is not True
        return
    assert is_json(name) is not False
    assert found.rows == found.received == 3
    numbers, words = numeric(found.columns["x"]), categorical(found.columns["x"])
    assert (len(numbers), len(words.codes)) == (3, 3)
    assert numbers.values[[0, 2]].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", FILES)
def test_both_readers(name: str) -> None:
    """The exact reader takes what the fast one takes."""
    taken = []
    for load in (load_json, load_exact):
        try:
            load(FILES[name])
            taken.append(True)
        except BadRequest:
            taken.append(False)
    assert taken[0] == taken[1]
    assert is_json(name) in {None, taken[0]}
