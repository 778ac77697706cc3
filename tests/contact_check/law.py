"""The packs as the judge reads them: straight from their TOML, and put together by rules written down here again."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tests.contact_check.settings import SETTINGS

FOLDER = Path(__file__).parents[2] / "shared" / "policies"

CLASSES = ("service-reminder", "pre-debit-notice", "collection", "legal-notice", "receipt", "marketing")
CHANNELS = ("sms", "push", "voice", "email")
SENDING_HOUR = "contact.send_from"

_ABOUT_CONTACT = ("contact.", "text.", "keywords.", "holds.", "debit.lead_days")

_UNREAD = ("debit.lead_days_varied",)
"""A debit's, where the amount varies; no product has such loans."""

type Leaves = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Window:
    """Open on these weekdays (Monday is 1) from one minute of the day to before another."""

    leaf: str
    weekdays: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cap:
    pack: str
    leaf: str
    counts: str
    scope: str
    most: int
    days: int | None
    hours: int | None
    after: str | None
    channels: frozenset[str]
    classes: frozenset[str]


type Week = tuple[tuple[str, tuple[Window, ...]], ...]
"""For each pack that has a say, its windows for one class and channel; one of each pack's must be open."""


@dataclass(frozen=True, slots=True)
class Source:
    """One pack that takes part for a borrower; `only` is the channel of a provider, about which alone it speaks."""

    pack: str
    leaves: Leaves
    only: str | None = None


class Book:
    """The rules for one product and one country, under one setting."""

    def __init__(self, packs: Mapping[str, tuple[str, Leaves]], product: str, country: str) -> None:
        laws = [(name, tree) for name, (kind, tree) in packs.items() if kind == "jurisdiction"]
        (self.jurisdiction,) = [name for name, tree in laws if country in value(tree, "countries")]
        lenders = [name for name, (kind, _) in packs.items() if kind in ("lender", "wording") or name == product]
        self.lender: Leaves = {path: leaf for name in lenders for path, leaf in packs[name][1].items()}
        wired = {c: value(self.lender, f"provider.{c}") for c in CHANNELS}
        serving = {c: name for c, name in wired.items() if name in packs and _serves(packs[name][1], country)}
        lost = {c for c, name in wired.items() if name != "none" and name not in packs}
        orders = {c: value(self.lender, f"contact.channels.{c}") for c in CLASSES}
        self.channels = {c: tuple(ch for ch in order if ch in serving) for c, order in orders.items()}
        self.lost = {c: tuple(ch for ch in order if ch in lost) for c, order in orders.items()}
        self.sources = (
            *(Source(name, packs[name][1]) for name in (self.jurisdiction, *lenders)),
            *(Source(name, packs[name][1], channel) for channel, name in serving.items()),
        )
        self._weeks: dict[tuple[str, str, bool], Week] = {}
        self._caps: dict[tuple[str, str], tuple[Cap, ...]] = {}

    def number(self, path: str) -> Any:
        return value(self.lender, path)

    def home(self, path: str) -> Any:
        """What the country's own pack says."""
        return next(value(s.leaves, path) for s in self.sources if s.pack == self.jurisdiction)

    def stated(self, path: str) -> list[Any]:
        """What every pack that states this leaf says."""
        return [value(s.leaves, path) for s in self.sources if path in s.leaves]

    def trees(self, prefix: str) -> Iterator[tuple[Source, str, Any]]:
        for source in self.sources:
            for path in source.leaves:
                if path.startswith(prefix):
                    yield source, path, value(source.leaves, path)

    def week(self, message_class: str, channel: str, *, planned: bool) -> Week:
        """The windows of every pack; those of planned messages begin at the sending hour too."""
        key = message_class, channel, planned
        if key not in self._weeks:
            self._weeks[key] = tuple(self._groups(*key))
        return self._weeks[key]

    def _groups(self, message_class: str, channel: str, planned: bool) -> Iterator[tuple[str, tuple[Window, ...]]]:
        for source in self.sources:
            rules = [
                (path, leaf["value"]) for path, leaf in source.leaves.items() if path.startswith("contact.windows.")
            ]
            named = frozenset[str]().union(*(_some(rule["classes"], CLASSES) for _, rule in rules))
            if not rules or (source.only and (source.only != channel or message_class not in named)):
                continue
            yield source.pack, tuple(_window(p, r) for p, r in rules if _is_about(r, message_class, channel))
        if planned:
            start = minute(self.number(SENDING_HOUR))
            yield "lender", (Window(SENDING_HOUR, frozenset(range(1, 8)), start, 24 * 60),)

    def caps(self, message_class: str, channel: str) -> tuple[Cap, ...]:
        key = message_class, channel
        if key not in self._caps:
            found = [_cap(source, path, rule) for source, path, rule in self.trees("contact.caps.")]
            self._caps[key] = tuple(cap for cap in found if channel in cap.channels and message_class in cap.classes)
        return self._caps[key]

    @cached_property
    def stops(self) -> Mapping[str, frozenset[str]]:
        """What each hold stops by any pack, by its code."""
        found: dict[str, frozenset[str]] = {}
        for _, path, rule in self.trees("holds."):
            code = path.removeprefix("holds.")
            found[code] = found.get(code, frozenset()) | set(rule["stops"])
        return found

    @cached_property
    def lead_days(self) -> int:
        return max(int(self.number("debit.notice_lead_days")), int(self.home("debit.lead_days")))

    @cached_property
    def legal_from(self) -> frozenset[int]:
        """The days past due whose notice a law asks for."""
        found = {path: leaf for path, leaf in self.lender.items() if path.endswith(".notice_from_dpd")}
        return frozenset(leaf["value"] for leaf in found.values() if leaf["kind"] == "law")


