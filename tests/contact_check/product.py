"""The product's side: its real packs and decisions, asked about facts in the common form."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache, lru_cache

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.domain import keys
from shared.domain.book import (
    Borrower,
    ContactCard,
    LastAttempt,
    LoanFile,
    Mandate,
    MandateStatus,
    Outcome,
)
from shared.domain.book import Instalment as DomainInstalment
from shared.domain.book import Loan as DomainLoan
from shared.domain.book import Told as DomainTold
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact import plan_contact
from shared.domain.contact_caps import Contact as DomainContact
from shared.domain.contact_caps import trimmed
from shared.domain.contact_rules import Channel, ContactEvent, MessageClass, Reached
from shared.domain.decision import Act, Decision, Defer, Drop
from shared.domain.hold_orders import HoldAdd, new_hold
from shared.domain.holds import Hold
from shared.domain.notices import Notice
from shared.domain.packs import Kind, Leaf, Pack
from shared.domain.policy import Policy
from tests.contact_check.facts import Answer, Case, Contact, Instalment, Loan, Told
from tests.contact_check.planted import PLANTED, Planted
from tests.contact_check.settings import SETTINGS

ON = datetime(2026, 3, 1, tzinfo=UTC)
"""The packs are the same through all days on which lives are lived."""

_SINCE = datetime(2025, 1, 1, tzinfo=UTC)
_SPENT = 9  # more attempts than any pack allows


class Product:
    """What is decided under one setting, as it is or with a planted fault."""

    def __init__(self, fault: str | None = None) -> None:
        self.planted = PLANTED[fault] if fault else Planted()
        self._fault = fault

    def policies(self, setting: str, country: str, products: frozenset[str]) -> Mapping[str, Policy]:
        return {name: policy_of(setting, country, name, self._fault) for name in products}

    def files(self, case: Case) -> list[LoanFile]:
        return [file_of(loan, case.setting, case.country, self._fault) for loan in case.loans]

    def decide(self, case: Case, card: ContactCard) -> tuple[Decision[Notice], Answer]:
        """The decision on a case. `card` is the product's own row; its log is what it kept of the case's."""
        given = self.planted.case(case)
        seen = card
        if given.log is not case.log:
            kept = {c.key for c in given.log}
            seen = replace(seen, contacts=tuple(c for c in seen.contacts if c.key in kept))
        policies = self.policies(case.setting, case.country, frozenset(loan.product for loan in case.loans))
        files = self.files(given)
        seen = replace(seen, bars=tuple(bar_of(b.channel, b.address, b.classes) for b in given.bars))
        found = plan_contact(borrower_of(given), seen, files, policies, case.now)
        return found, self.planted.answer(answer_of(found))


@cache
def policy_of(setting: str, country: str, product: str, fault: str | None) -> Policy:
    return _shelf(setting, fault).policy(product, ON).within(country)


@cache
def _shelf(setting: str, fault: str | None) -> PolicyFiles:
    chosen, edit = SETTINGS[setting], (PLANTED[fault] if fault else Planted()).leaf
    packs = []
    for pack in _packs():
        if pack.id in chosen.without:
            continue
        changed = {path: value for (name, path), value in chosen.overlay.items() if name == pack.id}
        leaves = {**pack.leaves, **{path: _leaf(pack, path, value) for path, value in changed.items()}}
        if pack.type in ("jurisdiction", "lender"):
            leaves = {path: replace(leaf, value=edit(path, leaf.value)) for path, leaf in leaves.items()}
        packs.append(replace(pack, leaves=leaves))
    return PolicyFiles(packs)


@cache
def _packs() -> tuple[Pack, ...]:
    return read_packs()


def _leaf(pack: Pack, path: str, value: object) -> Leaf:
    return replace(pack.leaves.get(path, Leaf(value, Kind.OWN_DESIGN, "contact check")), value=value)


@lru_cache(maxsize=256)
def _borrower(country: str, zones: tuple[str, ...], phone: str | None, push: str | None, email: str | None) -> Borrower:
    return Borrower("b-1", "A Name", phone, "en", zones[0], country, email=email, push=push, other_zones=zones[1:])


def borrower_of(case: Case) -> Borrower:
    one = case.addresses
    return _borrower(case.country, case.zones, one.get("sms"), one.get("push"), one.get("email"))


@lru_cache(maxsize=4096)
def file_of(loan: Loan, setting: str, country: str, fault: str | None) -> LoanFile:
    """The loan as the product stores it; holds stop what its own packs say of their codes."""
    policy = policy_of(setting, country, loan.product, fault)
    first = min(i.due_on for i in loan.instalments)
    principal = sum(i.minor for i in loan.instalments)
    holds = tuple(_hold(h.code, h.until, policy) for h in loan.holds)
    stored = DomainLoan(loan.loan_id, "b-1", loan.product, loan.currency, first, principal, holds=holds)
    mandate = Mandate("m-1", loan.loan_id, "stub", "balance-1", first, MandateStatus.ACTIVE)
    parts = tuple(_instalment(loan, one) for one in loan.instalments)
    return LoanFile(stored, parts, (mandate,) if loan.mandated else ())


def _hold(code: str, until: date | None, policy: Policy) -> Hold:
    """As an operator sets it; one that a law limits gets its last day from the facts."""
    rule = policy.contact.hold(code)
    if rule is None:
        raise KeyError(code)
    order = HoldAdd(code, "l-1", None, None, "contact check")
    set_now = new_hold(order, policy.contact, (), (), ON, ON.date())
    return Hold(set_now.hold_id, code, set_now.stops, _SINCE, until)


def _instalment(loan: Loan, one: Instalment) -> DomainInstalment:
    stored = DomainInstalment(loan.loan_id, one.number, one.due_on, one.minor, 0, 0, loan.currency, blocked=one.blocked)
    if one.failed_on:
        slot, at = f"{one.failed_on}T20:00", datetime.combine(one.failed_on, ON.time(), UTC)
        last = LastAttempt(_SPENT, slot, at, Outcome.INSUFFICIENT, one.failed_on, one.minor, mandate_id="m-1")
        stored = replace(stored, attempts=_SPENT, last_attempt=last)
    if one.paid_on:
        slot, at = f"{one.paid_on}T08:00", datetime.combine(one.paid_on, ON.time(), UTC)
        paid = LastAttempt(1, slot, at, Outcome.PAID, one.paid_on, one.minor, mandate_id="m-1")
        by = 1 if one.paid_by_debit else None
        stored = replace(stored, paid_minor=one.minor, paid_on=one.paid_on, paid_by=by, last_attempt=paid)
    return stored


def contact_of(one: Contact) -> DomainContact:
    return DomainContact(
        one.key,
        one.at,
        Channel(one.channel),
        MessageClass(one.message_class),
        one.debts,
        _address_key(one.address),
        Reached(one.outcome) if one.outcome else None,
        ContactEvent(one.event) if one.event else None,
        one.counted,
    )


def kept(card: ContactCard, one: Contact, policy: Policy) -> ContactCard:
    """The card with a contact that somebody else made, and without those that count no longer."""
    caps = policy.contact.caps
    log = sorted((*trimmed(card.contacts, caps, one.at), contact_of(one)), key=lambda c: c.at)
    return replace(card, contacts=tuple(log))


@lru_cache(maxsize=4096)
def bar_of(channel: str, address: str, classes: frozenset[str]) -> Bar:
    about = frozenset(MessageClass(c) for c in classes)
    return Bar(Channel(channel), _address_key(address), BarredBy.OPTED_OUT, _SINCE, about)


_address_key = lru_cache(maxsize=4096)(keys.address_key)


def told_of(card: ContactCard) -> dict[tuple[str, int], Told]:
    return {(key.split("#")[0], int(key.split("#")[1])): _told(told) for key, told in card.told.items()}


def _told(told: DomainTold) -> Told:
    return Told(told.tier, told.on, told.announced_on, told.announced_minor)


def answer_of(decision: Decision[Notice]) -> Answer:
    match decision:
        case Drop(reason):
            return Answer("drop", reason.name)
        case Defer(until, reason):
            return Answer("defer", reason.name, until)
        case Act(notice, reason):
            return Answer(
                "act",
                reason.name,
                kind=str(notice.kind),
                message_class=str(notice.message_class),
                channels=tuple(map(str, notice.channels)),
                ways=tuple(map(str, notice.ways)),
                covers=frozenset((s.tier, s.loan_id, s.number) for s in notice.covers),
                minor=notice.amount.minor,
                items={item.loan_id: item.amount.minor for item in notice.items},
            )
