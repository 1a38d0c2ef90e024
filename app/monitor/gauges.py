"""From stored scores to the drift series of /metrics."""

from collections.abc import Iterator, Mapping

from app.drift.scores import Statistic
from app.metrics.snapshot import FeatureView, ModelView, VersionView
from app.monitor.configuration import restored
from app.monitor.lines import Lines
from app.monitor.service import Service
from app.monitor.standing import features, resolved
from app.storage import baselines, models, scores, thresholds, windows
from app.storage.database import Connection
from app.storage.scores import ScoredWindow


def publish(service: Service) -> None:
    """Render the drift series anew; the next scrape shows them."""
    with service.database.snapshot() as conn:
        views = list(_views(service, conn))
    service.page.publish(views)


def _views(service: Service, conn: Connection) -> Iterator[ModelView]:
    newest = scores.newest(conn)
    stored = thresholds.all_models(conn)
    for model in models.listed(conn):
        configuration = restored(model.config)
        schedule = baselines.schedule(conn, model.id)
        active = baselines.active_at(schedule, service.now_us())
        lines = Lines(stored.get(model.id, []))
        received = windows.last_received(conn, model.id)
        mine = {window.version: window for window in newest.get(model.id, [])}
        last = judged(conn, model.id, mine, min_rows=service.policy.min_rows)
        yield ModelView(
            model.name,
            baseline=None if active is None else active.number,
            baseline_created_us=None if active is None else active.activated_us,
            pages_per_month=configuration.pages_per_month,
            versions=[
                _version(
                    service,
                    version,
                    mine.get(version),
                    last.get(version),
                    lines=lines,
                    length_us=configuration.window,
                    last_row_us=received.get(version),
                )
                for version in sorted(mine.keys() | received.keys())
            ],
        )


def judged(
    conn: Connection, model_id: int, newest: Mapping[str, ScoredWindow], *, min_rows: int
) -> dict[str, ScoredWindow]:
    """Give the last window of each version that had enough rows to be scored."""
    found: dict[str, ScoredWindow] = {}
    for version, window in newest.items():
        last = window if window.rows >= min_rows else scores.newest_of(conn, model_id, version, min_rows=min_rows)
        if last is not None:
            found[version] = last
    return found


def _version(  # noqa: PLR0913 - a view shows all of it
    service: Service,
    version: str,
    newest: ScoredWindow | None,
    last: ScoredWindow | None,
    *,
    lines: Lines,
    length_us: int,
    last_row_us: int | None,
) -> VersionView:
    if newest is None:
        return VersionView(version, last_row_us=last_row_us)
    standings = features(
        service.catalog.baseline((last or newest).baseline_id),
        newest,
        last,
        lines=lines,
        min_rows=service.policy.min_rows,
    )
    volume = newest.statistics.get(Statistic.VOLUME)
    return VersionView(
        version,
        features=[FeatureView(one.name, one.status, one.scored, one.scores, one.lines, one.mean) for one in standings],
        window_start_us=newest.start_us,
        window_end_us=newest.start_us + length_us,
        volume=newest.rows,
        volume_thresholds=resolved(lines, volume, 0, statistic=Statistic.VOLUME, feature="", version=version),
        last_row_us=last_row_us,
    )
