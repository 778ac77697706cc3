"""Holds by a person's word: what they stop stands in the packs, and set or ended twice they are one hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Borrower, ContactCard, Instalment, InstalmentState, Loan, LoanStatus
from shared.domain.changes import SaveHolds, SaveInstalment
from shared.domain.contact_rules import Stops
from shared.domain.errors import InputError, PolicyError
from shared.domain.hold_orders import MOST_HOLDS, HoldAdd, HoldEnd
from shared.domain.holds import Hold
from shared.ports.portfolio import Imported, ImportedRow
from shared.workflows.set_holds import HoldResult, Holds
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at

NOW = at("2026-03-12 10:00")
TODAY = date(2026, 3, 12)
ACTOR = "arn:aws:iam::123456789012:user/alice"


@dataclass
class Desk:
    """Two open loans of one borrower, and the workflow of holds."""

    book: MemoryBook
    clock: FixedClock
    holds: Holds

    def add(self, code: str = "complaint", **changes: Any) -> tuple[HoldResult, ...]:
        order = HoldAdd(code, "l-1", None, None, "ticket 17")
        return self.holds.add(replace(order, **changes), ACTOR)

    def end(self, hold_id: str, loan_id: str = "l-1") -> HoldResult:
        return self.holds.end(HoldEnd(loan_id, hold_id, "ticket 17 is closed"), ACTOR)

    def loan(self, loan_id: str = "l-1") -> Loan:
        file = self.book.loan_file(loan_id)
        assert file is not None
        return file.loan

    def card(self) -> ContactCard:
        file = self.book.borrower_file("b-1")
        assert file is not None
        return file.card

    def steps(self) -> list[Any]:
        file = self.book.loan_file("l-1")
        assert file is not None
        return [i.step for i in file.instalments]


def a_desk(*loans: Loan, borrower: Borrower | None = None, instalments: Sequence[Instalment] = ()) -> Desk:
    book, clock = MemoryBook(), FixedClock(NOW)
    loans = loans or (a_loan(), a_loan(loan_id="l-2"))
    rows: list[ImportedRow] = [
        borrower or a_borrower(),
        ContactCard("b-1", tuple(loan.loan_id for loan in loans)),
        *(instalments or (an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)))),
        *(an_instalment(loan_id=loan.loan_id) for loan in loans if loan.loan_id != "l-1"),
        a_mandate(),
        *loans,
    ]
    book.write([Imported(row, "") for row in rows])
    return Desk(book, clock, Holds(book, PolicyFiles(), clock))


def asleep(desk: Desk, *steps: Any) -> None:
    """The loan's instalments wait on their agenda, each to its step."""
    file = desk.book.loan_file("l-1")
    assert file is not None
    rows = [replace(i, step=step, rev=i.rev + 1) for i, step in zip(file.instalments, steps, strict=True)]
    assert desk.book.commit([SaveInstalment(row) for row in rows])


def test_a_hold_stops_what_the_packs_of_the_country_say() -> None:
    desk = a_desk()
    (result,) = desk.add("dispute")
    hold = Hold("dispute-2026-03-12-1", "dispute", frozenset({Stops.CONTACT, Stops.DEBIT, Stops.ESCALATION}), NOW)
    assert result == HoldResult("l-1", "set", hold.hold_id, hold)
    assert desk.loan().holds == (hold,)
    assert (desk.loan().gate_rev, desk.loan().step, desk.card().step) == (1, NOW, NOW)
    assert desk.card().rev == 1
    (note,) = desk.book.audit("l-1")
    assert (note.actor, note.what, note.reason, note.at) == (ACTOR, "hold.add", "ticket 17", NOW)
    assert note.detail == {
        "hold_id": "dispute-2026-03-12-1",
        "code": "dispute",
        "stops": "contact debit escalation",
        "until": "none",
        "gate_rev": "1",
    }


