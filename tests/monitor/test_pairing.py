"""Halves of calls find each other and count once."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import pytest

from app import failpoints
from app.drift.context import HOUR_US
from app.errors import Conflict, TooLarge, Unavailable
from app.monitor import ingest, samples
from app.monitor import sweep as sweep_module
from app.monitor.burden import Burden
from app.monitor.calls import Call
from app.monitor.catalog import Watched
from app.monitor.instants import instant_text
from app.monitor.keyring import Holder
from app.monitor.pairing import count_parts
from app.monitor.service import Service
from app.monitor.sweep import sweep
from app.storage import accounts, pairing
from app.storage.database import Database
from app.storage.pairing import Stored
from app.wire.senders.events import Half
from monitor.callers import batched, counts, deliver, kserve, refused, rows, seldon, unpaired, window
from monitor.desk import MONDAY, Desk, opened

TIMEOUT_US: Final = 30_000_000
FEATURES: Final = {
    "age": {"kind": "numeric"},
    "city": {"kind": "categorical"},
    "score": {"kind": "numeric", "role": "prediction"},
}
TRUE: Final = {"default": {"kind": "numeric", "role": "outcome"}}
REQUEST: Final = {"instances": [[1, "Oslo"], [2, "Rome"]]}
RESPONSE: Final = {"predictions": [0.5, None]}


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    """A model of two features and a prediction."""
    with opened(database, tmp_path) as found:
        found.configure(window="1h", features=FEATURES)
        found.reference(found.write("age,city,score\n1,Oslo,0.5\n2,Oslo,0.25\n3,Bergen,0.75\n"))
        yield found
    failpoints.arm("")


@pytest.fixture
def truthful(desk: Desk) -> Desk:
    """The same model with an outcome."""
    desk.configure(features=TRUE)
    desk.reference(desk.write("age,city,score,default\n1,Oslo,0.5,0\n2,Oslo,0.25,1\n3,Bergen,0.75,0\n", "b.csv"))
    desk.at(MONDAY + HOUR_US)
    return desk


def later(desk: Desk, us: int = TIMEOUT_US + 1) -> int:
    """Let time pass, and finish what is due; gives the number of calls finished."""
    desk.at(desk.service.now_us() + us)
    return sweep(desk.service)


def balanced(desk: Desk) -> bool:
    """Whether the books balance."""
    with desk.service.database.snapshot() as conn:
        return accounts.balance(conn, desk.watched.id).imbalance == 0


@pytest.mark.parametrize("order", sorted(set(itertools.permutations(["request", "response"] * 2))))
def test_whichever_comes_first(desk: Desk, order: tuple[str, ...]) -> None:
    """Request and response are counted once, with their predictions, in any order and however often they come."""
    for half in order:
        deliver(desk.service, kserve(half, "a", REQUEST if half == "request" else RESPONSE))
    assert window(desk)["rows"] == 2
    assert counts(desk, "age") == {"= 1": 1, "= 2": 1}
    assert counts(desk, "city") == {"Oslo": 1, "unseen": 1}
    assert counts(desk, "score") == {"= 0.5": 1, "null": 1}
    assert later(desk) == 0
    assert (rows(desk, "accepted"), rows(desk, "duplicate")) == (2, 2)
    assert (unpaired(desk, "request"), unpaired(desk, "response")) == (0, 0)


def test_a_request_alone(desk: Desk) -> None:
    """A request without a response counts after a while with null predictions; a response then is alone, once."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    assert later(desk, TIMEOUT_US - 1) == 0
    assert later(desk, 2) == 1
    assert counts(desk, "score") == {"null": 2}
    assert unpaired(desk, "request") == 1
    for _ in range(3):
        deliver(desk.service, kserve("response", "a", RESPONSE))
        deliver(desk.service, kserve("request", "a", REQUEST))
    assert later(desk) == 0
    assert counts(desk, "score") == {"null": 2}
    assert (unpaired(desk, "request"), unpaired(desk, "response"), rows(desk, "duplicate")) == (1, 1, 6)


