"""Every problem that can be met: stable codes, and what to do about each."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """The status of a problem, whether the same bytes may be sent again, and what it means."""

    status: int
    meaning: str
    retryable: bool = False


def title(code: str) -> str:
    """Write a code as a title."""
    return code.replace("-", " ").capitalize()


def _final(status: int, **meanings: str) -> dict[str, Code]:
    return {name.replace("_", "-"): Code(status, meaning) for name, meaning in meanings.items()}


def _again(status: int, **meanings: str) -> dict[str, Code]:
    return {name.replace("_", "-"): Code(status, meaning, retryable=True) for name, meaning in meanings.items()}


CODES: Final[dict[str, Code]] = {
    **_final(
        HTTPStatus.BAD_REQUEST,
        undecodable="The body or the query cannot be decoded: syntax, truncation, checksum.",
        schema_width="The rows hold another number of unnamed values than the model has features for them.",
        key_in_query="A key was sent in the URL; it belongs in the Authorization header.",
        not_http="The bytes are no HTTP request.",
    ),
    **_final(
        HTTPStatus.UNAUTHORIZED,
        missing_key="No key was sent.",
        invalid_key="The key is unknown, expired or revoked.",
    ),
    **_final(
        HTTPStatus.FORBIDDEN,
        missing_scope="The key lacks the scope that the operation asks for.",
        restricted_key="The key may see some models only, and the operation is about all.",
        foreign_host="In open mode the Host header must name this machine.",
        foreign_origin="A page of another site made the request.",
        proxied="In open mode no proxy may stand in front.",
    ),
    **_final(
        HTTPStatus.NOT_FOUND,
        not_found="There is no such path.",
        unknown_model="There is no such model, or the key may not see it.",
        unknown_baseline="The model has no baseline of this number.",
        unknown_batch="No batch of this id is stored; one in flight may still be committed.",
        unknown_feature="The model has no such feature.",
        unknown_threshold="No threshold is set there.",
        unknown_episode="The model has no such episode.",
        unknown_suite="The model has no such suite of expectations.",
        unknown_key="There is no key of this id.",
        no_window="The version has no row in that window.",
    ),
    **_final(HTTPStatus.METHOD_NOT_ALLOWED, method_not_allowed="The path does not answer this method."),
    **_again(HTTPStatus.REQUEST_TIMEOUT, slow_headers="The headers were too slow.", slow_body="The body was too slow."),
    **_again(
        HTTPStatus.CONFLICT,
        no_baseline="The model has no active baseline yet.",
        batch_in_progress="The same batch is being committed right now.",
    ),
    **_final(
        HTTPStatus.CONFLICT,
        model_exists="A model of this name was made meanwhile.",
        key_ended="The key has expired or was revoked.",
        quality_not_installed="Great Expectations is not installed beside the service (extra `quality`).",
    ),
    **_final(
        HTTPStatus.PRECONDITION_FAILED,
        model_changed="The model changed meanwhile.",
        precondition_failed="It is not what If-Match or If-None-Match expects; read it again.",
    ),
    **_final(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        body_too_large="The body crosses a limit of size.",
        too_many_names="The body names too many columns.",
    ),
    **_final(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        unsupported_media_type="The content type is not spoken here.",
        unsupported_encoding="The content encoding is not spoken here.",
    ),
    **_final(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        invalid_request="A parameter or a field is not lawful; `pointer` names it.",
        batch_id_reused="The batch id was used for other bytes.",
        row_count_mismatch="The body holds another number of rows than announced.",
        too_many_rows="The batch holds too many rows.",
        too_many_windows="The batch touches too many windows.",
        too_many_columns="The rows have too many columns.",
        too_many_models="The service keeps no more models.",
        empty_baseline="The file holds no row.",
        repeated_name="A name occurs twice.",
        unlawful_name="The name cannot be used.",
        unlawful_cursor="The cursor was not given out.",
        unlawful_duration="That is no duration.",
        unlawful_window="The window does not divide a week.",
        unlawful_range="The range is empty or too long.",
        unlawful_histogram="The counts contradict the bins or themselves.",
        unlawful_threshold="The line lacks its number.",
        unlawful_scope="There is no such scope.",
        unreadable_time="That is no time.",
        unknown_timezone="There is no such time zone.",
        unknown_expectation="There is no such expectation, or it cannot run here; `detail` says why.",
        unlawful_suite="That is no suite of expectations; `pointer` names the fault.",
        horizon_exceeds_retention="A replay could outlive the memory of batch ids.",
        window_frozen="The window cannot change once a baseline was counted.",
        unstorable="The batch holds a value that cannot be stored.",
    ),
    **_again(
        HTTPStatus.TOO_MANY_REQUESTS,
        quota_exceeded="The key sends more than it may.",
        too_many_failures="Too many keys were refused.",
    ),
    **_final(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, headers_too_large="The headers are too large."),
    **_again(HTTPStatus.INTERNAL_SERVER_ERROR, internal="An unexpected error; it has been logged."),
    **_again(
        HTTPStatus.SERVICE_UNAVAILABLE,
        overloaded="The process has too much in work.",
        too_many_connections="The process has too many connections.",
        deadline="The answer took too long; what was sent may be stored.",
        draining="The process is stopping.",
        model_changing="The model kept changing meanwhile.",
        outcome_unknown="The database was lost during the commit; what was sent may be stored.",
        storage_unavailable="The database does not answer.",
        storage_full="The database cannot take writes.",
        unreachable="The service that was asked does not answer.",
    ),
}
