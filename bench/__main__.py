"""`make bench`: every benchmark in turn, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
QUICK = {"alert_quality.py": ["--quick"]}
BY_HAND = {"picture.py", "dashboards.py", "quiet_month.py"}  # they draw pictures, or want Debian's Prometheus


def main() -> None:
    """Run the benchmarks one after the other, so that none disturbs another."""
    for script in sorted(HERE.glob("*.py")):
        if script.name.startswith("_") or script.name in BY_HAND:
            continue
        print(f"== {script.name}", flush=True)
        subprocess.run([sys.executable, str(script), *QUICK.get(script.name, [])], check=True)


if __name__ == "__main__":
    main()