def test_a_late_response_that_fails_costs_no_call(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes with it is counted first; a batch that another replica commits is to be sent again, not refused."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    later(desk)
    real = ingest.delivery

    def busy(service: Service, name: str, *, shipment: Call, kind: str, repeated: bool = True) -> dict[str, Any]:
        if Half.REQUEST not in shipment.parts:
            raise Conflict("batch-in-progress", "the same batch is being committed right now", retryable=True)
        return real(service, name, shipment=shipment, kind=kind, repeated=repeated)

    monkeypatch.setattr(ingest, "delivery", busy)
    halves = [kserve("response", "a", RESPONSE), kserve("request", "b", REQUEST), kserve("response", "b", RESPONSE)]
    with pytest.raises(Unavailable) as caught:
        deliver(desk.service, batched(halves))
    assert caught.value.code == "outcome-unknown"
    assert counts(desk, "score") == {"null": 3, "= 0.5": 1}
    monkeypatch.undo()
    deliver(desk.service, batched(halves))
    assert counts(desk, "score") == {"null": 3, "= 0.5": 1}
    assert unpaired(desk, "response") == 1


def test_a_response_alone(desk: Desk) -> None:
    """A response without a request is only counted as such, once; a request that comes later still counts."""
    deliver(desk.service, kserve("response", "a", RESPONSE))
    assert later(desk) == 1
    deliver(desk.service, kserve("response", "a", RESPONSE))
    assert later(desk) == 0
    assert (unpaired(desk, "response"), rows(desk, "accepted")) == (1, 0)
    deliver(desk.service, kserve("request", "a", REQUEST))
    assert later(desk) == 1
    assert (rows(desk, "accepted"), balanced(desk)) == (2, True)


def test_another_number_of_predictions(desk: Desk) -> None:
    """Predictions that cannot belong to the rows are left out."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    deliver(desk.service, kserve("response", "a", {"predictions": [1, 2, 3]}))
    assert counts(desk, "score") == {"null": 2}


def test_two_models_and_two_sources(desk: Desk) -> None:
    """The same id of another model, or from another source, is another call."""
    desk.name = "other"
    desk.configure(window="1h", features=FEATURES)
    desk.reference(desk.write("age,city,score\n1,Oslo,0.5\n2,Oslo,0.25\n", "other.csv"))
    for told in ({}, {"inferenceservicename": "other"}, {"source": "http://elsewhere/"}):
        deliver(desk.service, kserve("request", "a", REQUEST, **told))
        deliver(desk.service, kserve("response", "a", RESPONSE, **told))
    assert window(desk)["rows"] == 2
    desk.name = "m"
    assert window(desk)["rows"] == 4


def test_time_and_version(desk: Desk) -> None:
    """The request's time decides, a time inside the row decides before it; the endpoint is the version."""
    desk.at(MONDAY + 5 * HOUR_US)
    early = instant_text(MONDAY + HOUR_US + 1)
    timed = {"instances": [{"age": 1, "timestamp": instant_text(MONDAY + 3 * HOUR_US)}, {"age": 2}]}
    deliver(desk.service, kserve("response", "a", RESPONSE, time=instant_text(MONDAY), endpoint="default"))
    deliver(desk.service, kserve("request", "a", timed, time=early, endpoint="canary"))
    assert window(desk, start=MONDAY + HOUR_US, version="canary")["rows"] == 1
    assert window(desk, start=MONDAY + 3 * HOUR_US, version="canary")["rows"] == 1
    for identity, told in (("b", {"time": "yesterday", "endpoint": ""}), ("c", {"endpoint": "\x07"})):
        deliver(desk.service, kserve("request", identity, REQUEST, **told))
        deliver(desk.service, kserve("response", identity, RESPONSE))
    assert window(desk, start=MONDAY + 5 * HOUR_US)["rows"] == 4
    deliver(desk.service, kserve("request", "d", REQUEST), version="v7")
    deliver(desk.service, kserve("response", "d", RESPONSE))
    assert window(desk, start=MONDAY + 5 * HOUR_US, version="v7")["rows"] == 2


def test_an_answer_moves_no_row(desk: Desk) -> None:
    """A time among the predictions is not the time of the rows."""
    deliver(desk.service, kserve("request", "a", {"instances": [{"age": 1}]}))
    answer = {"predictions": [{"score": 0.5, "timestamp": instant_text(MONDAY - 5 * HOUR_US)}]}
    deliver(desk.service, kserve("response", "a", answer))
    assert counts(desk, "score") == {"= 0.5": 1}


def test_lateness_is_judged_when_the_request_came(desk: Desk) -> None:
    """A request that was in time stays so while it waits."""
    desk.configure(late_horizon="5s", future_tolerance="1s")
    deliver(desk.service, kserve("request", "a", REQUEST))
    later(desk)
    assert (rows(desk, "accepted"), rows(desk, "late")) == (2, 0)


def test_the_model_is_the_first_that_is_known(desk: Desk) -> None:
    """The URL comes first, then namespace and name, then the name; what is unknown is counted and forgotten."""
    for name in ("ml/m", "url"):
        desk.name = name
        desk.configure(window="1h", features=FEATURES)
        desk.reference(desk.write("age,city,score\n1,Oslo,0.5\n", f"{len(name)}.csv"))
    deliver(desk.service, kserve("request", "a", REQUEST), model="url")
    deliver(desk.service, kserve("request", "b", REQUEST))
    deliver(desk.service, kserve("request", "c", REQUEST, namespace="other"))
    deliver(desk.service, kserve("request", "d", REQUEST, inferenceservicename="nobody", modelid="m"))
    deliver(desk.service, kserve("request", "e", REQUEST), holder=Holder("k", frozenset({"ingest"}), frozenset({"m"})))
    assert later(desk) == 4
    assert [rows(desk, "accepted", model=name) for name in ("url", "ml/m", "m")] == [2, 2, 4]
    assert rows(desk, "unknown_model", model="") == 2


def test_a_death_between_counting_and_forgetting(desk: Desk) -> None:
    """What was counted is not counted again by the round that finds its halves."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    failpoints.arm("pairing.after_count=error")
    deliver(desk.service, kserve("response", "a", RESPONSE))
    failpoints.arm("")
    assert later(desk) == 1
    assert later(desk) == 0
    assert (window(desk)["rows"], balanced(desk)) == (2, True)


def test_a_fault_of_ours_forgets_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was acknowledged waits for another round when counting it fails for no reason of its own."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    with monkeypatch.context() as broken:
        broken.setattr("app.monitor.sweep.count_parts", Mock(side_effect=MemoryError))
        assert later(desk) == 0
    assert later(desk) == 1
    assert window(desk)["rows"] == 2


def test_calls_that_fail_do_not_starve_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for a fault of ours is put off, longer each time, and counted once the fault is gone."""
    count = count_parts

    def stumble(service: Service, watched: Watched, parts: Sequence[Stored]) -> None:
        if parts[0].body.endswith(b"8]]}"):
            raise MemoryError
        count(service, watched, parts)

    monkeypatch.setattr(sweep_module, "_SWEPT", 2)
    for identity in ("a", "b", "c"):
        deliver(desk.service, kserve("request", identity, b'{"instances":[[1,8]]}'))
    desk.at(desk.service.now_us() + 1)
    deliver(desk.service, kserve("request", "d", REQUEST))
    with monkeypatch.context() as broken:
        broken.setattr(sweep_module, "count_parts", stumble)
        assert [later(desk, TIMEOUT_US + 2), later(desk, 0), later(desk, 0)] == [0, 1, 0]
        with desk.service.database.snapshot() as conn:
            assert pairing.postponed(conn) == 3
        assert [later(desk, 1_000_001), later(desk, 0), later(desk, 1_000_001)] == [0, 0, 0]
    assert window(desk)["rows"] == 2
    assert [later(desk, HOUR_US), later(desk, 0)] == [2, 1]
    assert (window(desk)["rows"], balanced(desk)) == (5, True)


def test_a_fault_of_ours_is_not_the_senders(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The half that makes a call whole is answered as kept, and the call is counted by a later round."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    with monkeypatch.context() as broken:
        broken.setattr("app.monitor.pairing.count_parts", Mock(side_effect=MemoryError))
        deliver(desk.service, kserve("response", "a", RESPONSE))
    assert later(desk) == 1
    assert counts(desk, "score") == {"= 0.5": 1, "null": 1}


def test_what_is_refused_is_let_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that will never be taken does not come back round after round."""
    deliver(desk.service, kserve("request", "a", REQUEST))
    with monkeypatch.context() as strict:
        strict.setattr("app.monitor.sweep.count_parts", Mock(side_effect=TooLarge("too-many-rows", "too many rows")))
        assert later(desk) == 1
    assert later(desk) == 0


def test_a_death_before_counting(desk: Desk) -> None:
    """Halves that were committed are found by a round, and by the sender's second try."""
    for identity in ("a", "b"):
        deliver(desk.service, kserve("request", identity, REQUEST))
        failpoints.arm("pairing.after_arrival=error")
        with pytest.raises(Unavailable):
            deliver(desk.service, kserve("response", identity, RESPONSE))
        failpoints.arm("")
    deliver(desk.service, kserve("response", "a", RESPONSE))
    assert window(desk)["rows"] == 2
    assert later(desk) == 1
    assert counts(desk, "score") == {"= 0.5": 2, "null": 2}


def test_both_halves_at_once(desk: Desk) -> None:
    """Halves that arrive at the same moment find each other without waiting for a round."""
    sent = [
        kserve(half, str(n), REQUEST if half == "request" else RESPONSE)
        for n in range(30)
        for half in ("request", "response")
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: deliver(desk.service, one), sent))
    assert window(desk)["rows"] == 60
    assert counts(desk, "score") == {"= 0.5": 30, "null": 30}


def test_a_batch_of_events(desk: Desk) -> None:
    """A batch is committed together; what is no event in it costs the others nothing."""
    good = [
        {"specversion": "1.0", "id": "a", "source": "s", "type": f"x.{half}", "inferenceservicename": "m", "data": body}
        for half, body in (("request", REQUEST), ("response", RESPONSE))
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    batch = [*good, 5, {**good[0], "id": "b", "data": {"instances": 5}}]
    assert deliver(desk.service, (headers, json.dumps(batch).encode())) == 2
    assert window(desk)["rows"] == 2
    assert rows(desk, "rejected") == 1
    assert refused(desk.service, (headers, b"[5]")) == "undecodable"


def test_an_event_of_another_kind(desk: Desk) -> None:
    """An event that is neither request nor response waits for nobody, and counts once."""
    for _ in range(2):
        deliver(desk.service, kserve("", "a", {"rows": [{"age": 1}]}, type="com.example.scored"))
    assert (window(desk)["rows"], rows(desk, "duplicate")) == (1, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "undecodable"), ({"instances": [[1]]}, "schema-width"), (b"\x1f\x8bxx", "undecodable")],
)
def test_what_cannot_be_read(desk: Desk, body: Any, code: str) -> None:
    """It is refused at once and kept as a counted sample without its bytes."""
    assert refused(desk.service, kserve("request", "a", body)) == code
    kept = samples.listed(desk.service, desk.watched)
    assert [(one["format"], str(one["reason"]).split(":")[0], one["count"], one["body"]) for one in kept] == [
        ("kserve", code, 1, None)
    ]
    assert later(desk) == 0


