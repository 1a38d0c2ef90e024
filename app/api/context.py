"""What a handler may ask for: the service, the intake, the author of a change."""

import uuid
from typing import Annotated

from fastapi import Depends, Request

from app.api.intake import Intake
from app.monitor.models import Author
from app.monitor.service import Service


def service(request: Request) -> Service:
    """Give the service behind the application."""
    found: Service = request.app.state.service
    return found


def intake(request: Request) -> Intake:
    """Give the account of bytes in flight."""
    found: Intake = request.app.state.intake
    return found


def author(request: Request) -> Author:
    """Tell who asks, for the audit."""
    actor = getattr(request.state, "actor", "open")
    return Author(actor, request.headers.get("x-request-id", "")[:128] or f"req_{uuid.uuid4().hex}")


ServiceDep = Annotated[Service, Depends(service)]
IntakeDep = Annotated[Intake, Depends(intake)]
AuthorDep = Annotated[Author, Depends(author)]
