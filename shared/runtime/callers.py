"""Who gives an order: the field of an event with his proof, and the digest of all that he signed."""

import json
from collections.abc import Mapping
from hashlib import sha256

from shared.domain.shape import says

CALLER = "caller"
"""The field with the caller's proof; all others are what he signed."""


def digest_of(event: Mapping[str, object]) -> str:
    """SHA-256 of an event without its proof: what a caller signs."""
    said = {name: value for name, value in event.items() if name != CALLER}
    return sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@says("the signed headers of the caller's request to STS")
def proof(value: object) -> Mapping[str, str]:
    """Raises ValueError for what is none; whose it is only STS can say."""
    if not isinstance(value, dict) or not 1 <= len(value) <= 8:
        raise ValueError
    for name, text in value.items():
        if not isinstance(text, str) or len(name) > 64 or len(text) > 4096 or not text.isprintable():
            raise ValueError
    return dict(value)
