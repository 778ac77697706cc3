"""What a good portfolio is written as: the book's rows, each with its fingerprint, and their first steps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import assert_never

from shared.domain.book import (
    Borrower,
    ContactCard,
    Instalment,
    LedgerEntry,
    Loan,
    LoanFile,
    LoanStatus,
    Mandate,
)
from shared.domain.debit_mandates import plan_under_mandates
from shared.domain.decision import Act, Defer, Drop
from shared.domain.policy import Policy
from shared.domain.portfolio import BORROWERS, INSTALMENTS, LOANS, MANDATES, PAYMENTS, Portfolio, Read
from shared.domain.settlement import allocate


@dataclass(frozen=True, slots=True)
class Sourced:
    """A row to write, with the line that it came from and its fingerprint.

    The fingerprint of a loan's row has two parts, `own:whole`: the line itself, and all lines of the loan together.
    """

    file: str
    line: int
    row: Borrower | ContactCard | Loan | Instalment | Mandate | LedgerEntry
    fingerprint: str

    def is_same_line(self, stored: str) -> bool:
        return self.fingerprint.partition(":")[0] == stored.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows by the order of writing: a loan's own row comes last, so that a loan that stands in the book is whole.

    `agenda` has, by loan, what is opened once everything is written: each row with its first step, the loan last.
    """

    borrowers: tuple[Sourced, ...]
    cards: tuple[Sourced, ...]
    parts: tuple[Sourced, ...]
    loans: tuple[Sourced, ...]
    agenda: Mapping[str, tuple[Loan | Instalment, ...]]


@dataclass(slots=True)
class _Lines:
    """All good lines of one loan."""

    loan: Read[Loan]
    instalments: list[Read[Instalment]] = field(default_factory=list)
    mandates: list[Read[Mandate]] = field(default_factory=list)
    payments: list[Read[LedgerEntry]] = field(default_factory=list)


def prepare(portfolio: Portfolio, policies: Mapping[str, Policy], at: datetime) -> Prepared:
    """The book's rows of a portfolio as they stand at an instant; `policies` is keyed by product.

    Payments pay the instalments due first, in order of their dates. A loan of which nothing is unpaid is settled and on
    no agenda. A card is written empty: opening a loan adds it.
    """
    by_loan = {read.row.loan_id: _Lines(read) for read in portfolio.loans}
    for instalment in portfolio.instalments:
        by_loan[instalment.row.loan_id].instalments.append(instalment)
    for mandate in portfolio.mandates:
        by_loan[mandate.row.loan_id].mandates.append(mandate)
    for payment in portfolio.payments:
        by_loan[payment.row.loan_id].payments.append(payment)
    parts: list[Sourced] = []
    loans: list[Sourced] = []
    agenda: dict[str, tuple[Loan | Instalment, ...]] = {}
    for loan_id, lines in by_loan.items():
        whole = _whole(lines)
        loan, instalments, entries = _paid_up(lines, policies[lines.loan.row.product])
        parts += [Sourced(INSTALMENTS, r.line, r.row, f"{_own(r.row)}:{whole}") for r in instalments]
        parts += [Sourced(MANDATES, r.line, r.row, f"{_own(r.row)}:{whole}") for r in lines.mandates]
        parts += [Sourced(PAYMENTS, r.line, r.row, f"{_own(r.row)}:{whole}") for r in entries]
        loans.append(Sourced(LOANS, lines.loan.line, loan, f"{_own(loan)}:{whole}"))
        if loan.status is LoanStatus.OPEN:
            mandates = tuple(r.row for r in lines.mandates)
            file = LoanFile(loan, tuple(r.row for r in instalments), mandates)
            agenda[loan_id] = _first_steps(file, policies[loan.product], at)
    borrowers = tuple(Sourced(BORROWERS, r.line, r.row, _own(r.row)) for r in portfolio.borrowers)
    cards = tuple(
        Sourced(BORROWERS, r.line, ContactCard(r.row.borrower_id, ()), _own(r.row.borrower_id))
        for r in portfolio.borrowers
    )
    return Prepared(borrowers, cards, tuple(parts), tuple(loans), agenda)


