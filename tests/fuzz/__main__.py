"""`python -m tests.fuzz`: throw mutated bytes at every reader, for a minute each unless told."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(import_module("fuzz.run").main())
