"""Enquires about what was claimed and never settled. A lease expires only into a question, never into a repetition."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, InstalmentState, NoticeState, Outcome, Owner
from shared.domain.changes import Change, HoldGate, HoldInstalment, SaveAttempt, SaveDebitCard, SaveNotice
from shared.domain.debit import Presentment
from shared.domain.decision import Act
from shared.domain.errors import GatewayError, StoreError
from shared.domain.settlement import LEASE
from shared.ports.book import Book, Page
from shared.ports.world import Clock, PaymentGateway, PolicyShelf, SwitchBoard, WorkQueue
from shared.workflows.attempt_deductions import FRESH, present
from shared.workflows.debit_facts import debit_facts
from shared.workflows.passes import Summary
from shared.workflows.settling import Settling
from shared.workflows.taking_back import TakingBack
from shared.workflows.waking import Touched

_KEY_MARGIN = timedelta(minutes=10)
"""How long before the end of its life a key counts as forgotten: clocks differ, and requests travel."""

_LONGEST_UNKNOWN, _LONGEST_PENDING = timedelta(days=1), timedelta(days=10)
"""How long an attempt goes without a definite answer before a person looks: unknown, and pending (longer than any rail
of these packs takes to settle or to return a debit). Own design."""

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The ports of the enquiries."""

    book: Book
    gateway: PaymentGateway
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue
    switches: SwitchBoard

    def work(self, run: str, has_time: Callable[[], bool] = lambda: True, summary: Summary | None = None) -> Summary:
        """Enquires about attempts and marks messages unknown, everything claimed longer ago than the lease.

        Safe to run twice at once: an enquiry reads, and whoever settles first settles alone. Messages come first: a
        gateway that answers late takes all the time there is.
        """
        summary, touched = summary or Summary(), Touched()
        before = self.clock.now() - LEASE
        for key in self._open(self.book.open_notices, before, summary, has_time):
            with _apart(summary, key):
                self._notice(key, before, summary)
        for key in self._open(self.book.open_attempts, self.clock.now(), summary, has_time):
            with _apart(summary, key):
                self._attempt(key, summary, touched)
        touched.tell(self.queue, run)
        return summary

    def _open(
        self,
        read: Callable[[str, datetime, int, str | None], Page],
        before: datetime,
        summary: Summary,
        has_time: Callable[[], bool],
    ) -> Iterator[str]:
        """Keys of what is open, as long as there is time; the rest of a page is counted as left."""
        for number in range(self.book.shards()):
            after: str | None = None
            while True:
                page = read(keys.shard_name(number), before, _PAGE, after)
                for key in page.keys:
                    if has_time():
                        yield key
                    else:
                        summary.counts["left"] += 1
                after = page.after
                if after is None or not has_time():
                    break

    def _attempt(self, key: str, summary: Summary, touched: Touched) -> None:
        loan_id, seq = keys.parse_intent_key(key)
        attempt = self.book.attempt(loan_id, seq)
        now = self.clock.now()
        if attempt is None or attempt.state is AttemptState.SETTLED or now < enquire_from(attempt):
            return  # the index lags: it was settled, or claimed again, and may be on the wire at this moment
        settling = Settling(self.book, self.shelf, self.clock, summary)
        try:
            answer = self.gateway.enquire(key)
        except GatewayError:
            self._wait(attempt, attempt.outcome or Outcome.UNKNOWN, settling, summary)
            raise
        if answer is None:
            outcome = self._not_found(attempt, settling, summary)
        elif other := answer.other_amount(attempt.amount):
            settling.doubt(attempt, other)
            summary.counts["stuck"] += 1
            outcome = Outcome.UNKNOWN
        elif answer.outcome.is_terminal:
            settling.settle(attempt, answer.outcome, answer.gateway_ref)
            outcome = answer.outcome
        else:
            self._wait(attempt, answer.outcome, settling, summary)
            outcome = answer.outcome
        summary.counts[f"attempt.{outcome}"] += 1
        file = self.book.loan_file(loan_id)
        if file:
            touched.note(file.loan.borrower_id, loan_id, outcome)
        if outcome is Outcome.PAID:  # what took it back may have been told of while nobody knew that it was paid
            TakingBack(self.book, self.shelf, self.clock, touched).take_what_waits(key)

    def _not_found(self, attempt: Attempt, settling: Settling, summary: Summary) -> Outcome:
        """The gateway never saw the key. Where that is final and the key still lives, the attempt is claimed again and
        presented under the same key, if it would still be right to; else it is void. Where it is not final, or a key
        that was forgotten would charge anew, a person has to look."""
        now = self.clock.now()
        if stuck := self._stuck(attempt, now):
            settling.unknown(attempt, Outcome.UNKNOWN, stuck)
            summary.counts["stuck"] += 1
            return Outcome.UNKNOWN
        loan = self.book.loan_file(attempt.loan_id)
        if loan and self.switches.read(fresh=True).stops_debits(attempt.rail, loan.loan.product):
            self._wait(attempt, Outcome.UNKNOWN, settling, summary)
            summary.counts["switched-off"] += 1
            return Outcome.UNKNOWN
        again = replace(
            attempt,
            state=AttemptState.CLAIMED,
            outcome=None,
            claimed_at=now,
            enquire_at=now + LEASE,
            presented=attempt.presented + 1,
        )
        held = self._still_right(attempt, now)
        if held is None:
            settling.settle(attempt, Outcome.VOID, None)
            return Outcome.VOID
        if not self.book.commit([SaveAttempt(again, was_presented=attempt.presented), *held]):
            summary.counts["lost"] += 1
            return Outcome.UNKNOWN
        if self._is_too_late(attempt, now):
            summary.counts["stale"] += 1
            return Outcome.UNKNOWN
        summary.counts["presented-again"] += 1
        return present(again, self.gateway, settling)

    def _is_too_late(self, attempt: Attempt, claimed_at: datetime) -> bool:
        """The new claim took too long, or a switch was turned meanwhile: its lease leads to the next enquiry."""
        file = self.book.loan_file(attempt.loan_id)
        off = file is None or self.switches.read(fresh=True).stops_debits(attempt.rail, file.loan.product)
        return off or self.clock.now() - claimed_at > FRESH

    def _wait(self, attempt: Attempt, outcome: Outcome, settling: Settling, summary: Summary) -> None:
        """Asks again later; what has had no answer for too long is put before a person beside that."""
        age, stuck = self.clock.now() - attempt.born_at, attempt.stuck
        if stuck is None and age >= (_LONGEST_PENDING if outcome is Outcome.PENDING else _LONGEST_UNKNOWN):
            stuck = f"the gateway has said nothing definite for {age // timedelta(hours=1)} hours"
            summary.counts["stuck"] += 1
        settling.unknown(attempt, outcome, stuck)

    def _stuck(self, attempt: Attempt, now: datetime) -> str | None:
        if not self.gateway.not_found_is_final:
            return "the gateway's lookup does not find everything it was sent"
        if now + _KEY_MARGIN >= attempt.born_at + self.gateway.key_life:
            return "the gateway may have forgotten the key"
        return None

    def _still_right(self, attempt: Attempt, now: datetime) -> list[Change] | None:
        """The gate and the instalments to hold in the new claim: a payment that came since must win. None when the same
        presentment would not be decided today."""
        if attempt.refunds is not None or attempt.owner is not Owner.SCHEDULE:
            return None  # a person's order of some time ago: he gives it anew
        held: list[Change] = []
        for number in attempt.numbers:
            facts = debit_facts(self.book, self.shelf, keys.debit_key(attempt.loan_id, number), now)
            if facts is None or facts.policy is None:
                return None
            last = facts.instalment.last_attempt
            as_before = replace(
                facts.instalment,
                state=InstalmentState.OPEN,
                attempts=facts.instalment.attempts - 1,
                last_attempt=last.before if last else None,
            )
            others = facts.debits and replace(facts.debits, open=facts.debits.open - attempt.reserves)
            decision = replace(facts, instalment=as_before, debits=others).decide(now)
            if not isinstance(decision, Act) or not _is_same(decision.do, attempt):
                return None
            if not held:
                held.append(HoldGate(attempt.loan_id, facts.file.loan.gate_rev))
                if facts.debits:
                    held.append(SaveDebitCard(replace(facts.debits, rev=facts.debits.rev + 1)))
            held.append(HoldInstalment(attempt.loan_id, number, facts.instalment.rev))
        return held

    def _notice(self, key: str, before: datetime, summary: Summary) -> None:
        borrower_id, notice_key = keys.parse_notice_hint(key)
        record = self.book.notice(borrower_id, notice_key)
        if record is None or record.state is not NoticeState.CLAIMED or record.claimed_at > before:
            return
        done = replace(record, state=NoticeState.UNKNOWN, settled_at=self.clock.now())
        if self.book.commit([SaveNotice(done)]):
            summary.counts["notice.unknown"] += 1


def enquire_from(attempt: Attempt) -> datetime:
    """When an attempt may be asked about: after its lease, and after the wait that the last enquiry set."""
    return attempt.enquire_at or attempt.claimed_at + LEASE


@contextmanager
def _apart(summary: Summary, key: str) -> Iterator[None]:
    """A claim that cannot be settled is counted, stays open and is tried again; those behind it go on."""
    try:
        yield
    except GatewayError:
        summary.counts["gateway-silent"] += 1
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - the batch boundary: this claim is reported, the rest goes on
        summary.note_failure(key, error)


def _is_same(presentment: Presentment, attempt: Attempt) -> bool:
    """In its slot, too: the instalment counts slots and days by the first claim, and would be debited again at once."""
    return (
        presentment.slot,
        presentment.numbers,
        presentment.amount,
        presentment.mandate_id,
        presentment.account_ref,
        presentment.funding,
    ) == (attempt.slot, attempt.numbers, attempt.amount, attempt.mandate_id, attempt.account_ref, attempt.funding)
