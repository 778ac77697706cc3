"""The contact line: what is the next message to this borrower, over all loans, and when may it go?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from shared.domain import keys, tiers
from shared.domain.bandit import Drawn
from shared.domain.book import Borrower, ContactCard, Instalment, LoanFile, LoanStatus, Stage, Told
from shared.domain.calendar import at_local, business_date, days_past_due
from shared.domain.consent import Bar, bar_of
from shared.domain.contact_caps import first_allowed
from shared.domain.contact_rules import Channel, MessageClass, Recipient, Stops, class_of, merge
from shared.domain.contact_windows import opens
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.holds import held
from shared.domain.learning import Arm
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.steps import Step, next_change, step_of, step_of_repaid
from shared.domain.tiers import NoticeKind, rank

_REASONS = {
    NoticeKind.FAILED: Reason.DEDUCTION_FAILED,
    NoticeKind.SETTLED: Reason.LOAN_REPAID,
    NoticeKind.RECEIVED: Reason.DEDUCTION_RECEIVED,
    NoticeKind.OVERDUE: Reason.OVERDUE,
    NoticeKind.PRE_DEBIT: Reason.PRE_DEBIT_NOTICE_DUE,
    NoticeKind.DUE: Reason.DUE_TODAY,
    NoticeKind.REMIND: Reason.REMINDER_DUE,
}
_URGENCY = {kind: place for place, kind in enumerate(NoticeKind)}
_WEEK = timedelta(days=7)
_REMEMBERED = timedelta(days=31)
_NO_WINDOW_RETRY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Item:
    """What of a message is about one loan."""

    loan_id: str
    product: str
    amount: Money
    date: date


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: the steps that it tells, and what its text says. Its key is that of the first step."""

    kind: NoticeKind
    borrower_id: str
    covers: tuple[Step, ...]
    amount: Money
    date: date
    count: int  # of instalments (or loans) that the amount is made of
    product: str
    tone: Stage  # how firm: CURRENT up to the due date
    policy_version: str
    message_class: MessageClass
    channels: tuple[Channel, ...]  # open now, in the order in which they are tried
    ways: tuple[Channel, ...]  # those, and others that open later; none: nobody can be reached, which is recorded
    items: tuple[Item, ...] = ()  # by loan, the oldest first; together they are the amount
    again: int = field(default=0, compare=False)  # the how manieth repeat, each of which has a key of its own
    learned: Drawn[Arm] | None = field(default=None, compare=False)  # which arm won for it, where policy learns

    @property
    def key(self) -> str:
        return keys.repeated(self.covers[0].key, self.again)


@dataclass(frozen=True, slots=True)
class _Ready:
    step: Step
    file: LoanFile
    message_class: MessageClass
    channels: tuple[Channel, ...]
    ways: tuple[Channel, ...]
    learned: Drawn[Arm] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A step that a loan asks for, or when to look at it again, with the policy of its product."""

    found: Step | Defer
    file: LoanFile
    policy: Policy
    debts: tuple[str, ...]


def plan_contact(
    borrower: Borrower,
    card: ContactCard,
    files: Iterable[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Decision[Notice]:
    """The borrower's next message, or when to look again.

    Each instalment asks for at most one step, and all that ask for the same kind of message share one. Outcomes go as
    soon as windows and caps allow, all else from the policy's sending hour on. `policies` is keyed by product, each
    within the borrower's country. Of the channels by which the borrower can be reached the first one decides when.
    """
    followed = [f for f in files if f.loan.loan_id in card.loan_ids]
    if not followed:
        return Drop(Reason.NO_OPEN_LOAN)
    asked = [
        _asked(found, file, followed, policies, now)
        for file in followed
        for found in _findings(file, borrower, card, policies[file.loan.product], now)
    ]
    learned = _learned(asked, borrower, card, now)
    timed = [_timed(one, borrower, card, learned, followed, policies, now) for one in _soonest(asked)]
    ready = [one for one in timed if isinstance(one, _Ready)]
    waits = [one for one in timed if isinstance(one, Defer)]
    if ready:
        return _message(borrower, ready, followed, policies, now)
    return min(waits, key=lambda w: w.until, default=Defer(now + _WEEK, Reason.NOTHING_DUE))


def ways_to(
    borrower: Borrower, bars: Iterable[Bar], policy: Policy, message_class: MessageClass
) -> tuple[Channel, ...]:
    """The channels by which a message of a class reaches the borrower, in the policy's order: those with an address
    that is not barred."""
    return tuple(c for c in policy.channels[message_class] if _is_open_to(borrower, bars, c, message_class))


def _is_open_to(borrower: Borrower, bars: Iterable[Bar], channel: Channel, message_class: MessageClass) -> bool:
    address = borrower.address(channel)
    return address is not None and not (bars and bar_of(bars, channel, keys.address_key(address), message_class))


def _waits_for_provider(borrower: Borrower, bars: Iterable[Bar], policy: Policy, message_class: MessageClass) -> bool:
    """Nobody carries messages of the class in the country, or a channel that would reach the borrower is without its
    provider's pack: a person has to see to that, and the borrower is not to be counted as one out of reach."""
    lost = policy.lost.get(message_class, ())
    return not policy.channels[message_class] or any(_is_open_to(borrower, bars, c, message_class) for c in lost)


