"""A state as bytes and back, bit for bit."""

import json
import struct
from dataclasses import asdict
from typing import Final

import numpy as np

from app.drift.episodes import Episode
from app.drift.evidence import Evidence
from app.drift.hours import SHIFTS
from app.drift.judgement import STATISTICS
from app.drift.replay import State
from app.drift.shifts import Clock

_HEAD: Final = struct.Struct("<4sIId")
_MAGIC: Final = b"DGS2"
_OLD: Final = b"DGS1"
"""States from before clocks were asked."""
_CLOCK: Final = 4 * len(SHIFTS)


def packed_state(state: State) -> bytes:
    """Write a state: a head, the evidence and the clock's sums as doubles, the episodes as JSON."""
    evidence = np.ascontiguousarray(state.evidence.features, dtype="<f8")
    episodes = json.dumps([asdict(episode) for episode in state.episodes], ensure_ascii=True, separators=(",", ":"))
    head = _HEAD.pack(_MAGIC, evidence.shape[1], len(episodes), state.evidence.volume)
    clock = state.clock
    sums = np.stack([clock.evidence, clock.gap, clock.explained, clock.windows]).astype("<f8")
    return head + evidence.tobytes() + sums.tobytes() + episodes.encode("ascii")


def unpacked_state(data: bytes) -> State:
    """Read a state back; bytes of another make raise ValueError."""
    magic, features, length, volume = _HEAD.unpack(data[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    doubles = len(STATISTICS) * features
    told = {_MAGIC: _CLOCK, _OLD: 0}.get(magic)
    if told is None or len(data) != _HEAD.size + 8 * (doubles + told) + length:
        message = "these bytes are no state of this version"
        raise ValueError(message)
    evidence, sums = np.split(np.frombuffer(data, "<f8", doubles + told, _HEAD.size).astype(np.float64), [doubles])
    episodes = json.loads(data[_HEAD.size + 8 * (doubles + told) :])
    return State(
        Evidence(evidence.reshape(len(STATISTICS), features), volume),
        tuple(Episode(**episode) for episode in episodes),
        Clock(*sums.reshape(4, len(SHIFTS))) if told else Clock.none(),
    )