def test_the_same_hold_set_twice_is_one() -> None:
    desk = a_desk()
    desk.add()
    desk.clock.advance(timedelta(minutes=5))
    (again,) = desk.add()
    assert (again.word, again.hold_id) == ("stands", "complaint-2026-03-12-1")
    assert len(desk.loan().holds) == len(desk.book.audit("l-1")) == desk.loan().gate_rev == 1


def test_another_end_another_day_and_one_after_an_ended_one_are_holds_of_their_own() -> None:
    desk = a_desk()
    desk.add()
    assert [r.hold_id for r in desk.add(until=date(2026, 3, 20))] == ["complaint-2026-03-12-2"]
    desk.end("complaint-2026-03-12-1")
    assert [r.hold_id for r in desk.add()] == ["complaint-2026-03-12-3"]
    desk.clock.set(at("2026-03-13 00:00"))
    assert [r.hold_id for r in desk.add()] == ["complaint-2026-03-13-1"]


def test_a_borrower_s_hold_is_set_on_each_open_loan() -> None:
    desk = a_desk(a_loan(), a_loan(loan_id="l-2"), a_loan(loan_id="l-3", status=LoanStatus.SETTLED))
    results = desk.add("bereavement", loan_id=None, borrower_id="b-1")
    assert [(r.loan_id, r.word) for r in results] == [("l-1", "set"), ("l-2", "set")]
    assert [len(desk.loan(loan_id).holds) for loan_id in ("l-1", "l-2", "l-3")] == [1, 1, 0]


def test_what_is_refused_on_one_loan_of_a_borrower_is_set_on_none() -> None:
    full = tuple(Hold(f"h-{n}", "hardship", frozenset({Stops.ESCALATION}), NOW) for n in range(MOST_HOLDS))
    desk = a_desk()
    assert desk.book.commit([SaveHolds("l-2", full, 0, NOW)])
    with pytest.raises(InputError, match="20 holds already"):
        desk.add(loan_id=None, borrower_id="b-1")
    assert desk.loan().holds == ()


UK = a_borrower(country="GB", time_zone="Europe/London")


@pytest.mark.parametrize(
    ("until", "ends"),
    [
        (None, date(2026, 5, 11)),
        (date(2026, 5, 11), date(2026, 5, 11)),
        (date(2026, 3, 12), date(2026, 3, 12)),
        (date(2026, 5, 12), "60 days at most, to 2026-05-11"),
        (date(2026, 3, 11), "2026-03-11 is over already"),
    ],
)
def test_a_hold_ends_by_its_longest_time(until: date | None, ends: date | str) -> None:
    desk = a_desk(borrower=UK)
    if isinstance(ends, str):
        with pytest.raises(InputError, match=ends):
            desk.add("breathing-space", until=until)
        assert desk.loan().holds == ()
    else:
        desk.add("breathing-space", until=until)
        assert desk.loan().holds[0].until == ends


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"code": "breathing-space"},
            "knows a hold breathing-space; known: bereavement, complaint, dispute, hardship,",
        ),
        ({"loan_id": "l-9"}, "no loan l-9"),
        ({"loan_id": None, "borrower_id": "b-9"}, "no borrower b-9"),
        ({"loan_id": "l-3"}, "l-3 is closed"),
    ],
)
def test_what_no_pack_knows_or_nobody_has_is_refused(changes: dict[str, Any], said: str) -> None:
    desk = a_desk(a_loan(), a_loan(loan_id="l-3", status=LoanStatus.SETTLED))
    with pytest.raises(InputError, match=said):
        desk.add(**changes)
    assert desk.book.audit("l-1") == ()


def test_a_borrower_without_an_open_loan_has_nothing_to_hold() -> None:
    desk = a_desk(a_loan(status=LoanStatus.SETTLED))
    with pytest.raises(InputError, match="b-1 has no open loan"):
        desk.add(loan_id=None, borrower_id="b-1")


