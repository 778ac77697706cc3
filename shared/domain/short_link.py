"""Short links in messages: what a code says, what of it is signed, and when it is over.

A code is 26 characters of base62: 8 bytes of the SHA-256 of the notice's key, 3 bytes of hours since 1970 at whose end
the link is over, and 8 bytes of the HMAC of both. It holds no name, number, loan or amount, and whoever has no secret
can neither make one nor change its notice or its time. The digest is short: whoever stores `digest -> notice` puts it
only where it is absent, and a digest that another notice holds already gets no link.

64 bits of signature are for guessing over the network, where every guess is a request and is throttled. Own design.
"""

import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256

DIGEST_BYTES = 8
HOURS_BYTES = 3
MAC_BYTES = 8
CODE_LENGTH = 26

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_ALL_BYTES = DIGEST_BYTES + HOURS_BYTES + MAC_BYTES
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


class LinkRefusal(Enum):
    """Why a code opens nothing. Whoever asks is told one and the same, so that a guess learns nothing."""

    MALFORMED = "this is no code of a link"
    FORGED = "the code was not made under a secret that is valid now"
    EXPIRED = "the link is over"


@dataclass(frozen=True, slots=True)
class ShortLink:
    """Which notice it came with, and until when it opens, exclusive (aware, UTC, a whole hour)."""

    digest: bytes
    expires_at: datetime

    @property
    def name(self) -> str:
        """The digest as the key of a row."""
        return self.digest.hex()


def link_for(notice_key: str, expires_at: datetime) -> ShortLink:
    """A notice's link; `expires_at` (aware) is rounded down to the hour, so that it is never open for longer."""
    hours = (expires_at - _EPOCH) // _HOUR
    if not 0 < hours < 2 ** (8 * HOURS_BYTES):
        raise ValueError("a link ends after 1970 and before 3883")
    return ShortLink(sha256(notice_key.encode()).digest()[:DIGEST_BYTES], _EPOCH + hours * _HOUR)


def signed_part(link: ShortLink) -> bytes:
    """What the signature is over. It begins like nothing else that is signed, whatever secret is used."""
    return b"duebell.short-link.1\n" + _content(link)


def code_of(link: ShortLink, mac: bytes) -> str:
    """The code; of the HMAC the first 8 bytes are used."""
    return _base62(_content(link) + mac[:MAC_BYTES])


def read_code(code: str) -> tuple[ShortLink, bytes] | LinkRefusal:
    """The link that a code claims to be and its signature, which says nothing until it is checked."""
    if len(code) != CODE_LENGTH or any(letter not in _VALUES for letter in code):
        return LinkRefusal.MALFORMED
    number = 0
    for letter in code:
        number = number * 62 + _VALUES[letter]
    if number >= 2 ** (8 * _ALL_BYTES):
        return LinkRefusal.MALFORMED
    content = number.to_bytes(_ALL_BYTES)
    hours = int.from_bytes(content[DIGEST_BYTES : DIGEST_BYTES + HOURS_BYTES])
    return ShortLink(content[:DIGEST_BYTES], _EPOCH + hours * _HOUR), content[-MAC_BYTES:]


def is_over(link: ShortLink, now: datetime) -> bool:
    return now >= link.expires_at


def _content(link: ShortLink) -> bytes:
    return link.digest + ((link.expires_at - _EPOCH) // _HOUR).to_bytes(HOURS_BYTES)


def _base62(content: bytes) -> str:
    number, letters = int.from_bytes(content), ""
    for _ in range(CODE_LENGTH):
        number, value = divmod(number, 62)
        letters = _ALPHABET[value] + letters
    return letters
