"""Wiring: settings become a service, a service becomes an application."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from fastapi import FastAPI

from app import __version__
from app.api import (
    baselines,
    batches,
    cloudevents,
    episodes,
    expectations,
    gate,
    logs,
    mirror,
    models,
    openapi,
    operations,
    problems,
    reading,
    thresholds,
    undecodable,
)
from app.api.auth import Authentication, Door
from app.api.edge import Edge
from app.api.express import Express
from app.api.gate import Bounds, Quotas
from app.api.intake import Intake
from app.api.rawpath import RawPath
from app.api.shield import Shield
from app.api.spool import Spool
from app.metrics.instruments import Instruments
from app.metrics.page import Page
from app.monitor.buckets import Buckets
from app.monitor.burden import Burden, Turns
from app.monitor.catalog import Catalog
from app.monitor.gauges import publish
from app.monitor.keyring import Keyring
from app.monitor.sampling import Reservoirs
from app.monitor.service import Policy, Service
from app.monitor.validator import Validator
from app.monitor.workers import Workers
from app.settings import Settings
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.embedded import EmbeddedPostgres
from app.storage.keeper import Keeper
from app.storage.migrate import check_migrated
from app.storage.migrate import migrate as migrate_schema

THREADS = 100
SCRAPES = 4
"""Threads for scrapes alone: requests that wait for the database never keep Prometheus waiting."""
STALE_S = 60.0


def open_service(
    settings: Settings,
    *,
    migrate: bool = True,
    stack: ExitStack,
    held: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Service:
    """Reach the database, bring its schema up, and gather what the roads share; `stack` closes it all again.

    While an embedded Postgres starts, signals are `held`: interrupted there, it would be left behind.
    """
    url = settings.database_url
    if url is None:
        embedded = EmbeddedPostgres(settings.data_dir)
        with held():
            url = embedded.start()
            stack.callback(embedded.stop)
        stack.enter_context(Keeper(embedded))
    database, own = (
        Database(
            url,
            pool_size=connections,
            prepared_statements=settings.prepared_statements,
            deadline_s=settings.database_deadline / 1e6,
            ping=ping,
        )
        for connections, ping in ((settings.database_connections, True), (2, False))  # the committer tries twice anyway
    )
    stack.callback(database.close)
    stack.callback(own.close)
    database.open(wait_s=settings.wait_database / 1e6, allow_unsafe=settings.allow_unsafe_postgres)
    (migrate_schema if migrate else check_migrated)(url)
    instruments = Instruments(__version__)
    for to, link in (("service", settings.public_url), ("grafana", settings.grafana_url)):
        if link:
            instruments.link(to, link)
    committer = GroupCommitter(
        own,  # readers that took every other connection never keep a batch from its commit
        queue_batches=settings.max_queued_batches,
        deadline_s=settings.database_deadline / 1e6,
        stale_after_s=STALE_S,
        observe=lambda seconds, _: instruments.commit_seconds.observe(seconds),
    )
    committer.start()
    stack.callback(lambda: committer.close(timeout_s=settings.drain_deadline / 1e6))
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftgauge-")))
    return Service(
        database=database,
        committer=committer,
        catalog=Catalog(database, sample_always=settings.sample_always),
        reservoirs=Reservoirs(settings.reservoir_size),
        instruments=instruments,
        page=Page(instruments, max_series=settings.max_series, max_model_series=settings.max_model_series),
        policy=policy(settings, scratch=scratch),
        decodes=Turns(settings.max_decodes, patience_s=settings.request_deadline / 1e6),
        burden=Burden(settings.max_inflight_bytes),
        waiting=Burden(settings.max_pairing_bytes),
    )


def policy(settings: Settings, *, scratch: Path) -> Policy:
    """Pick the settings that the roads depend on."""
    return Policy(
        scratch=scratch,
        fold_interval_us=settings.fold_interval,
        evaluate_interval_us=settings.evaluate_interval,
        refresh_interval_us=settings.refresh_interval,
        account_interval_us=settings.account_interval,
        prune_interval_us=settings.prune_interval,
        close_delay_us=settings.close_delay,
        min_rows=settings.min_rows,
        ledger_retention_us=settings.ledger_retention,
        ledger_margin_us=settings.ledger_margin,
        pairing_timeout_us=settings.pairing_timeout,
        keep_undecodable_bodies=settings.keep_undecodable_bodies,
        request_deadline_us=settings.request_deadline,
        max_decodes=settings.max_decodes,
        max_rows=settings.max_rows,
        max_columns=settings.max_columns,
        max_windows=settings.max_windows,
        max_models=settings.max_models,
        max_series=settings.max_series,
        reservoir_size=settings.reservoir_size,
        sample_always=settings.sample_always,
        window_retention_us=settings.window_retention,
        sample_retention_us=settings.sample_retention,
        result_retention_us=settings.result_retention,
        novelty_retention_us=settings.novelty_retention,
        expectation_deadline_us=settings.expectation_deadline,
        expectation_memory=settings.expectation_memory,
        expectation_idle_us=settings.expectation_idle,
        max_decoded_bytes=settings.max_decoded_bytes,
        max_baseline_bytes=settings.max_baseline_bytes,
        max_spill_bytes=settings.max_spill_bytes,
    )


def limits(settings: Settings) -> dict[str, object]:
    """List every setting by name, without what could be a secret."""
    return settings.model_dump(mode="json", exclude={"database_url"})


def open_door(service: Service, settings: Settings, *, loopback: bool) -> Door:
    """Read who holds a key; `loopback` tells that only this machine can reach the service."""
    keyring = Keyring(
        service.database,
        failures=settings.max_auth_failures,
        failures_per_address=settings.max_auth_failures_per_address,
    )
    keyring.load()
    return Door(keyring, service.instruments, loopback)


def create_app(service: Service, settings: Settings, *, door: Door) -> FastAPI:
    """Build the application around an open service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await anyio.to_thread.run_sync(publish, service)
        workers = Workers(service)
        workers.start()
        validator = Validator(service)
        validator.start()
        door.keyring.start()
        service.committer.attach(asyncio.get_running_loop())
        yield
        app.state.draining = True
        await service.committer.detach()
        await anyio.to_thread.run_sync(validator.stop)
        await anyio.to_thread.run_sync(workers.stop)
        await anyio.to_thread.run_sync(door.keyring.stop)

    app = FastAPI(
        title="Driftgauge",
        version=__version__,
        summary="Drift monitoring for models in production.",
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.state.intake = Intake(settings.max_body_bytes, service.burden)
    app.state.spool = Spool(service.policy.scratch, limit=service.policy.max_baseline_bytes)
    app.state.limits = limits(settings)
    app.state.scrapes = anyio.CapacityLimiter(SCRAPES)
    app.state.draining = False
    routes = [
        route
        for module in (
            operations,  # what is asked all day is found first
            mirror,
            models,
            baselines,
            batches,
            cloudevents,
            logs,
            reading,
            thresholds,
            episodes,
            expectations,
            undecodable,
        )
        for route in module.router.routes
    ]
    quotas = Quotas(Buckets(settings.max_key_requests), Buckets(settings.max_key_bytes), Buckets(settings.max_key_rows))
    bounds = Bounds(settings.max_document_bytes, settings.body_timeout / 1e6, settings.request_deadline / 1e6)
    gate.mount(app, routes, bounds=bounds, quotas=quotas, instruments=service.instruments)
    problems.install(app)
    gated = partial(gate.Gate, bounds=bounds, quotas=quotas, instruments=service.instruments)
    app.add_middleware(Express, service=service, intake=app.state.intake, gated=gated)
    app.add_middleware(Shield)
    openapi.install(app)
    app.add_middleware(Authentication, door=door)
    app.add_middleware(RawPath)
    app.add_middleware(Edge)
    return app
