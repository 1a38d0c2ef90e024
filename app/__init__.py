"""Driftgauge: drift monitoring for models in production."""

import os

# OpenBLAS ends its own threads before a fork, and waits for ever for those that another of our threads keeps busy.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

__version__ = "0.1.0"
