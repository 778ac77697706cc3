"""A hold against the claims of the three lines: before a claim it wins, and after one it stands all the same."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.adapters.memory.world import FixedClock
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Escalation, InstalmentState, Stage
from shared.domain.changes import Change, Insert, SaveCard, SaveInstalment, SaveStage, TakeSeq
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.workflows.set_holds import Holds
from tests.contract.stores import (
    Stores,
    a_borrower,
    a_card,
    a_loan,
    a_notice,
    an_attempt,
    an_instalment,
    later,
)


def debit(stores: Stores) -> list[Change]:
    """A debit's claim on the loan as it stands."""
    row, loan = stores.instalment(), stores.file().loan
    taken = replace(row, state=InstalmentState.CLAIMED, attempts=row.attempts + 1, step=None, rev=row.rev + 1)
    seq = loan.last_seq + 1
    return [TakeSeq("l-1", seq, loan.gate_rev), Insert(an_attempt(seq)), SaveInstalment(taken)]


def message(stores: Stores) -> list[Change]:
    """A message's claim on the card as it stands."""
    card = stores.card()
    return [Insert(a_notice()), SaveCard(replace(card, rev=card.rev + 1, step=later(days=1)))]


def stage(stores: Stores) -> list[Change]:
    """A stage's entry on the loan as it stands."""
    loan = stores.file().loan
    entered = Escalation("l-1", "000#M1", Stage.M1, later().date(), 1, 1, ())
    return [
        Insert(entered),
        SaveStage(replace(loan, entered=("000#M1",), stage_rev=loan.stage_rev + 1, step=later(days=1))),
    ]


CLAIMS = pytest.mark.parametrize("claim", [debit, message, stage])


@pytest.fixture
def town(stores: Stores) -> Stores:
    stores.seed(
        a_borrower(),
        a_card(step=later(hours=-1)),
        a_loan(step=later(hours=-2)),
        an_instalment(step=later(days=2)),
        an_instalment(2, step=later(days=30)),
    )
    return stores


def desk(stores: Stores) -> Holds:
    return Holds(stores.book, PolicyFiles(), FixedClock(later()))


def set_hold(stores: Stores, code: str = "dispute") -> str:
    (result,) = desk(stores).add(HoldAdd(code, "l-1", None, None, "ticket 17"), "arn:alice")
    return result.hold_id


@CLAIMS
def test_a_claim_that_read_before_the_hold_loses(town: Stores, claim: Callable[[Stores], list[Change]]) -> None:
    changes = claim(town)
    set_hold(town)
    assert not town.book.commit(changes)
    assert town.file().loan.entered == ()
    assert (town.book.attempt("l-1", 1), town.book.notice("b-1", a_notice().notice_key)) == (None, None)


@CLAIMS
def test_a_claim_that_came_before_stands_and_so_does_the_hold(
    town: Stores, claim: Callable[[Stores], list[Change]]
) -> None:
    assert town.book.commit(claim(town))
    assert set_hold(town) == town.file().loan.holds[0].hold_id


@CLAIMS
def test_a_claim_that_read_before_a_hold_was_ended_loses_too(
    town: Stores, claim: Callable[[Stores], list[Change]]
) -> None:
    hold_id = set_hold(town)
    changes = claim(town)
    desk(town).end(HoldEnd("l-1", hold_id, "closed"), "arn:alice")
    assert not town.book.commit(changes)
    assert town.book.commit(claim(town))


def test_a_hold_is_written_once_and_its_end_wakes_the_lines(town: Stores) -> None:
    hold_id = set_hold(town)
    assert set_hold(town) == hold_id
    loan = town.file().loan
    assert [(h.hold_id, h.code, sorted(h.stops), h.since, h.until) for h in loan.holds] == [
        (hold_id, "dispute", ["contact", "debit", "escalation"], later(), None)
    ]
    assert (loan.gate_rev, loan.step, town.card().step) == (1, later(), later())
    desk(town).end(HoldEnd("l-1", hold_id, "closed"), "arn:alice")
    assert (town.file().loan.holds, town.file().loan.gate_rev) == ((), 2)
    assert [i.step for i in town.file().instalments] == [later(), later()]
    assert [e.what for e in town.book.audit("l-1")] == ["hold.add", "hold.end"]


def test_of_two_who_set_a_hold_at_once_both_are_written(town: Stores) -> None:
    """The second one read before the first wrote: it reads again."""

    class Late:
        """A book in which another hold is set right after the loan was read for the first time."""

        def __init__(self) -> None:
            self.left = 1

        def __getattr__(self, name: str) -> object:
            return getattr(town.book, name)

        def audit(self, subject: str) -> object:
            found = town.book.audit(subject)
            if self.left:
                self.left -= 1
                set_hold(town, "hardship")
            return found

    slow = Holds(Late(), PolicyFiles(), FixedClock(later()))  # type: ignore[arg-type]
    slow.add(HoldAdd("complaint", "l-1", None, None, "ticket 18"), "arn:bob")
    assert sorted(hold.code for hold in town.file().loan.holds) == ["complaint", "hardship"]