def test_where_no_pack_is_valid_nobody_can_say_what_a_hold_stops() -> None:
    desk = a_desk()
    desk.clock.set(at("2036-01-01 10:00"))
    with pytest.raises(PolicyError):
        desk.add()


def test_ending_a_hold_brings_the_three_lines_forward() -> None:
    desk = a_desk()
    desk.add("dispute")
    asleep(desk, NOW + timedelta(days=7), None)
    desk.clock.advance(timedelta(days=1))
    assert desk.end("dispute-2026-03-12-1").word == "ended"
    now = desk.clock.now()
    assert (desk.loan().holds, desk.loan().gate_rev) == ((), 2)
    assert (desk.loan().step, desk.card().step) == (now, now)
    assert desk.steps() == [now, None]  # one that is on no agenda is there for another reason
    assert [(e.what, e.reason) for e in desk.book.audit("l-1")][1] == ("hold.end", "ticket 17 is closed")


def test_a_hold_that_stopped_no_debit_wakes_none() -> None:
    desk = a_desk()
    desk.add("complaint")
    asleep(desk, NOW + timedelta(days=7), None)
    desk.end("complaint-2026-03-12-1")
    assert desk.steps() == [NOW + timedelta(days=7), None]


def test_a_loan_of_more_instalments_than_a_transaction_takes_is_woken_whole() -> None:
    many = [an_instalment(number=n, due_on=date(2026, 3, 10) + timedelta(days=n)) for n in range(1, 200)]
    desk = a_desk(a_loan(), instalments=many)
    desk.add("dispute")
    for part in (many[:99], many[99:198], many[198:]):
        rows = [replace(i, step=NOW + timedelta(days=7), rev=1) for i in part]
        assert desk.book.commit([SaveInstalment(row) for row in rows])
    desk.end("dispute-2026-03-12-1")
    assert set(desk.steps()) == {NOW}


def test_a_claimed_instalment_is_left_to_its_attempt() -> None:
    desk = a_desk(a_loan(), instalments=[an_instalment(state=InstalmentState.CLAIMED)])
    desk.add("dispute")
    desk.end("dispute-2026-03-12-1")
    assert desk.steps() == [None]


def test_a_hold_ended_twice_is_ended_once_and_one_that_never_was_is_refused() -> None:
    desk = a_desk()
    desk.add()
    desk.add("hardship")
    desk.end("complaint-2026-03-12-1")
    assert desk.end("complaint-2026-03-12-1") == HoldResult("l-1", "over", "complaint-2026-03-12-1")
    assert len(desk.book.audit("l-1")) == 3
    with pytest.raises(InputError, match="has no hold complaint-2026-03-12-9; it has: hardship-2026-03-12-1"):
        desk.end("complaint-2026-03-12-9")


def test_a_hold_that_is_over_by_its_date_leaves_the_row_with_the_next_one() -> None:
    desk = a_desk()
    desk.add(until=TODAY)
    desk.clock.set(at("2026-03-13 00:00"))
    desk.add("hardship")
    assert [hold.code for hold in desk.loan().holds] == ["hardship"]
    assert desk.end("complaint-2026-03-12-1").word == "over"


@given(st.lists(st.sampled_from(["complaint", "dispute", "hardship"]), max_size=6), st.data())
def test_ids_are_never_used_twice_whatever_is_set_and_ended(codes: list[str], data: st.DataObject) -> None:
    desk = a_desk()
    for code in codes:
        desk.add(code)
        standing = [hold.hold_id for hold in desk.loan().holds]
        if data.draw(st.booleans()):
            desk.end(data.draw(st.sampled_from(standing)))
    added = [e.detail["hold_id"] for e in desk.book.audit("l-1") if e.what == "hold.add"]
    ended = [e.detail["hold_id"] for e in desk.book.audit("l-1") if e.what == "hold.end"]
    assert len(set(added)) == len(added)
    assert sorted(added) == sorted(ended + [hold.hold_id for hold in desk.loan().holds])
    assert desk.loan().gate_rev == len(added) + len(ended)
