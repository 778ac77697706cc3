"""The policy packs of a life: as they ship, or with new versions that take effect at a bad moment.

A pack changes as it does in earnest: the version that stands ends on a day, and the next one begins, the day after or
too late. Whoever planned under the one acts under the other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from random import Random
from typing import Any

from shared.domain.messages import Fill
from shared.domain.packs import Pack, parse_pack
from shared.invariants.rules import RuleBook
from shared.ports.world import PolicyShelf
from shared.simulation.portfolio import START

type Document = Mapping[str, Any]

CHANGED_ON = START + timedelta(days=37)
"""The first day of the new versions."""


class EraName(StrEnum):
    AS_SHIPPED = "as they ship"
    TWO_CHANNELS = "text messages and e-mail"
    TIGHTENED = "narrower hours and other slots from one day on"
    A_GAP = "two days without a lender's pack"


@dataclass(frozen=True, slots=True)
class Era:
    """The rules of one life, for the workers and for who judges them."""

    name: EraName
    shelf: PolicyShelf
    rules: RuleBook


class World:
    """All that seeds have in common. `documents` are the packs that ship; `shelf_of` makes a shelf of packs."""

    def __init__(
        self, documents: Iterable[Document], shelf_of: Callable[[Sequence[Pack]], PolicyShelf], fill: Fill
    ) -> None:
        self._documents = tuple(documents)
        self._shelf_of = shelf_of
        self.fill = fill
        self._era = cache(self._made)

    def era(self, seed: int) -> Era:
        return self._era(Random(f"era {seed}").choice(list(EraName)))

    def names(self, type_of_pack: str) -> tuple[str, ...]:
        """The ids of the packs of a type."""
        return tuple(sorted(str(d["id"]) for d in self._documents if d.get("type") == type_of_pack))

    def _made(self, name: EraName) -> Era:
        documents = _CHANGES[name](self._documents)
        return Era(name, self._shelf_of([parse_pack(d) for d in documents]), RuleBook(documents))


def _two_channels(documents: Sequence[Document]) -> list[Document]:
    return [_with(d, {"provider.email": "ses"}) if d["type"] == "lender" else d for d in documents]


def _tightened(documents: Sequence[Document]) -> list[Document]:
    changes = {
        "contact.send_from": "10:30",
        "contact.reminder_days": [5, 2],
        "debit.slots": ["09:00", "13:00", "19:00"],
        "debit.window_end": "21:00",
        "debit.catch_up_days": 2,
    }
    found: list[Document] = []
    for document in documents:
        if document["type"] == "lender":
            found += _versions(document, changes, CHANGED_ON)
        elif document["id"] == "jurisdiction-cn":
            window = {**document["contact"]["windows"]["daily"]["value"], "to": "20:00"}
            found += _versions(document, {"contact.windows.daily": window}, CHANGED_ON)
        else:
            found.append(document)
    return found


def _a_gap(documents: Sequence[Document]) -> list[Document]:
    found: list[Document] = []
    for document in documents:
        found += _versions(document, {}, CHANGED_ON, late_by=2) if document["type"] == "lender" else [document]
    return found


def _versions(document: Document, changes: Mapping[str, object], on: date, late_by: int = 0) -> list[Document]:
    """The pack up to a day, and its next version from that day on, or later."""
    before = {**document, "valid_to": on - timedelta(days=1)}
    after = {**_with(document, changes), "version": "2", "valid_from": on + timedelta(days=late_by)}
    return [before, after]


def _with(document: Document, changes: Mapping[str, object]) -> Document:
    """The document with other values at these leaves."""
    made = deepcopy(dict(document))
    for path, value in changes.items():
        node = made
        for part in path.split("."):
            node = node[part]
        node["value"] = value
    return made


_CHANGES: Mapping[EraName, Callable[[Sequence[Document]], Sequence[Document]]] = {
    EraName.AS_SHIPPED: lambda documents: documents,
    EraName.TWO_CHANNELS: _two_channels,
    EraName.TIGHTENED: _tightened,
    EraName.A_GAP: _a_gap,
}
