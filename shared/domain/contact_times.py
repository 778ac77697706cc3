"""When a step of the contact line may go, and over which channels: caps and windows, and what may go sooner instead."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from shared.domain import keys, tiers
from shared.domain.bandit import Drawn
from shared.domain.book import Borrower, ContactCard, Instalment, LoanFile
from shared.domain.calendar import at_local, business_date, days_past_due
from shared.domain.contact_caps import first_allowed
from shared.domain.contact_rules import Channel, MessageClass, Recipient, Stops, class_of, merge
from shared.domain.contact_windows import opens
from shared.domain.decision import Defer, Reason
from shared.domain.holds import held
from shared.domain.learning import Arm
from shared.domain.policy import Policy
from shared.domain.reach import Reachable, waits_for_provider, ways_to
from shared.domain.steps import Step, next_change, step_of
from shared.domain.tiers import NoticeKind

_NO_WINDOW_RETRY = timedelta(hours=6)
_FOR_A_PERSON = (Reason.NO_PROVIDER, Reason.NO_CONTACT_WINDOW)


@dataclass(frozen=True, slots=True)
class Ready:
    """A step that may go now: over which channels at once, and by which others the borrower would be reached."""

    step: Step
    file: LoanFile
    message_class: MessageClass
    channels: tuple[Channel, ...]
    ways: tuple[Channel, ...]
    learned: Drawn[Arm] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A step that a loan asks for, or when to look at it again, with the policy of its product."""

    found: Step | Defer
    file: LoanFile
    policy: Policy
    debts: tuple[str, ...]


