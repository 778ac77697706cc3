"""Jurisdictions: what a country's packs say about contact and delinquency, and how any pack states contact rules.

A jurisdiction states every rule, "none" included. Other packs (a lender's, a provider's) may state a part of the same
tree: `contact.windows.*`, `contact.caps.*`, `text.banned.*`, `text.required.*`, `keywords.*`, `holds.*` and so on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from shared.domain.contact_rules import (
    CalendarDays,
    Cap,
    Channel,
    ContactEvent,
    ContactRules,
    HoldRule,
    Keyword,
    KeywordRule,
    MessageClass,
    Phrases,
    Reached,
    Recipient,
    Scope,
    Stops,
    Window,
    WindowGroup,
)
from shared.domain.countries import COUNTRIES
from shared.domain.delinquency import Delinquency, Materiality
from shared.domain.errors import AmountError, PolicyError
from shared.domain.folded_text import folded
from shared.domain.money import Money
from shared.domain.packs import (
    MIDNIGHT,
    Pack,
    Reader,
    clock,
    count,
    maybe_count,
    members,
    message,
    text,
    texts,
    weekdays,
)
from shared.domain.shape import Shape, says

_KEYWORDS = {
    "stop": (Keyword.STOP, False),
    "stop_anywhere": (Keyword.STOP, True),
    "help": (Keyword.HELP, False),
    "start": (Keyword.START, False),
}


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """What a country's law, its industry and we ourselves hold in it."""

    name: str
    version: str
    countries: frozenset[str]  # ISO 3166-1 alpha-2
    contact: ContactRules
    delinquency: Delinquency


def read_whole_jurisdiction(pack: Pack) -> Jurisdiction:
    """All of a jurisdiction's pack; raises PolicyError naming the pack and the leaf, also one missing or unread."""
    try:
        reader = Reader(pack.leaves)
        found = Jurisdiction(
            pack.id,
            pack.version,
            frozenset(reader.take("countries", a_country_list)),
            _contact_rules(pack, reader, is_whole=True),
            _delinquency(reader),
        )
        reader.refuse_rest()
    except PolicyError as error:
        raise PolicyError(f"{pack.id}: {error}") from error
    return found


def jurisdiction_of(packs: Iterable[Pack], country: str, day: date) -> Jurisdiction:
    """The jurisdiction of a country on a day; raises PolicyError where no valid pack, or more than one, covers it."""
    found = [jurisdiction for jurisdiction in jurisdictions_on(packs, day) if country in jurisdiction.countries]
    if len(found) != 1:
        names = ", ".join(sorted(jurisdiction.name for jurisdiction in found)) or "no jurisdiction pack"
        raise PolicyError(f"{names} covers {country} on {day}; exactly one must")
    return found[0]


def jurisdictions_on(packs: Iterable[Pack], day: date) -> tuple[Jurisdiction, ...]:
    """Every jurisdiction that is valid on a day; raises PolicyError for a pack that cannot be read."""
    return tuple(read_whole_jurisdiction(p) for p in packs if p.type == "jurisdiction" and p.is_valid_on(day))


def take_contact_rules(pack: Pack, reader: Reader) -> ContactRules:
    """The contact rules that a lender's or a provider's pack states and nobody took out of the reader yet."""
    return _contact_rules(pack, reader, is_whole=False)


