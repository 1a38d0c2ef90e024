"""Failpoints: what their text means, and that nothing happens at one that is not armed."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app import failpoints
from app.errors import ConfigurationError, Unavailable
from app.failpoints import Action, Failpoint


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No point stays armed after a test."""
    yield
    failpoints.arm("")


def test_points_are_read_with_probability_and_length() -> None:
    """A kill and an error take a probability, a pause first takes its seconds."""
    assert failpoints.parse("ingest.after_ledger=kill:0.02, fold.before_commit=pause:5:0.5,ingest.queued=error") == {
        "ingest.after_ledger": Failpoint(Action.KILL, 0.02),
        "fold.before_commit": Failpoint(Action.PAUSE, 0.5, 5.0),
        "ingest.queued": Failpoint(Action.ERROR),
    }


@pytest.mark.parametrize(
    "text", ["ingest.nowhere=kill", "ingest.queued", "ingest.queued=kill:2", "ingest.queued=pause", "ingest.queued=x:1"]
)
def test_a_mistake_is_a_configuration_error(text: str) -> None:
    """A test with a misspelt point must not look as if it had passed."""
    with pytest.raises(ConfigurationError):
        failpoints.parse(text)


def test_only_an_armed_point_fails(capfd: pytest.CaptureFixture[str]) -> None:
    """The armed point fails and says so, its neighbours do nothing."""
    failpoints.arm("ingest.queued=error")
    failpoints.hit("ingest.after_begin")
    with pytest.raises(Unavailable):
        failpoints.hit("ingest.queued")
    assert '"point": "ingest.queued"' in capfd.readouterr().err


def test_a_kill_is_a_kill() -> None:
    """The process ends as the kernel ends it, without any handler."""
    program = "from app import failpoints as f; f.arm('ingest.queued=kill'); f.hit('ingest.queued')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_nobody_arms_them_on_a_public_address() -> None:
    """The program refuses to listen where others could meet a failpoint."""
    command = [sys.executable, "-m", "app.cli.main", "serve", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    ended = subprocess.run(
        command, env={"DRIFTGAUGE_FAILPOINTS": "ingest.queued=kill"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 78
    assert "failpoints" in ended.stderr
