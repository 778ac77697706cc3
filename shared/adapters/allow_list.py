"""Outside production, nobody gets a message whose number is not on the list."""

import re
from collections.abc import Iterable

from shared.domain.errors import InputError
from shared.ports.world import MessageChannel, SendResult, Sent

_ENTRY = re.compile(r"\+[1-9]\d{0,14}\*?", re.ASCII)

NOT_ALLOWED = Sent(SendResult.REFUSED, detail="not-allowed-here")


def parse_allow_list(text: str) -> tuple[str, ...]:
    """Reads `+15005550001,+447700900*`: whole numbers, or with `*` all that begin so; an empty text allows nobody.

    Raises InputError, which names the entry's place and not the entry.
    """
    entries = tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    for place, entry in enumerate(entries, start=1):
        if not _ENTRY.fullmatch(entry):
            raise InputError(f"allowed phones: entry {place} is no number such as +15005550001 or +447700900*")
    return entries


class AllowList:
    """MessageChannel that hands on what goes to a listed number, and refuses all else without a word on the wire."""

    def __init__(self, channel: MessageChannel, entries: Iterable[str]) -> None:
        self._channel = channel
        entries = tuple(entries)
        self._numbers = frozenset(entry for entry in entries if not entry.endswith("*"))
        self._beginnings = tuple(entry.removesuffix("*") for entry in entries if entry.endswith("*"))

    def send(self, address: str, text: str) -> Sent:
        if address in self._numbers or address.startswith(self._beginnings):
            return self._channel.send(address, text)
        return NOT_ALLOWED
