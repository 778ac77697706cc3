"""What borrowers write to us: STOP and its kin act at once, on every card of who has that number.

Safe to run twice: the audit keeps each message under the provider's own reference, put in the transaction that acts on
it. A confirmation is claimed in that same transaction, goes out once at most, and not at all when it is too late.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.answers import answer_text
from shared.domain.book import AuditEntry, BorrowerFile, ContactCard, LoanFile, NoticeRecord, NoticeState
from shared.domain.calendar import business_date
from shared.domain.changes import Change, Insert, SaveCard, SaveNotice
from shared.domain.contact_caps import Contact, first_allowed, logged, released
from shared.domain.contact_rules import Channel, ContactRules, Keyword, MessageClass, Stops, merge_all
from shared.domain.contact_windows import closes
from shared.domain.errors import BookError
from shared.domain.holds import in_force
from shared.domain.money import Money
from shared.domain.opt_out import WITHOUT_PACK, bars_after, is_out, keyword_in
from shared.domain.policy import Policy
from shared.domain.text_parts import count_parts
from shared.domain.wording import locale_for
from shared.ports.book import Book
from shared.ports.messages import Inbound, Outgoing, Sender
from shared.ports.world import Clock, PolicyShelf, SendResult, Sent, SwitchBoard
from shared.workflows.facts import policy_or_none
from shared.workflows.passes import Summary

MOST_RACES = 10
OPTED_OUT = "opted-out"
"""The kind of notice that confirms an opt-out."""

_CLASS = MessageClass.RECEIPT
_STATES = {SendResult.SENT: NoticeState.SENT, SendResult.UNKNOWN: NoticeState.UNKNOWN}
_SWITCHED_OFF = Sent(SendResult.REFUSED, detail="switched-off")


@dataclass(frozen=True, slots=True)
class _Facts:
    """A borrower and the rules that hold for him: those of all products that he is followed for."""

    file: BorrowerFile
    loans: tuple[LoanFile, ...]
    policies: tuple[Policy, ...]
    rules: ContactRules


@dataclass(frozen=True, slots=True)
class _Confirmation:
    record: NoticeRecord
    message: Outgoing


@dataclass(frozen=True, slots=True)
class OptOuts:
    """The ports of hearing borrowers."""

    book: Book
    senders: Mapping[Channel, Sender]
    shelf: PolicyShelf
    clock: Clock
    switches: SwitchBoard

    def hear(self, inbound: Inbound, summary: Summary) -> None:
        """Acts on a message; the summary counts `inbound.<word>` for each borrower with that number, or `nobody`."""
        phone = inbound.address if inbound.address.startswith("+") else f"+{inbound.address}"
        owners = self.book.borrowers_at(keys.address_key(phone))
        if not owners:
            summary.counts["inbound.nobody"] += 1
        confirmed = False
        for borrower_id in owners:
            confirmed |= self._hear(borrower_id, inbound, phone, summary, may_confirm=not confirmed)

    def _hear(self, borrower_id: str, inbound: Inbound, phone: str, summary: Summary, *, may_confirm: bool) -> bool:
        """True once a confirmation was claimed, now or when the same message came before."""
        entry_key = keys.consent_subject(borrower_id), keys.inbound_revision(inbound.provider, inbound.inbound_ref)
        for _ in range(MOST_RACES):
            now = self.clock.now()
            facts = self._facts(borrower_id, now)
            if facts is None:
                return False
            keyword = keyword_in(inbound.text, facts.rules)
            if keyword is None or keyword is Keyword.HELP:
                summary.counts[f"inbound.{keyword or 'other'}"] += 1
                return False
            card = facts.file.card
            address = keys.address_key(phone)
            bars, was_out = bars_after(card.bars, keyword, address, inbound.at, now), is_out(card.bars, address)
            entry = AuditEntry(
                *entry_key,
                now,
                borrower_id,
                f"consent.{keyword}",
                "the borrower's own message",
                {"channel": Channel.SMS, "provider": inbound.provider},
            )
            changes: list[Change] = [Insert(entry)]
            confirmation = None
            if bars != card.bars:
                card = replace(card, bars=bars, rev=card.rev + 1, step=now)
                if keyword is Keyword.STOP and may_confirm and not was_out:
                    confirmation = self._confirmation(facts, inbound, phone, now)
                if confirmation:
                    card = _with_contact(card, confirmation.record, facts.rules, phone)
                    changes.append(Insert(confirmation.record))
                changes.append(SaveCard(card))
            if self.book.commit(changes):
                summary.counts[f"inbound.{keyword}"] += 1
                if confirmation:
                    self._send(confirmation, facts, summary)
                return confirmation is not None
            if any(known.revision == entry.revision for known in self.book.audit(entry.subject)):
                summary.counts["inbound.known"] += 1
                confirmed = keys.opt_out_notice(inbound.provider, inbound.inbound_ref)
                return self.book.notice(borrower_id, confirmed) is not None
        raise BookError(f"what borrower {borrower_id} wrote could not be written down")

    def _facts(self, borrower_id: str, now: datetime) -> _Facts | None:
        file = self.book.borrower_file(borrower_id)
        if file is None:
            return None
        loans = tuple(loan for key in file.card.loan_ids if (loan := self.book.loan_file(key)))
        products = sorted({loan.loan.product for loan in loans})
        found = (policy_or_none(self.shelf, product, now, file.borrower.country) for product in products)
        policies = tuple(policy for policy in found if policy)
        return _Facts(file, loans, policies, merge_all(p.contact for p in policies) if policies else WITHOUT_PACK)

    def _confirmation(self, facts: _Facts, inbound: Inbound, phone: str, now: datetime) -> _Confirmation | None:
        """The one text that says that it was heard, where a pack asks for it and nothing forbids it now."""
        minutes, borrower = facts.rules.confirm_minutes, facts.file.borrower
        if (
            minutes is None
            or not facts.policies
            or not self._is_wired(facts.policies[0])
            or not _may_go(facts, phone, now)
        ):
            return None
        until = min(
            inbound.at + timedelta(minutes=minutes), closes(now, facts.rules, _CLASS, Channel.SMS, borrower.zones)
        )
        if now >= until:
            return None
        policy, loan = facts.policies[0], facts.loans[0].loan
        key, locale = keys.opt_out_notice(inbound.provider, inbound.inbound_ref), locale_for(borrower.locale, policy)
        text = answer_text("opted_out", locale, policy)
        record = NoticeRecord(
            borrower.borrower_id,
            key,
            OPTED_OUT,
            (),
            Money(0, loan.currency),
            Channel.SMS,
            business_date(now, policy.business_zone),
            now,
            policy.version,
            message_class=_CLASS,
        )
        hint, parts = keys.notice_hint(borrower.borrower_id, key), count_parts(text).parts
        price = policy.providers[Channel.SMS].max_price(parts)
        return _Confirmation(record, Outgoing(hint, phone, text, until, _CLASS, locale, max_price=price, parts=parts))

    def _is_wired(self, policy: Policy) -> bool:
        """The provider that the lender's pack names serves the country, and is the one that the deployment has."""
        sender = self.senders.get(Channel.SMS)
        return (
            sender is not None and sender.name == policy.wired[Channel.SMS] and Channel.SMS in policy.channels[_CLASS]
        )

    def _send(self, confirmation: _Confirmation, facts: _Facts, summary: Summary) -> None:
        """Sends what is claimed, once; whatever it is not certainly or perhaps sent as is never sent again either."""
        sender = self.senders[Channel.SMS]
        board, products = self.switches.read(fresh=True), {loan.loan.product for loan in facts.loans}
        is_off = any(board.stops_sending(Channel.SMS, sender.name, product) for product in products)
        sent = _SWITCHED_OFF if is_off else sender.provider.send(confirmation.message)
        state = _STATES.get(sent.result, NoticeState.UNDELIVERABLE)
        done = replace(
            confirmation.record,
            state=state,
            provider_ref=sent.provider_ref,
            settled_at=self.clock.now(),
            detail=sent.detail,
        )
        summary.counts[f"notice.{OPTED_OUT}.{state}"] += 1
        if not self._settled(done, is_unsent=state is NoticeState.UNDELIVERABLE):
            summary.counts["lost"] += 1

    def _settled(self, done: NoticeRecord, *, is_unsent: bool) -> bool:
        """Settles a confirmation; one that certainly did not go out gives its place under the caps back."""
        for _ in range(MOST_RACES):
            file = self.book.borrower_file(done.borrower_id) if is_unsent else None
            changes: list[Change] = [SaveNotice(done)]
            if file:
                card = file.card
                contacts = released(card.contacts, done.notice_key)
                changes.append(SaveCard(replace(card, contacts=contacts, rev=card.rev + 1)))
            if self.book.commit(changes):
                return True
            if file is None:
                return False
        return False


def _may_go(facts: _Facts, phone: str, now: datetime) -> bool:
    """No hold on any loan stops contact, and no cap is full."""
    today = {business_date(now, policy.business_zone) for policy in facts.policies}
    if any(in_force(loan.loan.holds, Stops.CONTACT, day) for loan in facts.loans for day in today):
        return False
    borrower, card, caps = facts.file.borrower, facts.file.card, facts.rules.caps_for(_CLASS, Channel.SMS)
    address = keys.address_key(phone)
    return first_allowed(now, card.contacts, caps, Channel.SMS, _CLASS, (), address, borrower.zones) == now


def _with_contact(card: ContactCard, record: NoticeRecord, rules: ContactRules, phone: str) -> ContactCard:
    contact = Contact(record.notice_key, record.claimed_at, Channel.SMS, _CLASS, (), keys.address_key(phone))
    return replace(card, contacts=logged(card.contacts, contact, rules.caps))
