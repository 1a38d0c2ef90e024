"""`python -m tests.faults`: break everything, and see whether a batch is counted exactly once."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(import_module("faults.run").main())
