"""Policy packs as documents: an envelope with dates, and leaves at any depth, each with its kind and source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from itertools import pairwise
from string import Formatter
from types import MappingProxyType

from shared.domain.book import Outcome
from shared.domain.calendar import zone
from shared.domain.errors import PolicyError
from shared.domain.shape import Shape, says


class Kind(StrEnum):
    """How binding a leaf is."""

    LAW = "law"
    SELF_REGULATION = "self-regulation"
    SCHEME = "scheme"
    PROVIDER = "provider"
    OWN_DESIGN = "own design"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One rule: its value as decoded, how binding it is, and where it comes from."""

    value: object
    kind: Kind
    source: str


@dataclass(frozen=True, slots=True)
class Pack:
    """`valid_to` is the last day of validity; None is open-ended."""

    id: str
    type: str  # lender, product, wording
    version: str
    valid_from: date
    valid_to: date | None
    leaves: Mapping[str, Leaf]

    def is_valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


TEXT_FIELDS = frozenset({"signature", "product", "name", "amount", "date", "count", "hotline"})
"""The placeholders that a text may use."""

MANDATE_FIELDS = frozenset({"signature", "product", "amount", "date", "count", "list", "code", "minutes", "hotline"})
"""The placeholders of a text about a mandate."""

_ENVELOPE = {"id", "type", "version", "valid_from", "valid_to"}


def parse_pack(document: Mapping[str, object]) -> Pack:
    """Reads a decoded pack document: the envelope, then leaves at any depth (`{value, kind, source}`, nothing else).

    Raises PolicyError naming the leaf.
    """
    envelope = {name: document.get(name) for name in _ENVELOPE}
    name = envelope["id"] if isinstance(envelope["id"], str) else "a pack"
    for field in ("id", "type", "version"):
        if not isinstance(envelope[field], str) or not envelope[field]:
            raise PolicyError(f"{name}: {field} must be a non-empty text")
    first, last = envelope["valid_from"], envelope["valid_to"]
    if type(first) is not date or not (last is None or type(last) is date):
        raise PolicyError(f"{name}: valid_from and valid_to must be dates")
    leaves: dict[str, Leaf] = {}
    _collect(name, "", {k: v for k, v in document.items() if k not in _ENVELOPE}, leaves)
    return Pack(
        str(envelope["id"]), str(envelope["type"]), str(envelope["version"]), first, last, MappingProxyType(leaves)
    )


def _collect(pack: str, path: str, node: object, leaves: dict[str, Leaf]) -> None:
    if not isinstance(node, Mapping):
        raise PolicyError(f"{pack}: {path} is not a leaf with value, kind and source")
    if "value" in node:
        if set(node) != {"value", "kind", "source"} or not isinstance(node["source"], str) or not node["source"]:
            raise PolicyError(f"{pack}: {path} must hold exactly value, kind and source")
        try:
            kind = Kind(node["kind"])
        except ValueError:
            raise PolicyError(f"{pack}: {path}: kind {node['kind']!r} is none of {', '.join(Kind)}") from None
        leaves[path] = Leaf(node["value"], kind, node["source"])
        return
    for key, child in node.items():
        _collect(pack, f"{path}.{key}" if path else key, child, leaves)


class Reader:
    """Takes leaves out one by one, so that an unknown one is left over."""

    def __init__(self, leaves: Mapping[str, Leaf]) -> None:
        self._left = dict(leaves)

    def take[T](self, path: str, shape: Shape[T]) -> T:
        if path not in self._left:
            raise PolicyError(f"{path} is missing")
        leaf = self._left.pop(path)
        try:
            return shape(leaf.value)
        except (ValueError, TypeError, KeyError) as error:
            raise PolicyError(f"{path}: {leaf.value!r} is not {shape.says}") from error

    def take_all[T](self, prefix: str, shape: Shape[T]) -> dict[str, T]:
        paths = [p for p in self._left if p.startswith(prefix + ".")]
        if not paths:
            raise PolicyError(f"{prefix} is missing")
        return {p.removeprefix(prefix + "."): self.take(p, shape) for p in paths}

    def refuse_rest(self) -> None:
        if self._left:
            raise PolicyError(f"{min(self._left)} is not a leaf that any rule reads")


