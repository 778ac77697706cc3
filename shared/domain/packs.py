"""Policy packs as documents: an envelope with dates, and leaves at any depth, each with its kind and source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from itertools import pairwise
from string import Formatter
from types import MappingProxyType

from shared.domain.book import Outcome
from shared.domain.calendar import zone
from shared.domain.errors import LeafError, PolicyError
from shared.domain.shape import Shape, says


class Kind(StrEnum):
    """How binding a leaf is."""

    LAW = "law"
    PRESUMPTION = "presumption"  # within it one is presumed to act lawfully
    DRAFT = "draft"  # of a law, kept as if it were in force
    SELF_REGULATION = "self-regulation"
    SCHEME = "scheme"
    PROVIDER = "provider"
    OWN_DESIGN = "own design"


class Sure(StrEnum):
    """How well a leaf's value is known."""

    SEEN = "seen"  # in its source, or an official copy or a vendor's own page of it
    COPY = "copy"  # in a press report, a mirror or another weak copy only
    MEMORY = "memory"  # nobody looked it up yet
    DESIGN = "design"  # ours: there is nothing to look up


@dataclass(frozen=True, slots=True)
class Leaf:
    """One rule: its value as decoded, how binding it is, where it comes from, and how sure that is."""

    value: object
    kind: Kind
    source: str
    sure: Sure = Sure.DESIGN


@dataclass(frozen=True, slots=True)
class Pack:
    """`valid_to` is the last day of validity; None is open-ended."""

    id: str
    type: str  # lender, product, wording, jurisdiction, provider, rail, calendar
    version: str
    valid_from: date
    valid_to: date | None
    leaves: Mapping[str, Leaf]

    def is_valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


TEXT_FIELDS = frozenset({"signature", "product", "name", "amount", "date", "count", "hotline", "reference"})
"""The placeholders that a text, or a phrase that it must hold, may use. A reference is the loan's own number."""

MANDATE_FIELDS = frozenset({"signature", "product", "amount", "date", "count", "list", "code", "minutes", "hotline"})
"""The placeholders of a text about a mandate."""

_ENVELOPE = {"id", "type", "version", "valid_from", "valid_to"}

_LEAF = {"value", "kind", "sure", "source"}


def parse_pack(document: Mapping[str, object]) -> Pack:
    """Reads a decoded pack document: the envelope, then leaves at any depth (`{value, kind, sure, source}`, no more).

    Raises PolicyError for the first fault, naming the leaf.
    """
    pack, faults = parsed(document)
    if pack is None or faults:
        raise faults[0]
    return pack


def parsed(document: Mapping[str, object]) -> tuple[Pack | None, tuple[PolicyError, ...]]:
    """What can be read of a document, without the leaves that are no leaves, and every fault; None where the envelope
    cannot be read."""
    envelope = {name: document.get(name) for name in _ENVELOPE}
    name = envelope["id"] if isinstance(envelope["id"], str) else "a pack"
    for field in ("id", "type", "version"):
        if not isinstance(envelope[field], str) or not envelope[field]:
            return None, (PolicyError(f"{name}: {field} must be a non-empty text"),)
    first, last = envelope["valid_from"], envelope["valid_to"]
    if type(first) is not date or not (last is None or type(last) is date):
        return None, (PolicyError(f"{name}: valid_from and valid_to must be dates"),)
    leaves: dict[str, Leaf] = {}
    faults: list[PolicyError] = []
    for path, node in _nodes("", {k: v for k, v in document.items() if k not in _ENVELOPE}):
        try:
            leaves[path] = _leaf(name, path, node)
        except LeafError as fault:
            faults.append(fault)
    pack = Pack(name, str(envelope["type"]), str(envelope["version"]), first, last, MappingProxyType(leaves))
    return pack, tuple(faults)


def _nodes(path: str, node: object) -> Iterator[tuple[str, object]]:
    """What stands where a leaf should: tables with a value, and what is no table at all."""
    if not isinstance(node, Mapping) or "value" in node:
        yield path, node
        return
    for key, child in node.items():
        yield from _nodes(f"{path}.{key}" if path else key, child)


def _leaf(pack: str, path: str, node: object) -> Leaf:
    if not isinstance(node, Mapping):
        raise LeafError(path, f"{pack}: {path} is not a leaf with value, kind, sure and source")
    source = node.get("source")
    if set(node) != _LEAF or not isinstance(source, str) or not source:
        raise LeafError(path, f"{pack}: {path} must hold exactly value, kind, sure and source")
    return Leaf(node["value"], _word(pack, path, "kind", Kind, node), source, _word(pack, path, "sure", Sure, node))


def _word[E: StrEnum](pack: str, path: str, name: str, words: type[E], node: Mapping[str, object]) -> E:
    try:
        return words(str(node[name]))
    except ValueError:
        raise LeafError(path, f"{pack}: {path}: {name} {node[name]!r} is none of {', '.join(words)}") from None


