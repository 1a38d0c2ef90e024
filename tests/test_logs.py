"""The service's logs, as a process writes them."""

import json
import subprocess
import sys


def test_warnings_are_lines_of_json() -> None:
    """A warning of Python or of a library is a JSON object on one line, like all else on standard error."""
    program = "import warnings; from app.logs import configure; configure(); warnings.warn('late', RuntimeWarning)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["level"] == "warning"
    assert "RuntimeWarning: late" in json.loads(line)["event"]
