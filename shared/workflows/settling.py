"""Settling an attempt: alike for a worker's answer, an enquiry and a webhook; whoever comes first settles it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    DebitCard,
    Instalment,
    LedgerEntry,
    LoanFile,
    Mandate,
    Outcome,
)
from shared.domain.calendar import business_date
from shared.domain.changes import (
    Change,
    Insert,
    SaveAttempt,
    SaveDebitCard,
    SaveInstalment,
    SaveMandate,
)
from shared.domain.debit_mandates import plan_under_mandates
from shared.domain.errors import BookError
from shared.domain.funding import funding_change
from shared.domain.mandates import ANSWERED, Actor, Move, mandate_entry, to_wake
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.repayment import GATEWAY
from shared.domain.settlement import (
    DEFAULT_WATERFALL,
    debits_after,
    gateway_entry,
    mandates_after,
    settled,
    settled_beside,
)
from shared.ports.book import Book
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.facts import owner_of, policy_or_none
from shared.workflows.passes import Summary, next_step
from shared.workflows.refund_settling import settle_refund
from shared.workflows.waking import wakes

OTHER_AMOUNT = "the gateway names another amount than was asked for"
"""Why an attempt is stuck whose answer contradicts it."""
_MOST_RACES = 10
MOST_ROWS_WOKEN = 80
"""Of one loan in one transaction: the nearest due; the others are woken by the next change."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Settling:
    """The ports of settling. A contradiction that is new is counted in `summary` as `conflict`: it pages."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    summary: Summary

    def settle(
        self, attempt: Attempt, outcome: Outcome, gateway_ref: str | None, *, from_evidence: bool = False
    ) -> str:
        """Writes a definite outcome once. Returns `settled`, `known` (it was settled so before) or `conflict`.

        Money that arrives after another definite outcome is booked to suspense, and its instalments are closed to
        further debits until a person has looked: evidence of money is never discarded. Money that stands in suspense
        already, because it was reported with another amount, is not booked again. `from_evidence`: a person's word
        about the attempt as he saw it; presented again since, it may be on the wire, and only money counts.
        """
        if attempt.refunds is not None:
            return settle_refund(self.book, self.shelf, self.clock, self.summary, attempt, outcome, gateway_ref)
        for _ in range(_MOST_RACES):
            current = self.book.attempt(attempt.loan_id, attempt.seq)
            file = self.book.loan_file(attempt.loan_id)
            if current is None or file is None:
                raise BookError(f"attempt {keys.intent_key(attempt.loan_id, attempt.seq)} has no row or no loan")
            only_if_unseen = outcome is Outcome.VOID or (from_evidence and outcome is not Outcome.PAID)
            if only_if_unseen and current.presented != attempt.presented:
                return "known"  # claimed again meanwhile: it may be on the wire
            settle = self._again if current.state is AttemptState.SETTLED else self._first
            if became := settle(current, file, outcome, gateway_ref):
                return became
        raise BookError(f"attempt {keys.intent_key(attempt.loan_id, attempt.seq)} could not be settled")

    def _first(self, attempt: Attempt, file: LoanFile, outcome: Outcome, gateway_ref: str | None) -> str | None:
        """Settles an open attempt; None where somebody else wrote first."""
        now, beside = self.clock.now(), outcome is Outcome.PAID and self._held(attempt) is not None
        changes = self._closing if beside else self._changes
        if not self.book.commit(changes(attempt, file, outcome, gateway_ref, now)):
            return None
        self.summary.note_settled(outcome)
        return self._conflict() if beside else "settled"

    def _again(self, attempt: Attempt, file: LoanFile, outcome: Outcome, _gateway_ref: str | None) -> str | None:
        """What a settled attempt makes of another answer."""
        if attempt.outcome is Outcome.PAID and outcome.is_failure:
            return self._conflict()  # the gateway tells two stories: its books must be looked at
        if attempt.outcome is outcome or outcome is not Outcome.PAID:
            return "known"
        return "conflict" if self._suspend(attempt, file, self.clock.now()) else None

    def _conflict(self) -> str:
        self.summary.counts["conflict"] += 1
        return "conflict"

    def unknown(self, attempt: Attempt, outcome: Outcome, stuck: str | None = None) -> None:
        """Notes that there is no definite answer, and when to ask again: each time twice as long after the claim.

        Somebody's definite answer that came meanwhile stands. `stuck` says why no enquiry will ever tell.
        """
        now = self.clock.now()
        enquire_at = attempt.enquire_at or attempt.claimed_at
        if enquire_at <= now:  # within its lease the claim's own moment stands: one write unit less
            enquire_at = now + min(max(now - attempt.claimed_at, _FIRST_WAIT), _LONGEST_WAIT)
        row = replace(attempt, state=AttemptState.UNKNOWN, outcome=outcome, enquire_at=enquire_at, stuck=stuck)
        self.book.commit([SaveAttempt(row, was_presented=attempt.presented)])

    def _changes(
        self, attempt: Attempt, file: LoanFile, outcome: Outcome, gateway_ref: str | None, now: datetime
    ) -> list[Change]:
        today, policy = self._today(file, now), policy_or_none(self.shelf, file.loan.product, now)
        waterfall = policy.waterfall if policy else DEFAULT_WATERFALL
        done = settled(attempt, file.instalments, outcome, gateway_ref, now, today, waterfall)
        mandates = mandates_after(attempt, file.mandates, outcome, now)
        known = replace(file, mandates=mandates)
        instalments = self._with_steps(done.instalments, known, now)
        changes: list[Change] = [
            SaveAttempt(done.attempt, was_presented=attempt.presented),
            *(SaveInstalment(i) for i in instalments),
            *_ended(attempt, file, mandates, outcome, now),
        ]
        changes += self._others_awake(attempt, known, policy, mandates != file.mandates, now)
        if attempt.reserves:
            changes.append(SaveDebitCard(self._debits_after(attempt, file, policy, outcome, now)))
        if done.entry:
            changes.append(Insert(done.entry))
            changes += wakes(file, instalments, now, today, policy.dpd_origin if policy else 0)
        return changes

    def _held(self, attempt: Attempt) -> LedgerEntry | None:
        """The money that came under the attempt's key and stands in suspense."""
        return self.book.entry(keys.SUSPENSE, GATEWAY, keys.intent_key(attempt.loan_id, attempt.seq))

    def _closing(
        self, attempt: Attempt, file: LoanFile, outcome: Outcome, gateway_ref: str | None, now: datetime
    ) -> list[Change]:
        """Closes an attempt whose money is booked already, and its instalments to debits until a person has looked."""
        policy = policy_or_none(self.shelf, file.loan.product, now)
        done = settled_beside(attempt, file.instalments, outcome, gateway_ref, now, self._today(file, now))
        changes: list[Change] = [
            SaveAttempt(done.attempt, was_presented=attempt.presented),
            *(SaveInstalment(i) for i in done.instalments),
        ]
        if attempt.reserves:
            changes.append(SaveDebitCard(self._debits_after(attempt, file, policy, outcome, now)))
        return changes

    def _with_steps(self, instalments: Iterable[Instalment], file: LoanFile, now: datetime) -> list[Instalment]:
        """The instalments with the moment at which the debit line looks again, as its decision of now says."""
        owner = owner_of(self.book, file)
        policy = policy_or_none(self.shelf, file.loan.product, now, owner.borrower.country)
        if policy is None:
            return [replace(i, step=None if i.is_paid else now) for i in instalments]
        stepped = []
        for one in instalments:
            told = owner.card.told.get(keys.told_key(one.loan_id, one.number, one.episode))
            decision = plan_under_mandates(file, one, told, policy, now, payday=owner.borrower.payday)
            stepped.append(replace(one, step=next_step(decision, now)))
        return stepped

    def _others_awake(
        self, attempt: Attempt, file: LoanFile, policy: Policy | None, mandates_changed: bool, now: datetime
    ) -> list[Change]:
        """Instalments that the ended mandate kept off the agenda, where another one is left to debit them."""
        if not mandates_changed or policy is None or not file.mandate_on(business_date(now, policy.business_zone)):
            return []
        asleep = [i for i in to_wake(file) if i.step is None and i.number not in attempt.numbers]
        room = MOST_ROWS_WOKEN - len(attempt.numbers)
        return [SaveInstalment(replace(i, step=now, rev=i.rev + 1)) for i in asleep[: max(room, 0)]]

    def _debits_after(
        self, attempt: Attempt, file: LoanFile, policy: Policy | None, outcome: Outcome, now: datetime
    ) -> DebitCard:
        """The borrower's failures once this attempt's place is free; the limit is the rail's of today, or where a pack
        of it or of the product lapsed that of the claim: failures without a limit would stop nobody."""
        card = self.book.debit_card(file.loan.borrower_id)
        rail = policy.rails.get(attempt.rail) if policy else None
        if rail is None:
            policy = policy_or_none(self.shelf, file.loan.product, attempt.claimed_at)
            rail = policy.rails.get(attempt.rail) if policy else None
        return debits_after(card, outcome, rail.failures_in_row if rail else None, now)

    def _today(self, file: LoanFile, now: datetime) -> date:
        """The lender's date; without a valid pack that of UTC, because money is booked all the same."""
        policy = policy_or_none(self.shelf, file.loan.product, now)
        return business_date(now, policy.business_zone) if policy else now.date()

    def doubt(self, attempt: Attempt, amount: Money) -> None:
        """What an enquiry found paid is another sum than was asked for: kept like any other evidence of money, and an
        attempt that is open waits for a person. Of a refund, or of nothing, nothing came in."""
        if attempt.refunds is None and amount.minor > 0:
            self.keep_other(attempt, amount, OTHER_AMOUNT)
        self.unknown(attempt, Outcome.UNKNOWN, OTHER_AMOUNT)

    def keep_other(self, attempt: Attempt, amount: Money, said: str) -> str:
        """Keeps money that came under an attempt's key and is not what was asked for: in suspense, once, with the
        attempt's instalments closed to debits until a person has looked, however the attempt ends.

        Returns `suspense`, `known` where it stands there, `other` where another sum does (what is told of now closes
        all the same), or `booked` where the attempt's money is on its loan.
        """
        for _ in range(_MOST_RACES):
            file = self.book.loan_file(attempt.loan_id)
            if file is None:
                raise BookError(f"attempt {keys.intent_key(attempt.loan_id, attempt.seq)} has no loan")
            entry = replace(gateway_entry(attempt, self._today(file, self.clock.now())), amount=amount)
            held = self._held(attempt)
            if held is None and self.book.entry(attempt.loan_id, entry.source, entry.external_id):
                return "booked"
            if became := self._keep(entry, attempt, file, said, held):
                return became
        raise BookError(f"the money of {keys.intent_key(attempt.loan_id, attempt.seq)} could not be kept")

    def _suspend(self, attempt: Attempt, file: LoanFile, now: datetime) -> bool:
        entry = gateway_entry(attempt, self._today(file, now))
        return self._keep(entry, attempt, file, f"paid after {attempt.outcome}", self._held(attempt)) is not None

    def _keep(
        self, entry: LedgerEntry, attempt: Attempt, file: LoanFile, said: str, held: LedgerEntry | None
    ) -> str | None:
        """In suspense, with its instalments closed under the revisions that were read; None where the race was lost.

        `held` is what stands there: of the same sum it is the same money; beside another one nothing more is booked.
        """
        if held and held.amount == entry.amount:
            return "known"
        closed = [
            replace(i, blocked=True, step=None, rev=i.rev + 1)
            for i in file.instalments
            if i.number in attempt.numbers and not (held and (i.blocked or i.is_paid))
        ]
        if held and not closed:
            return "other"
        put = [] if held else [Insert(replace(entry, loan_id=keys.SUSPENSE, detail=said))]
        if not self.book.commit([*put, *(SaveInstalment(i) for i in closed)]):
            return None
        self._conflict()
        return "other" if held else "suspense"


def _ended(
    attempt: Attempt, file: LoanFile, after: tuple[Mandate, ...], outcome: Outcome, now: datetime
) -> Iterable[Change]:
    """The mandate that the answer ends, or whose account it calls dead, with the note of it in the history."""
    for mandate, was in zip(after, file.mandates, strict=True):
        if mandate != was:
            said = f"{keys.intent_key(attempt.loan_id, attempt.seq)} was answered: {outcome}"
            move, accounts = Move(mandate, was.status), funding_change(was, mandate)
            yield SaveMandate(mandate, file.loan.gate_rev)
            yield Insert(mandate_entry(file.loan, (move,), ANSWERED, Actor.RAIL, said, accounts, now))