@dataclass(frozen=True, slots=True)
class _Reachable:
    """The classes of which a message reaches the borrower, or would if its provider were there."""

    borrower: Borrower
    bars: Iterable[Bar]
    policy: Policy

    def __contains__(self, message_class: object) -> bool:
        return isinstance(message_class, MessageClass) and (
            bool(ways_to(self.borrower, self.bars, self.policy, message_class))
            or _waits_for_provider(self.borrower, self.bars, self.policy, message_class)
        )


def _findings(
    file: LoanFile, borrower: Borrower, card: ContactCard, policy: Policy, now: datetime
) -> Iterable[Step | Defer]:
    today = business_date(now, policy.business_zone)
    if stopped := held(file.loan.holds, Stops.CONTACT, now, today, policy.business_zone):
        yield stopped
        return
    if not file.unpaid:
        yield step_of_repaid(file, today)
        return
    if file.loan.status is not LoanStatus.OPEN:
        return
    mandate = file.mandate_on(today)
    if day := file.taken_over_on(today):
        yield Defer(at_local(day, time.min, policy.business_zone), Reason.NOTHING_DUE)  # it may have to be announced
    rules = (policy.under(mandate.rail) if mandate else None) or policy
    lead_days = max(rules.notice_lead_days, rules.notice_lead_days_varied)
    horizon = today + timedelta(days=max(*policy.reminder_days, lead_days))
    is_beyond, reachable = False, _Reachable(borrower, card.bars, policy)
    for instalment in file.instalments:
        if is_beyond and not instalment.is_paid:
            continue  # due later still than one that waits; but what was paid ahead is told now
        known = card.told.get(keys.told_key(instalment.loan_id, instalment.number, instalment.episode))
        found = step_of(instalment, mandate, known, policy, now, reachable=reachable, payday=borrower.payday)
        if found:
            yield found
            is_beyond = is_beyond or (isinstance(found, Defer) and instalment.due_on > horizon)


def _soonest(asked: list[_Asked]) -> list[_Asked]:
    """The steps, and of those that wait for one reason under one policy the first: the others' hours come later."""
    waits: dict[tuple[str, Reason], _Asked] = {}
    for one in asked:
        if isinstance(one.found, Defer):
            key = one.policy.product, one.found.reason
            old = waits.get(key)
            if old is None or not isinstance(old.found, Defer) or one.found.until < old.found.until:
                waits[key] = one
    return [*(one for one in asked if isinstance(one.found, Step)), *waits.values()]


def _learned(
    asked: list[_Asked], borrower: Borrower, card: ContactCard, now: datetime
) -> Mapping[NoticeKind, Drawn[Arm]]:
    """The arm of each kind of message that is learned: one for all of a kind, so that they stay one message.

    None where a step of the kind must be told: that one goes as early as it may, and the others with it.
    """
    if not any(one.policy.learning.is_on for one in asked):
        return {}
    by_kind: dict[NoticeKind, list[tuple[Step, _Asked]]] = {}
    for one in asked:
        if isinstance(one.found, Step):
            by_kind.setdefault(one.found.kind, []).append((one.found, one))
    found: dict[NoticeKind, Drawn[Arm]] = {}
    for kind, steps in by_kind.items():
        if kind.at_once or any(step.mandatory for step, _ in steps):
            continue
        step, lead = min(steps, key=lambda pair: _urgency(pair[0]))
        won = _won(step, lead, borrower, card, now)
        if won is not None:
            found[kind] = won
    return found


