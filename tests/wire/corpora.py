"""Published collections of hostile data, as packed in `corpus/`."""

import json
from pathlib import Path
from typing import Final
from zipfile import ZipFile

CORPUS: Final = Path(__file__).with_name("corpus")
LITERALS: Final = frozenset({"n_number_NaN", "n_number_infinity", "n_number_minus_infinity"})


def json_files() -> dict[str, bytes]:
    """The files of the JSON test suite: y_ is JSON, n_ is none, i_ is for the reader to decide."""
    with ZipFile(CORPUS / "json_test_suite.zip") as packed:
        names = [name for name in packed.namelist() if name.endswith(".json")]
        return {name.removesuffix(".json"): packed.read(name) for name in names}


def naughty_strings() -> list[str]:
    """Strings that have broken programs before, each once."""
    with ZipFile(CORPUS / "naughty_strings.zip") as packed:
        strings: list[str] = json.loads(packed.read("blns.json"))
    return list(dict.fromkeys(strings))


def is_json(name: str) -> bool | None:
    """Tell whether a file must be read; None when either is right. NaN and the infinities are read here."""
    return {"y": True, "n": name in LITERALS}.get(name[0])
