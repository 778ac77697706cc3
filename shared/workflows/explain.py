"""Why a loan was told, debited or moved on a day, or was not: its three lines' decisions, and the rules behind each.

Changes nothing. A day that is over, and the part of today that is, are decided again on the facts as they stood; what
is ahead, on the facts as they stand.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from shared.domain import keys, tiers
from shared.domain.book import Attempt, Line, LoanFile, NoticeRecord
from shared.domain.calendar import at_local, business_date
from shared.domain.contact_caps import limit_of
from shared.domain.contact_rules import Stops
from shared.domain.contact_windows import closed_by
from shared.domain.decision import Act, Defer, Reason
from shared.domain.errors import InputError
from shared.domain.explained import Behind, cap_leaf, leaves_behind, named_leaves, window_leaves
from shared.domain.history import History, LoanHistory
from shared.domain.holds import in_force as holds_in_force
from shared.domain.learning import tally_key, tally_leaf
from shared.domain.notices import Notice
from shared.domain.policy import Policy
from shared.domain.stage import StageMove
from shared.domain.tiers import NoticeKind
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.done_on import Event, done_on
from shared.workflows.facts import owner_of
from shared.workflows.past_decisions import PastDecisions
from shared.workflows.plan_work import what_of

_MOST_STEPS = 60
_AFTER = timedelta(microseconds=1)
_CHAIN = 4
_STOPS = {Line.CONTACT: Stops.CONTACT, Line.DEBIT: Stops.DEBIT, Line.STAGE: Stops.ESCALATION}


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of a line, at the first instant of the day at which it is that."""

    line: Line
    unit: str
    at: datetime
    decision: str  # act, defer, drop
    reason: Reason
    until: datetime | None
    what: Mapping[str, object]
    policy_version: str | None  # None: no policy was valid
    behind: tuple[Behind, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A day of a loan. `done` is what was written on it; `doubts` say what could not be rewound exactly."""

    loan_id: str
    borrower_id: str
    on: date
    business_zone: str
    decisions: tuple[Decided, ...]
    done: tuple[Event, ...]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explaining:
    """The ports of explaining: reads only."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    business_zone: str

    def explain(self, loan_id: str, on: date | None = None) -> Explanation:
        """The loan's day, today where none is named. Raises InputError for a loan that does not exist."""
        now = self.clock.now()
        file = self.book.loan_file(loan_id, whole=True)
        if file is None:
            raise InputError(f"there is no loan {loan_id}")
        on = on or business_date(now, self.business_zone)
        history = self._history(file)
        at_any = PastDecisions(self.book, self.shelf, self.business_zone, history, loan_id, now)
        decisions = tuple(_Day(at_any, on).decisions())
        done, doubts = done_on(history, loan_id, on, self.business_zone), tuple(dict.fromkeys(at_any.doubts))
        return Explanation(loan_id, file.loan.borrower_id, on, self.business_zone, decisions, done, doubts)

    def _history(self, file: LoanFile) -> History:
        """The borrower with every loan that his card follows, or that a message ended."""
        owner = owner_of(self.book, file)
        notices = tuple(self.book.notices(owner.borrower.borrower_id))
        ended = [key.split("#")[1] for n in notices for key in n.covers if key.startswith(f"{tiers.SETTLED}#")]
        loan_ids = dict.fromkeys((file.loan.loan_id, *owner.card.loan_ids, *ended))
        files = (self.book.loan_file(loan_id, whole=True) for loan_id in loan_ids)
        loans = tuple(self._loan(one) for one in files if one is not None)
        return History(owner.borrower, owner.card, loans, notices)

    def _loan(self, file: LoanFile) -> LoanHistory:
        loan_id = file.loan.loan_id
        return LoanHistory(
            file,
            tuple(self.book.attempts(loan_id)),
            tuple(self.book.entries(loan_id)),
            tuple(self.book.escalations(loan_id)),
            tuple(self.book.audit(loan_id)),
        )


@dataclass(slots=True)
class _Day:
    """One day of one loan, decided step by step."""

    at_any: PastDecisions
    on: date

    def decisions(self) -> Iterator[Decided]:
        zone = self.at_any.business_zone
        starts, ends = at_local(self.on, time.min, zone), at_local(self.on + timedelta(days=1), time.min, zone)
        borrower_id = self.at_any.history.borrower.borrower_id
        yield from self._through(Line.CONTACT, borrower_id, self.at_any.contact, starts, ends)
        for row in self.at_any.facts(starts).files[self.at_any.loan_id].unpaid:
            number, key = row.number, keys.debit_key(self.at_any.loan_id, row.number)
            yield from self._through(Line.DEBIT, key, partial(self.at_any.debit, number), starts, ends)
        yield from self._through(Line.STAGE, self.at_any.loan_id, self.at_any.stage, starts, ends)

    def _through(
        self,
        line: Line,
        unit: str,
        decide: Callable[[datetime], Any],
        starts: datetime,
        ends: datetime,
    ) -> Iterator[Decided]:
        """Every decision that differs from the one before it: at the day's begin, at what was done, and when a
        deferral is over."""
        at: datetime | None = starts
        moments = self._moments(starts, ends)
        before: object = None
        for _ in range(_MOST_STEPS):
            if at is None or at >= ends:
                return
            decision = decide(at)
            same = decision if isinstance(decision, Act) else (type(decision), decision.reason)
            if same != before:
                yield self._told(line, unit, at, decision, decide)
            before = same
            later = [moment for moment in moments if moment > at]
            if isinstance(decision, Defer) and decision.until > at:
                later.append(decision.until)
            at = min(later, default=None)

    def _moments(self, starts: datetime, ends: datetime) -> list[datetime]:
        """When something was done on the day: decisions right before it and right after it tell why."""
        rows: list[NoticeRecord | Attempt] = [
            *self.at_any.history.notices,
            *(a for h in self.at_any.history.loans for a in h.attempts),
        ]
        stamps = [at for row in rows for at in (row.claimed_at, row.settled_at) if at is not None]
        stamps += [e.at for h in self.at_any.history.loans for e in h.audit]
        found = {at + by for at in stamps if starts <= at < ends for by in (timedelta(), _AFTER)}
        return sorted(at for at in found | {self.at_any.now} if starts <= at < ends)

    def _told(self, line: Line, unit: str, at: datetime, decision: Any, decide: Callable[[datetime], Any]) -> Decided:
        facts = self.at_any.facts(at)
        file = facts.files[self.at_any.loan_id]
        policy = self.at_any.policy(file.loan.product, at)
        do = decision.do if isinstance(decision, Act) else None
        behind = self._behind(line, at, decision, policy, file, decide) if policy else ()
        mandate = file.mandate_on(self.on)
        ruled = policy.under(mandate.rail) if policy and mandate and line is Line.DEBIT else policy
        version = do.policy_version if isinstance(do, Notice) else (ruled or policy).version if policy else None
        until = decision.until if isinstance(decision, Defer) else None
        what = what_of(do) if do is not None else {}
        return Decided(line, unit, at, type(decision).__name__.lower(), decision.reason, until, what, version, behind)

    def _behind(
        self, line: Line, at: datetime, decision: Any, policy: Policy, file: LoanFile, decide: Callable[[datetime], Any]
    ) -> tuple[Behind, ...]:
        country = self.at_any.history.borrower.country
        mandate = file.mandate_on(self.on)
        names: dict[str, Sequence[str]] = {}
        if decision.reason is Reason.ON_HOLD:
            names["code"] = sorted({h.code for h in holds_in_force(file.loan.holds, _STOPS[line], self.on)})
        if isinstance(decision, Act) and isinstance(decision.do, StageMove):
            names["stage"] = [escalation.stage for escalation in decision.do.enter]
        found = leaves_behind(decision.reason, line, policy, country, mandate.rail if mandate else None, names)
        if isinstance(decision, Act) and isinstance(decision.do, Notice):
            notice = decision.do
            chosen = [f"contact.channels.{notice.message_class}"]
            if notice.learned:
                key = tally_key(notice.covers[0].tier, notice.learned.arm)
                chosen += ["contact.learning.*", tally_leaf(notice.product, key)]
            return (*found, *named_leaves(chosen, policy, country))
        if decision.reason in (Reason.OUTSIDE_CONTACT_HOURS, Reason.CONTACT_CAP):
            return (*found, *self._waited_for(at, decision, policy, decide))
        return found

    def _waited_for(
        self, at: datetime, decision: Defer, policy: Policy, decide: Callable[[datetime], Any]
    ) -> tuple[Behind, ...]:
        """The windows and the cap in the way: those of the message that goes when the wait is over."""
        then: Any = decision
        for _ in range(_CHAIN):
            if not isinstance(then, Defer):
                break
            then = decide(then.until)
        if not isinstance(then, Act) or not isinstance(then.do, Notice) or not then.do.ways:
            return ()
        notice, channel, borrower = then.do, then.do.ways[0], self.at_any.history.borrower
        rules = policy.contact if NoticeKind(notice.kind).at_once else policy.planned
        address = keys.address_key(borrower.address(channel) or "")
        log, debts = self.at_any.facts(at).card.contacts, (notice.covers[0].loan_id,)
        caps = rules.caps_for(notice.message_class, channel)
        limit = limit_of(at, log, caps, channel, notice.message_class, debts, address, borrower.zones)
        if decision.reason is Reason.CONTACT_CAP:
            return cap_leaf(limit.cap, policy)
        closed = closed_by(at, rules, notice.message_class, channel, borrower.zones)
        return window_leaves(closed, policy, notice.message_class, channel, rules)
