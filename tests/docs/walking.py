"""Pages of documentation as a newcomer walks through them: every block of commands, one after the other."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ADDRESS: Final = "http://127.0.0.1:8080"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Every fenced block with its language."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


class Walker:
    """Somebody in a folder of their own; what they leave running ends with the walk."""

    def __init__(self, folder: Path, replaced: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self.folder = folder
        self._replaced = replaced
        (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        here = Path(sys.executable).parent
        path = f"{here}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "CURL_HOME": str(folder), "PATH": path, **settings}
        self._groups: list[int] = []

    def walk(self, page: Path) -> str:
        """Run every block of a page; gives all that was printed."""
        return "".join(self._run(language, text) for language, text in blocks(page))

    def _run(self, language: str, text: str) -> str:
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        command = {"sh": ["sh", "-euc", text], "python": [sys.executable, "-W", "error", "-c", text]}[language]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            code = process.wait(240)
            said.seek(0)
            shown = said.read()
        assert code == 0, f"{text}\n{shown}"
        return shown

    def end(self) -> None:
        """End what still runs."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


@contextmanager
def walker(folder: Path, replaced: Mapping[str, str], settings: Mapping[str, str] | None = None) -> Iterator[Walker]:
    """Somebody with a text editor: what they type in place of what is written, and the variables they have set."""
    somebody = Walker(folder, replaced, settings or {})
    try:
        yield somebody
    finally:
        somebody.end()
