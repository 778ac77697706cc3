"""The bank's file comes into days that are lived to their end, and its money is counted with all other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any

import pytest

from demo.borrowers import Pay
from demo.driver import Driver
from demo.history import buckets
from demo.portfolio import Portfolio
from demo.records import Records
from drills import bank_file_twice
from drills.bank_file_twice import Row
from drills.expected import Charge, Outside, Work, work
from drills.lab import BAD_DAY, PLAN, Outcome, Tell, charged_twice, instant, small_book
from drills.packs import countries
from drills.seen import Seen
from shared.domain.gateway import PAID
from shared.domain.portfolio import LOANS
from tests.demo.memory_world import MemoryWorld, history_of
from tests.demo.small import RECORDS
from tests.snapshots import breaches_of

NOON = instant(BAD_DAY, time(12))
BOOKED = "payments by hand, booked"


class BankingWorld(MemoryWorld):
    """Books the rows at noon of the bad day, and remembers all that came from outside."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__(PLAN.morning())
        self.paid: list[tuple[Pay, date]] = []
        self._rows = rows

    def set_clock(self, now: datetime) -> None:
        super().set_clock(now)
        if now == NOON:
            for row in self._rows:
                self.repay(row.money, PLAN.day(BAD_DAY))
            self.wait()

    def repay(self, pay: Pay, paid_on: date) -> None:
        super().repay(pay, paid_on)
        self.paid.append((pay, paid_on))


@dataclass(frozen=True, slots=True)
class Lived:
    book: Portfolio
    world: BankingWorld
    outside: Outside
    records: Records

    def found(self, records: Records) -> dict[str, Work]:
        done = work(self.book, PLAN, self.outside, records, buckets(PLAN), countries())
        return {one.what: one for one in done}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    book = small_book()
    world = BankingWorld([Row(number, row[0]) for number, row in enumerate(book.rows[LOANS][:20], 1)])
    world.import_from(book.write(tmp_path_factory.mktemp("book")))
    Driver(world, PLAN, book.habits.__getitem__).run()
    charges = [Charge(p.key, p.amount.minor if p.status == PAID else 0, p.code) for p in world.stub.books.payments()]
    sent = dict(zip(world.sms.texts, (message.address for message in world.sms.sent), strict=True))
    return Lived(book, world, Outside(world.paid, charges, sent), history_of(world, PLAN).records)


def test_with_the_banks_money_on_the_bad_day_all_work_is_done_and_no_check_finds_anything(lived: Lived) -> None:
    assert [one for one in lived.found(lived.records).values() if not one.is_whole] == []
    assert charged_twice(Outcome(lived.records, list(lived.outside.charges), {}, [])) == []
    assert breaches_of(lived.world.book, lived.world.clock.now(), lived.world.stub.books.charges()) == []


def test_a_row_of_the_file_that_is_not_booked_or_twice_is_told(lived: Lived) -> None:
    first = next(entry for entry in lived.records.entries if entry.external_id.startswith("BANK-"))
    others = tuple(entry for entry in lived.records.entries if entry is not first)

    lost = lived.found(replace(lived.records, entries=others))[BOOKED]
    doubled = lived.found(replace(lived.records, entries=(*others, first, first)))[BOOKED]

    assert (lost.missing, doubled.twice) == ((first.external_id,), (first.external_id,))


@dataclass
class FakeLab:
    """Takes down what is to happen when."""

    paid: list[tuple[Pay, date]] = field(default_factory=list)
    timetable: dict[datetime, Callable[[], None]] = field(default_factory=dict)

    def at(self, day: int, clock: time, happens: Callable[[], None]) -> None:
        self.timetable[instant(day, clock)] = happens


def test_the_files_come_on_the_bad_day_and_everything_is_held_against_what_the_days_came_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack, book, uploads, held = FakeLab(), small_book(), list[str](), list[Outcome]()
    ended = Outcome(RECORDS, [], {}, [])

    @contextmanager
    def lab(port: int | None, tell: Tell) -> Iterator[tuple[FakeLab, Portfolio]]:
        yield stack, book

    def live(stack: FakeLab, book: Portfolio, tell: Tell) -> Outcome:
        assert uploads == []  # nothing came before the days began
        stack.timetable[NOON]()
        return ended

    def holds(seen: Seen, stack: FakeLab, ended: Outcome) -> None:
        held.append(ended)

    fakes: dict[str, Any] = {
        "lab": lab,
        "live": live,
        "must_hold_always": holds,
        "_let_plain_http_in": lambda stack: None,
        "_upload": lambda stack, uploaded: uploads.extend(uploaded),
        "_booked": lambda stack: [],
        "_contradict": lambda seen, stack, row: uploads.append("the other amount"),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(bank_file_twice, name, fake)

    bank_file_twice.play(None, lambda text: None)

    assert (len(uploads), uploads[-1]) == (7, "the other amount")
    assert [(pay.key, on) for pay, on in stack.paid] == [
        (f"BANK-20260307-{number:03d}", PLAN.day(BAD_DAY)) for number in range(1, 21)
    ]
    assert held == [ended]
