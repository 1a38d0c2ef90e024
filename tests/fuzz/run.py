"""The command: each target in a process of its own, from the stored corpus, within 512 MiB."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fuzz import corpus
from fuzz.targets import TARGETS

MEGABYTES: Final = 512
SLOWEST_S: Final = 20
LARGEST: Final = 1 << 16
GRACE_S: Final = 120
_UNITS: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_PEAK: Final = re.compile(r"stat::peak_rss_mb:\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a target: inputs read, most memory held in MiB, and what was found, if anything."""

    name: str
    inputs: int
    megabytes: int
    fault: str | None
    new: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        """One line, and the end of the output when there is a find."""
        line = (
            f"{self.name:<12} {self.inputs:>9,} inputs  {self.megabytes:>4} MiB  {'FOUND' if self.fault else 'clean'}"
        )
        return f"{line}\n{self.fault}" if self.fault else line


def fuzz(name: str, *, seconds: int, seed: int) -> Finding:
    """Fuzz one target for some seconds."""
    with tempfile.TemporaryDirectory(prefix="dg-fuzz-") as home:
        found, seeds = Path(home, "found"), Path(home, "seeds")
        corpus.lay_out(name, seeds)
        found.mkdir()
        options = {
            "max_total_time": seconds, "rss_limit_mb": MEGABYTES, "timeout": SLOWEST_S, "max_len": LARGEST,
            "seed": seed, "reload": 0, "print_final_stats": 1, "artifact_prefix": f"{home}/find-",
        }  # fmt: skip
        words = [f"-{option}={value}" for option, value in options.items()]
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.one", name, *words, str(found), str(seeds)],
                cwd=Path(__file__).parents[2],
                env=os.environ | {"PYTHONPATH": ".", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
                capture_output=True,
                timeout=seconds + GRACE_S,
                check=False,
            )
            text, code = ended.stderr + ended.stdout, ended.returncode
        except subprocess.TimeoutExpired as late:
            text, code = (late.stderr or b"") + b"\nit did not end", -1
        log = text.decode("utf-8", "replace")
        units, peak = _UNITS.search(log), _PEAK.search(log)
        finds = [f"{path.name}: {path.read_bytes()[:2000]!r}" for path in sorted(Path(home).glob("find-*"))]
        fault = None if not code and units and not finds else "\n".join([log[-6000:], f"exit code {code}", *finds])
        new = tuple(path.read_bytes() for path in sorted(found.iterdir()))
        return Finding(name, int(units[1]) if units else 0, int(peak[1]) if peak else 0, fault, new)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz what is named, or everything; 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at the same time (one a core)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="add the inputs that reached something new to the corpus")
    told = parser.parse_args(arguments)
    if unknown := set(told.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if find_spec("atheris") is None:
        print("NOTHING WAS FUZZED: atheris has no wheel for this Python or platform", file=sys.stderr)  # noqa: T201
        return 0
    with ThreadPoolExecutor(told.jobs) as pool:
        running = [pool.submit(fuzz, name, seconds=told.seconds, seed=told.seed) for name in told.targets or TARGETS]
        findings = [_shown(one.result()) for one in running]
    if told.keep:
        corpus.keep({one.name: one.new for one in findings})
    return int(any(one.fault for one in findings))


def _shown(finding: Finding) -> Finding:
    print(finding, flush=True)  # noqa: T201 - the command's output
    return finding
