"""What stands in suspense, and which instalments it keeps closed to debits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import LedgerEntry
from shared.domain.money import Money
from shared.domain.repayment import GATEWAY, source_of
from shared.ports.book import Book
from shared.workflows.booking import entity


@dataclass(frozen=True, slots=True)
class Open:
    """Money in suspense, and what of it nobody resolved or took back yet (negative for money that left)."""

    entry: LedgerEntry
    left: Money

    @property
    def key(self) -> str:
        """What `resolve` asks for: `source#external_id`."""
        return entity(self.entry)

    @property
    def attempt(self) -> tuple[str, int] | None:
        """Loan and number of the attempt whose late money this is; None for money that left, or that is of none."""
        reference = self.entry.external_id
        if self.left.minor <= 0 or source_of(reference) != GATEWAY:
            return None
        return keys.parse_intent_key(reference)


def kept_closed(book: Book, loan_id: str, but: str | None = None) -> set[int]:
    """The instalments of a loan that late money closed to debits and that nobody resolved yet; `but` one entry's."""
    numbers: set[int] = set()
    for one in still_open(book.entries(keys.SUSPENSE)):
        if one.key != but and one.attempt and one.attempt[0] == loan_id:
            attempt = book.attempt(*one.attempt)
            numbers.update(attempt.numbers if attempt else ())
    return numbers


def still_open(entries: Sequence[LedgerEntry]) -> Iterator[Open]:
    """What of the entries in suspense nobody resolved, took back or gave again."""
    moved: dict[str, int] = {}
    for entry in entries:
        if entry.undoes:
            moved[entry.undoes] = moved.get(entry.undoes, 0) + entry.amount.minor
    for entry in entries:
        if entry.undoes is None:
            left = entry.amount.minor + moved.get(entity(entry), 0)
            if left:
                yield Open(entry, Money(left, entry.amount.currency))
