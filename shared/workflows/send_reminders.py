"""The contact line's worker: decide, claim, send once, settle.

Crash points and what they leave: before the claim nothing; after it a claimed notice that `reconcile` marks unknown and
nobody sends again; after the send the same; after the settlement nothing open. A message is lost at worst, never
doubled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.book import ContactCard, Line, NoticeRecord, NoticeState
from shared.domain.calendar import business_date
from shared.domain.changes import Insert, SaveCard, SaveNotice
from shared.domain.contact import Notice, plan_contact, told_after
from shared.domain.decision import Act, Defer, Drop
from shared.domain.messages import render
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind
from shared.ports.book import Book
from shared.ports.world import Clock, MessageChannel, PolicyShelf, SendResult, Sent, WorkQueue
from shared.workflows.contact_facts import ContactFacts, contact_facts
from shared.workflows.passes import Summary, for_each, next_step

_MOST_MESSAGES = 8
"""Messages to one borrower in one go; more would be a fault of ours, and wait for the next pass."""

_NO_ADDRESS = Sent(SendResult.REFUSED, detail="no-address")


@dataclass(frozen=True, slots=True)
class Reminders:
    """The ports of the contact line."""

    book: Book
    sms: MessageChannel
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue

    def work(self, borrower_ids: Sequence[str], run: str, has_time: Callable[[], bool] = lambda: True) -> Summary:
        """Works through borrowers' hints; safe to run twice on the same ones at once."""
        escalating: set[str] = set()
        summary = for_each(
            Line.CONTACT, borrower_ids, self.book, lambda key, s: self._borrower(key, s, escalating), has_time
        )
        if escalating:  # a stage may have waited for its notice
            self.queue.send(Line.STAGE, sorted(escalating), run)
        return summary

    def _borrower(self, borrower_id: str, summary: Summary, escalating: set[str]) -> None:
        for _ in range(_MOST_MESSAGES):
            now = self.clock.now()
            facts = contact_facts(self.book, self.shelf, borrower_id, now)
            if facts is None:
                return
            decision = facts.decide(now)
            summary.note(decision)
            card = facts.file.card
            match decision:
                case Drop():
                    if card.step is not None:
                        self._save(replace(card, step=None), summary)
                    return
                case Defer():
                    self._save(replace(card, step=next_step(decision, now)), summary)
                    return
                case Act(notice):
                    if not self._send(facts, notice, now, summary):
                        return
                    if notice.kind is NoticeKind.OVERDUE:
                        escalating.update(step.loan_id for step in notice.covers)

    def _save(self, card: ContactCard, summary: Summary) -> None:
        if not self.book.commit([SaveCard(replace(card, rev=card.rev + 1))]):
            summary.counts["lost"] += 1

    def _send(self, facts: ContactFacts, notice: Notice, now: datetime, summary: Summary) -> bool:
        """Claims, sends and settles one notice; True when the borrower may have another one waiting.

        The text is made before the claim: a notice that has none is certainly not told. The loans are read again after
        it: their payments do not touch the card, and who paid before the claim gets no message.
        """
        policy = facts.policies[notice.product]
        text = render(notice, facts.file.borrower, policy)
        claim = self._claim(facts, notice, policy, now)
        if claim is None:
            summary.counts["lost"] += 1
            return False
        record, card = claim
        still = facts.with_loans_of_now(self.book).decide(self.clock.now())
        if isinstance(still, Act) and still.do == notice:
            phone = facts.file.borrower.phone
            sent = self.sms.send(phone, text) if phone else _NO_ADDRESS
        else:
            sent = Sent(SendResult.RETRY_LATER, detail="too-late")
        return self._settle(facts, notice, record, card, sent, policy, summary)

    def _claim(
        self, facts: ContactFacts, notice: Notice, policy: Policy, now: datetime
    ) -> tuple[NoticeRecord, ContactCard] | None:
        today = business_date(now, policy.business_zone)
        earlier = self.book.notice(notice.borrower_id, notice.key)
        if earlier and earlier.state is not NoticeState.RELEASED:
            return None
        record = NoticeRecord(
            notice.borrower_id,
            notice.key,
            notice.kind,
            tuple(step.key for step in notice.covers),
            notice.amount,
            "sms",
            today,
            now,
            notice.policy_version,
            sends=earlier.sends + 1 if earlier else 1,
        )
        card = told_after(facts.file.card, notice, facts.loans, today)
        following = plan_contact(facts.file.borrower, card, facts.loans, facts.policies, now)
        card = replace(card, rev=card.rev + 1, step=next_step(following, now))
        return (record, card) if self.book.commit([Insert(record), SaveCard(card)]) else None

    def _settle(
        self,
        facts: ContactFacts,
        notice: Notice,
        record: NoticeRecord,
        card: ContactCard,
        sent: Sent,
        policy: Policy,
        summary: Summary,
    ) -> bool:
        now = self.clock.now()
        state = {
            SendResult.SENT: NoticeState.SENT,
            SendResult.UNKNOWN: NoticeState.UNKNOWN,
            SendResult.REFUSED: NoticeState.UNDELIVERABLE,
            SendResult.RETRY_LATER: NoticeState.RELEASED,
        }[sent.result]
        if state is NoticeState.RELEASED and record.sends >= policy.max_sends:
            state = NoticeState.UNDELIVERABLE
        done = replace(record, state=state, provider_ref=sent.provider_ref, settled_at=now, detail=sent.detail)
        summary.counts[f"notice.{notice.kind}.{state}"] += 1
        if state is not NoticeState.RELEASED:
            if not self.book.commit([SaveNotice(done)]):
                summary.counts["lost"] += 1
            return True
        self._release(facts, notice, done, card, now, policy)
        return False

    def _release(
        self,
        facts: ContactFacts,
        notice: Notice,
        done: NoticeRecord,
        card: ContactCard,
        now: datetime,
        policy: Policy,
    ) -> None:
        """Takes back what the claim told, on the card as it stands by now, so that the notice can be claimed again."""
        before = facts.file.card
        covered = {step.told_key for step in notice.covers}
        while True:
            told = {k: v for k, v in card.told.items() if k not in covered}
            told |= {k: v for k, v in before.told.items() if k in covered}
            loan_ids = tuple(i for i in before.loan_ids if i in card.loan_ids or _is_covered(i, notice))
            added = tuple(i for i in card.loan_ids if i not in before.loan_ids)
            back = replace(card, told=told, loan_ids=loan_ids + added, rev=card.rev + 1, step=now + policy.send_retry)
            if self.book.commit([SaveNotice(done), SaveCard(back)]):
                return
            current = self.book.notice(notice.borrower_id, notice.key)
            fresh = self.book.borrower_file(notice.borrower_id)
            if fresh is None or current is None or current.state is not NoticeState.CLAIMED:
                return  # somebody settled it meanwhile
            card = fresh.card


def _is_covered(loan_id: str, notice: Notice) -> bool:
    return any(step.loan_id == loan_id for step in notice.covers)