def timed(
    asked: Asked,
    borrower: Borrower,
    card: ContactCard,
    learned: Mapping[NoticeKind, Drawn[Arm]],
    files: list[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Ready | Defer:
    """A step with the channels that may take it now, or when it may go; a deferral, to when anything may go again."""
    found, file, policy, debts = asked.found, asked.file, asked.policy, asked.debts
    if isinstance(found, Defer):
        planned = found.reason is not Reason.AWAITING_DEDUCTION
        return Defer(_first_hour(found.until, policy, borrower.zones, planned=planned) or found.until, found.reason)
    message_class = class_of(found.kind, required_by_law=is_law(found, policy))
    ways = ways_to(borrower, card.bars, policy, message_class)
    if not ways and waits_for_provider(borrower, card.bars, policy, message_class):
        return Defer(now + _NO_WINDOW_RETRY, Reason.NO_PROVIDER)
    if not ways:
        return Ready(found, file, message_class, (), ())
    waits = [(c, opening(c, message_class, found, borrower, card, policy, debts, now)) for c in ways]
    first = next((wait for _, wait in waits if wait is not None), None)
    if first is None:
        return Defer(now + _NO_WINDOW_RETRY, Reason.NO_CONTACT_WINDOW)
    won = learned.get(found.kind)
    if won and won.arm.channel in ways:
        channel = won.arm.channel
        at_hour = opening(channel, message_class, found, borrower, card, policy, debts, now, won.arm.hour)
        if at_hour is not None and is_today(at_hour, policy, now):
            if at_hour.until > now and at_hour != dict(waits)[channel]:
                return Defer(at_hour.until, Reason.LEARNED_HOUR)
            waits, first = [(channel, at_hour), *(pair for pair in waits if pair[0] is not channel)], at_hour
        else:
            won = None
    else:
        won = None
    if first.until > now:
        return _sooner(first, found, file, borrower, card, files, policies, now)
    open_now = tuple(c for c, wait in waits if wait is not None and wait.until == now)
    return Ready(found, file, message_class, open_now, tuple(c for c, wait in waits if wait is not None), won)


def _sooner(
    wait: Defer,
    step: Step,
    file: LoanFile,
    borrower: Borrower,
    card: ContactCard,
    files: list[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Defer:
    """The wait of a step, or less of it: on a later business date its instalment may ask for another message that other
    caps and windows let go sooner, such as the notice before a debit; or for one that cannot go at all, of which a
    person is to hear on that day."""
    policy, told = policies[file.loan.product], card.told.get(step.told_key)
    one = next((i for i in file.instalments if i.number == step.number and not i.is_paid), None)
    today = business_date(now, policy.business_zone)
    day = next_change(one, file.mandate_on(today), told, policy, today, borrower.payday) if one else None
    midnight = at_local(day, time.min, policy.business_zone) if day else wait.until
    if one is None or midnight >= wait.until:
        return wait
    at = _first_hour(midnight, policy, borrower.zones, planned=True) or wait.until
    while at < wait.until:
        mandate = file.mandate_on(business_date(at, policy.business_zone))
        reachable = Reachable(borrower, card.bars, policy)
        found = step_of(one, mandate, told, policy, at, reachable=reachable, payday=borrower.payday)
        if found is None:
            return wait
        asked = asked_for(found, file, files, policies, at)
        then = timed(asked, borrower, card, {}, files, policies, at)
        if isinstance(then, Ready) or then.reason in _FOR_A_PERSON:
            return Defer(at, wait.reason)
        if isinstance(found, Step):
            return Defer(min(wait.until, then.until), wait.reason)
        at = then.until
    return wait


def _first_hour(at: datetime, policy: Policy, zones: tuple[str, ...], *, planned: bool) -> datetime | None:
    """When the first of any messages may go, whatever it will be: packs may open other hours to other classes."""
    rules = policy.planned if planned else policy.contact
    found = (opens(at, rules, c, channel, zones) for c, channel in policy.openings(planned=planned))
    return min((moment for moment in found if moment), default=None)


def opening(
    channel: Channel,
    message_class: MessageClass,
    step: Step,
    borrower: Borrower,
    card: ContactCard,
    policy: Policy,
    debts: tuple[str, ...],
    now: datetime,
    hour: time | None = None,
) -> Defer | None:
    """When caps and windows let a step go over a channel, from a learned hour on where there is one; None: never, as
    far as anybody knows."""
    if not policy.contact.may_contact(Recipient.BORROWER):
        return None
    rules = policy.contact if step.kind.at_once else policy.planned_from(hour) if hour else policy.planned
    caps = rules.caps_for(message_class, channel)
    address = keys.address_key(borrower.address(channel) or "")
    allowed = first_allowed(now, card.contacts, caps, channel, message_class, debts, address, borrower.zones)
    until = opens(allowed, rules, message_class, channel, borrower.zones) if allowed else None
    if until is None or allowed is None:
        return None
    return Defer(until, Reason.CONTACT_CAP if allowed > now else Reason.OUTSIDE_CONTACT_HOURS)


def is_today(wait: Defer, policy: Policy, now: datetime) -> bool:
    """On the lender's date, by which tiers go: what is learned costs no borrower a message."""
    return business_date(wait.until, policy.business_zone) == business_date(now, policy.business_zone)


def asked_for(
    found: Step | Defer, file: LoanFile, files: list[LoanFile], policies: Mapping[str, Policy], now: datetime
) -> Asked:
    """Under the windows and caps of every product of which the message speaks."""
    policy, debts = policies[file.loan.product], _debts(found, files, policies, now)
    for other in {f.loan.product for f in files if f.loan.loan_id in debts} - {policy.product}:
        rules = policies[other]
        contact, planned = merge(policy.contact, rules.contact), merge(policy.planned, rules.planned)
        policy = replace(policy, contact=contact, planned=planned)
    return Asked(found, file, policy, debts)


def _debts(
    found: Step | Defer, files: list[LoanFile], policies: Mapping[str, Policy], now: datetime
) -> tuple[str, ...]:
    """The loans that a message with this step speaks of: all in arrears where one of them is."""
    if isinstance(found, Defer):
        return ()
    if found.kind is not NoticeKind.OVERDUE:
        return (found.loan_id,)
    return tuple(dict.fromkeys(f.loan.loan_id for f, _ in arrears(files, found.amount.currency, policies, now)))


def is_law(step: Step, policy: Policy) -> bool:
    """A law asks for this overdue notice before the stage that follows it."""
    told_from = tiers.overdue_from(step.tier)
    return any(rule.notice_is_law and rule.notice_from_dpd == told_from for rule in policy.stages)


def arrears(
    files: Iterable[LoanFile], currency: str, policies: Mapping[str, Policy], now: datetime
) -> Iterator[tuple[LoanFile, Instalment]]:
    """What is overdue in a currency on loans of which the borrower may be told, and not waiting for a person who looks
    where its money went."""
    for file in files:
        policy = policies[file.loan.product]
        today = business_date(now, policy.business_zone)
        if held(file.loan.holds, Stops.CONTACT, now, today, policy.business_zone):
            continue
        for one in file.unpaid:
            is_late = days_past_due(one.due_on, today, policy.dpd_origin) > 0
            if is_late and one.currency == currency and not one.blocked:
                yield file, one
