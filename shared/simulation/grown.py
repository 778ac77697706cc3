"""A deploy in the middle of a life: rows that carry a field which the code at work does not know.

In memory a row is the domain's own value: whoever makes a new row instead of changing the one that he read loses the
field, as a `save()` of a whole row would in a table. Loans are left out: no commit writes one whole.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, fields
from random import Random
from typing import Any

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import Attempt, ContactCard, DebitCard, Instalment, Mandate, NoticeRecord

_ADDED = "written by a later deploy"


@dataclass(frozen=True, slots=True)
class LaterInstalment(Instalment):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterMandate(Mandate):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterAttempt(Attempt):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterCard(ContactCard):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterDebitCard(DebitCard):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterNotice(NoticeRecord):
    added: str = _ADDED


_LATER: Mapping[type[Any], type[Any]] = {
    Instalment: LaterInstalment,
    Mandate: LaterMandate,
    Attempt: LaterAttempt,
    ContactCard: LaterCard,
    DebitCard: LaterDebitCard,
    NoticeRecord: LaterNotice,
}

type Place = tuple[MutableMapping[Any, Any], Any]
"""A table of rows, and the key of one of them."""


class GrowingBook(MemoryBook):
    """MemoryBook, some rows of which have one field more from `grow` on."""

    def __init__(self) -> None:
        super().__init__()
        self._loans: frozenset[str] = frozenset()
        self._borrowers: frozenset[str] = frozenset()
        self._grown: dict[str, tuple[Place, int]] = {}

    def grow(self, chance: Random, share: float) -> None:
        """A share of the loans and borrowers is the later deploy's from now on."""
        self._loans = frozenset(loan_id for loan_id in self._rows.loans if chance.random() < share)
        self._borrowers = frozenset(borrower_id for borrower_id in self._rows.cards if chance.random() < share)
        self.grow_on()

    def grow_on(self) -> None:
        """Rewrites their rows as that deploy would have them; revisions and steps stay."""
        for name, (table, key) in self._places():
            row = table[key]
            later = _LATER.get(type(row))
            if later and name not in self._grown:
                table[key] = later(**{one.name: getattr(row, one.name) for one in fields(row)})
                self._grown[name] = (table, key), _life_of(row)

    def shrunk(self) -> list[str]:
        """The rows that lost the field."""
        return sorted(
            name
            for name, ((table, key), life) in self._grown.items()
            if getattr(table[key], "added", None) != _ADDED and _life_of(table[key]) == life
        )

    def _places(self) -> Iterator[tuple[str, Place]]:
        rows = self._rows
        for loan_id in self._loans:
            instalments, mandates = rows.instalments[loan_id], rows.mandates[loan_id]
            yield from ((f"instalment {keys.debit_key(loan_id, n)}", (instalments, n)) for n in instalments)
            yield from ((f"mandate {loan_id} {mandate_id}", (mandates, mandate_id)) for mandate_id in mandates)
        for borrower_id in self._borrowers:
            yield f"card {borrower_id}", (rows.cards, borrower_id)
            if borrower_id in rows.debit_cards:
                yield f"debit card {borrower_id}", (rows.debit_cards, borrower_id)
        for loan_id, seq in rows.attempts:
            if loan_id in self._loans:
                yield f"attempt {keys.intent_key(loan_id, seq)}", (rows.attempts, (loan_id, seq))
        for owner, notice_key in rows.notices:
            if owner in self._borrowers:
                yield f"notice {keys.notice_hint(owner, notice_key)}", (rows.notices, (owner, notice_key))


def _life_of(row: object) -> int:
    """A notice that certainly did not go is claimed again as another row in its place."""
    return row.sends if isinstance(row, NoticeRecord) else 0
