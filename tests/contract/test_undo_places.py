"""What takes a payment's money back takes one place after the other: together it is never more than came.

The payment brought only credit, so that no instalment's revision stands between two who take it back.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date

import pytest

from shared.adapters.memory.world import FixedClock, MemoryQueue
from shared.adapters.policy_files import PolicyFiles
from shared.domain import keys
from shared.domain.book import AttemptState, EntryKind, LedgerEntry, Outcome
from shared.domain.changes import Insert
from shared.domain.errors import InputError
from shared.domain.money import Money
from shared.domain.repayment import Channel, TakenBack
from shared.workflows.booking import left_of, place_after, undone_of
from shared.workflows.passes import Summary
from shared.workflows.record_repayments import Repayments
from shared.workflows.refund_settling import settle_refund
from shared.workflows.resolve_suspense import Suspense
from tests.contract.stores import NOON, Stores, a_loan, an_attempt

DAY = date(2026, 3, 12)
KEY = "l-1:P000001"


def came(minor: int = 1_000, loan_id: str = "l-1") -> LedgerEntry:
    return LedgerEntry(loan_id, "gateway", KEY, Money(minor, "CNY"), DAY)


def seeded(stores: Stores, refunds: tuple[int, ...] = ()) -> LedgerEntry:
    """A payment of 10.00 that became credit, and refunds of it that are on their way."""
    paid = an_attempt(1, state=AttemptState.SETTLED, outcome=Outcome.PAID, amount=Money(1_000, "CNY"))
    going = [an_attempt(n, amount=Money(minor, "CNY"), refunds=1) for n, minor in enumerate(refunds, 2)]
    stores.seed(a_loan(), paid, *going)
    assert stores.book.commit([Insert(came())])
    return came()


def taker(stores: Stores, kind: EntryKind, minor: int, event_id: str) -> Callable[[], object]:
    back = TakenBack(kind, KEY, Money(minor, "CNY"), DAY, event_id, Channel.WEBHOOK)
    return lambda: Repayments(stores.book, PolicyFiles(), FixedClock(NOON), MemoryQueue()).work([back], "test")


def giver(stores: Stores, seq: int) -> Callable[[], object]:
    attempt = stores.book.attempt("l-1", seq)
    assert attempt is not None
    return lambda: settle_refund(
        stores.book, PolicyFiles(), FixedClock(NOON), Summary(), attempt, Outcome.PAID, f"g-{seq}"
    )


def at_once(*deeds: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(deeds)) as pool:
        for done in [pool.submit(deed) for deed in deeds]:
            done.result()


def test_of_eight_who_take_the_next_place_one_gets_it(stores: Stores) -> None:
    original = seeded(stores)

    def take(n: int) -> bool:
        entry = LedgerEntry("l-1", "gateway", f"by-{n}", Money(-600, "CNY"), DAY, undoes=f"gateway#{KEY}")
        return stores.book.commit([Insert(entry), place_after(original, ())])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [False] * 7 + [True]
    assert left_of(original, undone_of(stores.book, original)) == 400


def test_a_refund_a_reversal_and_a_chargeback_at_once_take_no_more_than_came(stores: Stores) -> None:
    original = seeded(stores, refunds=(600, 300))
    at_once(
        giver(stores, 2),
        taker(stores, EntryKind.REVERSAL, 700, "e-1"),
        taker(stores, EntryKind.CHARGEBACK, 650, "e-2"),
        giver(stores, 3),
    )
    undone = undone_of(stores.book, original)
    assert left_of(original, undone) >= 0
    suspended = stores.book.entries(keys.SUSPENSE)
    assert sorted(-e.amount.minor for e in (*undone, *suspended)) == [300, 600, 650, 700], "all that went is kept"
    assert {stores.book.attempt("l-1", n).outcome for n in (2, 3)} == {Outcome.PAID}  # type: ignore[union-attr]


def test_two_parts_that_fit_are_both_booked_on_the_loan(stores: Stores) -> None:
    original = seeded(stores, refunds=(600,))
    at_once(giver(stores, 2), taker(stores, EntryKind.REVERSAL, 400, "e-1"))
    assert left_of(original, undone_of(stores.book, original)) == 0
    assert stores.book.entries(keys.SUSPENSE) == ()


@pytest.mark.parametrize("first", ["reversal", "resolution"])
def test_money_leaves_suspense_once(stores: Stores, first: str) -> None:
    """A bank takes it back while a person moves it to its loan."""
    stores.seed(a_loan(), an_attempt(1, state=AttemptState.SETTLED, outcome=Outcome.INSUFFICIENT))
    assert stores.book.commit([Insert(came(loan_id=keys.SUSPENSE))])
    suspense = Suspense(stores.book, PolicyFiles(), FixedClock(NOON), MemoryQueue())

    def resolve() -> None:
        with suppress(InputError):  # the bank was quicker
            suspense.resolve(f"gateway#{KEY}", None, reason="given back", actor="ann")

    deeds = [taker(stores, EntryKind.REVERSAL, 1_000, "e-1"), resolve]
    at_once(*(deeds if first == "reversal" else reversed(deeds)))
    moved = [e for e in stores.book.entries(keys.SUSPENSE) if e.undoes == f"gateway#{KEY}"]
    assert [e.amount.minor for e in moved] == [-1_000]


def test_money_out_of_suspense_takes_no_place_of_a_like_entry_on_its_loan(stores: Stores) -> None:
    """One key was reported with a wrong amount (to suspense) and with the right one (to the loan)."""
    original = seeded(stores)
    assert stores.book.commit([Insert(came(70, keys.SUSPENSE))])
    into = LedgerEntry(
        "l-1", "gateway", f"{KEY}:S01", Money(70, "CNY"), DAY, kind=EntryKind.RESOLUTION, undoes=f"gateway#{KEY}"
    )
    assert stores.book.commit([Insert(into)])
    assert undone_of(stores.book, original) == []
    taker(stores, EntryKind.REVERSAL, 1_001, "e-1")()
    assert [e.amount.minor for e in stores.book.entries(keys.SUSPENSE)] == [70, -1_001]
