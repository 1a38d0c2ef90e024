"""Mirrored requests: which of them are counted where they are received, and that it is all the same."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest

from app.errors import BadRequest
from app.monitor import mirror
from app.monitor.halves import Asked
from app.monitor.ingest import Pace
from app.monitor.keyring import ANYBODY
from app.monitor.road import onward, settled
from app.storage.ledger import Outcome
from monitor.desk import Desk
from wire.senders.peers import tensor, triton_body

LENGTH: Final = "inference-header-content-length"
NUMBERS: Final = np.array([[1.0, 2.0], [np.nan, 3.0], [np.inf, 9.0]])


@pytest.fixture
def numeric(desk: Desk) -> Desk:
    """A model of two numbers."""
    desk.configure(window="1h")
    desk.reference(desk.write("x,y\n1,2\n2,3\n3,4\n"))
    return desk


def asked(model: str | None = None) -> Asked:
    """What a URL without a version says."""
    return Asked(model, None, ANYBODY)


def pace(desk: Desk, body: bytes, length: int | None, *, model: str | None = None) -> Pace:
    """Where a request is counted."""
    headers = {} if length is None else {LENGTH: str(length)}
    return mirror.pace_of(desk.service, desk.name, asked=asked(model), headers=headers, body=body)


def counted(desk: Desk, body: bytes, length: int | None, *, batch: str, pace: Pace) -> tuple[list[str], dict[str, Any]]:
    """Walk the road of a request; gives what it met, and the receipt."""
    headers = {} if length is None else {LENGTH: str(length)}
    road = mirror.road(
        desk.service, desk.name, kind="v2", batch_id=batch, asked=asked(), headers=headers, body=body, pace=pace
    )
    met: list[str] = []
    found: Outcome | Exception | None = None
    try:
        while True:
            future = onward(road, found)
            met.append("thread" if future is None else "commit")
            found = None if future is None else settled(future, timeout_s=30)
    except StopIteration as end:
        return met, end.value


def requests() -> Iterator[tuple[str, bytes, int | None, Pace]]:
    """Requests of one or two tensors, and where each is counted."""
    body, length = triton_body(tensor("both", NUMBERS, "FP64"))
    assert length is not None
    yield "one tensor", body, length, Pace.BRISK
    parts = [tensor(name, NUMBERS[:, n], "FP64") for n, name in enumerate("xy")]
    yield "a tensor a feature", *triton_body(*parts), Pace.BRISK
    yield "without a length", body, None, Pace.HARD
    yield "a length that lies", body, len(body) + 1, Pace.HARD
    texts = triton_body(tensor("x", np.array([b"1", b"2"], object), "BYTES"))
    yield "texts", *texts, Pace.HARD
    escaped = texts[0].replace(b"BYTES", b"BY\\u0054ES")
    yield "texts in disguise", escaped, (texts[1] or 0) + 5, Pace.HARD
    flat = triton_body(tensor("x", NUMBERS[:, 0], "FP64"))[0]
    nothing = flat.replace(
        b'"inputs":[', b'"inputs":[{"name":"y","shape":[3,0],"datatype":"FP64","parameters":{"binary_data_size":0}},'
    )
    yield "a tensor of nothing", nothing, len(nothing) - NUMBERS[:, 0].nbytes, Pace.HARD
    many = np.zeros((1 << 15, 2), np.uint8)
    yield "many rows", *triton_body(tensor("both", many, "UINT8")), Pace.HARD
    plain = triton_body(tensor("x", NUMBERS[:, 0], "FP64", binary=False))[0]
    yield "JSON under a length that lies", plain, 9, Pace.HARD


@pytest.mark.parametrize(
    ("body", "length", "where"), [one[1:] for one in requests()], ids=[one[0] for one in requests()]
)
def test_numbers_in_binary_need_no_thread(numeric: Desk, body: bytes, length: int | None, where: Pace) -> None:
    """Those of a model at hand are counted on the event loop; the receipt is that of the other road."""
    numeric.service.catalog.watched(numeric.name)
    assert pace(numeric, body, length) is where
    assert pace(numeric, body, length, model="other") is Pace.HARD
    met, receipt = counted(numeric, body, length, batch="a", pace=where)
    assert met == ["commit"]
    _, same = counted(numeric, body, length, batch="b", pace=Pace.HARD)
    assert {**receipt, "batch_id": "b", "received_at": None} == {**same, "received_at": None}
    _, again = counted(numeric, body, length, batch="a", pace=where)
    assert again == receipt | {"duplicate": True}


def test_numbers_of_categories_are_spelled_in_a_thread(desk: Desk) -> None:
    """Many numbers that stand for categories are no quick work."""
    desk.configure(window="1h", features={"c": {"kind": "categorical"}})
    desk.reference(desk.write("c\n1\n2\n"))
    for rows, met in ((100, ["commit"]), (10_000, ["thread", "commit"])):
        body, length = triton_body(tensor("c", np.arange(rows, dtype=np.int64), "INT64"))
        assert counted(desk, body, length, batch=str(rows), pace=Pace.BRISK)[0] == met


def test_a_model_that_is_not_at_hand(numeric: Desk) -> None:
    """Where the database has to be asked, a thread waits for it."""
    body, length = triton_body(tensor("both", NUMBERS, "FP64"))
    numeric.service.catalog.forget(numeric.name)
    assert pace(numeric, body, length) is Pace.HARD


def test_what_cannot_be_read_is_kept_in_a_thread(numeric: Desk) -> None:
    """A tensor whose bytes do not fit its shape is refused; its sample is written where one may wait."""
    body, length = triton_body(tensor("both", NUMBERS, "FP64"))
    road = mirror.road(
        numeric.service,
        numeric.name,
        kind="v2",
        batch_id="a",
        asked=asked(),
        headers={LENGTH: str(length)},
        body=body[:-1],
        pace=Pace.BRISK,
    )
    assert next(road) is None
    with pytest.raises(BadRequest):
        next(road)
