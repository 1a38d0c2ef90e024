"""The road of a window's sample: exact counts where they decide, the process that validates for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.monitor.catalog import Watched
from app.monitor.forms import AS_COUNTED, Forms, as_counted, forms, otherwise_written
from app.monitor.sampling import Sample, merged, whole
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.quality.exact import Counted, Outcome, decide, decide_rows
from app.quality.job import Answer, Task
from app.quality.process import Examiner, GoneError
from app.quality.suite import Expectation, Suite, read_suite
from app.storage import exposition, reservoirs, results, suites, windows
from app.storage.reservoirs import Due
from app.storage.results import StoredResult
from app.storage.turns import take_validation

RETRIES: Final = 3
TURN_S: Final = 3600.0
_OF_TABLE: Final = frozenset(
    {
        "expect_column_to_exist",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_set",
    }
)
_OF_ROW_COUNT: Final = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of one window: its sample and its exact counts, None when baselines share it."""

    sample: Sample
    counted: Counted | None
    secret: frozenset[str]
    rows: int


def validate_window(service: Service, watched: Watched, due: Due, *, examiner: Examiner) -> bool:
    """Run the due suites on one window and store what became of them; False when another replica is at it."""
    with service.database.transaction(deadline_s=TURN_S) as conn:
        if not take_validation(conn, watched.id):
            return False
        with service.database.snapshot(deadline_s=TURN_S) as read:
            kept = reservoirs.read(read, watched.id, start_us=due.window_start_us, version=due.version)
            found = windows.histograms(read, watched.id, start_us=due.window_start_us, version=due.version)
            wanted = {one.id: one for one in suites.listed(read, watched.id, active=True)}
        sample = merged(watched, kept.parts, size=service.policy.reservoir_size)
        window = Window(sample, counted(service, found), sensitive_names(watched), due.rows)
        for suite_id in due.suite_ids:
            stored = wanted.get(suite_id)
            if stored is None:
                continue
            suite = read_suite(stored.document)
            outcomes = judge(
                window,
                suite,
                examiner=examiner,
                values=stored.show_values,
                deadline_s=service.policy.expectation_deadline_us / 1e6,
            )
            results.save(conn, watched.id, _result(due, suite_id, len(sample), outcomes, now_us=service.now_us()))
        if kept.ids:
            part = whole(sample, version=due.version, start_us=due.window_start_us)
            reservoirs.join(conn, watched.id, whole=part, ids=kept.ids, now_us=service.now_us())
        exposition.bump(conn)
    return True


def judge(window: Window, suite: Suite, *, examiner: Examiner, values: bool, deadline_s: float) -> list[Outcome]:
    """Give what became of every expectation, in the order of the suite."""
    came = forms(window.sample, secret=window.secret)
    outcomes: dict[int, Outcome] = {}
    tasks: dict[bool, list[Task]] = {False: [], True: []}
    for number, expectation in enumerate(suite.expectations):
        outcome = _without_process(expectation, window, AS_COUNTED if expectation.derived else came)
        if outcome is None:
            tasks[expectation.derived].append(Task(number, expectation.type, dict(expectation.kwargs)))
        else:
            outcomes[number] = outcome
    for sample, some in ((window.sample, tasks[False]), (as_counted(window.sample, tasks[True]), tasks[True])):
        outcomes |= _asked(sample, some, examiner=examiner, values=values, deadline_s=deadline_s)
    return [outcomes[number] for number in range(len(suite.expectations))]


def _without_process(expectation: Expectation, window: Window, came: Forms) -> Outcome | None:
    if window.rows < expectation.min_rows:
        return Outcome(success=True, error="insufficient_rows")
    exact = None if window.counted is None else _decided(expectation, window.counted, came)
    if exact is not None and not exact.success and expectation.derived:
        exact = None if otherwise_written(window.sample, expectation.kwargs) else exact
    if exact is None and expectation.type in _OF_ROW_COUNT:
        return _row_count(expectation, window)
    return exact or _impossible(expectation, window)


def _decided(expectation: Expectation, counts: Counted, came: Forms) -> Outcome | None:
    if came.textual is not None:
        return decide(expectation, counts, textual=came.textual, mixed=came.mixed)
    every = frozenset(feature.name for feature in counts.baseline.features)
    return decide(expectation, counts, textual=every)


def _impossible(expectation: Expectation, window: Window) -> Outcome | None:
    """Say why the sample cannot tell, if it cannot."""
    absent = [name for name in expectation.columns if name not in window.sample.columns]
    if absent and window.secret.intersection(absent):
        return Outcome(success=False, error="sensitive_column")
    if not len(window.sample):
        return Outcome(success=False, error="no_sample")
    if absent and expectation.type not in _OF_TABLE:
        return Outcome(success=False, error="missing_column")
    return None


def _row_count(expectation: Expectation, window: Window) -> Outcome | None:
    """Decide the number of rows without counts by bin; under a condition only a whole window tells."""
    if expectation.kwargs.get("row_condition") is None:
        return decide_rows(expectation, window.rows)
    if len(window.sample) < window.rows:
        return Outcome(success=False, error="partial_sample")
    return None


def _asked(
    sample: Sample, tasks: Sequence[Task], *, examiner: Examiner, values: bool, deadline_s: float
) -> dict[int, Outcome]:
    """Ask the process; what it died of is asked once more alone at the end, and then given up."""
    names = {name for task in tasks for name in _names(task)}
    everything = any(task.type in _OF_TABLE or task.kwargs.get("row_condition") is not None for task in tasks)
    columns = {name: column for name, column in sample.columns.items() if everything or name in names}
    outcomes: dict[int, Outcome] = {}
    waiting = list(tasks)
    word = "worker_died"
    for _ in range(RETRIES):
        if not waiting:
            break
        try:
            found = examiner.answers(
                columns, waiting, values=values, deadline_s=deadline_s, cells=sample.cells, types=sample.types
            )
            for answer in found:
                outcomes[answer.number] = _of_answer(answer)
        except GoneError as error:
            word = error.word
        left = [task for task in waiting if task.number not in outcomes]
        if word == "deadline" or not left:
            waiting = left
            break
        waiting = [*left[1:], left[0]] if len(left) < len(waiting) else left
    return outcomes | {task.number: Outcome(success=False, error=word) for task in waiting}


def _names(task: Task) -> tuple[str, ...]:
    return Expectation(task.type, task.kwargs).columns


def _of_answer(answer: Answer) -> Outcome:
    return Outcome(answer.success, answer.ratio, exact=False, error=answer.error, values=answer.values)


def counted(service: Service, found: list[tuple[int, windows.WindowCounts]]) -> Counted | None:
    """Give the counts of a window; None when it was counted on no baseline, or on several."""
    if len(found) != 1:
        return None
    baseline_id, counts = found[0]
    baseline = service.catalog.baseline(baseline_id)
    return Counted(baseline, int(counts.rows[0]), counts.counts[0], counts.sums[0])


def _result(due: Due, suite_id: int, sample_rows: int, outcomes: Sequence[Outcome], *, now_us: int) -> StoredResult:
    return StoredResult(
        window_start_us=due.window_start_us,
        version=due.version,
        suite_id=suite_id,
        revision=due.revision,
        rows=due.rows,
        sample_rows=sample_rows,
        results=[_told(one) for one in outcomes],
        computed_us=now_us,
    )


def _told(outcome: Outcome) -> dict[str, Any]:
    told = {
        "success": outcome.success,
        "unexpected_ratio": outcome.unexpected_ratio,
        "exact": outcome.exact,
        "error": outcome.error,
    }
    return told if outcome.values is None else {**told, "values": outcome.values}
