"""SMS over an operator's or aggregator's own gateway, by signed JSON over HTTP; `docs/channels.md` gives the format.

The one provider that keeps our key: a message sent twice under it goes out once, and `lookup` tells what
became of it. Even so nothing is repeated here: one call is one request, and what is not definite is UNKNOWN.
"""

import json
import ssl
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from botocore.httpsession import get_cert_path
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from shared.domain.errors import SettingsError, StoreError
from shared.domain.provider_codes import safe_code
from shared.domain.webhook import HEADER, header_of, signed_bytes
from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.webhooks import Seals
from shared.ports.world import Clock, SendResult, Sent

CONNECT_SECONDS = 2
READ_SECONDS = 5

_STATUSES: Mapping[str, SendResult] = {
    "accepted": SendResult.SENT,
    "retry": SendResult.RETRY_LATER,
    "rejected": SendResult.REFUSED,
    "opted-out": SendResult.OPTED_OUT,
}
"""The words of an answer that repeats our key. Any other word is UNKNOWN."""

_REFUSED_STATUSES: Mapping[int, SendResult] = {
    400: SendResult.REFUSED,
    401: SendResult.RETRY_LATER,
    403: SendResult.RETRY_LATER,
    404: SendResult.RETRY_LATER,
    413: SendResult.REFUSED,
    422: SendResult.REFUSED,
    429: SendResult.RETRY_LATER,
}
"""What a gateway that gives no readable answer certainly did not take. 409 is a key that holds another message, which
may be out; 408 and every 5xx may have been taken all the same."""

_NEVER_LEFT = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
"""No connection, so no request."""

NO_SIGNATURE = Sent(SendResult.RETRY_LATER, detail="no-signature")


class HttpSms:
    """Provider and Lookup. `seals` signs; without a secret nothing is sent.

    No retry, no redirect, and no connection is kept: one that went stale while the function slept would turn the next
    message into an unknown.
    """

    def __init__(
        self, url: str, seals: Seals, clock: Clock, sender_id: str | None = None, read_seconds: float = READ_SECONDS
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
            raise SettingsError("the SMS gateway's address must begin with https://")
        self._url = url.rstrip("/")
        self._seals = seals
        self._clock = clock
        self._sender_id = sender_id
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
            ssl_context=ssl.create_default_context(cafile=get_cert_path(True))  # noqa: FBT003 - botocore's: verify
            if parts.scheme == "https"
            else None,
        )

    def send(self, message: Outgoing) -> Sent:
        if message.seconds_left(self._clock.now()) <= 0:
            return TOO_LATE
        body = _body(message, self._sender_id)
        try:
            signature = self._signature(body)
        except StoreError:
            return NO_SIGNATURE
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key, HEADER: signature}
        try:
            status, answer = self._request("POST", "/v1/messages", headers, body)
        except _NEVER_LEFT as error:
            return Sent(SendResult.RETRY_LATER, detail=type(error).__name__)
        except HTTPError as error:
            return Sent(SendResult.UNKNOWN, detail=type(error).__name__)
        return read_answer(status, answer, message.key)

    def lookup(self, key: str) -> Sent | None:
        """Signed over `GET <path>`. Only the gateway's own word that it never got the key counts as None."""
        path = f"/v1/messages/{quote(key, safe='')}"
        try:
            status, answer = self._request("GET", path, {HEADER: self._signature(f"GET {path}".encode())})
        except HTTPError as error:
            raise StoreError(f"the SMS gateway could not be asked: {type(error).__name__}") from error
        fields = _fields(answer)
        if fields.get("key") == key:
            if status == 404 and fields.get("status") == "not-found":
                return None
            if status == 200:
                return read_answer(status, answer, key)
        raise StoreError(f"the SMS gateway answered a lookup with {status}")

    def _signature(self, content: bytes) -> str:
        at = int(self._clock.now().timestamp())
        return header_of(at, self._seals.seal(signed_bytes(at, content)))

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, bytes]:
        try:
            answer = self._pool.request(
                method,
                self._url + path,
                body=body or None,
                headers={**headers, "Connection": "close"},
                redirect=False,
            )
            return answer.status, answer.data
        finally:
            self._pool.clear()


def read_answer(status: int, body: bytes, key: str) -> Sent:
    """What an answer means; one that does not repeat our key is no word of the gateway about this message."""
    fields = _fields(body)
    word = fields.get("status")
    if fields.get("key") == key and isinstance(word, str) and word in _STATUSES:
        code = fields.get("code")
        return Sent(_STATUSES[word], _reference(fields.get("ref")), None if code is None else safe_code(code))
    return Sent(_REFUSED_STATUSES.get(status, SendResult.UNKNOWN), detail=f"HTTP-{status}")


def _body(message: Outgoing, sender_id: str | None) -> bytes:
    document: dict[str, Any] = {
        "v": 1,
        "key": message.key,
        "to": message.address,
        "text": message.text,
        "class": message.message_class,
        "language": message.language,
        "parts": message.parts,
        "valid_until": f"{message.until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    if sender_id:
        document["sender"] = sender_id
    if message.max_price is not None:
        document["max_price"] = f"{message.max_price:f}"
    if message.template_id:
        document["template"] = message.template_id
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _reference(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 128 else None


def _fields(body: bytes) -> dict[str, object]:
    """The body's fields; none where it cannot be read."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
