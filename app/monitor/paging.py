"""From open episodes to incidents: what is worth one page each, however many lines it crosses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.drift.scores import Statistic
from app.storage.episodes import Episode

_TELLING = frozenset({Statistic.NULL_RATIO, Statistic.UNSEEN_RATIO, Statistic.INVALID_RATIO})


@dataclass(frozen=True, slots=True)
class Incident:
    """Episodes of one version that belong together, named by the first of them for as long as any is open."""

    feature: str
    statistic: str
    start_us: int


def rank(episode: Episode) -> tuple[int, bool, str, bool, str]:
    """Order episodes by who gives the incident its name: the first, and of those a feature's most telling one."""
    telling = episode.statistic in _TELLING
    return episode.start_us, episode.feature == "", episode.feature, not telling, episode.statistic


def incidents(running: Iterable[Episode], firsts: Mapping[str | None, Episode]) -> list[Incident]:
    """Join a version's open episodes: those of one group, and those of a feature that is in an incident already.

    `firsts` is the first episode of each group, open or not, so that an incident keeps its name when that one closes
    before the others.
    """
    owners: dict[str, Incident] = {}
    for episode in sorted(running, key=rank):
        first = firsts.get(episode.group, episode)
        owner = owners.get(episode.feature) or owners.get(first.feature)
        owner = owner or Incident(first.feature, first.statistic, first.start_us)
        owners.setdefault(episode.feature, owner)
        owners.setdefault(first.feature, owner)
    return sorted(set(owners.values()), key=lambda one: (one.start_us, one.feature))