def _won(step: Step, lead: _Asked, borrower: Borrower, card: ContactCard, now: datetime) -> Drawn[Arm] | None:
    """The arm for a step that may go today, of those at whose hour it still may.

    On another business date it may be another step, which is not to wait for this one's hour.
    """
    policy, learning = lead.policy, lead.policy.learning
    if not learning.is_on or learning.is_held_out(borrower.borrower_id):
        return None
    message_class = class_of(step.kind, required_by_law=_is_law(step, policy))
    ways = ways_to(borrower, card.bars, policy, message_class)
    plain = (_opening(c, message_class, step, borrower, card, policy, lead.debts, now) for c in ways)
    first = next((wait for wait in plain if wait is not None), None)
    if first is None or not _is_today(first, policy, now):
        return None
    open_today = []
    for arm in (Arm(channel, hour) for channel in ways for hour in learning.hours):
        wait = _opening(arm.channel, message_class, step, borrower, card, policy, lead.debts, now, arm.hour)
        if wait is not None and _is_today(wait, policy, now):
            open_today.append(arm)
    today = business_date(now, policy.business_zone)
    return learning.chosen(borrower.borrower_id, step.key, step.tier, today, open_today)


def _is_today(wait: Defer, policy: Policy, now: datetime) -> bool:
    """On the lender's date, by which tiers go: what is learned costs no borrower a message."""
    return business_date(wait.until, policy.business_zone) == business_date(now, policy.business_zone)


