"""Samples that come faster than they are written."""

from app.monitor.notebook import Notebook
from app.storage.samples import Sample


def sample(reason: str, size: int = 1) -> Sample:
    """A body that could not be read."""
    return Sample("json", reason, 1, "application/json", size, None, 0, 0)


def test_nothing_is_lost_between_two_writes() -> None:
    """The first is written at once, later ones within a second with the next or at the end, each counted once."""
    book = Notebook()
    written = [book.take(1, sample("a", n), now_s=n / 10) for n in range(25)]
    counts = [0 if one is None else one.count for one in written]
    assert counts == [1, *[0] * 9, 10, *[0] * 9, 10, *[0] * 4]
    assert [(model, one.count, one.size) for model, one in book.rest()] == [(1, 4, 24)]
    assert book.rest() == []


def test_models_and_reasons_apart() -> None:
    """What waits for one model or reason does not touch another's."""
    book = Notebook()
    for model, reason in ((1, "a"), (1, "b"), (2, "a")):
        for _ in range(3):
            book.take(model, sample(reason), now_s=0.0)
    assert [(model, one.reason, one.count) for model, one in book.rest(1)] == [(1, "a", 2), (1, "b", 2)]
    assert [(model, one.reason, one.count) for model, one in book.rest()] == [(2, "a", 2)]


def test_many_reasons_do_not_pile_up() -> None:
    """Beyond a hundred that wait, the next are written at once."""
    book = Notebook()
    for n in range(300):
        book.take(1, sample(f"r{n}"), now_s=0.0)
    late = [book.take(1, sample(f"r{n}"), now_s=0.0) for n in range(300)]
    assert sum(one is None for one in late) == len(book.rest()) == 100
