"""The command and its sub-commands."""

import json
import os
import subprocess
import sys

import pytest

from app import __version__
from app.cli.main import COMMANDS, wanted
from service import command

HEAVY = ("alembic", "fastapi", "numpy", "psycopg", "pyarrow", "sqlalchemy", "uvicorn", "app.main")


@pytest.mark.parametrize("name", ["rules", "config"])
def test_looking_costs_no_service(name: str) -> None:
    """What only prints loads neither the database, nor the web, nor the mathematics."""
    script = (
        "import sys; from app.cli.main import program; program(sys.argv[1:]);"
        f"print([one for one in {HEAVY!r} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_only_what_is_asked_for() -> None:
    """One sub-command for its own name, none for the version, all for help and for what nobody knows."""
    assert wanted("key", ["key", "list", "--help"]) == ["key"]
    assert wanted(None, ["--version"]) == []
    assert wanted(None, ["--help"]) == wanted("confg", ["confg"]) == list(COMMANDS)


def test_help_names_every_command() -> None:
    """All of them can be loaded, and say what they are for."""
    done = subprocess.run(command("--help"), capture_output=True, text=True, check=True)
    assert [name for name in COMMANDS if f"│ {name} " not in done.stdout] == []


def test_version() -> None:
    """The version and nothing else."""
    assert subprocess.run(command("--version"), capture_output=True, text=True, check=True).stdout == f"{__version__}\n"


def test_config_names_what_nothing_reads() -> None:
    """A misspelt variable is named beside the settings, with the one that was meant."""
    environment = {**os.environ, "DRIFTGAUGE_FOLD_INTERVALL": "1s"}
    done = subprocess.run(command("config"), capture_output=True, text=True, check=True, env=environment)
    assert "fold_interval" in json.loads(done.stdout)
    assert "DRIFTGAUGE_FOLD_INTERVALL is no setting; the nearest one is DRIFTGAUGE_FOLD_INTERVAL\n" in done.stderr


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf"])
def test_no_such_budget(budget: str) -> None:
    """A budget that is none is said so before anything is opened."""
    asked = command("backtest", "--model", "m", "--budget", budget)
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "a budget is more than 0" in done.stderr