def _contact_rules(pack: Pack, reader: Reader, *, is_whole: bool) -> ContactRules:
    name = f"{pack.id}-{pack.version}"

    def tree[T](prefix: str, shape: Shape[T]) -> dict[str, T]:
        stated = is_whole or any(path.startswith(prefix + ".") and reader.has(path) for path in pack.leaves)
        return reader.take_all(prefix, shape) if stated else {}

    def leaf[T](path: str, shape: Shape[T]) -> T | None:
        return reader.take(path, shape) if is_whole or (path in pack.leaves and reader.has(path)) else None

    windows = frozenset(replace(w, id=f"contact.windows.{n}") for n, w in tree("contact.windows", a_window).items())
    recipients = leaf("contact.recipients", members(Recipient))
    return ContactRules(
        groups=frozenset({WindowGroup(name, windows)}) if windows else frozenset(),
        caps=frozenset(replace(c, pack=name, id=f"contact.caps.{n}") for n, c in tree("contact.caps", a_cap).items()),
        banned=_phrases(name, "text.banned", tree("text.banned", some_phrases)),
        required=_phrases(name, "text.required", tree("text.required", some_phrases)),
        holds=frozenset(replace(hold, code=code) for code, hold in tree("holds", a_hold).items()),
        keywords=_keywords(tree("keywords", some_keywords)),
        recipients=None if recipients is None else frozenset(recipients),
        lead_days=leaf("debit.lead_days", count),
        lead_days_varied=leaf("debit.lead_days_varied", count),
        grace_days=leaf("delinquency.grace_days", count),
        retention_days=leaf("contact.retention_days", count),
        max_attempts=leaf("debit.max_attempts", maybe_count),
        confirm_minutes=leaf("contact.confirm_minutes", maybe_count),
    )


def _phrases(pack: str, tree: str, found: Mapping[str, Phrases]) -> frozenset[Phrases]:
    return frozenset(replace(phrases, pack=pack, id=f"{tree}.{name}") for name, phrases in found.items())


def _keywords(found: Mapping[str, list[str]]) -> frozenset[KeywordRule]:
    if unknown := sorted(set(found) - set(_KEYWORDS)):
        raise PolicyError(f"keywords.{unknown[0]} is none of {', '.join(_KEYWORDS)}")
    return frozenset(
        KeywordRule(_KEYWORDS[name][0], word, anywhere=_KEYWORDS[name][1]) for name in found for word in found[name]
    )


def _delinquency(reader: Reader) -> Delinquency:
    return Delinquency(
        dpd_origin=reader.take("delinquency.dpd_origin", an_origin),
        buckets=tuple(reader.take("delinquency.buckets", some_buckets)),
        default_from_dpd=reader.take("delinquency.default_from_dpd", count),
        materiality=reader.take("delinquency.materiality", maybe_materiality),
    )


_CLASSES = {"anyOf": [{"const": "all"}, members(MessageClass).json]}
_CHANNELS = {"anyOf": [{"const": "all"}, members(Channel).json]}
_WEEKDAYS = {"anyOf": [{"const": "all"}, weekdays.json]}
_CODE = {"type": "string", "pattern": "^[A-Z]{2}$"}


def _json_table(**fields: Mapping[str, object]) -> dict[str, object]:
    """For editors: a table of exactly these; a name that is a word of Python ends in an underscore."""
    named = {name.removesuffix("_"): field for name, field in fields.items()}
    return {"type": "object", "properties": named, "required": list(named), "additionalProperties": False}


@says(
    "a list of different ISO 3166-1 alpha-2 country codes",
    {"type": "array", "items": _CODE, "uniqueItems": True, "minItems": 1},
)
def a_country_list(value: object) -> list[str]:
    found = texts(value)
    if not found or len(set(found)) != len(found) or not set(found) <= COUNTRIES:
        raise ValueError
    return found


@says(
    'a window: classes, channels and weekdays (lists, or "all"), from and to in whole minutes, from before to',
    _json_table(classes=_CLASSES, channels=_CHANNELS, weekdays=_WEEKDAYS, from_=clock.json, to=clock.json),
)
def a_window(value: object) -> Window:
    table = _table(value, {"classes", "channels", "weekdays", "from", "to"})
    days = range(1, 8) if table["weekdays"] == "all" else weekdays(table["weekdays"])
    until = MIDNIGHT if table["to"] == "24:00" else clock(table["to"])
    window = Window("", _some(MessageClass, table), _some(Channel, table), frozenset(days), clock(table["from"]), until)
    if any(moment.second or moment.microsecond for moment in (window.start, window.end)):
        raise ValueError
    if window.end <= window.start and table["to"] != "24:00":
        raise ValueError
    return window


_CAP = {
    "channels": _CHANNELS,
    "classes": _CLASSES,
    "counts": {"enum": [*Reached]},
    "scope": {"enum": [*Scope]},
    "max": count.json,
}
_LENGTH = {"type": "integer", "minimum": 1}


