"""Categorical bins: by name, by hash, and what was never seen."""

import numpy as np
import pytest
import xxhash

from app.drift.categories import CategoricalBins, all_may_have_a_bin, category_hash, category_hashes, may_have_a_bin
from app.drift.columns import INVALID_CODE, NULL_CODE
from drift.baselines import categorical_bins


def known(*categories: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Sorted hashes of these categories."""
    return np.array(sorted(map(category_hash, categories)), dtype=np.uint64)


def test_the_hash_is_the_published_one() -> None:
    """The hash's own test vectors for 64 bits and seed 0: the empty text and `abc`."""
    assert category_hash("") == 0xEF46DB3751D8E999
    assert category_hash("abc") == 0x44BC2CF5AD770999


def test_many_hashes_are_those_of_each() -> None:
    """Words are hashed together as one by one, whatever is in them, lone surrogates too."""
    words = ["", "a", "Zürich", "日本" * 40, "\0", "\N{GRINNING FACE}"]
    for some in (words, [*words, "\ud800"], []):
        assert category_hashes(some).tolist() == [category_hash(word) for word in some]
    assert category_hashes(words).dtype == np.uint64


def test_words_that_may_all_have_bins() -> None:
    """What is said of all words holds for each."""
    assert all_may_have_a_bin([])
    assert all_may_have_a_bin(["", "a", "\N{GRINNING FACE}" * 64])
    assert may_have_a_bin("\N{GRINNING FACE}" * 64)
    for odd in ("a\0", "x" * 257, "\N{GRINNING FACE}" * 65):
        assert not may_have_a_bin(odd)
        assert not all_may_have_a_bin(["a", odd])


def test_categories_are_placed_by_name_then_by_hash() -> None:
    """A named category has its bin, a known one its bucket of `other`, any other is unseen."""
    bins = CategoricalBins(("a", "b"), known=known("tail", "näil"))
    words = ("b", "tail", "new", "a", "näil")
    codes = np.array([0, 1, 2, 3, 4, NULL_CODE, INVALID_CODE], dtype=np.int32)
    buckets = [3 + xxhash.xxh64_intdigest(word.encode()) % 16 for word in ("tail", "näil")]
    expected = [1, buckets[0], bins.unseen, 0, buckets[1], bins.null, bins.invalid]
    assert bins.index(codes, words).tolist() == expected


def test_without_exact_knowledge_nothing_is_unseen() -> None:
    """When not every category of the baseline could be kept, strangers count as other."""
    bins = CategoricalBins(("a",), known=known("b"), known_exact=False)
    assert bins.index(np.array([0], dtype=np.int32), ("new",)).tolist() == [2 + category_hash("new") % 16]


def test_bins_are_published_in_order() -> None:
    """Categories, null, sixteen buckets of other, unseen, invalid."""
    bins = categorical_bins("x", "y")
    published = bins.describe(list(range(bins.size)))
    assert [one.label for one in published] == [
        "x",
        "y",
        "null",
        *(f"other {b}" for b in range(16)),
        "unseen",
        "invalid",
    ]
    assert [one.bucket for one in published[3:19]] == list(range(16))
    assert [one.value for one in published[:3]] == ["x", "y", None]
    assert [one.group for one in published] == list(range(bins.size))


@pytest.mark.parametrize(
    ("text", "lawful"),
    [("", True), ("x" * 256, True), ("x" * 257, False), ("ä" * 128, True), ("ä" * 129, False), ("a\0b", False)],
)
def test_only_short_clean_categories_have_bins(text: str, *, lawful: bool) -> None:
    """At most 256 bytes of UTF-8 and no U+0000."""
    assert may_have_a_bin(text) is lawful


def test_a_lone_surrogate_is_no_accident() -> None:
    """Text that is no UTF-8 is still counted once."""
    bins = categorical_bins("a")
    assert bins.index(np.array([0], dtype=np.int32), ("\ud800",)).tolist() == [bins.unseen]


def test_a_category_has_one_bin() -> None:
    """The same name twice is refused."""
    with pytest.raises(ValueError, match="two bins"):
        categorical_bins("a", "a")


def test_no_rows_and_no_categories() -> None:
    """An empty batch and a batch of nulls alone are placed."""
    bins = categorical_bins("a")
    assert bins.index(np.empty(0, dtype=np.int32), ()).tolist() == []
    assert bins.index(np.array([NULL_CODE], dtype=np.int32), ()).tolist() == [bins.null]
