"""The contact line's worker: decide, claim, send once, settle.

Crash points and what they leave: before the claim nothing; after it a claimed notice that `reconcile` marks unknown and
nobody sends again; after the send the same; after the settlement nothing open. A message is lost at worst, never
doubled. The claim takes its place under the caps; only a definite non-send gives it back, and only after one is the
next channel tried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from shared.domain import keys
from shared.domain.book import Borrower, ContactCard, Line, NoticeRecord, NoticeState
from shared.domain.calendar import at_local, business_date
from shared.domain.changes import Insert, SaveCard, SaveNotice
from shared.domain.consent import Bar, BarredBy, barred
from shared.domain.contact import plan_contact
from shared.domain.contact_caps import Contact, logged, released
from shared.domain.contact_rules import Cap, Channel
from shared.domain.contact_windows import closes
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.messages import Fill, Rendered, render
from shared.domain.notices import Notice, told_after
from shared.domain.policy import Policy
from shared.domain.provider_rules import ProviderRules
from shared.domain.switches import product as switch_of
from shared.domain.tiers import NoticeKind
from shared.ports.book import Book
from shared.ports.decisions import DecisionSink
from shared.ports.messages import Outgoing, Pace, Sender
from shared.ports.world import Clock, PolicyShelf, SendResult, Sent, SwitchBoard, WorkQueue
from shared.workflows.contact_facts import ContactFacts, contact_facts
from shared.workflows.debit_facts import SWITCHED_OFF_RETRY
from shared.workflows.deliveries import never_arrived
from shared.workflows.facts import NO_POLICY_RETRY
from shared.workflows.notice_links import NoticeLinks
from shared.workflows.passes import Summary, TimeLeft, for_each, next_step

_MOST_MESSAGES = 8
"""Claims for one borrower in one go; more would be a fault of ours, and wait for the next pass."""

_TEXT_REFUSED_RETRY = timedelta(hours=1)  # a person was called, and has to change the wording
_NO_WAY = Sent(SendResult.REFUSED, detail="no-way-to-reach")
_NO_SENDER = Sent(SendResult.REFUSED, detail="no-provider")
_TOO_LATE = Sent(SendResult.RETRY_LATER, detail="too-late")
_SWITCHED_OFF = Sent(SendResult.RETRY_LATER, detail="switched-off")

_STATES = {
    SendResult.SENT: NoticeState.SENT,
    SendResult.UNKNOWN: NoticeState.UNKNOWN,
    SendResult.REFUSED: NoticeState.UNDELIVERABLE,
    SendResult.OPTED_OUT: NoticeState.UNDELIVERABLE,
    SendResult.RETRY_LATER: NoticeState.RELEASED,
}


@dataclass(frozen=True, slots=True)
class _Sending:
    """One notice on its way: over which channel, with which text, and what its claim wrote. No channel: nobody can be
    reached, or every way to the borrower has refused, and that is recorded."""

    facts: ContactFacts
    notice: Notice
    policy: Policy
    channel: Channel | None
    text: Rendered | None
    record: NoticeRecord
    card: ContactCard
    following: Act[Notice] | Defer | Drop  # what is decided once this one is told

    @property
    def borrower(self) -> Borrower:
        return self.facts.file.borrower

    @property
    def provider(self) -> ProviderRules | None:
        """The rules of the provider that carries it."""
        return self.policy.providers.get(self.channel) if self.channel else None


@dataclass(frozen=True, slots=True)
class Reminders:
    """The ports of the contact line."""

    book: Book
    senders: Mapping[Channel, Sender]
    fill: Fill
    shelf: PolicyShelf
    clock: Clock
    queue: WorkQueue
    switches: SwitchBoard
    sink: DecisionSink | None = None
    pace: Pace | None = None
    links: NoticeLinks | None = None

    def work(
        self,
        borrower_ids: Sequence[str],
        run: str,
        has_time: Callable[[], bool] = lambda: True,
        summary: Summary | None = None,
    ) -> Summary:
        """Works through borrowers' hints; safe to run twice on the same ones at once."""
        escalating: set[str] = set()
        time = TimeLeft(has_time)
        summary = for_each(
            Line.CONTACT,
            borrower_ids,
            self.book,
            lambda key, s: self._borrower(key, s, escalating, time),
            time,
            summary,
        )
        if escalating:  # a stage may have waited for its notice
            self.queue.send(Line.STAGE, sorted(escalating), run)
        return summary

    def _borrower(self, borrower_id: str, summary: Summary, escalating: set[str], time: TimeLeft) -> None:
        for number in range(_MOST_MESSAGES):
            if number and not time():  # the next message is due as it is
                summary.counts["left"] += 1
                return
            now = self.clock.now()
            facts = contact_facts(self.book, self.shelf, borrower_id, now)
            if facts is None:
                return
            decision, sending = self._next(facts, summary, now)
            summary.note(decision)
            if self.sink and (isinstance(sending, _Sending) or not isinstance(decision, Act)):  # else told before
                self.sink.note(Line.CONTACT, borrower_id, now, decision)
            card = facts.file.card
            match decision:
                case Drop() | Defer():
                    step = next_step(decision, now)
                    if step != card.step:
                        self._save(replace(card, step=step), summary)
                    return
                case Act():
                    if not self._told(sending, summary, escalating, time):
                        return

    def _next(
        self, facts: ContactFacts, summary: Summary, now: datetime
    ) -> tuple[Decision[Notice], _Sending | ContactCard | None]:
        """The first notice that can go. One that cannot, for its text, its provider or a switch, is counted, and keeps
        no other back: a debit may wait for that one."""
        waits = list[Defer]()
        while isinstance(decision := facts.decide(now), Act):
            chosen, sending = self._chosen(facts, decision, now)
            if not isinstance(chosen, Defer):
                for wait in waits:
                    summary.note(wait)
                return chosen, sending
            waits.append(chosen)
            facts = replace(facts, without=facts.without | self._kept_back(facts, decision.do))
        if not waits or not isinstance(decision, Defer):
            return decision, None
        first, *others = sorted(waits, key=lambda wait: wait.until)
        for wait in others:
            summary.note(wait)
        return (replace(first, until=min(first.until, decision.until)), None)

    def _kept_back(self, facts: ContactFacts, notice: Notice) -> frozenset[str]:
        """The steps for which a notice cannot go: those of products that are off, or else all that it tells."""
        switches, files = self.switches.read(), {file.loan.loan_id: file for file in facts.loans}
        off = {step.key for step in notice.covers if switches.stops(switch_of(files[step.loan_id].loan.product))}
        return frozenset(off or {step.key for step in notice.covers})

    def _told(
        self, sending: _Sending | ContactCard | None, summary: Summary, escalating: set[str], time: TimeLeft
    ) -> bool:
        """Sends one notice; True where the borrower has another one waiting, or this one another channel."""
        if not isinstance(sending, _Sending):
            is_noted = sending is not None and self.book.commit([SaveCard(sending)])
            summary.counts["told-before" if is_noted else "lost"] += 1
            return is_noted
        if not self._may_go(sending, time):
            summary.counts["left"] += 1
            return False
        done = self._send(sending, summary)
        if done is None:
            return False
        if done.state is NoticeState.RELEASED:
            return done.tried != sending.record.tried
        if sending.notice.kind is NoticeKind.OVERDUE:
            escalating.update(step.loan_id for step in sending.notice.covers)
        if isinstance(sending.following, Act):
            return True
        if self.sink:  # another one may be kept back because this one went
            self.sink.note(Line.CONTACT, sending.borrower.borrower_id, sending.record.claimed_at, sending.following)
        return False

    def _save(self, card: ContactCard, summary: Summary) -> None:
        if not self.book.commit([SaveCard(replace(card, rev=card.rev + 1))]):
            summary.counts["lost"] += 1

    def _chosen(
        self, facts: ContactFacts, decision: Act[Notice], now: datetime
    ) -> tuple[Act[Notice] | Defer | Drop, _Sending | ContactCard | None]:
        """A notice under its key, over one channel, and its claim as it is going to be written; or when to look again.

        A channel that took it for certain not is tried no more; the text is made before the claim, for a notice that
        has none is certainly not told. For one that was told already, the card that says so.
        """
        notice, file = decision.do, facts.file
        today = business_date(now, facts.policies[notice.product].business_zone)
        earlier, tried = self.book.notice(notice.borrower_id, notice.key), tuple[str, ...]()
        while earlier and (never_arrived(earlier) or _is_outdated(earlier, today)):  # told again, under its own key
            tried = (*tried, *earlier.tried, earlier.channel) if never_arrived(earlier) else tried
            notice = replace(notice, again=notice.again + 1)
            earlier = self.book.notice(notice.borrower_id, notice.key)
        if earlier and earlier.state is not NoticeState.RELEASED:
            return decision, _as_told(facts, notice, earlier)  # told by somebody else, or heard of after all
        tried = (*tried, *earlier.tried) if earlier else tried
        policy = facts.policies[notice.product]
        left = [c for c in notice.ways if c not in tried]
        channel = next((c for c in notice.channels if c not in tried), None)
        if left and channel is None:
            return Defer(now + policy.send_retry, Reason.OUTSIDE_CONTACT_HOURS), None
        if channel and not self._is_wired(channel, policy):
            return Defer(now + NO_POLICY_RETRY, Reason.NO_PROVIDER), None
        if channel and self._is_off(channel, notice, fresh=False):
            return Defer(now + SWITCHED_OFF_RETRY, Reason.SWITCHED_OFF), None
        text = self._rendered(notice, channel, file.borrower, policy, now) if channel else None
        if text and text.faults:
            return Defer(now + _TEXT_REFUSED_RETRY, Reason.TEXT_REFUSED), None
        record = NoticeRecord(
            notice.borrower_id,
            notice.key,
            notice.kind,
            tuple(step.key for step in notice.covers),
            notice.amount,
            channel or "none",
            today,
            now,
            notice.policy_version,
            sends=earlier.sends + 1 if earlier else 1,
            message_class=notice.message_class,
            tried=tried,
        )
        card = told_after(file.card, notice, facts.loans, today)
        if channel:
            caps = frozenset[Cap]().union(*(p.contact.caps for p in facts.policies.values()))  # some count longer
            card = replace(card, contacts=logged(card.contacts, _contact(notice, channel, file.borrower, now), caps))
        following = plan_contact(file.borrower, card, facts.loans, facts.policies, now)
        card = replace(card, rev=card.rev + 1, step=next_step(following, now))
        told = replace(notice, channels=(channel,) if channel else ())
        sending = _Sending(facts, notice, policy, channel, text, record, card, following)
        return Act(told, decision.reason), sending

    def _is_wired(self, channel: Channel, policy: Policy) -> bool:
        """The deployment has the very provider that the lender's pack names: another one has other rules."""
        sender = self.senders.get(channel)
        return sender is not None and sender.name == policy.wired[channel]

    def _may_go(self, sending: _Sending, time: TimeLeft) -> bool:
        """The provider's pace lets it go within this invocation; asked before the claim, so that waiting costs none."""
        provider, text = sending.provider, sending.text
        if self.pace is None or provider is None or text is None or self.pace.take(provider, text.parts, time):
            return True
        time.is_over = True
        return False

    def _rendered(
        self, notice: Notice, channel: Channel, borrower: Borrower, policy: Policy, now: datetime
    ) -> Rendered:
        """With a short link where policy has links, unless the message could not go out with one."""
        if self.links and channel is not Channel.VOICE:
            link = self.links.link(notice.borrower_id, notice.key, policy, now)
            linked = render(notice, channel, borrower, policy, self.fill, link) if link else None
            if linked and not linked.faults:
                return linked
        return render(notice, channel, borrower, policy, self.fill)

    def _is_off(self, channel: Channel, notice: Notice, *, fresh: bool) -> bool:
        """An operator stopped all sending, the channel, its provider, or a product of which the message speaks."""
        sender = self.senders.get(channel)
        name = sender.name if sender else "none"
        switches = self.switches.read(fresh=fresh)
        return any(switches.stops_sending(channel, name, product) for product in {i.product for i in notice.items})

    def _send(self, sending: _Sending, summary: Summary) -> NoticeRecord | None:
        """Claims, sends and settles one notice; None where the claim was lost.

        The loans are read again after the claim: their payments do not touch the card, and who paid before it gets no
        message. Neither does who came under a hold, or whose window closed.
        """
        if not self.book.commit([Insert(sending.record), SaveCard(sending.card)]):
            summary.counts["lost"] += 1
            return None
        return self._settle(sending, self._sent(sending, summary), summary)

    def _sent(self, sending: _Sending, summary: Summary) -> Sent:
        notice, channel, text = sending.notice, sending.channel, sending.text
        if channel is None or text is None:
            return _NO_WAY
        now, facts = self.clock.now(), sending.facts.with_loans_of_now(self.book)
        if (now, facts) != (sending.record.claimed_at, sending.facts):  # else the decision is the same
            still = facts.decide(now)
            if not isinstance(still, Act) or still.do != notice:
                return _TOO_LATE
        if self._is_off(channel, notice, fresh=True):
            return _SWITCHED_OFF
        address, sender = sending.borrower.address(channel), self.senders.get(channel)
        if address is None or sender is None:
            return _NO_SENDER
        provider = sending.provider
        sent = sender.provider.send(
            Outgoing(
                keys.notice_hint(notice.borrower_id, notice.key),
                address,
                text.text,
                _until(notice, channel, sending, now),
                notice.message_class,
                text.language,
                subject=text.title,
                max_price=provider.max_price(text.parts) if provider else None,
                parts=text.parts,
            )
        )
        if sent.result in (SendResult.RETRY_LATER, SendResult.UNKNOWN):
            summary.counts["provider-silent"] += 1
        if self.pace and provider and sent.result is SendResult.RETRY_LATER:
            self.pace.slow_down(provider)
        return sent

    def _settle(self, sending: _Sending, sent: Sent, summary: Summary) -> NoticeRecord:
        now, record = self.clock.now(), sending.record
        state, tried = _STATES[sent.result], record.tried
        if state is NoticeState.RELEASED and record.sends >= sending.policy.max_sends:
            state = NoticeState.UNDELIVERABLE  # over this channel: after so many sends each further one gets one try
        if state is NoticeState.UNDELIVERABLE and sending.channel:
            tried = (*tried, sending.channel)
            if set(sending.notice.ways) - set(tried):
                state = NoticeState.RELEASED
        done = replace(
            record, state=state, provider_ref=sent.provider_ref, settled_at=now, detail=sent.detail, tried=tried
        )
        summary.counts[f"notice.{sending.notice.kind}.{state}"] += 1
        bar = _bar(sending, now) if sent.result is SendResult.OPTED_OUT else None
        if state is NoticeState.RELEASED:
            self._release(sending, done, bar, now)
            return done
        if sent.result in (SendResult.SENT, SendResult.UNKNOWN):
            if not self.book.commit([SaveNotice(done)]):
                summary.counts["lost"] += 1
        else:
            self._took_nothing(sending, done, bar)
        return done

    def _took_nothing(self, sending: _Sending, done: NoticeRecord, bar: Bar | None) -> None:
        """Settles a notice that nobody got: it is told, as far as the steps go, and takes no place under the caps."""
        if sending.channel is None:
            self.book.commit([SaveNotice(done)])
            return
        card = sending.card
        while not self.book.commit([SaveNotice(done), SaveCard(_freed(card, sending.notice, bar))]):
            fresh = self._still_claimed(sending.notice)
            if fresh is None:
                return
            card = fresh

    def _release(self, sending: _Sending, done: NoticeRecord, bar: Bar | None, now: datetime) -> None:
        """Takes back what the claim told, on the card as it stands by now, so that the notice can be claimed again."""
        notice, before, card = sending.notice, sending.facts.file.card, sending.card
        covered = {step.told_key for step in notice.covers}
        while True:
            ours = {k for k in covered if card.told.get(k) == sending.card.told.get(k)}  # told a later step: it stays
            told = {k: v for k, v in card.told.items() if k not in ours}
            told |= {k: v for k, v in before.told.items() if k in ours}
            loan_ids = tuple(i for i in before.loan_ids if i in card.loan_ids or _is_covered(i, notice))
            added = tuple(i for i in card.loan_ids if i not in before.loan_ids)
            back = replace(_freed(card, notice, bar), told=told, loan_ids=loan_ids + added)
            wait = timedelta() if done.tried != sending.record.tried else sending.policy.send_retry
            step = now + wait
            if card.step and card.step != sending.card.step:  # woken meanwhile: there is news that waits for no retry
                step = min(step, card.step)
            if self.book.commit([SaveNotice(done), SaveCard(replace(back, step=step))]):
                return
            fresh = self._still_claimed(notice)
            if fresh is None:
                return  # somebody settled it meanwhile
            card = fresh

    def _still_claimed(self, notice: Notice) -> ContactCard | None:
        """The card as it stands by now, while the notice is still ours to settle."""
        current = self.book.notice(notice.borrower_id, notice.key)
        fresh = self.book.borrower_file(notice.borrower_id)
        if fresh is None or current is None or current.state is not NoticeState.CLAIMED:
            return None
        return fresh.card


