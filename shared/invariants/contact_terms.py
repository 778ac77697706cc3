"""What one policy pack says of contacts: its windows and its caps, read from the document alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_ALL = "all"


@dataclass(frozen=True)
class Hours:
    """When messages of some classes may go over some channels; None: of all classes, over all channels."""

    classes: frozenset[str] | None
    channels: frozenset[str] | None
    weekdays: frozenset[int]
    start: time
    end: time  # the last instant of a day stands for its end

    def admits(self, local: datetime, message_class: str, channel: str) -> bool:
        return (
            _covers(self.classes, message_class)
            and _covers(self.channels, channel)
            and local.isoweekday() in self.weekdays
            and self.start <= local.time() <= self.end
            and local.time() != self.end
        )


@dataclass(frozen=True)
class Cap:
    """At most `limit` contacts in so many calendar days, or in so long a time."""

    name: str
    classes: frozenset[str] | None
    channels: frozenset[str] | None
    scope: str
    limit: int
    days: int | None
    hours: int | None

    def applies_to(self, message_class: str, channel: str) -> bool:
        return _covers(self.classes, message_class) and _covers(self.channels, channel)

    def most_at_once(self, moments: Sequence[datetime], zone: ZoneInfo) -> int:
        """The most contacts that ever fell into one window of the cap, on a borrower's calendar."""
        if self.hours is not None:
            length = timedelta(hours=self.hours)
            return max((sum(last - length < m <= last for m in moments) for last in moments), default=0)
        days = [m.astimezone(zone).date() for m in moments]
        return max(
            (sum(first <= d < first + timedelta(days=self.days or 1) for d in days) for first in days), default=0
        )


@dataclass(frozen=True)
class ContactTerms:
    """`hours` is empty where the pack says nothing of when."""

    hours: tuple[Hours, ...]
    caps: tuple[Cap, ...]

    def admits(self, local: datetime, message_class: str, channel: str) -> bool:
        return not self.hours or any(h.admits(local, message_class, channel) for h in self.hours)


def read_contact_terms(document: Mapping[str, object]) -> ContactTerms | None:
    """None where the pack says nothing of contacts. Caps that count calls that were answered, or what follows a
    conversation, are left out: no row tells of these."""
    contact = document.get("contact")
    if not isinstance(contact, Mapping):
        return None
    hours = tuple(_hours(value) for _, value in _leaves(contact, "windows"))
    caps = tuple(
        _cap(name, value)
        for name, value in _leaves(contact, "caps")
        if value["counts"] != "connected" and "after" not in value
    )
    return ContactTerms(hours, caps) if hours or caps else None


def _leaves(contact: Mapping[str, object], tree: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    found = contact.get(tree)
    for name, leaf in found.items() if isinstance(found, Mapping) else ():
        yield f"contact.{tree}.{name}", leaf["value"]


def _hours(value: Mapping[str, object]) -> Hours:
    days = range(1, 8) if value["weekdays"] == _ALL else _list(value["weekdays"])
    end = time.max if value["to"] == "24:00" else time.fromisoformat(str(value["to"]))
    return Hours(
        _some(value["classes"]),
        _some(value["channels"]),
        frozenset(int(str(day)) for day in days),
        time.fromisoformat(str(value["from"])),
        end,
    )


def _cap(name: str, value: Mapping[str, object]) -> Cap:
    days, hours = value.get("days"), value.get("hours")
    return Cap(
        name,
        _some(value["classes"]),
        _some(value["channels"]),
        str(value["scope"]),
        int(str(value["max"])),
        None if days is None else int(str(days)),
        None if hours is None else int(str(hours)),
    )


def _some(value: object) -> frozenset[str] | None:
    return None if value == _ALL else frozenset(str(word) for word in _list(value))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")  # noqa: TRY004 - one kind of error for one kind of problem
    return value


def _covers(words: frozenset[str] | None, word: str) -> bool:
    return words is None or word in words