@says("a whole number of at least 0")
def count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


@says("a list of different whole numbers")
def counts(value: object) -> list[int]:
    numbers = some_counts(value)
    if not numbers:
        raise ValueError
    return numbers


@says("a list of different whole numbers, or none")
def some_counts(value: object) -> list[int]:
    numbers = [count(v) for v in _list(value)]
    if len(set(numbers)) != len(numbers):
        raise ValueError
    return numbers


@says('a whole number of at least 0, or "none"')
def maybe_count(value: object) -> int | None:
    return None if value == "none" else count(value)


@says("a whole number from 0 to 99")
def percent(value: object) -> int:
    if count(value) > 99:
        raise ValueError
    return count(value)


@says("a list of ISO weekdays, 1 for Monday to 7")
def weekdays(value: object) -> list[int]:
    days = counts(value)
    if not set(days) <= set(range(1, 8)):
        raise ValueError
    return days


@says("a list of dates")
def days(value: object) -> list[date]:
    found = _list(value)
    if not all(type(day) is date for day in found):
        raise TypeError
    return [day for day in found if isinstance(day, date)]


@says('a date, or "none"')
def maybe_day(value: object) -> date | None:
    if value == "none":
        return None
    if type(value) is not date:
        raise TypeError
    return value


MIDNIGHT = time.min
"""As the end of a window, the end of the day: packs write it 24:00."""


@says('a list of [from, to] times of day that do not overlap, such as ["21:30", "24:00"], or none')
def windows(value: object) -> list[tuple[time, time]]:
    found = sorted(_window(pair) for pair in _list(value))
    for (_, end), (start, _) in pairwise(found):
        if end == MIDNIGHT or start < end:
            raise ValueError
    return found


def _window(value: object) -> tuple[time, time]:
    first, last = (text(v) for v in _list(value))
    start, end = clock(first), MIDNIGHT if last == "24:00" else clock(last)
    if last != "24:00" and start >= end:
        raise ValueError
    return start, end


def members[E: StrEnum](kind: type[E]) -> Shape[list[E]]:
    """The shape of a list of different words of one kind."""

    @says(f"a list of different words out of {', '.join(kind)}")
    def shape(value: object) -> list[E]:
        found = [kind(text(v)) for v in _list(value)]
        if len(set(found)) != len(found):
            raise ValueError
        return found

    return shape


@says("true or false")
def flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError
    return value


@says("a non-empty text")
def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


@says("a list of texts")
def texts(value: object) -> list[str]:
    return [text(v) for v in _list(value)]


@says("a text whose placeholders are known")
def message(value: object) -> str:
    return _filled_from(TEXT_FIELDS, text(value))


@says("a text about a mandate whose placeholders are known")
def mandate_text(value: object) -> str:
    return _filled_from(MANDATE_FIELDS, text(value))


def _filled_from(fields: frozenset[str], found: str) -> str:
    if {name for _, name, _, _ in Formatter().parse(found) if name is not None} - fields:
        raise ValueError
    return found


@says("a time of day such as 08:00")
def clock(value: object) -> time:
    found = time.fromisoformat(text(value))
    if found.tzinfo is not None:
        raise ValueError
    return found


@says("a list of times of day such as 08:00")
def clocks(value: object) -> list[time]:
    return [clock(v) for v in _list(value)]


@says("an IANA time zone")
def a_zone(value: object) -> str:
    return zone(text(value)).key


@says("a list of definite outcomes of a deduction")
def outcomes(value: object) -> list[Outcome]:
    found = [Outcome(text(v)) for v in _list(value)]
    if not all(o.is_failure for o in found):
        raise ValueError
    return found


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value
