"""From episodes to incidents: what is worth one page each, however many lines it crosses."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from app.drift.scores import Statistic
from app.storage.episodes import Episode

TOGETHER: Final = 2
"""Windows within which what begins has begun together: evidence of one cause crosses each line in its own time."""
NORMAL: Final = "normal"
NEVER_US: Final = -(2**63)
_TELLING: Final = frozenset({Statistic.NULL_RATIO, Statistic.UNSEEN_RATIO, Statistic.INVALID_RATIO})


@dataclass(slots=True)
class Incident:
    """Episodes of one version that belong together, named by the first of them; `end_us` is None while any is open."""

    feature: str
    statistic: str
    start_us: int
    end_us: int | None
    _features: set[str] = field(default_factory=set, repr=False, compare=False)
    _groups: set[str] = field(default_factory=set, repr=False, compare=False)
    _open: list[Episode] = field(default_factory=list, repr=False, compare=False)

    def normal(self) -> frozenset[str]:
        """Name the open episodes that a person called normal, on themselves or on another of their feature."""
        said = self._said()
        return frozenset(one.id for one in self._open if one.start_us <= said.get(one.feature, NEVER_US))

    def pages(self) -> bool:
        """Whether it is open and not all of it is called normal."""
        return self.end_us is None and len(self.normal()) < len(self._open)

    def _said(self) -> dict[str, int]:
        """Give the newest window that was known when each feature was called normal."""
        said: dict[str, int] = {}
        for one in self._open:
            if one.verdict == NORMAL and one.verdicts:
                said[one.feature] = max(one.verdicts[-1][1], said.get(one.feature, NEVER_US))
        return said

    def _settled(self, at_us: int) -> bool:
        """Whether all of it had been called normal before a window."""
        said = self._said()
        return bool(self._open) and all(one.start_us <= said.get(one.feature, NEVER_US) < at_us for one in self._open)

    def takes(self, episode: Episode, *, length_us: int) -> bool:
        """Whether an episode that begins belongs here."""
        if self.end_us is not None and self.end_us <= episode.start_us:
            return False
        if self._settled(episode.start_us):
            return False
        together = episode.start_us - self.start_us <= TOGETHER * length_us
        return together or episode.feature in self._features or episode.group in self._groups

    def take(self, episode: Episode) -> None:
        """Make an episode part of it."""
        self._features.add(episode.feature)
        if episode.group is not None:
            self._groups.add(episode.group)
        if episode.end_us is None:
            self._open.append(episode)
        if self.end_us is not None:
            self.end_us = None if episode.end_us is None else max(self.end_us, episode.end_us)


def rank(episode: Episode) -> tuple[int, bool, str, bool, str]:
    """Order episodes by who gives the incident its name: the first, and of those a feature's most telling one."""
    telling = episode.statistic in _TELLING
    return episode.start_us, episode.feature == "", episode.feature, not telling, episode.statistic


def incidents(episodes: Iterable[Episode], *, length_us: int) -> list[Incident]:
    """Join a version's episodes, closed ones included, into incidents in order of time.

    An episode joins an incident that is open when it begins, if both began together, if its group is in it, or if
    its feature is; so an incident keeps its name whichever of its episodes closes first. What begins after all of an
    incident was called normal is another one.
    """
    found: list[Incident] = []
    for episode in sorted(episodes, key=rank):
        home = next((one for one in found if one.takes(episode, length_us=length_us)), None)
        if home is None:
            home = Incident(episode.feature, episode.statistic, episode.start_us, episode.end_us)
            found.append(home)
        home.take(episode)
    return found
