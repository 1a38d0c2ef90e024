"""Which names are lawful."""

import pytest

from app.errors import Refused
from app.wire.names import check_name, lawful


@pytest.mark.parametrize(
    "name", ["a", "dep_delay", "a/b", "...", "x y", "é", "价格", "a" * 256, "😀", "ß" * 128, "a:b"]
)
def test_lawful(name: str) -> None:
    """Plain names in any script are lawful."""
    assert check_name(name, "feature") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        " a",
        "a ",
        "\u00a0a",
        "a\x00",
        "a\n",
        "\x7f",
        "\x85a",
        "a\u202eb",
        "\u2066a",
        "\u200ea",
        "\ud800",
        "e\u0301",
        "a" * 257,
        "ß" * 129,
    ],
)
def test_unlawful(name: str) -> None:
    """Whatever could deceive a reader or break a database is refused, and the answer is printable."""
    assert not lawful(name)
    with pytest.raises(Refused) as refusal:
        check_name(name, "feature")
    assert refusal.value.code == "unlawful-name"
    assert refusal.value.detail.isprintable()
    assert refusal.value.detail.isascii()


def test_limit() -> None:
    """A batch id has a limit of its own."""
    assert lawful("a" * 128, limit=128)
    assert not lawful("a" * 129, limit=128)
