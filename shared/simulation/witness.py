"""What only a witness sees: whether what was claimed was right at the very moment, and what went over which wire.

Nobody stores any of this, so no check of the rows can tell it. The witness reads the true book, the true switches and
the true time; it shares no decision with the workflows.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock, MemorySwitches
from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, AuditEntry, Escalation, LoanFile, NoticeRecord, NoticeState, Owner
from shared.domain.changes import Change, Insert, SaveAttempt
from shared.domain.contact_rules import Stops
from shared.invariants.rows import ClaimRow, RequestRow
from shared.invariants.rules import RuleBook
from shared.invariants.terms import Breach
from shared.simulation.boundaries import MOST_APART
from shared.simulation.failures import FailuresInRow
from shared.simulation.lender import PROVIDERS
from shared.simulation.provider import OnTheWire
from shared.simulation.wire import Request

_ASKS_FOR_MONEY = frozenset({"remind", "pre-debit", "due", "failed", "overdue"})
_NO_NOTICE = ("opted-out",)
_SLACK = timedelta(seconds=MOST_APART + 10)
"""Clocks are apart, and a message that left in time travels."""

WATCHED = (
    "claims-were-right",
    "switches-hold",
    "one-message-a-claim",
    "sent-in-the-hours",
    "stages-were-free",
)
"""The checks that are made here, beside those of `shared.invariants.checks.WATCHED`."""


@dataclass(slots=True)
class Witness:
    """Sees every commit as it is made and every request as it leaves."""

    book: MemoryBook
    board: MemorySwitches
    clock: FixedClock
    rules: RuleBook
    business_zone: str
    claims: list[ClaimRow] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)
    _wrong: dict[tuple[str, str, int], str] = field(default_factory=dict)
    _said_stop: dict[str, bool] = field(default_factory=dict)
    _switched_off: set[str] = field(default_factory=set)
    _sent: Counter[tuple[str, int]] = field(default_factory=Counter)
    _failures: FailuresInRow = field(init=False)

    def __post_init__(self) -> None:
        self._failures = FailuresInRow(self.book, self.clock, self.rules)

    def saw(self, changes: Sequence[Change]) -> None:
        """A commit, at the moment at which it was made."""
        self.breaches += self._failures.saw(changes)
        for change in changes:
            match change:
                case Insert(Attempt() as attempt):
                    self._claimed(attempt)
                case SaveAttempt(row) if row.state is AttemptState.CLAIMED:
                    self._claimed(row)  # again, and as right as if it were for the first time
                case Insert(NoticeRecord() as notice):
                    self._note_notice(notice)
                case Insert(AuditEntry() as entry) if entry.what in ("consent.stop", "consent.start"):
                    self._said_stop[entry.actor] = entry.what == "consent.stop"
                case Insert(Escalation() as escalation):
                    self._entered(escalation)
                case _:
                    pass

    # debits

    def _claimed(self, attempt: Attempt) -> None:
        self._note_switches(attempt)
        if attempt.refunds is not None:
            return
        self.claims.append(self._claim_row(attempt))
        file = self.book.loan_file(attempt.loan_id)
        if file and attempt.owner is Owner.SCHEDULE and (code := self._hold(file, Stops.DEBIT)):
            self._breach("claims-were-right", keys.intent_key(attempt.loan_id, attempt.seq), f"on hold: {code}")

    def _claim_row(self, attempt: Attempt) -> ClaimRow:
        file = self.book.loan_file(attempt.loan_id)
        held = [i for i in file.instalments if i.number in attempt.numbers] if file else []
        mandate = next((m for m in file.mandates if m.mandate_id == attempt.mandate_id), None) if file else None
        others = [
            keys.intent_key(a.loan_id, a.seq)
            for a in self.book.attempts(attempt.loan_id)
            if a.seq != attempt.seq
            and a.refunds is None
            and a.state is not AttemptState.SETTLED
            and set(a.numbers) & set(attempt.numbers)
        ]
        return ClaimRow(
            key=keys.intent_key(attempt.loan_id, attempt.seq),
            at=self.clock.at,
            outstanding_minor=sum(i.outstanding_minor for i in held),
            open_others=tuple(others),
            mandate_status=mandate.status if mandate else None,
            mandate_expired=bool(mandate and mandate.expires_on and mandate.expires_on < self._today()),
        )

    def _note_switches(self, attempt: Attempt) -> None:
        """What was off when an attempt was claimed, and is off still when it leaves, was read by nobody."""
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        self._switched_off.discard(key)
        if self._stops(attempt):
            self._switched_off.add(key)

    def _stops(self, attempt: Attempt) -> bool:
        file = self.book.loan_file(attempt.loan_id)
        if attempt.refunds is not None or file is None:
            return False
        return self._is_off("debit", f"rail:{attempt.rail}", f"product:{file.loan.product}")

    def _is_off(self, *names: str) -> bool:
        """One of these, or the whole board, by what stands on it: no rule of the product is asked."""
        board = self.board.stored()
        return not board.on or not board.off.isdisjoint(names)

    def presented(self, request: Request) -> None:
        """A request of ours leaves for the gateway."""
        if request.key in self._switched_off and request.claimed and self._stops(request.claimed):
            self._breach("switches-hold", request.key, "presented, though its debits were off since its claim")

    # messages

    def _note_notice(self, notice: NoticeRecord) -> None:
        if notice.kind in _NO_NOTICE:
            return
        place = notice.borrower_id, notice.notice_key, notice.sends
        problem = next(self._notice_problems(notice), None)
        if problem:
            self._wrong[place] = problem

    def _notice_problems(self, notice: NoticeRecord) -> Iterator[str]:
        file = self.book.borrower_file(notice.borrower_id)
        for bar in file.card.bars if file else ():
            address = file.borrower.address(bar.channel) if file else None
            named = address and bar.channel == notice.channel and bar.address == keys.address_key(address)
            if named and notice.message_class in bar.classes:
                yield f"{bar.channel} was barred for it"
        if notice.channel == "sms" and self._said_stop.get(notice.borrower_id):
            yield "the borrower had said stop"
        if file and self._is_silenced(notice):
            yield "all sending of it was switched off"
        for tier in notice.covers:
            _, loan_id, number, episode = tier.split("#")
            loan = self.book.loan_file(loan_id, whole=True)
            if loan and (code := self._hold(loan, Stops.CONTACT)):
                yield f"{loan_id} was on hold: {code}"
            one = loan.instalment(int(number)) if loan else None
            if one and one.is_paid and one.episode == int(episode) and notice.kind in _ASKS_FOR_MONEY:
                yield f"instalment {number} of {loan_id} had been paid"

    def _is_silenced(self, notice: NoticeRecord) -> bool:
        """All sending, its channel, its provider, or one of the products that it speaks of."""
        files = (self.book.loan_file(tier.split("#")[1]) for tier in notice.covers)
        products = {f"product:{file.loan.product}" for file in files if file}
        providers = {f"provider:{name}" for channel, name in PROVIDERS.items() if channel == notice.channel}
        return self._is_off("send", f"channel:{notice.channel}", *providers, *products)

    def sent(self, on_wire: OnTheWire) -> None:
        """A message leaves for its provider."""
        borrower_id, notice_key = keys.parse_notice_hint(on_wire.message.key)
        if notice_key.startswith(keys.CODE):
            return
        row = on_wire.claimed
        if row is None or row.state is not NoticeState.CLAIMED:
            state = row.state if row else "no row"
            self._breach("one-message-a-claim", on_wire.message.key, f"sent without an open claim: {state}")
            return
        self._sent[on_wire.message.key, row.sends] += 1
        if self._sent[on_wire.message.key, row.sends] > 1:
            self._breach("one-message-a-claim", on_wire.message.key, "sent twice under one claim")
        if on_wire.was_taken:
            self._breach("one-message-a-claim", on_wire.message.key, "sent again after a provider had taken it")
        problem = self._wrong.get((borrower_id, notice_key, row.sends))
        if problem and (not problem.startswith("all sending") or self._is_silenced(row)):
            self._breach("claims-were-right", on_wire.message.key, f"sent, and at its claim {problem}")
        if row.kind not in _NO_NOTICE:
            self._check_hours(on_wire, row)

    def _check_hours(self, on_wire: OnTheWire, row: NoticeRecord) -> None:
        """The true time of the send, in every zone: a moment of grace, for what left in time travels."""
        file = self.book.borrower_file(row.borrower_id)
        loan = self.book.loan_file(row.covers[0].split("#")[1]) if row.covers else None
        if file is None or loan is None:
            return
        packs = self.rules.contact(loan.loan.product, file.borrower.country, row.business_date) or ()
        for zone in file.borrower.zones:
            moments = [at.astimezone(ZoneInfo(zone)) for at in (on_wire.at - _SLACK, on_wire.at, on_wire.at + _SLACK)]
            fits = [all(p.admits(m, row.message_class, row.channel) for p in packs) for m in moments]
            if not any(fits):
                self._breach("sent-in-the-hours", on_wire.message.key, f"at {moments[1]:%H:%M} in {zone}")

    # stages

    def _entered(self, escalation: Escalation) -> None:
        file = self.book.loan_file(escalation.loan_id, whole=True)
        one = file.instalment(escalation.number) if file else None
        key = f"{escalation.loan_id} {escalation.key}"
        if file and (code := self._hold(file, Stops.ESCALATION)):
            self._breach("stages-were-free", key, f"entered on hold: {code}")
        if one is None or one.is_paid:
            self._breach("stages-were-free", key, f"entered for instalment {escalation.number}, which was paid")

    def _hold(self, file: LoanFile, what: Stops) -> str | None:
        """The code of a hold that stops this: one that ends today may count or not, by whose clock it is."""
        days = {self._day(self.clock.at - _SLACK), self._day(self.clock.at + _SLACK)}
        found = (h for h in file.loan.holds if what in h.stops and (h.until is None or max(days) <= h.until))
        return next((h.code for h in found), None)

    def _today(self) -> date:
        """Of two days at midnight the earlier one: a worker's clock may be behind."""
        return self._day(self.clock.at - _SLACK)

    def _day(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.business_zone)).date()

    def _breach(self, check: str, subject: str, problem: str) -> None:
        self.breaches.append(Breach(check, subject, problem))


def request_row(request: Request) -> RequestRow:
    """A request to the gateway as the checks read it."""
    is_open = request.claimed is not None and request.claimed.state is not AttemptState.SETTLED
    presented = request.claimed.presented if is_open and request.claimed else None
    return RequestRow(request.key, request.parameters, request.at, presented)
