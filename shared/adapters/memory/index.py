"""A sparse sorted index in memory, with the keys and the order of the real ones."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from shared.domain import keys
from shared.ports.book import Page

_DAY = len("2026-03-01")


class SparseIndex:
    """Rows by partition and instant; a row stands in it once or not at all.

    Entries are kept by day, so that a write among 100,000 rows moves one day's list and a read touches only its range.
    """

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, str]] = {}
        self._partitions: dict[str, _Days] = {}

    def place(self, key: str, partition: str, at: datetime) -> None:
        """Puts the row at an instant, wherever it stood."""
        self.remove(key)
        entry = keys.agenda_sort(at, key)
        self._partitions.setdefault(partition, _Days()).add(entry)
        self._places[key] = partition, entry

    def move(self, key: str, partition: str) -> None:
        """Moves a row that stands in the index to another partition, at the same instant."""
        old, entry = self._places[key]
        self._partitions[old].remove(entry)
        self._partitions.setdefault(partition, _Days()).add(entry)
        self._places[key] = partition, entry

    def remove(self, key: str) -> None:
        if place := self._places.pop(key, None):
            self._partitions[place[0]].remove(place[1])

    def partition_of(self, key: str) -> str | None:
        place = self._places.get(key)
        return place[0] if place else None

    def page(self, partition: str, until: datetime | None, limit: int, after: str | None) -> Page:
        days = self._partitions.get(partition)
        if days is None:
            return Page((), None)
        bound = keys.agenda_bound(until) if until else keys.AGENDA_END
        found = list(islice(days.between(after or "", bound), limit + 1))
        shown = found[:limit]
        return Page(tuple(map(keys.parse_agenda_sort, shown)), shown[-1] if len(found) > limit else None)


class _Days:
    """Entries in order, in one list for each day."""

    def __init__(self) -> None:
        self._days: list[str] = []
        self._entries: dict[str, list[str]] = {}

    def add(self, entry: str) -> None:
        day = entry[:_DAY]
        if day not in self._entries:
            self._entries[day] = []
            insort(self._days, day)
        insort(self._entries[day], entry)

    def remove(self, entry: str) -> None:
        day = entry[:_DAY]
        entries = self._entries[day]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._entries[day]
            del self._days[bisect_left(self._days, day)]

    def between(self, after: str, bound: str) -> Iterator[str]:
        """Entries after `after` up to `bound`, in order."""
        for day in self._days[bisect_left(self._days, after[:_DAY]) : bisect_right(self._days, bound[:_DAY])]:
            entries = self._entries[day]
            yield from islice(entries, bisect_right(entries, after), bisect_right(entries, bound))
