"""`python -m tests.fuzz.one TARGET ...`: fuzz one target in this process, with libFuzzer's options after its name."""

import sys
from pathlib import Path

import atheris


def main() -> None:
    """Read everything of ours with instruments on, then never return."""
    name, *options = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with atheris.instrument_imports(include=["app"]):
        from fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported
    target = TARGETS[name]

    def read(data: bytes) -> None:
        try:
            target.read(data)
        except target.declared:
            return

    atheris.Setup([sys.argv[0], *options], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
