"""A model under test, its batches, and what they must have added: made of a seed, known before the first is sent."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from acceptance.oracle import Feature, place

Counts = NDArray[np.int64]

NUMERIC: Final = ("a", "b", "c")
TAGS: Final = 128
PALETTE: Final[tuple[object, ...]] = (*range(16), None, float("nan"), float("inf"), "oops")
WORDS: Final = tuple(json.dumps(one) for one in PALETTE)
LATE_ROWS: Final = 2
FUTURE_ROWS: Final = 1
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Batch:
    """Frozen bytes under an id; `windows` (rows,) and `picks` (features, rows) say what its accepted rows are."""

    number: int
    id: str
    body: bytes
    windows: Counts
    picks: Counts

    @property
    def rows(self) -> int:
        """How many of its rows must be accepted."""
        return len(self.windows)


@dataclass(slots=True)
class Books:
    """Rows by window, feature and value, and by window and tag; a tag tells which batches a wrong total comes from."""

    values: Counts
    tags: Counts

    @classmethod
    def empty(cls, windows: int) -> "Books":
        """Nothing in any window."""
        return cls(np.zeros((len(NUMERIC), windows, len(PALETTE)), np.int64), np.zeros((windows, TAGS), np.int64))

    def enter(self, batch: Batch) -> None:
        """Add what a batch adds."""
        for feature, picks in enumerate(batch.picks):
            np.add.at(self.values[feature], (batch.windows, picks), 1)
        np.add.at(self.tags[:, batch.number % TAGS], batch.windows, 1)

    @property
    def rows(self) -> Counts:
        """Rows of each window, (windows,)."""
        return np.asarray(self.tags.sum(axis=1))


@dataclass(frozen=True, slots=True)
class Shape:
    """How the batches of an experiment look; times in seconds."""

    rows: int = 100
    window_s: int = 60
    windows: int = 30
    horizon_s: int = DAY_S
    tolerance_s: int = 600
    stray: bool = True


@dataclass(slots=True)
class Tally:
    """The difference between what is stored and what was acknowledged, in rows."""

    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether there is none."""
        return not (self.lost or self.doubled or self.wrong)


