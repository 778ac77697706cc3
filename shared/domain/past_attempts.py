"""An instalment's attempts as they stood at an instant: the budget that was used, and the last one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, Instalment, LastAttempt, LedgerEntry, LoanFile, Outcome
from shared.domain.calendar import business_date
from shared.domain.debit import slot_after
from shared.domain.outcomes import RULES


class _OfLoan(Protocol):
    @property
    def file(self) -> LoanFile: ...

    @property
    def attempts(self) -> tuple[Attempt, ...]: ...

    @property
    def entries(self) -> tuple[LedgerEntry, ...]: ...


def was_settled(attempt: Attempt, at: datetime) -> bool:
    """It had its definite outcome before the instant."""
    return attempt.state is AttemptState.SETTLED and attempt.settled_at is not None and attempt.settled_at < at


def is_open_at(attempt: Attempt, at: datetime) -> bool:
    """A debit that was claimed before the instant and had no definite outcome yet."""
    return attempt.refunds is None and attempt.born_at < at and not was_settled(attempt, at)


def attempts_before(then: Instalment, now: Instalment, loan: _OfLoan, at: datetime, business_zone: str) -> Instalment:
    """The instalment with the attempts that were claimed before an instant; `now` is its row as it stands."""
    own = [a for a in loan.attempts if now.number in a.numbers and a.refunds is None]
    tried = _tried(then, loan, own, at, business_zone)
    ever = _tried(then, loan, own, datetime.max.replace(tzinfo=at.tzinfo), business_zone)
    brought = max(0, now.attempts - ever.count)  # with which the instalment came to us
    return replace(then, attempts=brought + tried.count, last_attempt=tried.last, first_attempt_on=tried.first_on)


@dataclass(frozen=True, slots=True)
class _Tried:
    count: int = 0
    last: LastAttempt | None = None
    first_on: date | None = None


def _tried(row: Instalment, loan: _OfLoan, own: Iterable[Attempt], at: datetime, business_zone: str) -> _Tried:
    """As claims and settlements write it, one after the other."""
    tried = _Tried()
    for attempt in sorted(own, key=lambda a: a.seq):
        if attempt.born_at >= at:
            break
        before, tried = tried, _claimed(tried, row, loan.file, attempt)
        if was_settled(attempt, at) and attempt.outcome is not None:
            tried = _settled(before, tried, attempt, attempt.outcome, business_zone)
            tried = _with_share(tried, loan.entries, attempt, row.number)
    return tried


def _claimed(tried: _Tried, row: Instalment, file: LoanFile, attempt: Attempt) -> _Tried:
    before, together = tried.last, len(attempt.numbers) > 1
    slot = slot_after(before, attempt.slot)
    on = date.fromisoformat(slot[:10])
    mandate = next((m for m in file.mandates if m.mandate_id == attempt.mandate_id), None)
    accounts = [source.account_ref for source in mandate.sources] if mandate else []
    last = LastAttempt(
        attempt.seq,
        slot,
        attempt.born_at,
        amount_minor=attempt.amount.minor,
        source=accounts.index(attempt.account_ref) if attempt.account_ref in accounts else 0,
        of_day=before.of_day + 1 if before and before.on == on else 1,
        mandate_id=attempt.mandate_id,
        together=together,
        before=replace(before, before=None) if before else None,
    )
    first_on = tried.first_on or (None if together or on < row.due_on else on)
    return _Tried(tried.count + 1, last, first_on)


def _with_share(tried: _Tried, entries: Iterable[LedgerEntry], attempt: Attempt, number: int) -> _Tried:
    """Of a debit of several instalments each keeps what it got."""
    key = keys.intent_key(attempt.loan_id, attempt.seq)
    split = (e.split for e in entries if (e.source, e.external_id) == ("gateway", key))
    share = sum(minor for parts in split for n, minor in parts if n == number)
    if tried.last is None or not tried.last.together or attempt.outcome is not Outcome.PAID or not share:
        return tried
    return replace(tried, last=replace(tried.last, amount_minor=share))


def _settled(before: _Tried, claimed: _Tried, attempt: Attempt, outcome: Outcome, business_zone: str) -> _Tried:
    """What was never presented leaves no trace."""
    if outcome is Outcome.VOID or claimed.last is None or attempt.settled_at is None:
        return before
    settled_on = business_date(attempt.settled_at, business_zone)
    last = replace(claimed.last, outcome=outcome, settled_on=settled_on, before=None)
    return _Tried(claimed.count if RULES[outcome].counts else before.count, last, claimed.first_on)
