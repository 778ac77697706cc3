"""Requests of a Lambda function URL (payload version 2.0)."""

import base64
from typing import Any

from shared.domain.errors import EventError, InputError


def is_request(event: Any) -> bool:
    """The event is an HTTP request, well formed or not."""
    return isinstance(event, dict) and isinstance(event.get("requestContext"), dict)


def checked_request(event: Any) -> dict[str, Any]:
    """The event itself; raises EventError for one that no function URL sends."""
    http = event.get("requestContext", {}).get("http", {}) if isinstance(event, dict) else {}
    if event_lacks := [name for name in ("method", "path") if not isinstance(http.get(name), str)]:
        raise EventError(f"not a function URL request: requestContext.http.{event_lacks[0]} is missing")
    return dict(event)


def body_of(event: Any) -> str:
    """The request's body as text, empty without one; raises InputError for one that is not UTF-8."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body)
    try:
        return base64.b64decode(body, validate=True).decode()
    except ValueError:
        raise InputError("the body is not UTF-8 text") from None


def bytes_of(event: Any) -> bytes:
    """The request's body as it came, empty without one; raises InputError for one that is not base64 as it says."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise InputError("the body is not base64") from None
