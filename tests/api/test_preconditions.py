"""Changes that say what they expect to find lose no update."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest

from api.locked import Locked

LINE: Final = {"statistic": "psi", "warning": {"mode": "fixed", "value": 0.5}}


@pytest.fixture
def path(locked: Locked, request: pytest.FixtureRequest) -> str:
    """A model of the test's own."""
    path = f"/v1/models/{request.node.name}"
    assert send(locked, "PUT", path, {}).status_code == 201
    return path


def send(locked: Locked, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
    """Send a change with conditions."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return locked.call(method, path, locked.made[0], json=body, headers=named)


@pytest.mark.parametrize("suffix", ["", "/thresholds", "/alert-budget"], ids=["model", "thresholds", "budget"])
def test_of_two_who_read_the_same_one_wins(locked: Locked, path: str, suffix: str) -> None:
    """The second change with the same tag is 412, and who reads again may go on."""
    read = path + ("" if suffix == "/alert-budget" else suffix)
    body = {"": {"late_horizon": "2h"}, "/thresholds": LINE, "/alert-budget": {"pages_per_month": 2}}[suffix]
    tag = locked.call("GET", read, locked.made[0]).headers["etag"]
    assert send(locked, "PUT", path + suffix, body, If_Match=tag).status_code == 200
    late = send(locked, "PUT", path + suffix, body, If_Match=tag)
    assert (late.status_code, late.json()["code"]) == (412, "precondition-failed")
    fresh = locked.call("GET", read, locked.made[0]).headers["etag"]
    assert fresh != tag
    assert send(locked, "PUT", path + suffix, body, If_Match=f'"other", {fresh}').status_code == 200


def test_at_once(locked: Locked, path: str) -> None:
    """Of eight changes at once with one tag exactly one is made, of models and of thresholds."""
    for suffix, body in (("", {"late_horizon": "3h"}), ("/thresholds", LINE)):
        tag = locked.call("GET", path + suffix, locked.made[0]).headers["etag"]
        with ThreadPoolExecutor(8) as pool:
            sent = [pool.submit(send, locked, "PUT", path + suffix, body, If_Match=tag) for _ in range(8)]
        assert sorted(one.result().status_code for one in sent) == [200] + [412] * 7


def test_without_conditions(locked: Locked, path: str) -> None:
    """Clients that do not care are not disturbed; a weak tag never matches, a star always does."""
    assert send(locked, "PUT", path, {}).status_code == 200
    tag = locked.call("GET", path, locked.made[0]).headers["etag"]
    assert send(locked, "PUT", path, {}, If_Match=f"W/{tag}").status_code == 412
    assert send(locked, "PUT", path, {}, If_Match="*").status_code == 200


def test_only_new(locked: Locked, path: str) -> None:
    """If-None-Match of a star makes a model only if there is none; If-Match of a star only if there is one."""
    assert send(locked, "PUT", path, {}, If_None_Match="*").status_code == 412
    assert send(locked, "PUT", path + "-new", {}, If_Match="*").status_code == 412
    assert send(locked, "PUT", path + "-new", {}, If_None_Match="*").status_code == 201


def test_delete(locked: Locked, path: str) -> None:
    """What has changed is not removed, and a namesake is another."""
    tag = locked.call("GET", path, locked.made[0]).headers["etag"]
    send(locked, "PUT", path, {})
    assert send(locked, "DELETE", path, If_Match=tag).status_code == 412
    fresh = locked.call("GET", path, locked.made[0]).headers["etag"]
    assert send(locked, "DELETE", path, If_Match=fresh).status_code == 204
    assert send(locked, "PUT", path, {}).headers["etag"] not in {tag, fresh}
    assert send(locked, "DELETE", f"{path}/thresholds?statistic=psi", If_Match='"x"').status_code == 412
