"""whylogs on a ready table, without its own telemetry: prints its speed in values a second."""

import os
import sys
import time

os.environ["WHYLOGS_NO_ANALYTICS"] = "True"

import numpy as np
import pandas as pd
import whylogs

rows, columns, passes = map(int, sys.argv[1:])
values = np.random.default_rng(1).normal(size=(rows, columns))
frame = pd.DataFrame(values, columns=[f"feature_{n:04d}" for n in range(columns)])
taken = []
for _ in range(passes):
    began = time.perf_counter()
    whylogs.log(frame)
    taken.append(time.perf_counter() - began)
print(values.size / min(taken))