def test_ten_samples_are_kept(desk: Desk) -> None:
    """The eleventh reason makes the oldest go."""
    for n in range(12):
        desk.at(desk.service.now_us() + 1)
        name = "abcdefghijklmnop"[n]
        tensor = {"name": name, "shape": [2], "datatype": "FP32", "data": [1]}
        assert refused(desk.service, kserve("request", "a", {"inputs": [tensor]})) == "undecodable"
    kept = samples.listed(desk.service, desk.watched)
    assert [str(one["reason"]).split("'")[1] for one in kept] == list("lkjihgfedc")


def test_what_waits_is_bounded(desk: Desk) -> None:
    """Beyond its bytes the waiting room is closed for a while, and opens when halves have met."""
    object.__setattr__(desk.service, "waiting", Burden(100))
    for n in range(2):
        deliver(desk.service, kserve("request", str(n), REQUEST))
    with pytest.raises(Unavailable, match="too many bytes"):
        deliver(desk.service, kserve("request", "2", REQUEST))
    for n in range(3):
        later(desk)
        deliver(desk.service, kserve("request", f"later-{n}", REQUEST))


def test_a_body_that_unpacks_to_too_much(desk: Desk) -> None:
    """The limit of a body holds for what events carry inside."""
    with pytest.raises(TooLarge):
        deliver(desk.service, kserve("request", "a", b'{"instances":[' + b" " * 17 * 2**20 + b"]}"))


