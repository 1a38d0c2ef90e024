"""Everything that can go wrong for a caller, as one family.

Problem
├── BadRequest (400): undecodable, schema-width
├── Unauthorized (401), Forbidden (403)
├── NotFound (404): unknown-model, no-window, ...
├── SlowBody (408)
├── Conflict (409): no-baseline, batch-in-progress
├── PreconditionFailed (412)
├── TooLarge (413)
├── UnsupportedType (415)
├── Refused (422): well-formed, but not lawful
├── TooMany (429)
└── Unavailable (503): storage-unavailable, overloaded, outcome-unknown, draining
"""

from http import HTTPStatus
from typing import ClassVar


class ConfigurationError(Exception):
    """The service cannot start as configured; the command line exits with 78."""


class DatabaseAbsentError(Exception):
    """No database answered in time; the command line exits with 69."""


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An error with a stable code, shown to callers as application/problem+json."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913 - the members of the problem document
        self,
        code: str,
        detail: str,
        *,
        stored: str = "none",
        retry_after: int | None = None,
        retryable: bool | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        """Name the problem by its stable code and tell the caller what to do about it."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.stored = stored
        self.retry_after = retry_after
        self.may_retry = self.retryable if retryable is None else retryable
        self.extra = extra or {}


class BadRequest(Problem):
    """The bytes cannot be decoded."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(Problem):
    """No valid key was shown."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(Problem):
    """The key lacks the scope."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Problem):
    """There is no such thing, or the key may not see it."""

    status = HTTPStatus.NOT_FOUND


class SlowBody(Problem):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    retryable = True


class Conflict(Problem):
    """The state of the model does not allow it now."""

    status = HTTPStatus.CONFLICT


class PreconditionFailed(Problem):
    """Somebody else changed it first."""

    status = HTTPStatus.PRECONDITION_FAILED


class TooLarge(Problem):
    """A size limit was crossed."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedType(Problem):
    """The content type or encoding is not spoken here."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Refused(Problem):
    """Well-formed, but not lawful."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooMany(Problem):
    """The caller exceeds a quota of its own."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retryable = True


class Unavailable(Problem):
    """The service cannot do it now; send the same bytes again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True
