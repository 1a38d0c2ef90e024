"""A state as bytes."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.episodes import Episode
from app.drift.evidence import Evidence
from app.drift.replay import State
from app.drift.states import packed_state, unpacked_state

DOUBLES = st.floats(allow_nan=False)
EPISODES = st.builds(
    Episode,
    st.text(),
    st.text(),
    st.sampled_from(["psi", "evidence"]),
    st.integers(-(2**55), 2**55),
    st.none() | st.integers(-(2**55), 2**55),
    DOUBLES,
    windows=st.integers(1, 6),
    cause=st.sampled_from(["mix", "nulls"]),
    signs=st.lists(DOUBLES, max_size=3).map(tuple),
)
SOME = State(Evidence(np.arange(8.0).reshape(4, 2), 0.5), (Episode("v", "x", "psi", 0, None, 1.0),))


@given(
    features=st.integers(0, 3).flatmap(lambda n: st.lists(DOUBLES, min_size=4 * n, max_size=4 * n)),
    volume=DOUBLES,
    episodes=st.lists(EPISODES, max_size=3),
)
def test_round_trip(features: list[float], volume: float, episodes: list[Episode]) -> None:
    """Every bit of the evidence and every field of every episode come back."""
    state = State(Evidence(np.array(features).reshape(4, -1), volume), tuple(episodes))
    found = unpacked_state(packed_state(state))
    assert found.evidence.features.tobytes() == state.evidence.features.tobytes()
    assert found.evidence.features.shape == state.evidence.features.shape
    assert struct.pack("d", found.evidence.volume) == struct.pack("d", volume)
    assert found.episodes == state.episodes
    assert packed_state(found) == packed_state(state)


@pytest.mark.parametrize("cut", range(0, len(packed_state(SOME)), 7))
def test_cut_short(cut: int) -> None:
    """Fewer bytes than were written are no state."""
    with pytest.raises(ValueError, match="no state"):
        unpacked_state(packed_state(SOME)[:cut])


def test_another_make() -> None:
    """Bytes with another mark, or more of them, are no state."""
    data = packed_state(SOME)
    for other in (b"DGS0" + data[4:], data + b" "):
        with pytest.raises(ValueError, match="no state"):
            unpacked_state(other)


def test_a_state_from_before_clocks_were_asked() -> None:
    """It is read as one in which no clock has shown anything."""
    data = packed_state(SOME)
    sums = len(data) - data.index(b"[{")
    doubles = 20 + 8 * SOME.evidence.features.size
    found = unpacked_state(b"DGS1" + data[4:doubles] + data[-sums:])
    assert packed_state(found) == data