class Reader:
    """Takes leaves out one by one, so that an unknown one is left over; LeafError names the one that is wrong."""

    def __init__(self, leaves: Mapping[str, Leaf]) -> None:
        self._left = dict(leaves)

    def has(self, path: str) -> bool:
        """It is there, and nobody took it yet."""
        return path in self._left

    def take[T](self, path: str, shape: Shape[T], tree: str = "") -> T:
        """The value of a leaf; `tree` is the prefix under which leaves have any name."""
        if path not in self._left:
            raise LeafError(path, f"{path} is missing", shape, tree)
        leaf = self._left.pop(path)
        try:
            return shape(leaf.value)
        except (ValueError, TypeError, KeyError) as error:
            raise LeafError(path, f"{path}: {leaf.value!r} is not {shape.says}", shape, tree) from error

    def take_all[T](self, prefix: str, shape: Shape[T]) -> dict[str, T]:
        paths = [p for p in self._left if p.startswith(prefix + ".")]
        if not paths:
            raise LeafError(f"{prefix}.*", f"{prefix} is missing", shape, prefix)
        return {p.removeprefix(prefix + "."): self.take(p, shape, prefix) for p in paths}

    def refuse_rest(self) -> None:
        if self._left:
            raise LeafError(min(self._left), f"{min(self._left)} is not a leaf that any rule reads")


_COUNT = {"type": "integer", "minimum": 0}
_NONE = {"const": "none"}
_TEXT = {"type": "string", "minLength": 1}
_CLOCK = {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]"}
_DAY = {"type": "string", "format": "date"}  # as editors see a date of TOML


def _list_of(items: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"type": "array", "items": items, **more}


@says("a whole number of at least 0", _COUNT)
def count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


@says("a list of different whole numbers", _list_of(_COUNT, uniqueItems=True, minItems=1))
def counts(value: object) -> list[int]:
    numbers = some_counts(value)
    if not numbers:
        raise ValueError
    return numbers


@says("a list of different whole numbers, or none", _list_of(_COUNT, uniqueItems=True))
def some_counts(value: object) -> list[int]:
    numbers = [count(v) for v in _list(value)]
    if len(set(numbers)) != len(numbers):
        raise ValueError
    return numbers


@says('a whole number of at least 0, or "none"', {"anyOf": [_COUNT, _NONE]})
def maybe_count(value: object) -> int | None:
    return None if value == "none" else count(value)


@says("a whole number from 0 to 99", {**_COUNT, "maximum": 99})
def percent(value: object) -> int:
    if count(value) > 99:
        raise ValueError
    return count(value)


@says("a list of ISO weekdays, 1 for Monday to 7", _list_of({"enum": [*range(1, 8)]}, uniqueItems=True, minItems=1))
def weekdays(value: object) -> list[int]:
    days = counts(value)
    if not set(days) <= set(range(1, 8)):
        raise ValueError
    return days


@says("a list of dates", _list_of(_DAY))
def days(value: object) -> list[date]:
    found = _list(value)
    if not all(type(day) is date for day in found):
        raise TypeError
    return [day for day in found if isinstance(day, date)]


@says('a date, or "none"', {"anyOf": [_DAY, _NONE]})
def maybe_day(value: object) -> date | None:
    if value == "none":
        return None
    if type(value) is not date:
        raise TypeError
    return value


MIDNIGHT = time.min
"""As the end of a window, the end of the day: packs write it 24:00."""


@says(
    'a list of [from, to] times of day that do not overlap, such as ["21:30", "24:00"], or none',
    _list_of(_list_of(_CLOCK, minItems=2, maxItems=2)),
)
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

    @says(f"a list of different words out of {', '.join(kind)}", _list_of({"enum": [*kind]}, uniqueItems=True))
    def shape(value: object) -> list[E]:
        found = [kind(text(v)) for v in _list(value)]
        if len(set(found)) != len(found):
            raise ValueError
        return found

    return shape


@says("true or false", {"type": "boolean"})
def flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError
    return value


@says("a non-empty text", _TEXT)
def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


@says("a list of texts", _list_of(_TEXT))
def texts(value: object) -> list[str]:
    return [text(v) for v in _list(value)]


@says("a text whose placeholders are known", _TEXT)
def message(value: object) -> str:
    return _filled_from(TEXT_FIELDS, text(value))


@says("a text about a mandate whose placeholders are known", _TEXT)
def mandate_text(value: object) -> str:
    return _filled_from(MANDATE_FIELDS, text(value))


def _filled_from(fields: frozenset[str], found: str) -> str:
    if {name for _, name, _, _ in Formatter().parse(found) if name is not None} - fields:
        raise ValueError
    return found


@says("a time of day such as 08:00", _CLOCK)
def clock(value: object) -> time:
    found = time.fromisoformat(text(value))
    if found.tzinfo is not None:
        raise ValueError
    return found


@says("a list of times of day such as 08:00", _list_of(_CLOCK))
def clocks(value: object) -> list[time]:
    return [clock(v) for v in _list(value)]


@says("an IANA time zone", _TEXT)
def a_zone(value: object) -> str:
    return zone(text(value)).key


@says(
    "a list of definite outcomes of a deduction",
    _list_of({"enum": [outcome for outcome in Outcome if outcome.is_failure]}),
)
def outcomes(value: object) -> list[Outcome]:
    found = [Outcome(text(v)) for v in _list(value)]
    if not all(o.is_failure for o in found):
        raise ValueError
    return found


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value
