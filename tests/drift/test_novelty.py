"""What is noted of values without a bin of their own."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.categories import CategoricalBins, category_hash
from app.drift.columns import CategoricalColumn, Kind, Role
from app.drift.counting import count
from app.drift.novelty import NAMES, Novelty, packed, together, unpacked

WORDS = st.lists(st.sampled_from(["top", "rare", "n1", "n2", "n3", "long" * 100, "nul\0"]), min_size=1, max_size=30)


def baseline() -> Baseline:
    """One feature with a named category and a known one."""
    bins = CategoricalBins(("top",), np.array([category_hash("rare")], np.uint64))
    feature = BinnedFeature("c", Kind.CATEGORICAL, Role.FEATURE, bins)
    return Baseline.of([feature], np.zeros(bins.size, np.int64), 0)


def column(words: list[str]) -> CategoricalColumn:
    """Words as a column."""
    distinct = tuple(dict.fromkeys(words))
    return CategoricalColumn(np.array([distinct.index(word) for word in words], np.int32), distinct)


def noted(words: list[str], window: list[int], windows: int, **options: set[str]) -> tuple[dict[int, Novelty], ...]:
    """Count words and give what was noted."""
    nameless = options.get("nameless", set())
    return count(baseline(), {"c": column(words)}, np.array(window), windows, nameless=nameless).novelties


@settings(deadline=None)
@given(WORDS, st.data())
def test_windows_are_told_apart(words: list[str], data: st.DataObject) -> None:
    """Each window holds its own new values by name and counts all of its values without a bin."""
    window = data.draw(st.lists(st.integers(0, 2), min_size=len(words), max_size=len(words)))
    for w, found in enumerate(noted(words, window, 3)):
        mine = [word for word, own in zip(words, window, strict=True) if own == w]
        strangers = {word for word in mine if word != "top"}
        assert (0 in found) == bool(strangers)
        if strangers:
            assert found[0].distinct == len(strangers)
            assert dict(found[0].names) == Counter(word for word in mine if word in {"n1", "n2", "n3"})


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), st.randoms())
def test_parts_add_up_in_any_order(batches: list[list[str]], random: "np.random.Generator") -> None:
    """Batches written one after the other read as one, whatever their order."""
    parts = [noted(words, [0] * len(words), 1)[0] for words in batches]
    whole = noted([word for words in batches for word in words], [0] * sum(map(len, batches)), 1)[0]
    random.shuffle(parts)
    read = unpacked(b"".join(map(packed, parts)))
    assert packed(read) == packed(together(parts))
    assert [(f, dict(own.names), own.distinct) for f, own in read.items()] == [
        (f, dict(own.names), own.distinct) for f, own in whole.items()
    ]


def test_names_are_bounded_and_the_error_says_how_much_is_lost() -> None:
    """Of 5,000 new values the heavy ones stay; a count is too low by at most the error, a hundredth of the rows."""
    rng = np.random.default_rng(3)
    truth: Counter[str] = Counter()
    parts = []
    for _ in range(20):
        words = [f"heavy{n}" for n in range(5) for _ in range(60)] + [f"w{n}" for n in rng.integers(0, 5000, 700)]
        truth.update(words)
        parts.append(noted(words, [0] * len(words), 1)[0])
    whole = together(parts)[0]
    assert len(whole.names) <= NAMES
    assert whole.error <= sum(truth.values()) / NAMES
    assert [name for name, _ in whole.top(5)] == sorted(name for name in truth if name.startswith("heavy"))
    for name, least in whole.names.items():
        assert least <= truth[name] <= least + whole.error
    assert abs(whole.distinct - len(truth)) < 0.07 * len(truth)


def test_many_that_occur_once_leave_some_names() -> None:
    """Nobody is common: a hundred names stay, of which nothing more is known than that they may have occurred once."""
    words = [f"n{n:04d}" for n in range(500)]
    (found,) = noted(words, [0] * 500, 1)
    assert (found[0].error, set(found[0].names.values()), len(found[0].names)) == (1, {0}, NAMES)
    assert set(found[0].names) <= set(words)


def test_names_of_a_sensitive_feature_are_not_kept() -> None:
    """Its values are counted and never written down."""
    (found,) = noted(["n1", "secret"], [0, 0], 1, nameless={"c"})
    assert (found[0].distinct, found[0].names) == (2, {})
    assert b"secret" not in packed(found)


def test_nothing_is_noted_unless_asked() -> None:
    """A baseline is counted without."""
    assert count(baseline(), {"c": column(["n1"])}, np.array([0]), 1).novelties == ()


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_cut_bytes_are_refused(cut: int) -> None:
    """Bytes that end early raise ValueError."""
    whole = packed(noted(["n1"], [0], 1)[0])
    with pytest.raises(ValueError, match="bytes"):
        unpacked(whole[:cut])