def _paid_up(lines: _Lines, policy: Policy) -> tuple[Loan, list[Read[Instalment]], list[Read[LedgerEntry]]]:
    """The loan's rows once its payments are allocated."""
    stand = _varying({r.row.number: r.row for r in lines.instalments})
    entries: list[Read[LedgerEntry]] = []
    for read in sorted(lines.payments, key=lambda r: (r.row.booked_on, r.row.external_id)):
        allocation = allocate(read.row.amount, stand.values(), read.row.booked_on, policy.waterfall)
        stand |= {i.number: replace(i, rev=0) for i in allocation.instalments}
        entries.append(Read(read.line, replace(read.row, split=allocation.split, parts=allocation.parts)))
    unpaid = [number for number, instalment in stand.items() if not instalment.is_paid]
    loan = replace(
        lines.loan.row,
        status=LoanStatus.OPEN if unpaid else LoanStatus.SETTLED,
        first_open=min(unpaid, default=max(stand) + 1),
    )
    return loan, [Read(r.line, stand[r.row.number]) for r in lines.instalments], entries


def _varying(schedule: Mapping[int, Instalment]) -> dict[int, Instalment]:
    """The schedule, each instalment marked whose amount is not that of the one before it."""
    before = {number: schedule.get(number - 1) for number in schedule}
    return {
        number: replace(one, varies=(last := before[number]) is not None and last.due_minor != one.due_minor)
        for number, one in schedule.items()
    }


def _first_steps(file: LoanFile, policy: Policy, at: datetime) -> tuple[Loan | Instalment, ...]:
    rows: list[Loan | Instalment] = []
    for instalment in file.unpaid:
        match plan_under_mandates(file, instalment, None, policy, at):
            case Act():
                rows.append(replace(instalment, step=at))
            case Defer(until):
                rows.append(replace(instalment, step=until))
            case Drop():
                pass
    rows.append(replace(file.loan, step=at))
    return tuple(rows)


def _whole(lines: _Lines) -> str:
    rows: Iterable[Read[Loan] | Read[Instalment] | Read[Mandate] | Read[LedgerEntry]]
    rows = [lines.loan, *lines.instalments, *lines.mandates, *lines.payments]
    return _hash(sorted(_canonical(read.row) for read in rows))


def _own(row: str | Borrower | Loan | Instalment | Mandate | LedgerEntry) -> str:
    return _hash([_canonical(row)])


def _hash(parts: Iterable[str]) -> str:
    """128 bits of SHA-256: enough to tell any two portfolios apart, and half as long in every row."""
    return sha256("\x1e".join(parts).encode()).hexdigest()[:32]


def _canonical(row: str | Borrower | Loan | Instalment | Mandate | LedgerEntry) -> str:
    """The source line's fields, however they were written: nothing that payments or time change.

    A column that was added later counts only where it says something: a line without it is the same line as before.
    """
    fields: tuple[object, ...]
    match row:
        case str():
            fields = ("card", row)
        case Borrower():
            fields = (BORROWERS, row.borrower_id, row.name, row.phone or "", row.locale, row.time_zone, row.country)
            fields += (*_added("payday", row.payday), *_added("email", row.email), *_added("push", row.push))
            fields += _added("other_zones", ";".join(row.other_zones))
        case Loan():
            terms = (row.product, row.currency, row.disbursed_on, row.principal_minor)
            fields = (LOANS, row.loan_id, row.borrower_id, *terms)
        case Instalment():
            amounts = (row.principal_minor, row.interest_minor, row.fee_minor)
            fields = (INSTALMENTS, row.loan_id, row.number, row.due_on, *amounts, *_added("penalty", row.penalty_minor))
        case Mandate():
            fields = (MANDATES, row.mandate_id, row.loan_id, row.rail, row.account_ref, row.signed_on, row.status)
            funding = " ".join(f"{source.kind}:{source.account_ref}" for source in row.funding)
            fields += (*_added("expires_on", row.expires_on), *_added("funding", funding))
        case LedgerEntry():
            fields = (PAYMENTS, row.external_id, row.loan_id, row.amount.minor, row.booked_on)
        case _:
            assert_never(row)
    return "\x1f".join(map(str, fields))


def _added(column: str, value: object) -> tuple[object, ...]:
    return (column, value) if value else ()


def group_by_loan(rows: Iterable[Sourced]) -> Mapping[str, list[Sourced]]:
    """Rows of loans by their loan."""
    groups: dict[str, list[Sourced]] = defaultdict(list)
    for sourced in rows:
        if not isinstance(sourced.row, Borrower | ContactCard):
            groups[sourced.row.loan_id].append(sourced)
    return groups