def _timed(
    asked: _Asked,
    borrower: Borrower,
    card: ContactCard,
    learned: Mapping[NoticeKind, Drawn[Arm]],
    files: list[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> _Ready | Defer:
    """A step with the channels that may take it now, or when it may go; a deferral, to when anything may go again."""
    found, file, policy, debts = asked.found, asked.file, asked.policy, asked.debts
    if isinstance(found, Defer):
        planned = found.reason is not Reason.AWAITING_DEDUCTION
        return Defer(_first_hour(found.until, policy, borrower.zones, planned=planned) or found.until, found.reason)
    message_class = class_of(found.kind, required_by_law=_is_law(found, policy))
    ways = ways_to(borrower, card.bars, policy, message_class)
    if not ways and _waits_for_provider(borrower, card.bars, policy, message_class):
        return Defer(now + _NO_WINDOW_RETRY, Reason.NO_PROVIDER)
    if not ways:
        return _Ready(found, file, message_class, (), ())
    waits = [(c, _opening(c, message_class, found, borrower, card, policy, debts, now)) for c in ways]
    first = next((wait for _, wait in waits if wait is not None), None)
    if first is None:
        return Defer(now + _NO_WINDOW_RETRY, Reason.NO_CONTACT_WINDOW)
    won = learned.get(found.kind)
    if won and won.arm.channel in ways:
        channel = won.arm.channel
        at_hour = _opening(channel, message_class, found, borrower, card, policy, debts, now, won.arm.hour)
        if at_hour is not None and _is_today(at_hour, policy, now):
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
    return _Ready(found, file, message_class, open_now, tuple(c for c, wait in waits if wait is not None), won)


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
    caps and windows let go sooner, such as the notice before a debit."""
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
        reachable = _Reachable(borrower, card.bars, policy)
        found = step_of(one, mandate, told, policy, at, reachable=reachable, payday=borrower.payday)
        if found is None:
            return wait
        asked = _asked(found, file, files, policies, at)
        timed = _timed(asked, borrower, card, {}, files, policies, at)
        if isinstance(timed, _Ready):
            return Defer(at, wait.reason)
        if isinstance(found, Step):
            return Defer(min(wait.until, timed.until), wait.reason)
        at = timed.until
    return wait


def _first_hour(at: datetime, policy: Policy, zones: tuple[str, ...], *, planned: bool) -> datetime | None:
    """When the first of any messages may go, whatever it will be: packs may open other hours to other classes."""
    rules = policy.planned if planned else policy.contact
    found = (opens(at, rules, c, channel, zones) for c, channel in policy.openings(planned=planned))
    return min((moment for moment in found if moment), default=None)


def _opening(
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


def _asked(
    found: Step | Defer, file: LoanFile, files: list[LoanFile], policies: Mapping[str, Policy], now: datetime
) -> _Asked:
    """Under the windows and caps of every product of which the message speaks."""
    policy, debts = policies[file.loan.product], _debts(found, files, policies, now)
    for other in {f.loan.product for f in files if f.loan.loan_id in debts} - {policy.product}:
        rules = policies[other]
        contact, planned = merge(policy.contact, rules.contact), merge(policy.planned, rules.planned)
        policy = replace(policy, contact=contact, planned=planned)
    return _Asked(found, file, policy, debts)


def _debts(
    found: Step | Defer, files: list[LoanFile], policies: Mapping[str, Policy], now: datetime
) -> tuple[str, ...]:
    """The loans that a message with this step speaks of: all in arrears where one of them is."""
    if isinstance(found, Defer):
        return ()
    if found.kind is not NoticeKind.OVERDUE:
        return (found.loan_id,)
    return tuple(dict.fromkeys(f.loan.loan_id for f, _ in _arrears(files, found.amount.currency, policies, now)))


def _is_law(step: Step, policy: Policy) -> bool:
    """A law asks for this overdue notice before the stage that follows it."""
    told_from = tiers.overdue_from(step.tier)
    return any(rule.notice_is_law and rule.notice_from_dpd == told_from for rule in policy.stages)


def _message(
    borrower: Borrower,
    ready: list[_Ready],
    files: list[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Act[Notice]:
    first = min(ready, key=lambda r: _urgency(r.step))
    lead = first.step
    currency = lead.amount.currency
    same = [r for r in ready if r.step.kind is lead.kind and r.step.amount.currency == currency]
    group = [r for r in same if _joins(r, first)]
    group.sort(key=lambda r: (r is not first, r.step.date, r.step.loan_id, r.step.number))
    owed = [(r.file, r.step.amount.minor, r.step.date) for r in group]
    if lead.kind is NoticeKind.OVERDUE:  # speak of all arrears, also those whose step was told before
        owed = [(f, i.outstanding_minor, i.due_on) for f, i in _arrears(files, currency, policies, now)]
    product = first.file.loan.product
    return Act(
        Notice(
            lead.kind,
            borrower.borrower_id,
            tuple(r.step for r in group),
            Money(sum(minor for _, minor, _ in owed), currency),
            min(day for _, _, day in owed),
            len(owed),
            product,
            lead.tone,
            policies[product].version,
            first.message_class,
            first.channels,
            first.ways,
            _items(owed, currency),
            learned=first.learned,
        ),
        _REASONS[lead.kind],
    )


def _joins(ready: _Ready, first: _Ready) -> bool:
    """One message tells both: of one class and over the same channels. A legal notice, which speaks of all arrears,
    tells the lesser overdue notices that may go where it goes too, so that nobody hears twice of one day's arrears."""
    if ready.message_class is first.message_class:
        return ready.channels == first.channels
    is_legal = first.message_class is MessageClass.LEGAL_NOTICE and bool(first.channels)
    return is_legal and set(first.channels) <= set(ready.channels)


def _urgency(step: Step) -> tuple[int, int, date, str, int]:
    return _URGENCY[step.kind], -step.tone.rank, step.date, step.loan_id, step.number


def _items(owed: Iterable[tuple[LoanFile, int, date]], currency: str) -> tuple[Item, ...]:
    by_loan: dict[str, Item] = {}
    for file, minor, day in owed:
        loan = file.loan
        item = by_loan.get(loan.loan_id, Item(loan.loan_id, loan.product, Money(0, currency), day))
        by_loan[loan.loan_id] = replace(item, amount=item.amount + Money(minor, currency), date=min(item.date, day))
    return tuple(sorted(by_loan.values(), key=lambda item: (item.date, item.loan_id)))


def _arrears(
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


def told_after(card: ContactCard, notice: Notice, files: Iterable[LoanFile], today: date) -> ContactCard:
    """The card once the notice is on its way: its steps are told, and a loan told as settled is followed no longer.

    What was told a month ago about an instalment that is paid by now is forgotten.
    """
    told = dict(card.told)
    for step in notice.covers:
        old = told.get(step.told_key)
        tier = max(step.tier, old.tier, key=rank) if old else step.tier
        if step.kind is NoticeKind.PRE_DEBIT:
            told[step.told_key] = Told(tier, today, today, step.amount.minor)
        elif old is not None:
            told[step.told_key] = replace(old, tier=tier, on=today)
        else:
            told[step.told_key] = Told(tier, today)
    gone = {step.loan_id for step in notice.covers if step.kind is NoticeKind.SETTLED}
    unpaid = {keys.told_key(i.loan_id, i.number, i.episode) for f in files for i in f.unpaid}
    kept = {
        key: value
        for key, value in told.items()
        if key.partition("#")[0] not in gone and (key in unpaid or value.on >= today - _REMEMBERED)
    }
    return replace(card, told=kept, loan_ids=tuple(i for i in card.loan_ids if i not in gone))
