"""What had to be done in the quiet days at the end of a life, counted apart from the workflows, and what of it was not.

It knows due dates, mandates, money and hours, and asks no planner. Whatever might lawfully explain that nothing was
done is not judged: better a few instalments of which the answer is certain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    Instalment,
    LoanFile,
    LoanStatus,
    Mandate,
    MandateStatus,
    NoticeRecord,
    NoticeState,
)
from shared.domain.contact_rules import MessageClass
from shared.domain.switches import Switches
from shared.domain.tiers import DUE, overdue_from
from shared.invariants.rules import RailRules, RuleBook, Rules
from shared.invariants.terms import Breach
from shared.simulation.agendas import ARRIVES_WITHIN, is_ever_open

_DAY = timedelta(days=1)
_SETTLES = _DAY
"""How long the noise goes on after the last fault: what was delayed, a switch that is still off."""
_CAPPED = frozenset({MessageClass.SERVICE_REMINDER, MessageClass.COLLECTION})
_IN_A_WEEK = 4
"""So many capped messages in a week, and the next one may have to wait."""

DEBITS, DUE_DAYS, ARREARS = "judged.debits", "judged.due-days", "judged.arrears"
JUDGED = (DEBITS, DUE_DAYS, ARREARS)


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that had to be done: of which kind, about which instalment, and what is wrong if it was not."""

    kind: str
    key: str
    problem: str | None = None

    @property
    def breach(self) -> Breach | None:
        check = "debits-arrive" if self.kind == DEBITS else "notices-arrive"
        return Breach(check, self.key, self.problem) if self.problem else None


