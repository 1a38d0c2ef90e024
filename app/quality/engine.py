"""Great Expectations at work on one frame: many expectations at once, each against a clock. Imports the library."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.registry import get_expectation_impl

from app.quality.forms import SLOW
from app.quality.job import Answer, Task

TOGETHER: Final = 100
SHOWN: Final = 20
ALONE_SHARE: Final = 0.2
LONGEST_ALONE_S: Final = 5.0
AGAIN_S: Final = 0.05
"""What is raised in a destructor or a callback is lost, so the clock rings until it is heard."""

Report = Callable[[Sequence[Answer]], object]


class LateError(BaseException):
    """Time is up; a BaseException so that no handler of ordinary errors swallows it."""


@contextmanager
def clock(seconds: float) -> Iterator[None]:
    """Raise LateError in this thread when the block takes more of the processor's time; others may be served first."""
    running = True

    def ring(*_: object) -> None:
        if running:
            raise LateError

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, max(seconds, 0.001), AGAIN_S)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True, slots=True)
class Engine:
    """An ephemeral context with one asset, made once a process."""

    definition: Any

    @classmethod
    def start(cls) -> "Engine":
        """Make a context that stores nothing and calls nobody."""
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("sample").add_dataframe_asset("window")
        return cls(asset.add_batch_definition_whole_dataframe("all"))

    def validate(
        self, frame: pd.DataFrame, tasks: Sequence[Task], *, values: bool, deadline_s: float, report: Report
    ) -> None:
        """Report every task once: plain ones many at a time, slow ones one by one, those without time as `deadline`."""
        end = time.process_time() + deadline_s
        batch = self.definition.get_batch(batch_parameters={"dataframe": frame})
        plain = [task for task in tasks if task.type not in SLOW and task.kwargs.get("row_condition") is None]
        alone = [task for task in tasks if task not in plain] if len(plain) < len(tasks) else []
        for first in range(0, len(plain), TOGETHER):
            left = end - time.process_time()
            if left <= 0:
                report([_late(task) for task in plain[first:]])
                break
            some = plain[first : first + TOGETHER]
            try:
                with clock(left / 2):
                    answers = _run(batch, some, values=values)
            except LateError:
                self._each(batch, some, values=values, end=end, deadline_s=deadline_s, report=report)
            else:
                report(answers)
        self._each(batch, alone, values=values, end=end, deadline_s=deadline_s, report=report)

    @staticmethod
    def _each(  # noqa: PLR0913 - what a turn depends on
        batch: Any, tasks: Sequence[Task], *, values: bool, end: float, deadline_s: float, report: Report
    ) -> None:
        turn_s = min(deadline_s * ALONE_SHARE, LONGEST_ALONE_S)
        for place, task in enumerate(tasks):
            left = min(turn_s, end - time.process_time())
            if left <= 0:
                report([_late(one) for one in tasks[place:]])
                return
            try:
                with clock(left):
                    answers = _run(batch, [task], values=values)
            except LateError:
                answers = [_late(task)]
            report(answers)


def _late(task: Task) -> Answer:
    return Answer(task.number, success=False, error="deadline")


def _run(batch: Any, tasks: Sequence[Task], *, values: bool) -> list[Answer]:
    """Validate tasks together; what cannot be built is answered alone."""
    answers: list[Answer] = []
    suite = gx.ExpectationSuite(name="suite")
    running: dict[str, Task] = {}
    for task in tasks:
        try:
            made = get_expectation_impl(task.type)(**task.kwargs)
        except MemoryError:
            answers.append(Answer(task.number, success=False, error="memory"))
        except Exception:  # noqa: BLE001 - whatever the library dislikes about the arguments
            answers.append(Answer(task.number, success=False, error="invalid_expectation"))
        else:
            made.id = str(task.number)
            running[made.id] = task
            suite.expectations.append(made)
    if running:
        shown = {"result_format": "BASIC", "partial_unexpected_count": SHOWN if values else 0}
        try:
            found = batch.validate(suite, result_format=shown)
        except MemoryError:
            return [*answers, *(Answer(task.number, success=False, error="memory") for task in running.values())]
        except Exception:  # noqa: BLE001 - one expectation may bring down those beside it
            if len(running) == 1:
                return [*answers, *(Answer(task.number, success=False, error="exception") for task in running.values())]
            return [*answers, *(one for task in running.values() for one in _run(batch, [task], values=values))]
        answers += [_answer(running[result.expectation_config.id], result, values=values) for result in found.results]
    return answers


def _answer(task: Task, result: Any, *, values: bool) -> Answer:
    details = result.result or {}
    error = _error(result.exception_info)
    ratio = details.get("unexpected_percent")
    shown = details.get("partial_unexpected_list", details.get("observed_value")) if values else None
    return Answer(
        task.number,
        success=bool(result.success) and error is None,
        ratio=None if ratio is None or error is not None else float(ratio) / 100,
        error=error,
        values=None if shown is None else [plain(one) for one in (shown if isinstance(shown, list) else [shown])],
    )


def _error(info: Any) -> str | None:
    """Put what was raised into one stable word."""
    told = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    raised = [one for one in told if isinstance(one, dict) and one.get("raised_exception")]
    if not raised:
        return None
    message = " ".join(str(one.get("exception_message")) for one in raised)
    trace = " ".join(str(one.get("exception_traceback")) for one in raised)
    if "MemoryError" in trace or "ArrayMemoryError" in trace:
        return "memory"
    if "does not exist" in message:
        return "missing_column"
    if "TypeError" in trace or "not supported between" in message:
        return "type_mismatch"
    return "exception"


def plain(value: Any) -> Any:
    """Turn a value of numpy or pandas into one that JSON has."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str | int | bool) or value is None:
        return value
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [plain(one) for one in value]
    return str(value)
