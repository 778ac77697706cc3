"""Which notice a short link came with, in memory."""

from datetime import datetime


class MemoryLinkRows:
    """LinkRows."""

    def __init__(self) -> None:
        self._rows: dict[str, str] = {}

    def put(self, name: str, notice: str, expires_at: datetime) -> bool:
        del expires_at  # a link that is over is refused before it is looked for
        return self._rows.setdefault(name, notice) == notice

    def notice_of(self, name: str) -> str | None:
        return self._rows.get(name)
