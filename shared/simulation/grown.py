"""A deploy in the middle of a life: rows that carry a field which the code at work does not know.

In memory a row is the domain's own value: whoever makes a new row instead of changing the one that he read loses the
field, as a `save()` of a whole row would in a table.
"""

from dataclasses import dataclass, fields
from random import Random
from typing import Any

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import ContactCard, Instalment, Loan

_ADDED = "written by a later deploy"


@dataclass(frozen=True, slots=True)
class LaterLoan(Loan):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterInstalment(Instalment):
    added: str = _ADDED


@dataclass(frozen=True, slots=True)
class LaterCard(ContactCard):
    added: str = _ADDED


class GrowingBook(MemoryBook):
    """MemoryBook, some rows of which have one field more from `grow` on."""

    def __init__(self) -> None:
        super().__init__()
        self._grown: set[str] = set()

    def grow(self, chance: Random, share: float) -> None:
        """Rewrites a share of the rows as a later deploy would have them; revisions and steps stay."""
        rows = self._rows
        for loan_id, loan in rows.loans.items():
            if chance.random() < share:
                rows.loans[loan_id] = LaterLoan(**_values(loan))
                self._grown.add(f"loan {loan_id}")
                for number, one in rows.instalments[loan_id].items():
                    rows.instalments[loan_id][number] = LaterInstalment(**_values(one))
                    self._grown.add(f"instalment {keys.debit_key(loan_id, number)}")
        for borrower_id, card in rows.cards.items():
            if chance.random() < share:
                rows.cards[borrower_id] = LaterCard(**_values(card))
                self._grown.add(f"card {borrower_id}")

    def shrunk(self) -> list[str]:
        """The rows that lost the field."""
        rows = self._rows
        kept = {f"loan {key}" for key, loan in rows.loans.items() if isinstance(loan, LaterLoan)}
        kept |= {f"card {key}" for key, card in rows.cards.items() if isinstance(card, LaterCard)}
        for loan_id, found in rows.instalments.items():
            kept |= {
                f"instalment {keys.debit_key(loan_id, number)}"
                for number, one in found.items()
                if isinstance(one, LaterInstalment) and one.added == _ADDED
            }
        return sorted(self._grown - kept)


def _values(row: Loan | Instalment | ContactCard) -> dict[str, Any]:
    return {one.name: getattr(row, one.name) for one in fields(row)}
