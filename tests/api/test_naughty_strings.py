"""The big list of naughty strings in every place that takes a name: read back identical, or refused."""

import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import postgres
from acceptance.streams import recent
from acceptance.world import iso, now_us
from api.locked import Locked, locked_service
from app.wire.names import BATCH_ID_BYTES, lawful
from wire.corpora import naughty_strings

OWN: Final = (
    "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "%s%n%d", "'; DROP TABLE window_counts; --", "1' OR '1'='1", "\\N",
    "\\.", "x:predict", ":predict", "a\\nb", "a\nb", 'a"b\\', "le", "__name__", "a/../b", "..%2f..", "%00", "\u0000",
    "\ud800", "\u212b", "e\u0301", "\u202eevil", "\ufeff", "\U0010ffff", "x" * 256, "x" * 257, "\u00e9" * 129, " a",
    "a ", ".", "..",
)  # fmt: skip
STRINGS: Final = [*naughty_strings(), *OWN]
LAWFUL: Final = [string for string in STRINGS if lawful(string)]
SOME: Final = [*STRINGS[:: len(STRINGS) // 50], *OWN]  # each costs a model or a version of one
ENCODED: Final = {string: quote(string.encode("utf-8", "surrogatepass"), safe="") for string in STRINGS}
START: Final = recent(now_us())


@pytest.fixture(scope="module")
def locked(postgres_server: postgres.Server) -> Iterator[Locked]:
    """A service of this file's own."""
    name = postgres_server.create(template=postgres_server.template)
    with locked_service(postgres_server.url(name)) as running:
        running.call("PUT", "/v1/models/m", running.made[0], json={"features": {"c": {"kind": "categorical"}}})
        rows = [{"c": string} for string in STRINGS]
        answer = ask(running, "POST", "/v1/models/m/baselines?activate=true", body={"rows": rows})
        assert answer.status_code == 201, answer.text
        yield running


def ask(locked: Locked, method: str, path: str, *, body: object = None, **headers: str) -> httpx.Response:
    """Ask with a key, a body as JSON."""
    sent = None if body is None else json.dumps(body).encode()
    told = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return locked.call(method, path, locked.made[0], content=sent, headers=told)


def refused(answer: httpx.Response, string: str) -> bool:
    """Tell a refusal, which is never a 5xx."""
    assert answer.is_success or 400 <= answer.status_code < 500, (string, answer.text)
    return answer.is_error


def labels(locked: Locked, name: str) -> set[str]:
    """Every value of a label on /metrics, as Prometheus' own parser reads it."""
    text = ask(locked, "GET", "/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.labels[name] for sample in samples if name in sample.labels}


def test_there_are_enough() -> None:
    """The list is whole, and both sorts are in it."""
    assert len(STRINGS) > 500
    assert len(STRINGS) - len(LAWFUL) > 20


def test_models(locked: Locked) -> None:
    """A lawful name makes a model that is read under that name; no other name makes one."""
    for string in SOME:
        path = f"/v1/models/{ENCODED[string]}"
        answer = ask(locked, "PUT", path, body={"features": {"x": {"kind": "numeric"}}})
        assert refused(answer, string) != lawful(string), (string, answer.text)
        if answer.is_success:
            assert ask(locked, "GET", path).json()["name"] == answer.json()["name"] == string
            listed = {model["name"] for model in ask(locked, "GET", "/v1/models").json()}
            assert listed == {"m", string}
            assert ask(locked, "DELETE", path).status_code == 204


def test_categories(locked: Locked) -> None:
    """Every category is one, whatever it is made of, and is published as it came."""
    assert ask(locked, "PUT", "/v1/models/words", body={"features": {"c": {"kind": "categorical"}}}).status_code == 201
    for part in range(0, len(LAWFUL), 50):
        some = LAWFUL[part : part + 50]
        rows = [{"c": string} for string in some for _ in range(3)]
        assert ask(locked, "POST", "/v1/models/words/baselines", body={"rows": rows}).status_code == 201
        read = ask(locked, "GET", f"/v1/models/words/baselines/{part // 50 + 1}").json()["features"]["c"]["bins"]
        assert {bin_["value"]: bin_["count"] for bin_ in read if bin_["kind"] == "category"} == dict.fromkeys(some, 3)


def test_features(locked: Locked) -> None:
    """Lawful names of columns are features, down to /metrics; in the rows of a batch all others are ignored."""
    made = {string: {"kind": "numeric"} for string in LAWFUL}
    path = "/v1/models/wide"
    assert ask(locked, "PUT", path, body={"features": made}).status_code == 201
    row = dict.fromkeys(LAWFUL, 1.0)
    answer = ask(locked, "POST", f"{path}/baselines?activate=true", body={"rows": [row, row]})
    assert answer.status_code == 201, answer.text
    sent = dict.fromkeys(STRINGS, 1.0) | {"timestamp": START}
    receipt = ask(locked, "POST", f"{path}/batches", body={"rows": [sent] * 30})
    assert receipt.json()["rows"]["accepted"] == 30
    ignored = {string.encode("utf-8", "replace") for string in STRINGS} - {string.encode() for string in LAWFUL}
    assert receipt.json()["ignored_features"]["count"] == len(ignored)
    assert ask(locked, "POST", f"{path}/evaluate?from={iso(START)}").is_success
    read = ask(locked, "GET", f"{path}/windows/{iso(START)}/histograms").json()["features"]
    assert set(read) == set(LAWFUL)
    assert set(LAWFUL) <= labels(locked, "feature")
    for string in LAWFUL[::10]:
        told = ask(locked, "GET", f"{path}/features/{ENCODED[string]}/explanation?from={iso(START)}")
        assert not refused(told, string) or told.status_code in {404, 422}, told.text


def test_versions(locked: Locked) -> None:
    """A lawful version is read back identical, here and on /metrics."""
    for string in SOME:
        body = {"rows": [{"c": "a", "timestamp": START}] * 30}
        answer = ask(locked, "POST", f"/v1/models/m/batches?version={ENCODED[string]}", body=body)
        assert refused(answer, string) == (not lawful(string) and string != ""), (string, answer.text)
    found = {window["version"] for window in ask(locked, "GET", "/v1/models/m/windows").json()}
    assert found == {*filter(lawful, SOME), "default"}
    assert ask(locked, "POST", f"/v1/models/m/evaluate?from={iso(START)}").is_success
    assert found <= labels(locked, "version")


def test_batch_ids(locked: Locked) -> None:
    """A lawful id is on the receipt, and leads to it."""
    for string in STRINGS:
        path = f"/v1/models/m/batches/{ENCODED[string]}"
        answer = ask(locked, "PUT", path, body={"rows": [{"c": string}]})
        if string:
            assert refused(answer, string) != lawful(string, limit=BATCH_ID_BYTES), (string, answer.text)
        if answer.is_success:
            assert ask(locked, "GET", path).json()["batch_id"] == answer.json()["batch_id"] == string


def test_keys_and_headers(locked: Locked) -> None:
    """A string is no key, and in no other header does it do harm."""
    before = {model["name"] for model in ask(locked, "GET", "/v1/models").json()}
    for string in STRINGS:
        raw = string.encode("utf-8", "surrogatepass").strip()
        if not raw or {0, 10, 13} & set(raw):
            continue
        told = {b"Authorization": b"Bearer " + raw}
        assert locked.service.client.get("/v1/limits", headers=told).status_code in {400, 401}, string
        told = {b"Authorization": b"Bearer " + locked.made[0].encode()}
        for name in (b"X-Request-Id", b"Idempotency-Key", b"Content-Type", b"If-Match", b"ce-id", b"User-Agent"):
            told[name] = raw
        body = b'{"rows":[{"c":"a"}]}'
        answer = locked.service.client.post("/v1/models/m/batches", content=body, headers=told)
        assert not refused(answer, string) or answer.status_code in {400, 412, 415, 422}, (string, answer.text)
        assert (
            not refused(locked.service.client.post("/v1/models/m:predict", content=b"{}", headers=told), string) or True
        )
    assert {model["name"] for model in ask(locked, "GET", "/v1/models").json()} == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/m/windows?from={}", "/v1/models/m/scores?version={}", "/v1/models/m/scores?feature={}&to={}",
        "/v1/models/m/windows?limit={}&cursor={}", "/v1/logs?model={}", "/v1/limits?{}", "/{}",
        "/v1/models/m/windows/{}", "/v1/models/m/baselines/{}", "/v1/models/m/episodes?{}={}",
    ],
)  # fmt: skip
def test_queries_and_paths(locked: Locked, path: str) -> None:
    """A string in a query or in a path is looked for, or refused."""
    for string in STRINGS:
        answer = ask(locked, "GET", path.format(ENCODED[string], ENCODED[string]))
        assert not refused(answer, string) or answer.status_code in {400, 404, 405, 422}, (string, answer.text)
