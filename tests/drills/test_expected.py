"""The plain count of what a book asks for: whole after days that went well, and short by whatever is taken away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pytest

from demo.borrowers import Pay
from demo.driver import Driver, Plan
from demo.history import buckets
from demo.portfolio import FIRST_DAY, Portfolio, generate
from demo.records import Records
from drills.expected import Charge, Outside, Work, work
from drills.packs import countries
from shared.domain.book import NoticeRecord, NoticeState, Outcome
from shared.domain.gateway import PAID
from shared.domain.tiers import NoticeKind
from tests.demo.memory_world import MemoryWorld, history_of

PLAN = Plan(FIRST_DAY, 16)


class PayingWorld(MemoryWorld):
    """Remembers what came from outside."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.morning())
        self.paid: list[tuple[Pay, date]] = []

    def repay(self, pay: Pay, paid_on: date) -> None:
        super().repay(pay, paid_on)
        self.paid.append((pay, paid_on))


@dataclass(frozen=True, slots=True)
class Lived:
    book: Portfolio
    outside: Outside
    records: Records

    def found(self, outside: Outside | None = None, records: Records | None = None) -> dict[str, Work]:
        done = work(self.book, PLAN, outside or self.outside, records or self.records, buckets(PLAN), countries())
        return {one.what: one for one in done}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    book, world = generate(FIRST_DAY, times=2), PayingWorld(PLAN)
    world.import_from(book.write(tmp_path_factory.mktemp("book")))
    Driver(world, PLAN, book.habits.__getitem__).run()
    charges = [Charge(p.key, p.amount.minor if p.status == PAID else 0, p.code) for p in world.stub.books.payments()]
    sent = dict(zip(world.sms.texts, (message.address for message in world.sms.sent), strict=True))
    return Lived(book, Outside(world.paid, charges, sent), history_of(world, PLAN).records)


def test_after_days_that_went_well_nothing_is_missing_and_there_was_work_of_every_kind(lived: Lived) -> None:
    found = lived.found()

    assert [one for one in found.values() if not one.is_whole] == []
    assert [what for what, one in found.items() if not one.due] == []


def told(kind: NoticeKind) -> Callable[[Records], Records]:
    """Without the messages of a kind, as if none had been sent."""

    def without(records: Records) -> Records:
        return replace(records, notices=tuple(n for n in records.notices if n.kind != kind))

    return without


def without_an_attempt(records: Records) -> Records:
    """As if one that paid had gone out on another day."""
    lost = next(a for a in records.attempts if a.outcome is Outcome.PAID)
    return replace(
        records, attempts=tuple(replace(a, slot="2026-01-01T08:00") if a is lost else a for a in records.attempts)
    )


def without_a_transfer(records: Records) -> Records:
    lost = next(e for e in records.entries if e.source == "transfer")
    return replace(records, entries=tuple(e for e in records.entries if e is not lost))


def without_a_charge(records: Records) -> Records:
    lost = next(e for e in records.entries if e.source == "gateway")
    return replace(records, entries=tuple(e for e in records.entries if e is not lost))


def without_a_stage(records: Records) -> Records:
    late = next(loan for loan in records.loans if loan.entered)
    return replace(records, loans=tuple(replace(x, entered=()) if x is late else x for x in records.loans))


@pytest.mark.parametrize(
    ("what", "taken_away"),
    [
        ("announcements of the next day's debits", told(NoticeKind.PRE_DEBIT)),
        ("messages on the due day, where nothing debits", told(NoticeKind.DUE)),
        ("overdue messages", told(NoticeKind.OVERDUE)),
        ("debits on the due day", without_an_attempt),
        ("payments by hand, booked", without_a_transfer),
        ("charges of the gateway, booked", without_a_charge),
        ("loans in the stage that their arrears ask for", without_a_stage),
    ],
)
def test_what_is_taken_away_is_missed(lived: Lived, what: str, taken_away: Callable[[Records], Records]) -> None:
    assert lived.found(records=taken_away(lived.records))[what].missing


def test_money_that_was_booked_twice_is_told(lived: Lived) -> None:
    again = next(e for e in lived.records.entries if e.source == "transfer")

    found = lived.found(records=replace(lived.records, entries=(*lived.records.entries, again)))

    assert found["payments by hand, booked"].twice == (again.external_id,)


@pytest.mark.parametrize("sent", [{}, {"nobody noted this": "+8613800000000"}])
def test_what_left_and_what_is_noted_must_agree(lived: Lived, sent: dict[str, str]) -> None:
    wrong = replace(lived.outside, sent=sent)

    assert lived.found(outside=wrong)["messages that left, noted as sent"].missing


def test_an_unknown_message_stands_for_one_to_its_own_borrower_and_for_no_other(lived: Lived) -> None:
    noted = [n for n in lived.records.notices if n.state is NoticeState.SENT]
    mine = noted[0]
    other = next(n for n in noted if n.borrower_id != mine.borrower_id)
    unsettled = replace(mine, state=NoticeState.UNKNOWN, provider_ref=None)

    def missing(*left_out: NoticeRecord, sent: Mapping[str, str] = lived.outside.sent) -> tuple[str, ...]:
        notices = (*(n for n in lived.records.notices if n not in (mine, *left_out)), unsettled)
        found = lived.found(replace(lived.outside, sent=sent), replace(lived.records, notices=notices))
        return found["messages that left, noted as sent"].missing

    never_left = {ref: phone for ref, phone in lived.outside.sent.items() if ref != mine.provider_ref}
    assert missing() == ()
    assert missing(other) == missing(other, sent=never_left) == (other.provider_ref,)


def test_a_loan_without_rules_that_was_touched_is_told(lived: Lived) -> None:
    found = lived.found()["loans without rules of their country, left alone"]
    strangers = {row[0] for row in lived.book.rows["borrowers.csv"] if row[5] not in countries()}
    (loan_id, *_) = sorted(row[0] for row in lived.book.rows["loans.csv"] if row[1] in strangers)
    attempt = replace(lived.records.attempts[0], loan_id=loan_id, seq=99)

    touched = lived.found(records=replace(lived.records, attempts=(*lived.records.attempts, attempt)))

    assert found.due == found.done > 0
    assert touched["loans without rules of their country, left alone"].missing == (loan_id,)
