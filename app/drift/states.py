"""A state as bytes and back, bit for bit."""

import json
import struct
from dataclasses import asdict
from typing import Final

import numpy as np

from app.drift.episodes import Episode
from app.drift.evidence import Evidence
from app.drift.judgement import STATISTICS
from app.drift.replay import State

_HEAD: Final = struct.Struct("<4sIId")
_MAGIC: Final = b"DGS1"


def packed_state(state: State) -> bytes:
    """Write a state: a head, the evidence as doubles, the episodes as JSON."""
    evidence = np.ascontiguousarray(state.evidence.features, dtype="<f8")
    episodes = json.dumps([asdict(episode) for episode in state.episodes], ensure_ascii=True, separators=(",", ":"))
    head = _HEAD.pack(_MAGIC, evidence.shape[1], len(episodes), state.evidence.volume)
    return head + evidence.tobytes() + episodes.encode("ascii")


def unpacked_state(data: bytes) -> State:
    """Read a state back; bytes of another make raise ValueError."""
    magic, features, length, volume = _HEAD.unpack(data[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    size = 8 * len(STATISTICS) * features
    if magic != _MAGIC or len(data) != _HEAD.size + size + length:
        message = "these bytes are no state of this version"
        raise ValueError(message)
    evidence = np.frombuffer(data, "<f8", len(STATISTICS) * features, _HEAD.size)
    episodes = json.loads(data[_HEAD.size + size :])
    return State(
        Evidence(evidence.astype(np.float64).reshape(len(STATISTICS), features), volume),
        tuple(Episode(**episode) for episode in episodes),
    )
