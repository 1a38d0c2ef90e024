"""The advisory locks, all held until the end of a transaction."""

from enum import IntEnum


class Lock(IntEnum):
    """First half of an advisory lock's key; the second is a model's id, or 0."""

    MIGRATE = 1_147_430_401
    MODEL = 1_147_430_402
    FOLD = 1_147_430_403
    PRUNE = 1_147_430_404
    AUDIT = 1_147_430_405
    BASELINE = 1_147_430_406
    EVALUATE = 1_147_430_407
    PAIRING = 1_147_430_408
    VALIDATE = 1_147_430_411
    SUITE = 1_147_430_412
    KEYS = 1_147_430_420