class Subject:
    """One model; `name` lets several share a database."""

    def __init__(self, seed: int, shape: Shape | None = None, *, name: str = "subject") -> None:
        self.seed = seed
        self.shape = shape or Shape()
        self.name = name
        self.path = f"/v1/models/{name}"
        length = self.shape.window_s
        self.first = int(time.time()) // length * length - self.shape.windows * length
        self._positions: list[Counts] = []
        self._bins: list[int] = []

    def create(self, url: str) -> None:
        """Make the model and its baseline through the API, and learn where each value must be counted."""
        settings = {
            "window": f"{self.shape.window_s}s",
            "late_horizon": f"{self.shape.horizon_s}s",
            "future_tolerance": f"{self.shape.tolerance_s}s",
        }
        lines = [",".join((*NUMERIC, "tag"))]
        lines += [f"{i % 16},{i // 16 % 16},{i // 256 % 16},t{i % TAGS}" for i in range(4096)]
        with httpx.Client(base_url=url, timeout=60.0) as client:
            client.put(self.path, json=settings).raise_for_status()
            content, headers = "\n".join(lines).encode(), {"Content-Type": "text/csv"}
            made = client.post(
                f"{self.path}/baselines", params={"activate": "true"}, content=content, headers=headers
            ).raise_for_status()
            self._learn(client.get(f"{self.path}/baselines/{made.json()['baseline']}").raise_for_status().json())

    def _learn(self, published: Any) -> None:
        words: list[tuple[str, tuple[object, ...]]] = [(name, PALETTE) for name in NUMERIC]
        words.append(("tag", tuple(f"t{tag}" for tag in range(TAGS))))
        for name, values in words:
            one = published["features"][name]
            feature = Feature(name, one["kind"], one["bins"], known={str(value) for value in values})
            self._positions.append(np.array([place(feature, value) for value in values], np.int64))
            self._bins.append(len(one["bins"]))

    def batch(self, number: int) -> Batch:
        """The batch of this number, the same whenever it is asked for."""
        draw = np.random.default_rng([self.seed, number])
        shape = self.shape
        stray = (LATE_ROWS, FUTURE_ROWS) if shape.stray else (0, 0)
        rows = shape.rows - sum(stray)
        windows = draw.integers(0, shape.windows, rows)
        picks = draw.integers(0, len(PALETTE), (len(NUMERIC), rows))
        times = (self.first + windows * shape.window_s + draw.integers(0, shape.window_s, rows)).tolist()
        times += [self.first - shape.horizon_s - DAY_S] * stray[0]
        times += [self.first + shape.windows * shape.window_s + shape.tolerance_s + 7 * DAY_S] * stray[1]
        filling = ["0"] * sum(stray)
        columns = [f'"timestamp":[{",".join(map(str, times))}]']
        for name, picked in zip(NUMERIC, picks, strict=True):
            columns.append(f'"{name}":[{",".join([*(WORDS[one] for one in picked.tolist()), *filling])}]')
        columns.append(f'"tag":[{",".join([f"{chr(34)}t{number % TAGS}{chr(34)}"] * shape.rows)}]')
        body = f'{{"columns":{{{",".join(columns)}}}}}'.encode()
        return Batch(number, f"b{number}-{hashlib.sha256(body).hexdigest()[:12]}", body, windows, picks)

    def counts_expected(self, receipt: Any, batch: Batch) -> bool:
        """Whether a receipt says what this batch must be answered."""
        late, future = (LATE_ROWS, FUTURE_ROWS) if self.shape.stray else (0, 0)
        rows = {"received": self.shape.rows, "accepted": batch.rows, "late": late, "future": future, "rejected": 0}
        return bool(receipt["rows"] == rows and sum(one["rows"] for one in receipt["windows"]) == batch.rows)

    def starts(self) -> list[str]:
        """The starts of the windows as the API writes them."""
        return [self.start(number) for number in range(self.shape.windows)]

    def start(self, number: int) -> str:
        """The start of a window as the API writes it."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.first + number * self.shape.window_s))

    def compare(self, client: httpx.Client, truth: Books) -> Tally:
        """Read everything back through the API and compare it with what was acknowledged."""
        tally = Tally()
        stored = {one["start"]: one["rows"] for one in client.get(f"{self.path}/windows").raise_for_status().json()}
        for start in sorted(stored.keys() - set(self.starts())):
            tally.wrong.append(f"{stored[start]} rows in window {start}, which no batch has")
        for number, start in enumerate(self.starts()):
            rows = int(truth.rows[number])
            if stored.get(start, 0) != rows:
                tally.wrong.append(f"{stored.get(start, 0)} rows in window {start}, not {rows}")
            if start in stored:
                read = client.get(f"{self.path}/windows/{start}/histograms").raise_for_status().json()
                self._compare(read, truth, number, tally=tally)
            else:
                tally.lost += rows
        balance = client.get("/v1/admin/ledger-balance", params={"model": self.name}).raise_for_status().json()
        if balance["imbalance"] or balance["quarantined_rows"] or balance["ledger_rows"] != int(truth.rows.sum()):
            tally.wrong.append(f"ledger balance {balance}, acknowledged {int(truth.rows.sum())}")
        return tally

    def _compare(self, read: Any, truth: Books, number: int, *, tally: Tally) -> None:
        for place_, name in enumerate((*NUMERIC, "tag")):
            acknowledged = truth.tags[number] if name == "tag" else truth.values[place_, number]
            expected = np.zeros(self._bins[place_], np.int64)
            np.add.at(expected, self._positions[place_], acknowledged)
            found = np.array([one["count"] for one in read["features"][name]["bins"]], np.int64)
            if name == "tag":
                tally.lost += int(np.maximum(expected - found, 0).sum())
                tally.doubled += int(np.maximum(found - expected, 0).sum())
            elif not np.array_equal(found, expected):
                tally.wrong.append(f"counts of {name} in window {self.start(number)}")
