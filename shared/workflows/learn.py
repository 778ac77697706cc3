"""Reads what borrowers did after messages, for the report and for the pack that decisions read. Changes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from shared.domain import keys
from shared.domain.behaviour import Observed, observed
from shared.domain.book import Borrower, Instalment, Loan, NoticeRecord
from shared.domain.calendar import business_date
from shared.domain.errors import InputError
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind
from shared.ports.book import Book
from shared.ports.portfolio import PortfolioStore
from shared.ports.world import Clock, PolicyShelf

_KINDS = (NoticeKind.REMIND, NoticeKind.OVERDUE)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the covered instalments are part of."""

    borrowers: Mapping[str, Borrower]
    products: Mapping[str, str]  # by loan
    instalments: Mapping[tuple[str, int], Instalment]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The ports of looking at what followed on messages. Policies are those of today."""

    shelf: PolicyShelf
    clock: Clock

    def today(self) -> date:
        """The lender's business date."""
        return self.shelf.today(self.clock.now())

    def of_book(self, portfolio: PortfolioStore, first: date, last: date) -> list[Observed]:
        """Messages of business dates from `first` to `last`. Reads four tables whole, and keeps what it needs."""
        notices = [
            row
            for row in portfolio.scan(NoticeRecord)
            if isinstance(row, NoticeRecord) and row.kind in _KINDS and first <= row.business_date <= last
        ]
        covered = {keys.parse_tier_key(key) for row in notices for key in row.covers}
        loans, owners = {loan_id for loan_id, _ in covered}, {row.borrower_id for row in notices}
        rows = _Rows(
            {
                row.borrower_id: row
                for row in portfolio.scan(Borrower)
                if isinstance(row, Borrower) and row.borrower_id in owners
            },
            {
                row.loan_id: row.product
                for row in portfolio.scan(Loan)
                if isinstance(row, Loan) and row.loan_id in loans
            },
            {
                (row.loan_id, row.number): row
                for row in portfolio.scan(Instalment)
                if isinstance(row, Instalment) and (row.loan_id, row.number) in covered
            },
        )
        return list(self._observed(notices, rows))

    def of_borrower(self, book: Book, borrower_id: str) -> list[Observed]:
        """Every message of one borrower, by key. Raises InputError where there is none of this id."""
        file = book.borrower_file(borrower_id)
        if file is None:
            raise InputError(f"there is no borrower {borrower_id}")
        notices = [row for row in book.notices(borrower_id) if row.kind in _KINDS]
        loan_ids = dict.fromkeys(keys.parse_tier_key(key)[0] for row in notices for key in row.covers)
        loans = [found for loan_id in loan_ids if (found := book.loan_file(loan_id, whole=True))]
        rows = _Rows(
            {borrower_id: file.borrower},
            {found.loan.loan_id: found.loan.product for found in loans},
            {(row.loan_id, row.number): row for found in loans for row in found.instalments},
        )
        return list(self._observed(notices, rows))

    def _observed(self, notices: Iterable[NoticeRecord], rows: _Rows) -> Iterator[Observed]:
        now = self.clock.now()
        policies: dict[str, Policy] = {}
        for record in notices:
            product = rows.products.get(keys.parse_tier_key(record.covers[0])[0])
            borrower = rows.borrowers.get(record.borrower_id)
            if product is None or borrower is None:
                continue
            if product not in policies:
                policies[product] = self.shelf.policy(product, now)
            policy = policies[product]
            today = business_date(now, policy.business_zone)
            found = observed(record, borrower, policy, rows.instalments, today)
            if found is not None:
                yield found
