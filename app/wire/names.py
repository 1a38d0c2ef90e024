"""Which names of models, versions, features and batches are lawful."""

import re
import unicodedata
from typing import Final

from app.errors import Refused
from app.wire.faults import clip

NAME_BYTES: Final = 256
BATCH_ID_BYTES: Final = 128

# Control characters, bidi marks, embeddings, overrides and isolates, lone surrogates.
UNLAWFUL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def fault(name: str, *, limit: int = NAME_BYTES) -> str | None:
    """Say what is wrong with a name; None when it is lawful."""
    if UNLAWFUL.search(name):
        return "holds a control, bidi or surrogate character"
    checks = {
        "is empty": not name,
        f"is longer than {limit} bytes of UTF-8": len(name.encode()) > limit,
        "starts or ends with a space": name != name.strip(),
        "is a relative path": name in {".", ".."},
        "is not in Unicode normal form C": not unicodedata.is_normalized("NFC", name),
    }
    return next((wrong for wrong, holds in checks.items() if holds), None)


def lawful(name: str, *, limit: int = NAME_BYTES) -> bool:
    """Tell whether a name may be used."""
    return fault(name, limit=limit) is None


def check_name(name: str, what: str, *, limit: int = NAME_BYTES) -> str:
    """Give the name back, or refuse it."""
    wrong = fault(name, limit=limit)
    if wrong is not None:
        shown = clip(ascii(name))
        raise Refused("unlawful-name", f"the {what} name {shown} {wrong}")
    return name
