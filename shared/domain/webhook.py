"""A webhook's signature, `Duebell-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`: what is signed, and when it counts.

HMAC-SHA256 over `<t>.<body>`, the body's bytes as they came. Several `v1` are allowed, so that a sender can sign with
two secrets while one replaces the other; whatever else the header names is passed over.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

HEADER = "Duebell-Signature"
PATH = "/v1/webhooks"
RECEIPTS_PATH = "/v1/receipts"
"""Of what a gateway for messages says; signed in the same way, under a secret of its own."""
TOLERANCE = timedelta(minutes=5)
"""How far the sender's clock and ours may differ, both ways; a recorded webhook is worthless after it."""
MOST_BYTES = 32 * 1024
"""Of a body. Escaped as JSON it is at most six times as long, and must fit into one message of 256 KB."""

_AT = re.compile(r"\d{1,12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_PARTS = 10


class Refusal(Enum):
    """Why a webhook is not taken, and its HTTP status."""

    UNSIGNED = (401, "there is no Duebell-Signature header")
    MALFORMED = (400, "the signature is not t=<unix seconds>,v1=<64 hex digits>")
    TOO_OLD = (401, "the signature is more than five minutes old")
    TOO_NEW = (401, "the signature is more than five minutes ahead")
    WRONG = (401, "no v1 is a signature of this body under a secret that is valid now")
    TOO_LARGE = (413, f"the body has more than {MOST_BYTES} bytes")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Signature:
    at: int  # Unix seconds
    digests: tuple[str, ...]


def read_signature(header: str | None) -> Signature | Refusal:
    """The signature of a header; it says nothing yet of the body."""
    if header is None:
        return Refusal.UNSIGNED
    parts = [part.strip().partition("=") for part in header.split(",", _MOST_PARTS)]
    times = [value for name, _, value in parts if name == "t"]
    digests = tuple(value for name, _, value in parts if name == "v1")
    if len(parts) > _MOST_PARTS or len(times) != 1 or not _AT.fullmatch(times[0]):
        return Refusal.MALFORMED
    if not digests or not all(_DIGEST.fullmatch(digest) for digest in digests):
        return Refusal.MALFORMED
    return Signature(int(times[0]), digests)


def header_of(at: int, digests: tuple[str, ...]) -> str:
    """The inverse of `read_signature`."""
    return ",".join([f"t={at}", *(f"v1={digest}" for digest in digests)])


def signed_bytes(at: int, body: bytes) -> bytes:
    return f"{at}.".encode() + body


def untimely(signature: Signature, now: datetime) -> Refusal | None:
    """Whether the signature is too old or too new; its last second of validity still counts."""
    age = now.timestamp() - signature.at
    if age > TOLERANCE.total_seconds():
        return Refusal.TOO_OLD
    return Refusal.TOO_NEW if age < -TOLERANCE.total_seconds() else None
