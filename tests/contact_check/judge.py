"""The judge: what the rules allowed at a moment, and whether a decision kept to it. Nothing of the product is in it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from tests.contact_check.counting import free_from, is_full
from tests.contact_check.facts import Answer, Case, Loan
from tests.contact_check.hours import clocks, closed, is_open, opens
from tests.contact_check.law import CLASSES, Book, book
from tests.contact_check.steps import AT_ONCE, Step, awaited_until, business, is_held, is_late, steps_of, today

_MINUTE = timedelta(minutes=1)
_LOOKED_AT_ANYWAY = timedelta(days=7)
_RETRY = timedelta(hours=6)
_A_PERSON_LOOKS = frozenset({"NO_PROVIDER", "NO_CONTACT_WINDOW"})
"""These page, and are looked at again after the retry, whatever comes up in between."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that reaches the borrower, and when a step may go over it; None: never."""

    channel: str
    at: datetime | None
    capped: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """A step with its ways, in the policy's order. The first one that ever opens says when."""

    step: Step
    debts: tuple[str, ...]
    ways: tuple[Way, ...]
    no_provider: bool

    @property
    def first(self) -> Way | None:
        return next((way for way in self.ways if way.at), None)

    @property
    def at(self) -> datetime | None:
        return self.first.at if self.first else None

    def is_ready(self, now: datetime) -> bool:
        return self.at == now or not (self.ways or self.no_provider)

    def open_at(self, now: datetime) -> tuple[str, ...]:
        return tuple(way.channel for way in self.ways if way.at == now)

    @property
    def reached(self) -> tuple[str, ...]:
        return tuple(way.channel for way in self.ways if way.at)


@dataclass(slots=True)
class Judge:
    """Judges one case after the other; `hits` counts for each leaf (pack, path) how often it alone made it so."""

    hits: Counter[tuple[str, str]] = field(default_factory=Counter)

    def faults(self, case: Case, answer: Answer) -> list[str]:
        """What is wrong with the answer; nothing, where it keeps to every rule."""
        bench = _Bench(case)
        wishes = list(bench.wishes(case.now))
        self.hits.update(bench.leaves(wishes))
        match answer.outcome:
            case "drop":
                return [] if answer.reason == "NO_OPEN_LOAN" and not case.loans else ["dropped, with loans to follow"]
            case "defer":
                return list(bench.wrong_wait(wishes, answer))
            case _:
                return list(bench.wrong_act(wishes, answer))