@says(
    'a cap: channels and classes (lists, or "all"), counts, scope, max, days or hours, and perhaps after',
    {
        "type": "object",
        "properties": {**_CAP, "days": _LENGTH, "hours": _LENGTH, "after": {"enum": [*ContactEvent]}},
        "required": [*_CAP],
        "oneOf": [{"required": ["days"]}, {"required": ["hours"]}],
        "additionalProperties": False,
    },
)
def a_cap(value: object) -> Cap:
    given = value if isinstance(value, Mapping) else {}
    optional = {name for name in ("days", "hours", "after") if name in given}
    table = _table(value, {"channels", "classes", "counts", "scope", "max"} | optional)
    if ("days" in table) == ("hours" in table):
        raise ValueError
    length = count(table["days"] if "days" in table else table["hours"])
    if not length:
        raise ValueError
    return Cap(
        pack="",
        id="",
        channels=_some(Channel, table),
        classes=_some(MessageClass, table),
        counts=Reached(text(table["counts"])),
        scope=Scope(text(table["scope"])),
        limit=count(table["max"]),
        window=CalendarDays(length) if "days" in table else timedelta(hours=length),
        after=ContactEvent(text(table["after"])) if "after" in table else None,
    )


@says(
    'phrases: classes and channels (lists, or "all"), and a list of phrases with letters in them, or known {fields}',
    _json_table(classes=_CLASSES, channels=_CHANNELS, phrases={**texts.json, "minItems": 1}),
)
def some_phrases(value: object) -> Phrases:
    table = _table(value, {"classes", "channels", "phrases"})
    found = texts(table["phrases"])
    if not found or not all(folded(message(phrase)) for phrase in found):
        raise ValueError
    return Phrases("", "", _some(MessageClass, table), _some(Channel, table), frozenset(found))


@says(
    'a hold: stops, and days, a whole number or "none"',
    _json_table(stops={**members(Stops).json, "minItems": 1}, days=maybe_count.json),
)
def a_hold(value: object) -> HoldRule:
    table = _table(value, {"stops", "days"})
    stops = members(Stops)(table["stops"])
    if not stops:
        raise ValueError
    return HoldRule("", frozenset(stops), maybe_count(table["days"]))


@says("a list of words with letters in them", texts.json)
def some_keywords(value: object) -> list[str]:
    found = texts(value)
    if not all(folded(word) for word in found):
        raise ValueError
    return found


@says("0 or 1", {"enum": [0, 1]})
def an_origin(value: object) -> int:
    if count(value) > 1:
        raise ValueError
    return count(value)


@says(
    "a list of [name, first dpd] pairs, rising",
    {
        "type": "array",
        "items": {"type": "array", "items": [text.json, count.json], "minItems": 2, "maxItems": 2},
        "minItems": 1,
    },
)
def some_buckets(value: object) -> list[tuple[str, int]]:
    if not isinstance(value, list) or not value:
        raise TypeError
    found = []
    for pair in value:
        name, first = pair
        found.append((text(name), count(first)))
    firsts = [first for _, first in found]
    if firsts != sorted(set(firsts)) or len({name for name, _ in found}) != len(found):
        raise ValueError
    return found


@says(
    'a materiality: minor, currency and basis_points; or "none"',
    {
        "anyOf": [
            {"const": "none"},
            _json_table(minor=count.json, currency=text.json, basis_points=count.json),
        ]
    },
)
def maybe_materiality(value: object) -> Materiality | None:
    if value == "none":
        return None
    table = _table(value, {"minor", "currency", "basis_points"})
    try:
        return Materiality(Money(count(table["minor"]), text(table["currency"])), count(table["basis_points"]))
    except AmountError as error:
        raise ValueError from error


def _table(value: object, names: set[str]) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or set(value) != names:
        raise ValueError
    return value


def _some[E: StrEnum](kind: type[E], table: Mapping[str, object]) -> frozenset[E]:
    value = table["classes" if issubclass(kind, MessageClass) else "channels"]
    found = list(kind) if value == "all" else members(kind)(value)
    if not found:
        raise ValueError
    return frozenset(found)
