"""Outside production, no address gets a message that is not on the list: numbers, e-mail addresses, push endpoints."""

import re
from collections.abc import Iterable

from shared.domain.errors import InputError
from shared.ports.messages import Outgoing, Provider
from shared.ports.world import SendResult, Sent

_ENTRY = re.compile(r"\+[1-9]\d{0,14}\*?|[^\s@,*]+@[^\s@,*]+|arn:[^\s,*]+", re.ASCII)

NOT_ALLOWED = Sent(SendResult.REFUSED, detail="not-allowed-here")


def parse_addresses(text: str) -> tuple[str, ...]:
    """Reads `+15005550001,+447700900*,a@example.com,arn:…`: whole addresses, a number with `*` for all that begin so.

    An empty text allows nobody. Raises InputError, which names the entry's place and not the entry.
    """
    entries = tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    for place, entry in enumerate(entries, start=1):
        if not _ENTRY.fullmatch(entry):
            raise InputError(f"allowed addresses: entry {place} is no number, e-mail address or endpoint")
    return entries


class AllowedOutgoing:
    """Provider that hands on what goes to a listed address, and refuses all else without a word on the wire."""

    def __init__(self, provider: Provider, entries: Iterable[str]) -> None:
        self._provider = provider
        entries = tuple(entries)
        self._whole = frozenset(entry for entry in entries if not entry.endswith("*"))
        self._beginnings = tuple(entry.removesuffix("*") for entry in entries if entry.endswith("*"))

    def send(self, message: Outgoing) -> Sent:
        if message.address in self._whole or message.address.startswith(self._beginnings):
            return self._provider.send(message)
        return NOT_ALLOWED
