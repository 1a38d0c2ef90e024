"""Ports that nobody else is given: below the range from which the kernel picks for outgoing connections."""

import random
import socket
from typing import Final

LOWEST: Final = 12_000
HIGHEST: Final = 32_000


def free_port() -> int:
    """A port of the loopback address that is free now and stays out of everybody's way."""
    picker = random.SystemRandom()
    while True:
        port = picker.randrange(LOWEST, HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
