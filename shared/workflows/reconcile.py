"""Enquires about what was claimed and never settled. A lease expires only into a question, never into a repetition."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, InstalmentState, NoticeState, Outcome
from shared.domain.changes import Change, HoldGate, HoldInstalment, SaveAttempt, SaveNotice
from shared.domain.debit import Presentment, plan_debit
from shared.domain.decision import Act
from shared.domain.errors import GatewayError, StoreError
from shared.ports.book import Book, Page
from shared.ports.world import Clock, PaymentGateway, PolicyShelf, WorkQueue
from shared.workflows.attempt_deductions import Touched, present
from shared.workflows.decisions import debit_facts
from shared.workflows.passes import Summary
from shared.workflows.settling import Settling

LEASE = timedelta(minutes=5)
"""How long a claim may go unanswered: longer than any worker lives after it (150 s) plus the gateway's time-out."""

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The ports of the enquiries."""

    book: Book
    gateway: PaymentGateway
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue

    def work(self, run: str, has_time: Callable[[], bool] = lambda: True) -> Summary:
        """Enquires about attempts and marks messages unknown, everything claimed longer ago than the lease.

        Safe to run twice at once: an enquiry reads, and whoever settles first settles alone. Messages come first: a
        gateway that answers late takes all the time there is.
        """
        summary, touched = Summary(), Touched()
        before = self.clock.now() - LEASE
        for key in self._open(self.book.open_notices, before, summary, has_time):
            with _apart(summary):
                self._notice(key, before, summary)
        for key in self._open(self.book.open_attempts, before, summary, has_time):
            with _apart(summary):
                self._attempt(key, before, summary, touched)
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

    def _attempt(self, key: str, before: datetime, summary: Summary, touched: Touched) -> None:
        loan_id, seq = keys.parse_intent_key(key)
        attempt = self.book.attempt(loan_id, seq)
        if attempt is None or attempt.state is AttemptState.SETTLED or attempt.claimed_at > before:
            return  # the index lags: it was settled, or claimed again, and may be on the wire at this moment
        settling = Settling(self.book, self.shelf, self.clock, summary)
        answer = self.gateway.enquire(key)
        if answer is None:
            outcome = self._not_found(attempt, settling, summary)
        elif answer.outcome.is_terminal:
            settling.settle(attempt, answer.outcome, answer.gateway_ref)
            outcome = answer.outcome
        else:
            if attempt.state is AttemptState.CLAIMED:
                settling.unknown(attempt, answer.outcome)
            outcome = answer.outcome
        summary.counts[f"attempt.{outcome}"] += 1
        file = self.book.loan_file(loan_id)
        if file:
            touched.note(file.loan.borrower_id, loan_id, outcome)

    def _not_found(self, attempt: Attempt, settling: Settling, summary: Summary) -> Outcome:
        """The gateway never saw the key. Where that is final, the attempt is claimed again and presented under the same
        key, if it would still be right to; else it is void. Where it is not final, a person has to look."""
        if not self.gateway.not_found_is_final:
            settling.unknown(attempt, Outcome.UNKNOWN)
            return Outcome.UNKNOWN
        now = self.clock.now()
        again = replace(
            attempt, state=AttemptState.CLAIMED, outcome=None, claimed_at=now, presented=attempt.presented + 1
        )
        held = self._still_right(attempt, now)
        if held is None:
            settling.settle(attempt, Outcome.VOID, None)
            return Outcome.VOID
        if not self.book.commit([SaveAttempt(again, was_presented=attempt.presented), *held]):
            summary.counts["lost"] += 1
            return Outcome.UNKNOWN
        summary.counts["presented-again"] += 1
        return present(again, self.gateway, settling)

    def _still_right(self, attempt: Attempt, now: datetime) -> list[Change] | None:
        """The gate and the instalments to hold in the new claim: a payment that came since must win. None when the same
        presentment would not be decided today."""
        held: list[Change] = []
        for number in attempt.numbers:
            facts = debit_facts(self.book, self.shelf, keys.debit_key(attempt.loan_id, number), now)
            if facts is None or facts.policy is None:
                return None
            as_before = replace(
                facts.instalment,
                state=InstalmentState.OPEN,
                attempts=facts.instalment.attempts - 1,
                last_attempt=None,
            )
            decision = plan_debit(as_before, facts.file.loan, facts.file.mandate, facts.told, facts.policy, now)
            if not isinstance(decision, Act) or not _is_same(decision.do, attempt):
                return None
            if not held:
                held.append(HoldGate(attempt.loan_id, facts.file.loan.gate_rev))
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


@contextmanager
def _apart(summary: Summary) -> Iterator[None]:
    """A claim that cannot be settled is counted, stays open and is tried again; those behind it go on."""
    try:
        yield
    except GatewayError:
        summary.counts["gateway-silent"] += 1
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - the batch boundary: this claim is reported, the rest goes on
        summary.counts["failed"] += 1
        summary.failures[type(error).__name__] += 1


def _is_same(presentment: Presentment, attempt: Attempt) -> bool:
    return (presentment.amount, presentment.mandate_id, presentment.account_ref) == (
        attempt.amount,
        attempt.mandate_id,
        attempt.account_ref,
    )