class _Bench:
    """One case laid out."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.books = {loan.product: book(case.setting, loan.product, case.country) for loan in case.loans}
        self.reachable = {
            name: frozenset(c for c in CLASSES if self._usable(rules, c) or self._lost(rules, c))
            for name, rules in self.books.items()
        }

    def _usable(self, rules: Book, message_class: str) -> tuple[str, ...]:
        return tuple(c for c in rules.channels[message_class] if self._is_free(c, message_class))

    def _is_free(self, channel: str, message_class: str) -> bool:
        address = self.case.addresses.get(channel)
        bars = self.case.bars
        return address is not None and not any(
            (b.channel, b.address) == (channel, address) and message_class in b.classes for b in bars
        )

    def _lost(self, rules: Book, message_class: str) -> bool:
        missing = any(self._is_free(c, message_class) for c in rules.lost[message_class])
        return missing or not rules.channels[message_class]

    def wishes(self, now: datetime) -> Iterator[Wish]:
        for loan in self.case.loans:
            rules = self.books[loan.product]
            for step in steps_of(rules, loan, self.case.told, self.reachable[loan.product], now):
                yield self._wish(rules, step, now)

    def _wish(self, rules: Book, step: Step, now: datetime) -> Wish:
        debts = tuple(self._late(step.currency, now)) if step.kind == "overdue" else (step.loan_id,)
        usable = self._usable(rules, step.message_class)
        ways = tuple(self._way(rules, step, debts, channel, now) for channel in usable)
        return Wish(step, debts, ways, not usable and self._lost(rules, step.message_class))

    def _way(self, rules: Book, step: Step, debts: tuple[str, ...], channel: str, now: datetime) -> Way:
        case = self.case
        if not clocks(case.zones):
            return Way(channel, None, capped=False)
        caps = rules.caps(step.message_class, channel)
        free = free_from(caps, case.log, debts, case.addresses[channel], case.zones, now)
        week = rules.week(step.message_class, channel, planned=step.kind not in AT_ONCE)
        return Way(channel, opens(week, case.zones, free), free > now)

    def _late(self, currency: str, now: datetime) -> dict[str, int]:
        """What is overdue, by loan, of those about which messages may go."""
        found: dict[str, int] = {}
        for loan in self.case.loans:
            rules = self.books[loan.product]
            day = today(rules, now)
            if loan.currency == currency and not is_held(rules, loan, day):
                minor = sum(i.minor for i in loan.instalments if is_late(rules, i, day))
                found |= {loan.loan_id: minor} if minor else {}
        return found

    # what a decision must be

    def wrong_act(self, wishes: list[Wish], answer: Answer) -> Iterator[str]:
        now = self.case.now
        ready = sorted((w for w in wishes if w.is_ready(now)), key=lambda w: w.step.urgency)
        if not ready:
            yield f"{answer.kind} goes out, and nothing may"
            return
        lead = ready[0]
        group = [w for w in ready if _joins(lead, w, now)]
        keys = frozenset((w.step.tier, w.step.loan_id, w.step.number) for w in group)
        owed: dict[str, int] = {}
        for wish in group:
            owed[wish.step.loan_id] = owed.get(wish.step.loan_id, 0) + wish.step.minor
        if lead.step.kind == "overdue":
            owed = self._late(lead.step.currency, now)
        expected = {
            "kind": (answer.kind, lead.step.kind),
            "class": (answer.message_class, lead.step.message_class),
            "channels": (answer.channels, lead.open_at(now)),
            "ways": (answer.ways, lead.reached),
            "steps": (answer.covers, keys),
            "loans and amounts": (dict(answer.items), owed),
            "total": (answer.minor, sum(owed.values())),
        }
        yield from (f"{name}: {given}, and not {right}" for name, (given, right) in expected.items() if given != right)
        for loan in self.case.loans:
            code = is_held(self.books[loan.product], loan, today(self.books[loan.product], now))
            if code and loan.loan_id in answer.items:
                yield f"speaks of a loan on hold: {code}"
        for channel in answer.channels:
            yield from self._broken(lead, channel)

    def _broken(self, wish: Wish, channel: str) -> Iterator[str]:
        """The rules, one by one, once more: no reckoning of moments, only whether they hold now."""
        case, step = self.case, wish.step
        rules = self.books[step.product]
        if not self._is_free(channel, step.message_class):
            yield f"goes over {channel}, which is barred or has no address"
            return
        for cap in rules.caps(step.message_class, channel):
            if is_full(cap, case.log, wish.debts, case.addresses[channel], case.zones, case.now):
                yield f"{cap.pack}: {cap.leaf} is full"
        week = rules.week(step.message_class, channel, planned=step.kind not in AT_ONCE)
        yield from (f"{pack}: {leaf} is closed" for pack, leaf in closed(week, case.zones, case.now))

    def wrong_wait(self, wishes: list[Wish], answer: Answer) -> Iterator[str]:
        now, until = self.case.now, answer.until
        if until is None or until <= now:
            yield "waits for what is over"
            return
        if ready := [w.step.tier for w in wishes if w.is_ready(now)]:
            yield f"waits, and {ready[0]} may go"
        waits = [(w.at, w) for w in wishes if w.at]
        match answer.reason:
            case "CONTACT_CAP" | "OUTSIDE_CONTACT_HOURS":
                yield from self._wrong_moment(waits, until, capped=answer.reason == "CONTACT_CAP")
            case "NO_PROVIDER":
                if until != now + _RETRY or not any(w.no_provider for w in wishes):
                    yield "waits for a provider that is there"
            case "NO_CONTACT_WINDOW":
                if until != now + _RETRY or not any(w.ways and not w.at for w in wishes):
                    yield "waits for a window that opens"
            case "ON_HOLD" if not any(self._code(loan) for loan in self.case.loans):
                yield "waits for a hold that does not stop it"
            case "AWAITING_DEDUCTION" if not any(self._awaited(now)):
                yield "waits for a deduction that does not come"
        yield from self._too_late(wishes, until) if answer.reason not in _A_PERSON_LOOKS else ()

    def _wrong_moment(self, waits: list[tuple[datetime, Wish]], until: datetime, *, capped: bool) -> Iterator[str]:
        """The first moment at which a step may go; or, before it, a moment at which it has become another that may, or
        that never may, so that a person hears of it."""
        soonest = min((at for at, _ in waits), default=None)
        is_other = soonest is not None and until < soonest and any(_counts(w, until) for w in self.wishes(until))
        if until != soonest and not is_other:
            yield f"waits until {until}, and not {soonest}"
            return
        if not any(wish.first and wish.first.capped is capped for _, wish in waits):
            yield "waits for another reason"
        for wish in [wish for at, wish in waits if at == until]:
            if until - _MINUTE >= self.case.now and self._may_go(wish, until - _MINUTE):
                yield f"waits a minute too long, until {until}"
            if not self._may_go(wish, until):
                yield f"waits not long enough, until {until}"

    def _first_hours(self, until: datetime) -> Iterator[datetime]:
        """When messages may go again, of whatever class, on each later business date up to a moment."""
        for rules in self.books.values():
            weeks = {rules.week(c, ch, planned=True) for c in CLASSES for ch in rules.channels[c]}
            day = today(rules, self.case.now) + _DAY
            while (midnight := business(rules, day)) <= until:
                found = [moment for week in weeks if (moment := opens(week, self.case.zones, midnight))]
                yield from [min(found)] if found else []
                day += _DAY

    def _may_go(self, wish: Wish, at: datetime) -> bool:
        """Over the channel that decides."""
        case, step, way = self.case, wish.step, wish.first
        if way is None:
            return False
        rules = self.books[step.product]
        caps = rules.caps(step.message_class, way.channel)
        week = rules.week(step.message_class, way.channel, planned=step.kind not in AT_ONCE)
        full = any(is_full(c, case.log, wish.debts, case.addresses[way.channel], case.zones, at) for c in caps)
        return not full and is_open(week, case.zones, at)

    def _too_late(self, wishes: list[Wish], until: datetime) -> Iterator[str]:
        """Between now and then nothing may become right to send: not by another day, nor by a deduction that failed
        to come. A row is looked at within a week whatever was decided. Where nobody can be reached, recording it may
        wait for the hours in which others are, and so may outcomes of a loan whose hold ended in the night."""
        last = min(until, self.case.now + _LOOKED_AT_ANYWAY)
        freed = {loan.loan_id for loan in self.case.loans if self._code(loan) and until in self._first_hours(until)}
        moments = [self.case.now, *sorted(m for m in self._changes(last) if self.case.now < m < last), last]
        for start, end in pairwise(moments):
            for wish in wishes if start == self.case.now else self.wishes(start):
                if wish.at and wish.at < end and not (wish.step.loan_id in freed and wish.step.kind in AT_ONCE):
                    yield f"{wish.step.tier} may go at {wish.at}, before {until}"
                    return

    def _changes(self, last: datetime) -> set[datetime]:
        """When another step can come up: midnights of the lender, and when deductions were to have spoken."""
        found = set[datetime]()
        for rules in list(self.books.values())[:1]:
            day = today(rules, self.case.now)
            while (midnight := business(rules, day)) < last:
                found |= {midnight, *self._awaited(max(midnight, self.case.now))}
                day += _DAY
        for end in list(found):
            found |= set(self._awaited(end))
        return found

    def _awaited(self, at: datetime) -> Iterator[datetime]:
        for loan in self.case.loans:
            rules = self.books[loan.product]
            if is_held(rules, loan, today(rules, at)):
                continue
            for one in loan.instalments:
                end = awaited_until(rules, loan, one, self.case.told.get((loan.loan_id, one.number)), at)
                while end:
                    yield end
                    at_end = end
                    end = awaited_until(rules, loan, one, self.case.told.get((loan.loan_id, one.number)), at_end)

    def _code(self, loan: Loan) -> str | None:
        rules = self.books[loan.product]
        return is_held(rules, loan, today(rules, self.case.now))

    # which leaves made it so

    def leaves(self, wishes: list[Wish]) -> Iterator[tuple[str, str]]:
        """Leaves without which a message would go now that does not, or one that goes would not."""
        case = self.case
        for loan in case.loans:
            if code := self._code(loan):
                yield self.books[loan.product].jurisdiction, f"holds.{code}"
        for wish in wishes:
            step = wish.step
            rules = self.books[step.product]
            if step.lead and step.lead == rules.home("debit.lead_days"):
                yield rules.jurisdiction, "debit.lead_days"
            for way in wish.ways:
                if way.at == case.now or not clocks(case.zones):
                    continue
                full = [
                    (cap.pack, cap.leaf)
                    for cap in rules.caps(step.message_class, way.channel)
                    if is_full(cap, case.log, wish.debts, case.addresses[way.channel], case.zones, case.now)
                ]
                week = rules.week(step.message_class, way.channel, planned=step.kind not in AT_ONCE)
                shut = [*full, *closed(week, case.zones, case.now)]
                if len(shut) == 1:
                    yield shut[0]


def _counts(wish: Wish, at: datetime) -> bool:
    return wish.is_ready(at) or wish.no_provider or (bool(wish.ways) and wish.at is None)


def _joins(lead: Wish, other: Wish, now: datetime) -> bool:
    if (lead.step.kind, lead.step.currency) != (other.step.kind, other.step.currency):
        return False
    if lead.step.message_class == other.step.message_class:
        return lead.open_at(now) == other.open_at(now)
    own = lead.open_at(now)
    return lead.step.message_class == "legal-notice" and bool(own) and set(own) <= set(other.open_at(now))
