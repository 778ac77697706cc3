"""Lives: borrowers with loans, contacts and troubles, whose messages are decided and claimed one after the other.

A life is made from its seed and number alone. What is decided is claimed, so that caps fill; time goes to where
decisions change, and a little before it.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.domain.book import ContactCard
from shared.domain.contact_caps import settled
from shared.domain.contact_rules import ContactEvent, Reached
from shared.domain.decision import Act
from shared.domain.notices import Notice, told_after
from tests.contact_check.facts import Answer, Bar, Case, Contact, Hold, Instalment, Loan
from tests.contact_check.judge import Judge
from tests.contact_check.law import CHANNELS, CLASSES, book
from tests.contact_check.product import Product, kept, told_of
from tests.contact_check.settings import SETTINGS
from tests.contact_check.steps import today

EACH = 40
"""Decisions in one life, or in as many as end early."""

HOMES = {
    "CN": ("Asia/Shanghai", "Asia/Urumqi"),
    "US": ("America/New_York", "America/Chicago", "America/Los_Angeles", "Pacific/Honolulu", "America/Phoenix"),
    "GB": ("Europe/London", "Europe/Gibraltar"),
    "FR": ("Europe/Paris", "America/Guadeloupe", "Indian/Reunion"),
    "PT": ("Europe/Lisbon", "Atlantic/Azores"),
    "DE": ("Europe/Berlin",),
    "GR": ("Europe/Athens",),
    "IN": ("Asia/Kolkata",),
}
_COUNTRIES = ("CN", "CN", "CN", "US", "US", "US", "GB", "GB", "GB", "FR", "PT", "DE", "GR", "IN", "IN", "IN")
_ABROAD = (
    *("Asia/Kathmandu", "Asia/Dubai", "Europe/Dublin", "America/St_Johns", "America/Havana", "Africa/Cairo"),
    *("Asia/Beirut", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati", "America/New_York"),
)
_CURRENCIES = {"CN": "CNY", "US": "USD", "GB": "GBP", "IN": "INR"}
_PRODUCTS = ("jiebei", "huabei", "baitiao", "wangshangdai")
_EDGES = ("08:00", "09:00", "10:00", "10:15", "13:30", "17:45", "18:00", "19:00", "20:00", "21:00", "22:00", "00:00")
_CHANGES = (  # of clocks, in one of the zones above
    *(date(2025, 3, 9), date(2025, 3, 30), date(2025, 4, 6), date(2025, 4, 25), date(2025, 10, 5), date(2025, 10, 26)),
    *(date(2025, 10, 30), date(2025, 11, 2), date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 4, 24)),
    *(date(2026, 9, 27), date(2026, 10, 4), date(2026, 10, 25), date(2026, 10, 29), date(2026, 11, 1)),
)
_MINUTE, _SECOND, _DAY = timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)


@dataclass(slots=True)
class Lived:
    """What many lives came to; `faults` say which life it was."""

    decisions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Lived") -> None:
        self.decisions.update(other.decisions)
        self.hits.update(other.hits)
        self.faults += other.faults


def live(seed: int, number: int, decisions: int = EACH, fault: str | None = None) -> Lived:
    """So many decisions of one life after the other, under this seed and number."""
    rng, lived, judge, product = random.Random(f"{seed}/{number}"), Lived(), Judge(), Product(fault)
    left = decisions
    while left:
        life = _Life(rng, product)
        for case, answer, again in life.decisions(left):
            left -= 1
            home = book(case.setting, life.products[0], case.country).jurisdiction
            lived.decisions[home, answer.outcome, answer.reason] += 1
            wrong = judge.faults(case, answer)
            if again:
                wrong.append(f"told twice: {sorted(again)}")
            lived.faults += [f"life {number}, {case.country}, {case.now:%Y-%m-%d %H:%M:%S}: {one}" for one in wrong]
    lived.hits = judge.hits
    return lived


class _Life:
    def __init__(self, rng: random.Random, product: Product) -> None:
        self.rng, self.product = rng, product
        self.setting = rng.choice(list(SETTINGS))
        self.country = rng.choice(_COUNTRIES)
        self.zones = self._zones()
        phone, push, email = "+447700900001", "arn:endpoint/1", "a.name@example.com"
        reached = {"sms": phone, "voice": phone, "push": push, "email": email}
        without = {c for c in (("sms", "voice"), ("push",), ("email",)) if rng.random() < 0.12}
        self.addresses = {c: a for c, a in reached.items() if not any(c in lost for lost in without)}
        around = rng.choice(_CHANGES) if rng.random() < 0.5 else date(2025, 4, 1) + rng.randrange(900) * _DAY
        self.now = datetime.combine(around - rng.randrange(9) * _DAY, time(), UTC) + rng.random() * _DAY
        self.loans = tuple(self._loan(n) for n in range(1, rng.choice((2, 2, 3, 4))))
        self.products = tuple(loan.product for loan in self.loans)
        self.log: tuple[Contact, ...] = ()
        self.bars: tuple[Bar, ...] = ()
        self.card = ContactCard("b-1", tuple(loan.loan_id for loan in self.loans))
        self.claimed = set[tuple[str, str, int]]()
        self.count = 0
        if rng.random() < 0.4:
            self._others_contact()

    def decisions(self, most: int) -> Iterator[tuple[Case, Answer, frozenset[tuple[str, str, int]]]]:
        """Cases with the product's answers, and what of each was told before."""
        for _ in range(most):
            case = self._case()
            decision, answer = self.product.decide(case, self.card)
            again = frozenset(key for key in answer.covers & self.claimed if key[0] != "PRE_DEBIT")
            yield case, answer, again
            if isinstance(decision, Act):
                self._claim(case, answer, decision.do)
            elif answer.outcome == "drop":
                return
            self._go_on(answer)

    def _case(self) -> Case:
        loans = tuple(loan for loan in self.loans if loan.loan_id in self.card.loan_ids)
        told = told_of(self.card)
        return Case(self.setting, self.country, self.zones, self.addresses, loans, told, self.log, self.bars, self.now)

    def _zones(self) -> tuple[str, ...]:
        rng = self.rng
        if rng.random() < 0.01:
            return (rng.choice(HOMES[self.country]), "Mars/Olympus")
        own = rng.choice(HOMES[self.country])
        more = rng.choices((*HOMES[self.country], rng.choice(_ABROAD)), k=rng.choice((0, 0, 0, 1, 1, 2)))
        return tuple(dict.fromkeys((own, *more)))

    def _loan(self, number: int) -> Loan:
        rng, due = self.rng, self.now.date()
        due += rng.choice((-62, -35, -20, -8, -3, -1, 0, 0, 1, 2, 3, 5, 9)) * _DAY
        apart = rng.choice((1, 2, 7, 15, 30))
        parts = tuple(
            Instalment(n, due + (n - 1) * apart * _DAY, rng.randrange(1_00, 900_00))
            for n in range(1, rng.randrange(2, 7))
        )
        usual = _CURRENCIES.get(self.country, "EUR")
        currency = "USD" if rng.random() < 0.1 else usual
        return Loan(f"l-{number}", rng.choice(_PRODUCTS), currency, rng.random() < 0.5, parts)

    # what happens between decisions

    def _claim(self, case: Case, answer: Answer, notice: Notice) -> None:
        before, log, rng = self.card, self.log, self.rng
        rules = self.product.policies(case.setting, case.country, frozenset(self.products))[notice.product]
        day = today(book(case.setting, notice.product, case.country), case.now)
        self.card = told_after(self.card, notice, self.product.files(case), day)
        if answer.channels:
            self.count += 1
            channel = answer.channels[0] if rng.random() < 0.9 else rng.choice(answer.channels)
            address = self.addresses[channel]
            made = Contact(f"n-{self.count}", case.now, channel, answer.message_class, tuple(answer.items), address)
            self.log = (*self.log, made)
            self.card = kept(self.card, made, rules)
            if rng.random() < 0.06:  # certainly not sent
                self.card, self.log = before, log
                return
            if rng.random() < 0.75:
                self._settle(made)
        self.claimed |= answer.covers

    def _settle(self, made: Contact) -> None:
        outcome = self.rng.choice(("attempt", "connected") if made.channel == "voice" else ("sent", "sent", "attempt"))
        talked = outcome == "connected" and self.rng.random() < 0.3
        event = "conversation" if talked else None
        self.log = tuple(replace(c, outcome=outcome, event=event) if c is made else c for c in self.log)
        contacts = settled(self.card.contacts, made.key, Reached(outcome), ContactEvent(event) if event else None)
        self.card = replace(self.card, contacts=contacts)

    def _go_on(self, answer: Answer) -> None:
        rng = self.rng
        if rng.random() < 0.25:
            self._something_happens()
        until = answer.until
        if until is None:
            self.now += rng.choice((0, 1, 20, 600)) * _SECOND
            return
        until = min(until, self.now + 8 * _DAY)
        match rng.randrange(10):
            case 0 | 1 | 2 | 3:
                goal = until
            case 4:
                goal = until - _MINUTE
            case 5:
                goal = until - _SECOND
            case 6:
                goal = until + rng.random() * _DAY / 2
            case 7 | 8:
                goal = self._edge()
            case _:
                goal = self.now + rng.random() * 3 * _DAY
        self.now = max(self.now, goal)

    def _edge(self) -> datetime:
        """A moment at which a window may open or close somewhere, or one second or minute beside it."""
        clock = self.rng.choice(self.zones[:1] if "Mars" in self.zones[-1] else self.zones)
        wall = time.fromisoformat(self.rng.choice(_EDGES))
        day = self.now.astimezone(ZoneInfo(clock)).date() + self.rng.randrange(3) * _DAY
        beside = self.rng.choice((timedelta(), -_SECOND, _SECOND, -_MINUTE, _MINUTE))
        return datetime.combine(day, wall, ZoneInfo(clock)).astimezone(UTC) + beside

    def _something_happens(self) -> None:
        match self.rng.randrange(9):
            case 0 | 6 | 7:
                self._others_contact()
            case 1 | 2:
                self._with_loan(self._money)
            case 3:
                self._with_loan(self._held)
            case 4:
                self._with_loan(lambda loan: replace(loan, holds=()))
            case 5 if self.addresses:
                channel = self.rng.choice(sorted(self.addresses))
                some = self.rng.sample(CLASSES, self.rng.randrange(1, 6))
                classes = frozenset(CLASSES if self.rng.random() < 0.5 else some)
                self.bars = (*self.bars, Bar(channel, self.addresses[channel], classes))
            case _:
                self.bars = ()

    def _with_loan(self, change: Callable[[Loan], Loan]) -> None:
        chosen = self.rng.randrange(len(self.loans))
        self.loans = tuple(change(loan) if n == chosen else loan for n, loan in enumerate(self.loans))

    def _money(self, loan: Loan) -> Loan:
        """An instalment is paid, fails for good today, or waits for a person who looks where its money went."""
        rng, day = self.rng, today(book(self.setting, loan.product, self.country), self.now)
        unpaid = [i for i in loan.instalments if not i.paid_on]
        if not unpaid:
            return loan
        one, what = unpaid[0], rng.randrange(6)
        due = next((i for i in unpaid if i.due_on == day and loan.mandated), None)
        if due and what < 4:
            one, changed = due, replace(due, failed_on=day)
        elif what == 5:
            changed = replace(one, blocked=not one.blocked)
        else:
            changed = replace(one, paid_on=day, paid_by_debit=rng.random() < 0.6, blocked=False)
        return replace(loan, instalments=tuple(changed if i is one else i for i in loan.instalments))

    def _held(self, loan: Loan) -> Loan:
        rules = book(self.setting, loan.product, self.country)
        day = today(rules, self.now)
        until = day + self.rng.randrange(-1, 6) * _DAY if self.rng.random() < 0.7 else None
        return replace(loan, holds=(*loan.holds[-2:], Hold(self.rng.choice(sorted(rules.stops)), until)))

    def _others_contact(self) -> None:
        """Operators call and other systems write: as often as they like, for nobody asks the caps."""
        rng, rules = self.rng, self.product.policies(self.setting, self.country, frozenset(self.products))
        loan = rng.choice(self.loans)
        for made in sorted(self._made(loan), key=lambda c: c.at):
            self.log = (*self.log, made)
            self.card = kept(self.card, made, rules[loan.product])

    def _made(self, loan: Loan) -> Iterator[Contact]:  # noqa: C901 - one branch for each habit
        rng, phone = self.rng, self.addresses.get("sms", "+447700900009")
        debts = rng.choice(((loan.loan_id,), (loan.loan_id,), (), tuple(one.loan_id for one in self.loans)))

        def one(
            at: datetime, channel: str, outcome: str | None, event: str | None = None, counted: bool = True
        ) -> Contact:
            self.count += 1
            message_class = rng.choice(("collection", "collection", "service-reminder", "marketing", "receipt"))
            return Contact(f"o-{self.count}", at, channel, message_class, debts, phone, outcome, event, counted)

        late = rng.random() * 20 * _MINUTE
        match rng.choice((0, 0, 0, 1, 2, 3, 4, 5)):
            case 0:  # a morning of calls that nobody answers
                for n in range(rng.choice((4, 6, 7))):
                    yield one(self.now - late - n * 11 * _MINUTE, "voice", "attempt")
            case 1:  # a week of them
                for n in range(rng.randrange(5, 8)):
                    yield one(self.now - late - n * _DAY, "voice", "attempt")
            case 2:  # answered ones
                for n in range(rng.randrange(1, 4)):
                    yield one(self.now - late - n * 25 * _MINUTE, "voice", "connected")
            case 3:  # a week of texts, the last of them yesterday
                for n in range(1, rng.randrange(4, 9)):
                    yield one(self.now + late - n * (_DAY - 5 * _MINUTE), "sms", rng.choice(("sent", None)))
            case 4:  # a talk, perhaps one that the borrower began
                ago = rng.random() * 7 * _DAY
                yield one(self.now - ago, "voice", "connected", "conversation", rng.random() < 0.5)
            case _:
                yield one(self.now - late, rng.choice(CHANNELS), rng.choice(("attempt", "sent", None)))