def test_no_baseline_yet(desk: Desk) -> None:
    """A model that cannot count yet says so, and keeps nothing."""
    desk.name = "new"
    desk.configure(window="1h")
    with pytest.raises(Conflict):
        deliver(desk.service, kserve("request", "a", REQUEST, inferenceservicename="new"))


@pytest.mark.parametrize("order", list(itertools.permutations(["request", "response", "feedback"])))
def test_the_truth_joins_its_row(truthful: Desk, order: tuple[str, ...]) -> None:
    """Seldon's three events make one row, in any order."""
    bodies = {
        "request": {"data": {"names": ["age", "city"], "ndarray": [[1, "Oslo"]]}},
        "response": {"data": {"names": ["t:0"], "ndarray": [[0.5]]}},
        "feedback": {"truth": {"data": {"ndarray": [[1]]}}, "reward": 0},
    }
    for half in (*order, *order):
        deliver(truthful.service, seldon(half, "p-1", bodies[half]))
    read = window(truthful, start=MONDAY + HOUR_US)
    assert (read["rows"], read["rows_by_role"]) == (1, {"feature": 1, "prediction": 1, "outcome": 1})
    assert counts(truthful, "default", start=MONDAY + HOUR_US) == {"= 1": 1}
    assert counts(truthful, "score", start=MONDAY + HOUR_US) == {"= 0.5": 1}
    assert later(truthful) == 0


