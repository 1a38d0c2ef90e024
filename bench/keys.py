"""Whether the time of a refusal tells why: keys of unknown ids, wrong secrets of known ids and revoked keys.

The yardstick of the same run is the wrong secret itself, measured twice. Tries of all kinds take turns on one
connection, so that what else goes on disturbs all alike. A key that is shown again within a second is refused from
memory, whatever is wrong with it; so keys that are new each time and keys that are shown again are compared apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import cycle, repeat
from pathlib import Path

import httpx

from app.main import open_service
from app.monitor import keys
from app.monitor.models import Author
from app.monitor.tokens import Token, _checksum, mint
from app.settings import Settings
from app.storage.embedded import EmbeddedPostgres

REVOKED = 300
BENCH = Author("bench", "bench")
UNLIMITED = {"DRIFTGAUGE_MAX_AUTH_FAILURES": "0", "DRIFTGAUGE_MAX_AUTH_FAILURES_PER_ADDRESS": "0"}


def wrong(known: Token) -> str:
    """A key of the known id with another secret and a checksum that fits."""
    body = f"dm_{known.id}_{mint().text.split('_')[2]}"
    return f"{body}_{_checksum(body)}"


def measured(client: httpx.Client, kinds: Mapping[str, Iterator[str]], *, tries: int) -> dict[str, float]:
    """Median seconds of a refusal of each kind."""
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(tries):
        for kind, texts in kinds.items():
            headers = {"Authorization": f"Bearer {next(texts)}"}
            began = time.perf_counter()
            answer = client.get("/v1/limits", headers=headers)
            took[kind].append(time.perf_counter() - began)
            assert answer.status_code == httpx.codes.UNAUTHORIZED, answer.text
    return {kind: statistics.median(times) for kind, times in took.items()}


def table(name: str, found: Mapping[str, float]) -> None:
    """Print medians, and their ratios to the wrong secret's."""
    for kind, median in found.items():
        print(f"{name:<22} {kind:<20} p50 {median * 1e3:6.2f} ms   ratio {median / found['wrong secret']:.3f}")


def main() -> None:
    """Make keys, end most of them, and show them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2000)
    tries = parser.parse_args().tries
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        url = stack.enter_context(EmbeddedPostgres(Path(home))).url
        office = open_service(Settings(database_url=url), migrate=True, stack=stack)
        made = [
            keys.create(office, scopes=["read"], models=None, name="", expires_in_us=None, author=BENCH)
            for _ in range(REVOKED)
        ]
        for token in made[1:]:
            keys.revoke(office, token.id, author=BENCH)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
        environment |= UNLIMITED | {"DRIFTGAUGE_DATABASE_URL": url, "DRIFTGAUGE_DATA_DIR": home}
        program = [str(Path(sys.executable).with_name("driftgauge")), "serve", "--port", "0"]
        process = stack.enter_context(
            subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        client = stack.enter_context(httpx.Client(base_url=url, timeout=60))
        new = {
            "wrong secret": (wrong(made[0]) for _ in repeat(None)),
            "wrong secret again": (wrong(made[0]) for _ in repeat(None)),
            "unknown id": (mint().text for _ in repeat(None)),
            "revoked": cycle(token.text for token in made[1:]),
        }
        measured(client, new, tries=REVOKED)
        table("shown for the first", measured(client, new, tries=tries))
        again = {
            "wrong secret": repeat(wrong(made[0])),
            "unknown id": repeat(mint().text),
            "revoked": repeat(made[1].text),
        }
        table("shown again", measured(client, again, tries=tries))


if __name__ == "__main__":
    main()
