"""Letters counted many at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire import letters
from app.wire.letters import occurrences


@given(text=st.text('{,":x').map(str.encode), word=st.sampled_from([b"{", b",", b'":']))
def test_words_are_counted_as_bytes_count_them(text: bytes, word: bytes) -> None:
    """Any text has as many of a word as Python finds."""
    assert occurrences(text, word) == text.count(word)


@pytest.mark.parametrize("size", [letters.STEP - 1, letters.STEP, letters.STEP + 1, 2 * letters.STEP + 1])
def test_words_across_steps_are_counted_once(size: int) -> None:
    """Where one step ends and the next begins nothing is lost and nothing counts twice."""
    text = (b'":' * size)[:size]
    for word in (b'"', b":", b'":'):
        assert occurrences(text, word) == text.count(word)
        assert occurrences(text[1:], word) == text[1:].count(word)
