"""The demo's portfolio: about sixty loans, the same ones for the same seed and first day, in the import's own format.

The cast is written down, so that every behaviour of the gateway and of borrowers is on stage; amounts, terms and dates
are drawn.
"""

import csv
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from demo.borrowers import AfterMessage, ByMandate, Early, Habit, InParts, Never, PayOff, Wages
from demo.names import PEOPLE, Person
from shared.domain.book import MandateStatus
from shared.domain.money import Money
from shared.domain.portfolio import BORROWERS, COLUMNS, INSTALMENTS, LOANS, MANDATES, PAYMENTS

FIRST_DAY = date(2026, 3, 2)
FIRST_DUE = range(3, 31)
"""In how many days the first open instalment of a loan falls due, where it is not late already."""
SEED = 20260302
_ACTIVE, _SUSPENDED, _CANCELLED = MandateStatus.ACTIVE, MandateStatus.SUSPENDED, MandateStatus.CANCELLED


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Rows by file name in the import's columns, and how each loan's borrower behaves."""

    rows: Mapping[str, tuple[tuple[str, ...], ...]]
    habits: Mapping[str, Habit]

    def write(self, folder: Path) -> Path:
        """The import's files in a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            with (folder / name).open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(COLUMNS[name])
                writer.writerows(rows)
        return folder


@dataclass(frozen=True, slots=True)
class Part:
    """A part in the cast: one loan. `account` is the prefix that decides what the gateway answers; None: no mandate.

    `late` is the days past due of its oldest unpaid instalment on the first day, 0 for a loan that is up to date.
    """

    account: str | None
    habit: Habit
    status: MandateStatus = _ACTIVE
    late: int = 0
    part_paid: bool = False
    left: int | None = None  # instalments from the first day on; None: drawn


def _cast(first_day: date) -> tuple[Part, ...]:
    mandate = ByMandate()
    return (
        # the gateway collects, and nobody does anything
        *(Part("paid", mandate) for _ in range(9)),
        Part("pending", mandate),
        *(Part("paid", mandate, left=left) for left in (1, 2, 3, 3)),
        Part("paid", Early(days=5)),
        Part("paid", PayOff(on=first_day + timedelta(days=48)), left=9),
        # the account holds what comes in: before the due day, at noon, in the evening, or too late
        *(Part("balance", Wages(days=-1, slot=2)) for _ in range(2)),
        *(Part("balance", Wages(days=0, slot=1)) for _ in range(2)),
        *(Part("balance", Wages(days=0, slot=2), left=left) for left in (None, 3)),
        *(Part("balance", Wages(days=days, slot=1)) for days in (2, 9)),
        Part("balance", Wages(days=0, slot=0, until=first_day + timedelta(days=65))),
        # the account never has it, or not as much
        Part("insufficient", AfterMessage(days=1)),
        Part("closed", AfterMessage(days=4)),
        Part("insufficient", AfterMessage(days=20)),
        Part("insufficient", InParts(days=(3, 18))),
        Part("insufficient", AfterMessage(days=41)),
        Part("limit", AfterMessage(days=0)),
        Part("limit", AfterMessage(days=2)),
        # the rail refuses for good
        Part("mandate-dead", AfterMessage(days=3)),
        Part("mandate-dead", AfterMessage(days=9)),
        Part("account-dead", AfterMessage(days=1)),
        Part("account-dead", InParts(days=(34, 66))),
        Part("risk", AfterMessage(days=2)),
        Part("risk", AfterMessage(days=33)),
        # the gateway takes its time, or takes too long: seconds of ours, each time
        Part("slow", mandate, left=2),
        Part("lost", mandate, left=2),
        # no mandate, or one that does not debit
        Part(None, AfterMessage(days=0)),
        Part(None, AfterMessage(days=0), left=3),
        Part(None, AfterMessage(days=2)),
        Part(None, AfterMessage(days=6, rounds_up=True)),
        Part(None, Early(days=2)),
        Part(None, Never()),
        Part("paid", AfterMessage(days=0), _SUSPENDED),
        Part("paid", AfterMessage(days=5), _SUSPENDED),
        Part("paid", AfterMessage(days=1), _CANCELLED),
        Part("paid", Never(), _CANCELLED),
        # late on the first day
        Part("insufficient", AfterMessage(days=2), late=6),
        Part("balance", Never(), late=24),
        Part(None, AfterMessage(days=12), late=40),
        Part("insufficient", Never(), late=52, part_paid=True),
        Part(None, InParts(days=(5, 25)), late=70),
        Part("account-dead", Never(), _SUSPENDED, late=84),
        # more of those that just work, in their last months
        *(Part("paid", mandate, left=left) for left in (2, 4, 4)),
    )


