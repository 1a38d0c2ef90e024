"""Creating, changing and removing watched models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.drift.columns import Kind, Role
from app.errors import Conflict, NotFound, PreconditionFailed, Refused, Unavailable
from app.monitor.catalog import Watched
from app.monitor.conditions import UNCONDITIONAL, Condition
from app.monitor.configuration import Configuration, changed, check_retention, restored
from app.monitor.gauges import publish
from app.monitor.instants import instant_text
from app.monitor.service import Service
from app.storage import audit, baselines, exposition, models
from app.storage.database import Connection
from app.storage.models import Model, ModelFeature
from app.wire.names import check_name

RETRIES = 5


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks for a change, for the audit."""

    actor: str = "open"
    request_id: str = ""


def describe(watched: Watched) -> dict[str, object]:
    """Write a model's effective configuration, learnt features included."""
    model = watched.model
    active = watched.schedule[-1].number if watched.schedule else None
    return {
        "name": model.name,
        **watched.configuration.document(),
        "features": {feature.name: _feature(feature) for feature in model.features},
        "baseline": active,
        "revision": model.revision,
        "created_at": instant_text(model.created_us),
    }


def _feature(feature: ModelFeature) -> dict[str, object]:
    shown: dict[str, object] = {"kind": feature.kind.value, "role": feature.role.value}
    if feature.sensitive:
        shown["sensitive"] = True
    return shown | {"declared": feature.declared}


def tag(document: Mapping[str, object]) -> str:
    """Give the entity tag of a model's document, which changes with every change of the model."""
    return f'"{document["created_at"]}/{document["revision"]}"'


def put_model(
    service: Service,
    name: str,
    document: Mapping[str, Any],
    *,
    author: Author,
    condition: Condition = UNCONDITIONAL,
) -> tuple[dict[str, object], bool]:
    """Create or change a model; gives its configuration and whether it is new."""
    for _ in range(RETRIES):
        try:
            created = _put(service, name, document, author=author, condition=condition)
        except (PreconditionFailed, Conflict) as error:
            if error.code not in {"model-changed", "model-exists"}:
                raise
            continue
        publish(service)
        return describe(service.catalog.watched(name, fresh=True)), created
    raise Unavailable("model-changing", "the model kept changing meanwhile", retry_after=1)


def _put(service: Service, name: str, document: Mapping[str, Any], *, author: Author, condition: Condition) -> bool:
    policy = service.policy
    with service.database.transaction() as conn:
        found = models.find(conn, name)
        condition.check(None if found is None else _tag(found))
        current = Configuration() if found is None else restored(found.config)
        configuration = changed(current, document)
        check_retention(configuration, retention_us=policy.ledger_retention_us, margin_us=policy.ledger_margin_us)
        features = _features(found, document.get("features"))
        now_us = service.now_us()
        if found is None:
            check_name(name, "model")
            if len(models.listed(conn)) >= policy.max_models:
                raise Refused("too-many-models", f"a service keeps at most {policy.max_models} models")
            model = models.create(conn, name, config=configuration.document(), features=features, now_us=now_us)
        else:
            _check_window(conn, found, before=current, after=configuration)
            model = models.change(conn, found, config=configuration.document(), features=features)
        audit.record(
            conn,
            actor=author.actor,
            action="model.create" if found is None else "model.change",
            object_=name,
            before=None if found is None else found.config,
            after=model.config,
            request_id=author.request_id,
            now_us=now_us,
        )
        exposition.bump(conn)
    return found is None


def _features(found: Model | None, declared: Mapping[str, Any] | None) -> tuple[ModelFeature, ...]:
    """Merge newly declared features into those that are known."""
    known = {} if found is None else {feature.name: feature for feature in found.features}
    for name, body in (declared or {}).items():
        check_name(name, "feature")
        known[name] = ModelFeature(
            name, Kind(body["kind"]), Role(body.get("role", "feature")), sensitive=body.get("sensitive", False)
        )
    return tuple(known.values())


def _check_window(conn: Connection, found: Model, *, before: Configuration, after: Configuration) -> None:
    if after.window != before.window and baselines.listed(conn, found.id):
        detail = "the window cannot change once a baseline has been counted in windows of it; make a new model"
        raise Refused("window-frozen", detail)


def _tag(model: Model) -> str:
    return tag({"created_at": instant_text(model.created_us), "revision": model.revision})


def delete_model(service: Service, name: str, *, author: Author, condition: Condition = UNCONDITIONAL) -> None:
    """Remove a model; its series vanish and its name is free again."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        now_us = service.now_us()
        models.lock(conn, watched.id)
        found = models.get(conn, watched.id)
        condition.check(None if found is None else _tag(found))
        if not models.delete(conn, watched.id, now_us=now_us):
            raise NotFound("unknown-model", f"there is no model {name!r}")
        audit.record(
            conn,
            actor=author.actor,
            action="model.delete",
            object_=name,
            before=watched.model.config,
            after=None,
            request_id=author.request_id,
            now_us=now_us,
        )
        exposition.bump(conn)
    service.catalog.forget(name)
    service.instruments.forget(name)
    publish(service)
