"""What a request says about itself: its key, and in open mode whether it comes from this machine."""

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers

from app.errors import BadRequest, Forbidden

_KEY_LIKE: Final = re.compile(rb"(?:^|[&;=])(?:dm_[a-z2-7]{10}_|(?:access_token|api_key|apikey)=)", re.IGNORECASE)
_LOCAL: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_FORWARDED: Final = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})


def check_query(query: bytes) -> None:
    """Refuse a key in the query, where proxies and logs would keep it, and what would be read as another name."""
    if not query:
        return
    plain = unquote_to_bytes(query)
    if _KEY_LIKE.search(query) or _KEY_LIKE.search(plain):
        raise BadRequest("key-in-query", "a key belongs in the Authorization header, never in the URL")
    try:
        plain.decode()
    except UnicodeDecodeError:
        raise BadRequest("undecodable", "the query is not UTF-8") from None


def key_text(headers: Headers) -> str | None:
    """Give the key of a Bearer or Basic header as sent; None without one, empty when it cannot be read."""
    sent = headers.getlist("authorization")
    if not sent:
        return None
    kind, _, value = sent[0].strip().partition(" ")
    if len(sent) > 1:
        return ""
    match kind.lower():
        case "bearer":
            return value.strip()
        case "basic":
            return _password(value.strip())
        case _:
            return ""


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("ascii").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def check_local(headers: Headers) -> None:
    """Refuse what a web page or a proxy may have sent to a service that asks for no key."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or _LOCAL.fullmatch(hosts[0]) is None:
        raise Forbidden("foreign-host", "in open mode the Host must be localhost, 127.0.0.1 or [::1]")
    if not _FORWARDED.isdisjoint(headers.keys()):
        raise Forbidden("proxied", "in open mode no proxy may stand in front; create a key first")
    check_origin(headers)


def check_origin(headers: Headers) -> None:
    """Refuse a request that another site's page made."""
    host = headers.get("host", "").lower()
    if any(origin.lower() not in {f"http://{host}", f"https://{host}"} for origin in headers.getlist("origin")):
        raise Forbidden("foreign-origin", "the request comes from the page of another site")