@dataclass(frozen=True)
class QuietDays:
    """The days from `since` to `now`, in which nothing failed and nobody did anything (aware, UTC)."""

    store: MemoryBook
    rules: RuleBook
    board: Switches
    since: datetime
    now: datetime

    def work(self) -> Iterator[Work]:
        """All that had to be done, with what is missing; nothing while something is switched off."""
        if self.board.off:
            return
        for row in self.store.scan(Instalment):
            file = self.store.loan_file(row.loan_id, whole=True) if isinstance(row, Instalment) else None
            rules = self.rules.at(file.loan.product, self.now) if file else None
            if isinstance(row, Instalment) and file and rules and self._is_judged(row, file, rules):
                yield from self._debit(row, file, rules)
                yield from self._due_day(row, file, rules)
                yield from self._arrears(row, file, rules)

    def _is_judged(self, row: Instalment, file: LoanFile, rules: Rules) -> bool:
        """Nobody has to look at it, nothing held it, and its borrower could be reached all the while."""
        if file.loan.status is not LoanStatus.OPEN or row.blocked or row.episode or file.loan.holds:
            return False
        recent = (e for e in self.store.audit(row.loan_id) if e.at > self.since - ARRIVES_WITHIN)
        owner = self.store.borrower_file(file.loan.borrower_id)
        if owner is None or owner.borrower.phone is None or owner.card.bars:
            return False
        classes = (MessageClass.PRE_DEBIT_NOTICE, *sorted(_CAPPED))
        packs = self.rules.contact(file.loan.product, owner.borrower.country, rules.date_of(self.now))
        return (
            not any(e.what.startswith("hold.") for e in recent)
            and packs is not None
            and all(is_ever_open(owner.borrower, one, rules, packs, self.now) for one in classes)
        )

    # debits

    def _debit(self, row: Instalment, file: LoanFile, rules: Rules) -> Iterator[Work]:
        """An instalment that a mandate covered all the while is presented on one of the days that its notice leaves."""
        tried = any(row.number in attempt.numbers for attempt in self._attempts.get(row.loan_id, ()))
        mandate = self._mandate(file, rules)
        rail = self.rules.rail(mandate.rail, rules.date_of(self.now)) if mandate else None
        if mandate is None or rail is None or (row.is_paid and not tried):
            return
        days = [day for day in self._debit_days(row, rules, rail) if rail.settles_on(day)]
        if days and any(not s.is_dead and s.kind not in rules.funding_deny for s in mandate.sources):
            problem = None if tried else f"never presented, though {mandate.rail} would have taken it on {days[0]}"
            yield Work(DEBITS, keys.debit_key(row.loan_id, row.number), problem)

    def _mandate(self, file: LoanFile, rules: Rules) -> Mandate | None:
        """The one that debits, if no mandate of the loan changed or ended in these days."""
        before, after = rules.date_of(self.since), rules.date_of(self.now)
        if any(m.since and m.since >= self.since for m in file.mandates):
            return None
        if any(m.expires_on and before <= m.expires_on <= after for m in file.mandates):
            return None
        return file.mandate_on(after)

    def _debit_days(self, row: Instalment, rules: Rules, rail: RailRules) -> Iterator[date]:
        """Those on which a debit is still made whose notice went on the first day after the noise."""
        if rail.failures_in_row is not None:
            return  # what the borrower's other loans did may stop it
        lead = max(rules.notice_lead_days, rail.notice_lead_days)
        after = rules.catch_up_days if rail.days_after_due is None else min(rules.catch_up_days, rail.days_after_due)
        first = max(row.due_on, rules.date_of(self.since + _SETTLES) + (lead + 1) * _DAY)
        last = min(row.due_on + after * _DAY, rules.date_of(self.now) - _DAY)
        for n in range((last - first).days + 1):
            yield first + n * _DAY

    @cached_property
    def _attempts(self) -> dict[str, list[Attempt]]:
        found: dict[str, list[Attempt]] = {}
        for attempt in self.store.scan(Attempt):
            if isinstance(attempt, Attempt) and attempt.refunds is None:
                found.setdefault(attempt.loan_id, []).append(attempt)
        return found

    # messages

    def _due_day(self, row: Instalment, file: LoanFile, rules: Rules) -> Iterator[Work]:
        """Where no mandate debits, the due day itself is told; unless a cap may have kept the message back."""
        first, last = rules.date_of(self.since + _SETTLES) + _DAY, rules.date_of(self.now) - _DAY
        debits = any(m.status is MandateStatus.ACTIVE or (m.since and m.since >= self.since) for m in file.mandates)
        if row.is_paid or debits or not first <= row.due_on <= last:
            return
        notices = self.store.notices(file.loan.borrower_id)
        told = _telling(DUE, row, notices)
        others = [n for n in notices if n not in told and n.message_class in _CAPPED]
        if not self._may_be_full(file, row.due_on, others, rules):
            problem = None if any(map(self._went, told)) else f"was due on {row.due_on}, and its borrower was not told"
            yield Work(DUE_DAYS, keys.debit_key(row.loan_id, row.number), problem)

    def _may_be_full(self, file: LoanFile, day: date, notices: list[NoticeRecord], rules: Rules) -> bool:
        """What else went on the day, which abroad begins the day before, or in the week to it may leave no room."""
        owner = self.store.borrower_file(file.loan.borrower_id)
        is_abroad = owner is not None and owner.borrower.zones != (rules.business_zone,)
        before = [(day - notice.business_date).days for notice in notices]
        return any(0 <= days <= is_abroad for days in before) or sum(0 <= days <= 7 for days in before) >= _IN_A_WEEK

    def _arrears(self, row: Instalment, file: LoanFile, rules: Rules) -> Iterator[Work]:
        """Who is late was told of the last step that he reached, or of a later one."""
        dpd = rules.dpd(row.due_on, rules.date_of(self.now - ARRIVES_WITHIN))
        step = max((step for step in rules.overdue_from if step <= dpd), default=None)
        if row.is_paid or step is None:
            return
        about = "#" + keys.told_key(row.loan_id, row.number, row.episode)
        told = max(
            (
                overdue_from(tier.partition("#")[0]) or 0
                for notice in self.store.notices(file.loan.borrower_id)
                for tier in (notice.covers if self._went(notice) else ())
                if tier.endswith(about)
            ),
            default=0,
        )
        late = f"{dpd} days late {ARRIVES_WITHIN.days} days ago"
        yield Work(
            ARREARS,
            keys.debit_key(row.loan_id, row.number),
            None if told >= step else f"{late}, and told of day {told} at most",
        )

    def _went(self, notice: NoticeRecord) -> bool:
        """It left, or may have; of the time of the faults it is enough that it was tried."""
        if notice.claimed_at < self.since:
            return notice.state is not NoticeState.RELEASED
        return notice.state in (NoticeState.SENT, NoticeState.UNKNOWN)


def _telling(tier: str, row: Instalment, notices: Iterable[NoticeRecord]) -> list[NoticeRecord]:
    key = keys.tier_key(tier, row.loan_id, row.number, row.episode)
    return [notice for notice in notices if key in notice.covers]