def contact_leaves() -> list[tuple[str, str]]:
    """Every leaf of the countries' packs that decides about contact, by pack and path."""
    packs = [(name, leaves) for name, (kind, leaves) in sorted(_shipped().items()) if kind == "jurisdiction"]
    return [
        (name, path)
        for name, leaves in packs
        for path in leaves
        if path.startswith(_ABOUT_CONTACT) and path not in _UNREAD
    ]


@cache
def book(setting: str, product: str, country: str) -> Book:
    return Book(packs_of(setting), product, country)


@cache
def packs_of(setting: str) -> dict[str, tuple[str, Leaves]]:
    """Each pack's type and leaves, under a setting."""
    chosen = SETTINGS[setting]
    found = {name: (kind, dict(leaves)) for name, (kind, leaves) in _shipped().items() if name not in chosen.without}
    for (pack, path), changed in chosen.overlay.items():
        if pack in found:
            found[pack][1][path] = {"kind": "own design"} | found[pack][1].get(path, {}) | {"value": changed}
    return found


@cache
def _shipped() -> dict[str, tuple[str, Leaves]]:
    documents = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))]
    return {one["id"]: (one["type"], dict(_leaves(one))) for one in documents}


def value(leaves: Leaves, path: str) -> Any:
    return leaves[path]["value"]


def minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:5])


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, found in tree.items():
        if isinstance(found, dict):
            if "value" in found:
                yield prefix + name, found
            else:
                yield from _leaves(found, f"{prefix}{name}.")


def _serves(provider: Leaves, country: str) -> bool:
    countries = value(provider, "provider.countries")
    return country not in value(provider, "provider.not_countries") and (countries == "all" or country in countries)


def _some(listed: Any, everything: tuple[str, ...]) -> frozenset[str]:
    return frozenset(everything if listed == "all" else listed)


def _is_about(rule: Any, message_class: str, channel: str) -> bool:
    return message_class in _some(rule["classes"], CLASSES) and channel in _some(rule["channels"], CHANNELS)


def _window(path: str, rule: Any) -> Window:
    days = frozenset(range(1, 8) if rule["weekdays"] == "all" else rule["weekdays"])
    return Window(path, days, minute(rule["from"]), minute(rule["to"]))


def _cap(source: Source, path: str, rule: Any) -> Cap:
    return Cap(
        source.pack,
        path,
        rule["counts"],
        rule["scope"],
        rule["max"],
        rule.get("days"),
        rule.get("hours"),
        rule.get("after"),
        _some(rule["channels"], CHANNELS),
        _some(rule["classes"], CLASSES),
    )