def _as_told(facts: ContactFacts, notice: Notice, earlier: NoticeRecord) -> ContactCard | None:
    """The card with what a notice told that stands: it was taken for lost and arrived after all. Without this it would
    be asked for at each pass, before all else. None where it is an announcement of something else."""
    known = tuple(step for step in notice.covers if step.key in earlier.covers)
    if notice.kind is NoticeKind.PRE_DEBIT and (len(known), notice.amount) != (len(earlier.covers), earlier.amount):
        return None
    card = told_after(facts.file.card, replace(notice, covers=known), facts.loans, earlier.business_date)
    return replace(card, rev=card.rev + 1)


def _is_outdated(record: NoticeRecord, today: date) -> bool:
    """An earlier day's announcement: the debit is announced anew, for another amount or after it lapsed."""
    released = record.state is NoticeState.RELEASED
    return record.kind == NoticeKind.PRE_DEBIT and record.business_date < today and not released


def _contact(notice: Notice, channel: Channel, borrower: Borrower, now: datetime) -> Contact:
    debts = tuple(item.loan_id for item in notice.items)
    address = keys.address_key(borrower.address(channel) or "")
    return Contact(notice.key, now, channel, notice.message_class, debts, address)


def _until(notice: Notice, channel: Channel, sending: _Sending, now: datetime) -> datetime:
    """Until when a provider may hand it on: within the window of each product, and on the business date of which its
    text speaks."""
    zones, zone = sending.borrower.zones, sending.policy.business_zone
    rules = [sending.facts.policies[product].contact for product in {item.product for item in notice.items}]
    windows = [closes(now, one, notice.message_class, channel, zones) for one in rules]
    return min(*windows, at_local(business_date(now, zone) + timedelta(days=1), time.min, zone))


def _bar(sending: _Sending, now: datetime) -> Bar | None:
    address = sending.borrower.address(sending.channel) if sending.channel else None
    if address is None or sending.channel is None:
        return None
    return Bar(sending.channel, keys.address_key(address), BarredBy.OPTED_OUT, now)


def _freed(card: ContactCard, notice: Notice, bar: Bar | None) -> ContactCard:
    """The card without the notice's contact, which certainly was none, and with a bar that came of it."""
    bars = barred(card.bars, bar) if bar else card.bars
    return replace(card, contacts=released(card.contacts, notice.key), bars=bars, rev=card.rev + 1)


def _is_covered(loan_id: str, notice: Notice) -> bool:
    return any(step.loan_id == loan_id for step in notice.covers)
