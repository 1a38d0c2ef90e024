"""Which features' values are nobody's business."""

from app.monitor.catalog import Watched


def sensitive_names(watched: Watched) -> frozenset[str]:
    """The features that their owner declared sensitive."""
    return watched.sensitive