def test_the_truth_comes_late(truthful: Desk) -> None:
    """A truth after the time is a row of outcomes only, counted once: other roles do not count it."""
    deliver(truthful.service, seldon("request", "p-1", REQUEST))
    deliver(truthful.service, seldon("response", "p-1", RESPONSE))
    assert later(truthful) == 1
    feedback = {"truth": {"data": {"ndarray": [[1], [0]]}}, "response": {"meta": {"puid": "p-1"}}}
    deliver(truthful.service, seldon("feedback", "", feedback))
    deliver(truthful.service, seldon("feedback", "p-1", feedback))
    assert later(truthful) == 0
    read = window(truthful, start=MONDAY + HOUR_US)
    assert (read["rows"], read["rows_by_role"]) == (4, {"feature": 2, "prediction": 2, "outcome": 4})
    assert counts(truthful, "default", start=MONDAY + HOUR_US) == {"null": 2, "= 0": 1, "= 1": 1}
    assert read["features"]["age"]["rows"] == 2
    assert (unpaired(truthful, "request"), balanced(truthful)) == (0, True)


def test_a_late_truth_that_cannot_be_kept(truthful: Desk) -> None:
    """A late truth waits nowhere: its sender is told when it was not committed, and may send it again."""
    deliver(truthful.service, seldon("request", "p-1", REQUEST))
    assert later(truthful) == 1
    feedback = {"truth": {"data": {"ndarray": [[1], [0]]}}}
    failpoints.arm("ingest.before_decode=error")
    with pytest.raises(Unavailable):
        deliver(truthful.service, seldon("feedback", "p-1", feedback))
    failpoints.arm("")
    deliver(truthful.service, seldon("feedback", "p-1", feedback))
    assert window(truthful, start=MONDAY + HOUR_US)["rows_by_role"]["outcome"] == 4


def test_a_truth_that_nobody_asked_for(desk: Desk) -> None:
    """Feedback for a model without outcomes counts no row."""
    deliver(desk.service, seldon("feedback", "p-1", {"truth": {"data": {"ndarray": [[1]]}}}))
    assert later(desk) == 0
    assert rows(desk, "accepted", kind="seldon") == 0


def test_shuffled_and_doubled(truthful: Desk) -> None:
    """Many calls, in any order and with copies, some halves missing, count what an independent count says."""
    dice = random.Random(5)
    sent: list[tuple[dict[str, str], bytes]] = []
    expected = {"rows": 0, "score": 0, "default": 0}
    alone = {"request": 0, "response": 0}
    for n in range(40):
        halves = {half for half in ("request", "response", "feedback") if dice.random() < 0.8}
        bodies = {
            "request": REQUEST,
            "response": {"predictions": [0.5, 0.25]},
            "feedback": {"truth": {"data": {"ndarray": [[1], [0]]}}},
        }
        sent += [seldon(half, f"p-{n}", bodies[half]) for half in sorted(halves) for _ in range(dice.randint(1, 2))]
        expected["rows"] += 2 if halves & {"request", "feedback"} else 0
        expected["score"] += 2 if halves >= {"request", "response"} else 0
        expected["default"] += 2 if "feedback" in halves else 0
        alone["request"] += "request" in halves and "response" not in halves
        alone["response"] += "response" in halves and "request" not in halves
    dice.shuffle(sent)
    for one in sent:
        deliver(truthful.service, one)
    later(truthful)
    read = window(truthful, start=MONDAY + HOUR_US)
    valued = {
        name: sum(one["count"] for one in read["features"][name]["bins"] if one["kind"] != "null")
        for name in ("score", "default")
    }
    assert {"rows": read["rows"], **valued} == expected
    assert {half: unpaired(truthful, half) for half in alone} == alone
    assert balanced(truthful)
