"""What making and opening short links needs of the world."""

from datetime import datetime
from typing import Protocol

from shared.domain.short_link import LinkRefusal, ShortLink


class Links(Protocol):
    def code(self, link: ShortLink) -> str:
        """The code of a link, signed under the current secret. Raises StoreError when the secret cannot be read."""

    def opened(self, code: str, now: datetime) -> ShortLink | LinkRefusal:
        """The link behind a code, or why it opens nothing; compared in constant time, under every valid secret."""


class LinkRows(Protocol):
    def put(self, name: str, notice: str, expires_at: datetime) -> bool:
        """Keeps which notice (`keys.notice_hint`) a link came with, until it is over; False where another notice has
        this name. The same again is the same. Raises StoreError."""

    def notice_of(self, name: str) -> str | None:
        """The notice that a link came with; None: there is none. Raises StoreError."""
