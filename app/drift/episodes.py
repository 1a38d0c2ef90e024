"""Episodes: the spans in which a feature's evidence is past its line."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import numpy as np

from app.drift.causes import CAUSES, MIX, VOLUME, Signs, added, clocked, named
from app.drift.layout import Bools, Ints

EVIDENCE: Final = "evidence"
_VAGUE: Final = ("location", "spread", VOLUME, MIX)
"""Causes that a shifted clock looks like to a feature alone."""
CAUSE_WINDOWS: Final = 6
"""The window of an episode at which its cause becomes final."""


def _digest(*words: str) -> str:
    text = "\x1f".join(words).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Episode:
    """One span of one feature's statistic past its line; `feature` is "" for the volume; times in microseconds UTC.

    `end_us` is the window that closed it, None while it is open. `windows` counts its judged windows up to the sixth;
    `signs` is what they said of the cause, which is final then.
    """

    version: str
    feature: str
    statistic: str
    start_us: int
    end_us: int | None
    peak: float
    windows: int = 1
    cause: str = "mix"
    group: str = ""
    signs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Take signs from a list too, as JSON gives them."""
        object.__setattr__(self, "signs", tuple(self.signs))

    @property
    def id(self) -> str:
        """A name that the same episode has on every replica and in every backtest."""
        return _digest(self.version, self.feature, self.statistic, str(self.start_us))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of an episode and when; `normal` lets its windows vouch again from the next refit on."""

    episode_id: str
    normal: bool
    at_us: int


def standing(episodes: Iterable[Episode], verdicts: Sequence[Verdict], *, at_us: int) -> list[Episode]:
    """Episodes whose windows may not vouch at an instant: those without a verdict `normal` given before it."""
    latest: dict[str, Verdict] = {}
    for verdict in sorted(verdicts, key=lambda each: each.at_us):
        if verdict.at_us < at_us:
            latest[verdict.episode_id] = verdict
    return [each for each in episodes if not (each.id in latest and latest[each.id].normal)]


def accepted(starts: Ints, names: Sequence[str], episodes: Iterable[Episode]) -> tuple[Bools, Bools]:
    """Which windows, (W,), vouch for which features, (W, F), and which for the volume, (W,)."""
    number = {name: place for place, name in enumerate(names)}
    features = np.ones((len(starts), len(names)), dtype=np.bool_)
    volume = np.ones(len(starts), dtype=np.bool_)
    for episode in episodes:
        last = np.inf if episode.end_us is None else episode.end_us
        inside = (starts >= episode.start_us) & (starts < last)
        if episode.feature == "":
            volume &= ~inside
        elif episode.feature in number:
            features[inside, number[episode.feature]] = False
    return features, volume


def grouped(episodes: Sequence[Episode], *, length_us: int) -> list[Episode]:
    """Give episodes of a version that began in the same or adjacent windows one group, named by the first."""
    out: list[Episode] = []
    previous: int | None = None
    name = ""
    for episode in sorted(episodes, key=lambda each: (each.version, each.start_us, each.feature, each.statistic)):
        fresh = not out or out[-1].version != episode.version
        if fresh or previous is None or episode.start_us - previous > length_us:
            name = _digest("group", episode.version, str(episode.start_us))
        previous = episode.start_us
        out.append(replace(episode, group=name))
    return out


class Register:
    """The episodes of one version while its windows are walked."""

    def __init__(self, version: str, episodes: Sequence[Episode]) -> None:
        """Go on from episodes so far, open ones included."""
        self._version = version
        self._closed = [each for each in episodes if each.end_us is not None]
        self._open = {(each.statistic, each.feature): each for each in episodes if each.end_us is None}
        self._asked: set[tuple[str, str]] = set()

    def is_open(self, statistic: str, feature: str) -> bool:
        """Tell whether this statistic of this feature is in an episode."""
        return (statistic, feature) in self._open

    def cause(self, statistic: str, feature: str) -> str:
        """Tell the cause of the episode that is open."""
        return self._open[statistic, feature].cause

    def turn(  # noqa: PLR0913 - an episode is told by all of them
        self, statistic: str, feature: str, *, start: int, evidence: float, line: float, signs: Callable[[], Signs]
    ) -> bool:
        """Open, carry on or close the episode at a judged window; tells whether it is open now.

        `signs` is asked for the first six windows only.
        """
        key = statistic, feature
        episode = self._open.get(key)
        if episode is None:
            said = signs()
            cause = named(said, statistic=statistic)
            self._asked.add(key)
            self._open[key] = Episode(self._version, feature, statistic, start, None, evidence, cause=cause, signs=said)
            return True
        if evidence < line / 2.0:
            del self._open[key]
            self._closed.append(replace(episode, end_us=start))
            return False
        episode = replace(episode, peak=max(episode.peak, evidence))
        if episode.windows < CAUSE_WINDOWS:
            self._asked.add(key)
            said = added(episode.signs, signs())
            cause = named(said, statistic=statistic)
            episode = replace(episode, windows=episode.windows + 1, cause=cause, signs=said)
        self._open[key] = episode
        return True

    def settle(self, *, length_us: int, shifted_us: int | None = None, alone: Sequence[str] = ()) -> None:
        """Name a shifted clock where episodes of evidence that began within six windows say so together.

        To be called after each window; a cause that was final before stays, unless there was none. `shifted_us` is
        since when all features together, open or not, say that it is the clock, and `alone` names those whose own
        evidence is worth no page.
        """
        asked, self._asked = self._asked, set()
        if shifted_us is not None:
            self._blame(asked, since_us=shifted_us - CAUSE_WINDOWS * length_us, alone=alone)
        if not asked:
            return
        running = [each for each in self._open.values() if each.statistic == EVIDENCE and each.signs]
        running.sort(key=lambda each: (each.start_us, each.feature))
        together: list[list[Episode]] = []
        for episode in running:
            if not together or episode.start_us - together[-1][-1].start_us > CAUSE_WINDOWS * length_us:
                together.append([])
            together[-1].append(episode)
        for those in together:
            for episode, late in zip(those, clocked([each.signs for each in those]), strict=True):
                key = episode.statistic, episode.feature
                if late and key in asked:
                    self._open[key] = replace(episode, cause=CAUSES[0])

    def _blame(self, asked: set[tuple[str, str]], *, since_us: int, alone: Sequence[str]) -> None:
        for key, episode in self._open.items():
            undecided = key in asked and (
                episode.cause in _VAGUE or (episode.statistic == EVIDENCE and key[1] in alone)
            )
            if episode.start_us >= since_us and (undecided or episode.cause == MIX):
                self._open[key] = replace(episode, cause=CAUSES[0])

    def all(self) -> tuple[Episode, ...]:
        """Every episode so far, oldest first."""
        every = [*self._closed, *self._open.values()]
        return tuple(sorted(every, key=lambda each: (each.start_us, each.feature, each.statistic)))
