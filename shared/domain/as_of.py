"""Facts as they stood: rewinds a borrower's card and loans to an instant, from what was written since.

Exact for what keeps its instant: messages, attempts with their money, holds, changes of mandates. Money and stages that
keep only a business date count from the day after it. What keeps no time at all stands as it does now; each such doubt
that could matter is said.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    Component,
    ContactCard,
    Instalment,
    InstalmentState,
    LedgerEntry,
    LoanFile,
    LoanStatus,
)
from shared.domain.calendar import business_date
from shared.domain.history import History, LoanHistory
from shared.domain.past_attempts import attempts_before, is_open_at, was_settled
from shared.domain.past_card import card_before
from shared.domain.past_holds import holds_before
from shared.domain.past_mandates import mandates_before


@dataclass(frozen=True, slots=True)
class Past:
    """The facts at an instant, before anything that happened at it; loans by id."""

    card: ContactCard
    files: Mapping[str, LoanFile]
    doubts: tuple[str, ...] = ()


def as_of(history: History, at: datetime, business_zone: str) -> Past:
    """The facts as they stood right before an instant."""
    doubts: list[str] = []
    rewound = {h.file.loan.loan_id: _Loan(h, at, business_zone, doubts).file() for h in history.loans}
    card = card_before(history, at, lambda told_key, then: _owed(history, told_key, then, business_zone))
    return Past(card, rewound, tuple(dict.fromkeys(doubts)))


def _owed(history: History, told_key: str, at: datetime, business_zone: str) -> int:
    loan_id, number = keys.parse_debit_key(told_key.rpartition("#")[0])
    for loan in history.loans:
        row = loan.file.instalment(number)
        if loan.file.loan.loan_id == loan_id and row is not None:
            return _Loan(loan, at, business_zone, []).paid(row).outstanding_minor
    return 0


class _Loan:
    """One loan on its way back."""

    def __init__(self, history: LoanHistory, at: datetime, business_zone: str, doubts: list[str]) -> None:
        self._history = history
        self._at = at
        self._zone = business_zone
        self._today = business_date(at, business_zone)
        self._doubts = doubts
        self._settled = {keys.intent_key(a.loan_id, a.seq): a for a in history.attempts}
        self._since = sorted(filter(self._came_since, history.entries), key=self._when, reverse=True)

    def file(self) -> LoanFile:
        file, loan = self._history.file, self._history.file.loan
        instalments = tuple(self._instalment(row) for row in file.instalments)
        is_unpaid = not all(i.is_paid for i in instalments)
        paid_on = max((i.paid_on for i in instalments if i.paid_on), default=date.min)
        was_open = is_unpaid or paid_on == self._today
        if not is_unpaid and paid_on == self._today - timedelta(days=1):
            self._doubts.append(f"loan {loan.loan_id} was repaid the day before: when it was closed is not kept")
        left = [e.left_on for e in self._history.escalations if e.left_on and e.left_on >= self._today]
        self._doubt_stages()
        then = replace(
            loan,
            status=LoanStatus.OPEN if was_open else loan.status,
            entered=self._entered(),
            episode=loan.episode - len(set(left)),
            first_open=1,
            holds=holds_before(loan.holds, self._history.audit, self._at),
        )
        mandates = mandates_before(file.mandates, self._history.audit, self._history.attempts, self._at)
        return LoanFile(then, instalments, mandates)

    def paid(self, row: Instalment) -> Instalment:
        """An instalment with what of its money had come, and gone, by then."""
        for entry in self._since:
            taken = [(component, minor) for number, component, minor in _parts(entry) if number == row.number]
            if not taken:
                continue
            before = row
            for component, minor in taken:
                before = _without(before, component, minor)
            if before.is_paid and not row.is_paid:
                before = replace(before, episode=before.episode - 1)
            row = before
        return row

    def _instalment(self, row: Instalment) -> Instalment:
        then = attempts_before(self.paid(row), row, self._history, self._at, self._zone)
        is_claimed = any(row.number in a.numbers and is_open_at(a, self._at) for a in self._history.attempts)
        state = InstalmentState.PAID if then.is_paid else InstalmentState.OPEN
        paid_on, paid_by = self._paid_on(row, then) if then.is_paid else (None, None)
        return replace(
            then,
            state=InstalmentState.CLAIMED if is_claimed else state,
            paid_on=paid_on,
            paid_by=paid_by,
            blocked=self._was_blocked(row),
            step=None,
        )

    def _paid_on(self, row: Instalment, then: Instalment) -> tuple[date | None, int | None]:
        """When the money came that paid the rest, and by which attempt."""
        if row.is_paid and row.episode == then.episode:
            return row.paid_on, row.paid_by
        own = [e for e in self._history.entries if e not in self._since and _minor(e, row.number) > 0]
        last = max(own, key=self._when, default=None)
        if last is None:
            return None, None
        attempt = self._settled.get(last.external_id) if last.source == "gateway" else None
        return last.booked_on, attempt.seq if attempt else None

    def _was_blocked(self, row: Instalment) -> bool:
        reopened = any(
            e.what == "attempt.reopen"
            and e.at >= self._at
            and str(row.number) in e.detail.get("instalments", "").split()
            for e in self._history.audit
        )
        if not row.blocked:
            return reopened
        if any(_minor(e, row.number) < 0 for e in self._since):
            return False
        self._doubts.append(f"instalment {row.number} is closed to debits now: since when is not kept")
        return True

    def _entered(self) -> tuple[str, ...]:
        """The stages that were in force when the day began."""
        found = [
            e
            for e in self._history.escalations
            if e.entered_on < self._today and (e.left_on is None or e.left_on >= self._today)
        ]
        return tuple(e.key for e in sorted(found, key=lambda e: e.stage.rank))

    def _came_since(self, entry: LedgerEntry) -> bool:
        attempt = self._of(entry)
        if attempt is not None:
            return not was_settled(attempt, self._at)
        if entry.booked_on == self._today:
            name = keys.ledger_entity(entry.source, entry.external_id)
            self._doubts.append(f"{name} is counted from the next day on: its hour is not kept")
        return entry.booked_on >= self._today

    def _of(self, entry: LedgerEntry) -> Attempt | None:
        """The attempt whose settlement booked an entry."""
        attempt = self._settled.get(entry.external_id) if entry.source == "gateway" else None
        return attempt if attempt is not None and attempt.settled_at is not None else None

    def _when(self, entry: LedgerEntry) -> tuple[date, float]:
        attempt = self._of(entry)
        settled_at = attempt.settled_at if attempt else None
        return entry.booked_on, settled_at.timestamp() if settled_at else 0.0

    def _doubt_stages(self) -> None:
        for escalation in self._history.escalations:
            if self._today in (escalation.entered_on, escalation.left_on):
                self._doubts.append(f"stage {escalation.stage} of this day is counted from the next day on")


def _parts(entry: LedgerEntry) -> Iterable[tuple[int, Component, int]]:
    return entry.parts or [(number, Component.PRINCIPAL, minor) for number, minor in entry.split]


def _minor(entry: LedgerEntry, number: int) -> int:
    return sum(minor for of, minor in entry.split if of == number)


_TAKEN: Mapping[Component, Callable[[Instalment, int], Instalment]] = {
    Component.FEE: lambda row, minor: replace(row, fee_paid_minor=row.fee_paid_minor - minor),
    Component.PENALTY: lambda row, minor: replace(row, penalty_paid_minor=row.penalty_paid_minor - minor),
    Component.INTEREST: lambda row, minor: replace(row, interest_paid_minor=row.interest_paid_minor - minor),
    Component.PRINCIPAL: lambda row, _: row,
}


def _without(row: Instalment, component: Component, minor: int) -> Instalment:
    """Without this much paid (negative: given back) of a component."""
    return _TAKEN[component](replace(row, paid_minor=row.paid_minor - minor), minor)