def generate(first_day: date = FIRST_DAY, seed: int = SEED, times: int = 1, first_due: range = FIRST_DUE) -> Portfolio:
    """The portfolio as of a first day: what was due before it is paid, but for the loans that begin late.

    `times` is how often the cast comes, with as many people more: up to 16, for ids have three digits.
    """
    random = Random(seed)
    cast = _cast(first_day) * times
    owners = _owners(len(cast), len(PEOPLE) * times, random)
    products = _products(len(cast), random)
    rows: dict[str, list[tuple[str, ...]]] = {name: [] for name in COLUMNS}
    habits: dict[str, Habit] = {}
    people = {owner: f"B-{place:03d}" for place, owner in enumerate(sorted(set(owners)), 1)}
    rows[BORROWERS] = [_borrower(borrower_id, PEOPLE[owner % len(PEOPLE)]) for owner, borrower_id in people.items()]
    for place, (part, owner, product) in enumerate(zip(cast, owners, products, strict=True), 1):
        loan = _Draft(f"{_INITIALS[product]}-{place:03d}", product, part, first_day, first_due, random)
        habits[loan.loan_id] = part.habit
        for name, row in loan.rows(people[owner]):
            rows[name].append(row)
    return Portfolio({name: tuple(found) for name, found in rows.items()}, habits)


def _borrower(borrower_id: str, person: Person) -> tuple[str, ...]:
    """Numbers are of the range that Ofcom keeps for drama (07700 900000 to 900999), which ring nowhere."""
    phone = f"+4477009{int(borrower_id[2:]):05d}" if person.has_phone else ""
    return borrower_id, person.name, phone, person.locale, person.time_zone, person.country


def _owners(loans: int, people: int, random: Random) -> list[int]:
    """A person for each loan: everybody has one, and some have two or three."""
    several = [random.randrange(people) for _ in range(loans - people)]
    owners = [*range(people), *several]
    random.shuffle(owners)
    return owners


_INITIALS = {"jiebei": "JB", "huabei": "HB", "wangshangdai": "WS", "baitiao": "BT"}


def _products(loans: int, random: Random) -> list[str]:
    names = list(_INITIALS)
    products = [names[place % len(names)] for place in range(loans)]
    random.shuffle(products)
    return products


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a product is like: principals in hundreds of yuan, terms in months, and what a month costs per million."""

    principals: range
    terms: tuple[int, ...]
    monthly_interest: int = 0
    monthly_fee: int = 0


_TERMS = {
    "jiebei": _Terms(range(50, 500, 10), (6, 12), monthly_interest=12_000),
    "huabei": _Terms(range(6, 80, 2), (3, 6, 12), monthly_fee=7_500),
    "wangshangdai": _Terms(range(200, 800, 20), (6, 12, 24), monthly_interest=9_000),
    "baitiao": _Terms(range(5, 60), (3, 6, 12, 24), monthly_fee=6_000),
}


class _Draft:
    """One loan while it is drawn."""

    def __init__(
        self, loan_id: str, product: str, part: Part, first_day: date, first_due: range, random: Random
    ) -> None:
        self.loan_id, self.product, self.part = loan_id, product, part
        terms = _TERMS[product]
        self.principal = random.choice(terms.principals) * 10_000
        self.first_open_due = (
            first_day - timedelta(days=part.late) if part.late else first_day + timedelta(days=random.choice(first_due))
        )
        left = part.left or random.randrange(5, 9)
        self.term = next((t for t in sorted(terms.terms) if t > left), left + 1)
        self.paid = self.term - left
        self._terms = terms

    def rows(self, borrower_id: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        due_days = [_months_on(self.first_open_due, number - self.paid) for number in range(self.term)]
        disbursed_on = _months_on(self.first_open_due, -self.paid - 1)
        parts = list(self._parts())
        yield LOANS, (self.loan_id, borrower_id, self.product, "CNY", disbursed_on.isoformat(), _yuan(self.principal))
        for number, (due_on, amounts) in enumerate(zip(due_days, parts, strict=True), 1):
            yield INSTALMENTS, (self.loan_id, str(number), due_on.isoformat(), *map(_yuan, amounts))
        yield from self._mandates(disbursed_on)
        for number in range(self.paid):
            yield self._payment(number + 1, sum(parts[number]), due_days[number])
        if self.part.part_paid:
            yield self._payment(self.paid + 1, sum(parts[self.paid]) // 3, due_days[self.paid] + timedelta(days=9))

    def _parts(self) -> Iterable[tuple[int, int, int]]:
        """Principal, interest and fee of each instalment; the last one takes what does not divide."""
        share, owed = self.principal // self.term, self.principal
        for number in range(1, self.term + 1):
            part = share if number < self.term else owed
            interest = owed * self._terms.monthly_interest // 1_000_000
            yield part, interest, self.principal * self._terms.monthly_fee // 1_000_000
            owed -= part

    def _mandates(self, signed_on: date) -> Iterator[tuple[str, tuple[str, ...]]]:
        if self.part.account is None:
            return
        account = f"{self.part.account}-{self.loan_id}"
        if self.part.status is _ACTIVE and self.part.left == 9:  # this one changed the account once
            old = f"paid-{self.loan_id}-old"
            yield MANDATES, (f"M-{self.loan_id}-1", self.loan_id, "stub", old, signed_on.isoformat(), _CANCELLED)
        dates = signed_on.isoformat()
        yield MANDATES, (f"M-{self.loan_id}", self.loan_id, "stub", account, dates, self.part.status)

    def _payment(self, number: int, minor: int, paid_on: date) -> tuple[str, tuple[str, ...]]:
        return PAYMENTS, (f"P-{self.loan_id}-{number}", self.loan_id, _yuan(minor), paid_on.isoformat())


def _yuan(minor: int) -> str:
    return Money(minor, "CNY").decimal()


def _months_on(day: date, months: int) -> date:
    """The same day so many months on, clipped to the month's end."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
