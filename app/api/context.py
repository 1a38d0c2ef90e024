"""What a handler may ask for: the service, the intake, the author of a change."""

from typing import Annotated

from fastapi import Depends, Request

from app.api.intake import Intake
from app.api.spool import Spool
from app.errors import Forbidden, NotFound
from app.monitor.keyring import Holder
from app.monitor.models import Author
from app.monitor.service import Service


async def service(request: Request) -> Service:
    """Give the service behind the application."""
    found: Service = request.app.state.service
    return found


async def intake(request: Request) -> Intake:
    """Give the account of bytes in flight."""
    found: Intake = request.app.state.intake
    return found


async def spool(request: Request) -> Spool:
    """Give the door for bodies larger than memory."""
    found: Spool = request.app.state.spool
    return found


async def author(request: Request) -> Author:
    """Tell who asks, for the audit."""
    actor = getattr(request.state, "actor", "open")
    return Author(actor, request.state.request_id)


async def holder(request: Request) -> Holder:
    """Tell whose key opened the door."""
    found: Holder = request.state.holder
    return found


def check_sight(holder: Holder, model: str | None) -> None:
    """Refuse a key that may see some models only what is about another, or about all."""
    if holder.models is None:
        return
    if model is None:
        raise Forbidden("restricted-key", "the key may see some models only; name one of them")
    if not holder.sees(model):
        raise NotFound("unknown-model", f"there is no model {model!r}")


ServiceDep = Annotated[Service, Depends(service)]
IntakeDep = Annotated[Intake, Depends(intake)]
SpoolDep = Annotated[Spool, Depends(spool)]
AuthorDep = Annotated[Author, Depends(author)]
HolderDep = Annotated[Holder, Depends(holder)]
