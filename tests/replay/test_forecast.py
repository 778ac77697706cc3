"""A forecast plays the days to come on a copy of the book, and finds what comes to pass when nothing else happens."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Never

import pytest

from shared.adapters.csv_files import open_portfolio
from shared.adapters.jinja_texts import fill
from shared.adapters.memory.book import MemoryBook
from shared.adapters.policy_files import PolicyFiles, lender_zone
from shared.cli.replay import history_of
from shared.domain.book import Attempt, ContactCard, Escalation, Line, Loan, NoticeRecord, Outcome
from shared.domain.calendar import at_local
from shared.domain.changes import Change
from shared.domain.contact_rules import Stops
from shared.domain.errors import GatewayError, InputError
from shared.domain.holds import Hold
from shared.domain.switches import ALL_ON, Switches
from shared.ports.portfolio import Imported, StoredRow
from shared.ports.world import DebitAnswer, PaymentGateway
from shared.replay.forecast import StandingBook, days_of, forecast, read_book
from shared.replay.gateway import AssumedGateway
from shared.replay.lender import Lender
from shared.replay.play import Rules, wiring_of
from shared.replay.record import Played, Recorder
from tests.replay.test_replay import BORROWERS, INSTALMENTS, LOANS, MANDATES, portfolio

FIRST, NOW, LAST = date(2026, 3, 1), date(2026, 3, 9), date(2026, 3, 18)
SHELF = PolicyFiles()
ZONE = lender_zone(SHELF.packs)
RULES = Rules(SHELF, ZONE, fill, AssumedGateway)

FOUR: Mapping[str, str] = {
    "borrowers": BORROWERS + "".join(f"b-{n},Li,+861380000000{n},zh-CN,Asia/Shanghai,CN\n" for n in range(1, 5)),
    "loans": LOANS + "".join(f"l-{n},b-{n},jiebei,CNY,2026-01-10,200.00\n" for n in range(1, 5)),
    "instalments": INSTALMENTS
    + "".join(f"l-{n},1,2026-03-0{n},100.00,0,0\nl-{n},2,2026-03-1{n},100.00,0,0\n" for n in range(1, 5)),
    "mandates": MANDATES
    + "".join(
        f"m-{n},l-{n},stub,{account},2026-01-10,active\n"
        for n, account in ((2, "insufficient-2"), (3, "paid-3"), (4, "card:4"))
    ),
}
"""Without a mandate, one that never pays, one that pays, and one of which nobody knows."""


class Sealed(MemoryBook):
    """A book that refuses whatever would change it."""

    sealed = False

    def commit(self, changes: Sequence[Change]) -> bool:
        return self._refused() if self.sealed else super().commit(changes)

    def write(self, rows: Sequence[Imported]) -> int:
        return self._refused() if self.sealed else super().write(rows)

    def _refused(self) -> Never:
        raise AssertionError("a forecast writes to the book")


class Silent(AssumedGateway):
    """Takes debits, and answers no question about them."""

    def enquire(self, key: str) -> DebitAnswer | None:
        raise GatewayError(f"no answer about {key}")


def lived(folder: Path, gateway: PaymentGateway | None = None) -> tuple[Lender, Recorder]:
    """A lender who has taken the files on and lived from the first day until midnight of NOW."""
    recorder, start = Recorder(ZONE), at_local(FIRST, time.min, ZONE)
    history = history_of(open_portfolio(folder), RULES, FIRST, NOW - timedelta(days=1))
    wiring = wiring_of({"jiebei"}, RULES)
    lender = Lender(start, ZONE, SHELF, gateway or AssumedGateway(), fill, recorder, wiring)
    lender.take_on(history.standing, {"jiebei": SHELF.policy("jiebei", start)})
    live(lender, FIRST, NOW - timedelta(days=1))
    return lender, recorder


def live(lender: Lender, first: date, last: date) -> None:
    for place in range((last - first).days + 1):
        lender.begin(first + timedelta(days=place))
        lender.live(first + timedelta(days=place))


def standing(rows: Sequence[StoredRow], switches: Switches = ALL_ON, **quarantined: Sequence[str]) -> StandingBook:
    lines = {Line(name): keys for name, keys in quarantined.items()}
    return read_book(lambda kind: [r for r in rows if type(r) is kind], at_local(NOW, time.min, ZONE), lines, switches)


def stored(book: MemoryBook) -> list[StoredRow]:
    kinds = {type(row) for kind in KINDS for row in book.scan(kind)}
    return [row for kind in kinds for row in book.scan(kind)]


KINDS = tuple(StoredRow.__value__.__args__[0].__value__.__args__) + StoredRow.__value__.__args__[1:]


def messages(played: Played) -> list[tuple[str, date, str]]:
    return [(line.borrower_id, line.business_date, line.notice) for line in played.notices if line.decision == "act"]


@pytest.fixture
def rows(tmp_path: Path) -> list[StoredRow]:
    return stored(lived(portfolio(tmp_path / "in", **FOUR))[0].book)


def test_a_forecast_is_what_comes_to_pass_when_nobody_does_anything_else(tmp_path: Path) -> None:
    lender, recorder = lived(portfolio(tmp_path / "in", **FOUR))
    foreseen = forecast(standing(stored(lender.book)), NOW, LAST, RULES)
    live(lender, NOW, LAST)
    came = [line for line in recorder.notices() if NOW <= line.business_date <= LAST]
    assert came == list(foreseen.notices)
    attempts = [line for line in recorder.attempts(lender.attempts()) if line.business_date >= NOW]
    assert list(foreseen.attempts) == sorted(attempts)
    assert foreseen.failures == {}
    assert {line.outcome for line in foreseen.attempts} == {"paid", "insufficient"}


def test_a_forecast_changes_nothing_in_the_book(tmp_path: Path) -> None:
    lender, _ = lived(portfolio(tmp_path / "in", **FOUR))
    before = stored(lender.book)
    sealed = Sealed()
    sealed.stand(before, {})
    sealed.sealed = True
    book = read_book(sealed.scan, at_local(NOW, time.min, ZONE), {}, ALL_ON)
    assert messages(forecast(book, NOW, LAST, RULES))
    assert sorted(map(repr, stored(sealed))) == sorted(map(repr, before))


def test_what_was_told_and_attempted_before_is_not_told_again(rows: list[StoredRow]) -> None:
    known = {(row.borrower_id, row.notice_key) for row in rows if isinstance(row, NoticeRecord)}
    foreseen = messages(forecast(standing(rows), NOW, LAST, RULES))
    assert known.isdisjoint((who, notice) for who, _, notice in foreseen)
    forgotten = [replace(r, told={}, contacts=()) if isinstance(r, ContactCard) else r for r in rows]
    anew = [row for row in forgotten if not isinstance(row, NoticeRecord)]
    again = messages(forecast(standing(anew), NOW, LAST, RULES))
    assert not known.isdisjoint((who, notice) for who, _, notice in again)


@pytest.mark.parametrize(("assumed", "outcomes"), [("paid-", {"paid"}), ("insufficient-", {"insufficient"})])
def test_an_account_of_which_nothing_is_known_does_what_is_assumed(
    rows: list[StoredRow], assumed: str, outcomes: set[str]
) -> None:
    rules = replace(RULES, gateway=lambda: AssumedGateway(assumed))
    found = forecast(standing(rows), NOW, LAST, rules).attempts
    assert {line.outcome for line in found if line.loan_id == "l-4"} == outcomes
    assert {line.outcome for line in found if line.loan_id == "l-2"} == {"insufficient"}
    assert {line.outcome for line in found if line.loan_id == "l-3"} == {"paid"}


def test_an_attempt_that_is_open_is_answered_as_assumed_and_debited_no_second_time(tmp_path: Path) -> None:
    waits = {**FOUR, "mandates": f"{MANDATES}m-3,l-3,stub,pending-3,2026-01-10,active\n"}
    before = stored(lived(portfolio(tmp_path / "in", **waits), Silent())[0].book)
    assert [row.outcome for row in before if isinstance(row, Attempt)] == [Outcome.PENDING]
    foreseen = forecast(standing(before), NOW, NOW, RULES)
    assert foreseen.attempts == ()
    assert ("b-3", "RECEIVED") in {(who, key.partition("#")[0]) for who, _, key in messages(foreseen)}


def test_what_was_done_earlier_today_is_not_foreseen(rows: list[StoredRow]) -> None:
    today = [
        replace(row, slot=f"{NOW}T08:00")
        if isinstance(row, Attempt)
        else replace(row, entered_on=NOW)
        if isinstance(row, Escalation)
        else row
        for row in rows
    ]
    assert {type(row) for row in today} >= {Attempt, Escalation}
    foreseen, other = (forecast(standing(found), NOW, LAST, RULES) for found in (today, rows))
    assert (foreseen.attempts, foreseen.entered) == (other.attempts, other.entered)


def test_days_before_the_first_are_played_and_not_told(rows: list[StoredRow]) -> None:
    later = NOW + timedelta(days=4)
    whole, part = forecast(standing(rows), NOW, LAST, RULES), forecast(standing(rows), later, LAST, RULES)
    assert part.notices == whole.within(later, LAST).notices
    assert part.levels == whole.within(later, LAST).levels
    assert all(line.business_date >= later for line in part.attempts)


def test_a_day_that_is_over_is_refused(rows: list[StoredRow]) -> None:
    with pytest.raises(InputError, match="the book stands as of 2026-03-09"):
        forecast(standing(rows), NOW - timedelta(days=1), LAST, RULES)


def test_a_hold_is_seen_and_named(rows: list[StoredRow]) -> None:
    hold = Hold("h-1", "dispute", frozenset(Stops), datetime(2026, 3, 8, tzinfo=UTC))
    held = [replace(r, holds=(hold,)) if isinstance(r, Loan) and r.loan_id == "l-4" else r for r in rows]
    foreseen = forecast(standing(held), NOW, LAST, RULES)
    assert "b-4" not in {who for who, _, _ in messages(foreseen)}
    assert "l-4" not in {line.loan_id for line in foreseen.attempts}
    assert ("debit", "ON_HOLD") in {(line.line, line.reason) for line in foreseen.waits}


def test_what_is_switched_off_is_forecast_as_waiting(rows: list[StoredRow]) -> None:
    foreseen = forecast(standing(rows, Switches(on=True, off=frozenset({"send", "debit"}))), NOW, LAST, RULES)
    assert (messages(foreseen), foreseen.attempts) == ([], ())
    held = {line.key for line in foreseen.waits if (line.line, line.reason) == ("contact", "SWITCHED_OFF")}
    assert held == {"b-1", "b-2", "b-3", "b-4"}


def test_what_waits_for_a_person_waits_in_the_forecast_too(rows: list[StoredRow]) -> None:
    foreseen = {who for who, _, _ in messages(forecast(standing(rows, contact=["b-1"]), NOW, LAST, RULES))}
    assert "b-1" not in foreseen
    assert "b-2" in foreseen


def test_a_book_in_two_currencies_is_forecast_in_one(rows: list[StoredRow]) -> None:
    two = [replace(r, currency="EUR") if isinstance(r, Loan) and r.loan_id == "l-2" else r for r in rows]
    with pytest.raises(InputError, match="loans in CNY, EUR: name one"):
        standing(two)
    book = read_book(lambda kind: [r for r in two if type(r) is kind], standing(rows).at, {}, ALL_ON, "EUR")
    assert (book.currency, [loan.loan_id for loan in book.of(Loan)]) == ("EUR", ["l-2"])
    assert {who for who, _, _ in messages(forecast(book, NOW, LAST, RULES))} == {"b-2"}
    with pytest.raises(InputError, match="no loans in USD"):
        read_book(lambda kind: [r for r in two if type(r) is kind], standing(rows).at, {}, ALL_ON, "USD")


def test_each_day_counts_what_happens_on_it(rows: list[StoredRow]) -> None:
    foreseen = forecast(standing(rows), NOW, LAST, RULES)
    days = days_of(foreseen, NOW, LAST)
    assert [day.date for day in days] == [NOW + timedelta(days=n) for n in range(10)]
    assert sum(sum(day.messages.values()) for day in days) == len(messages(foreseen))
    debits = [count for day in days for count in day.debits.values()]
    assert sum(count for count, _ in debits) == len(foreseen.attempts)
    assert sum(minor for _, minor in debits) == sum(line.amount_minor for line in foreseen.attempts)
    assert sum(sum(day.stages.values()) for day in days) == len(foreseen.entered)
