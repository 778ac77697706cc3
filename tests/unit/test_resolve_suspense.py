"""Money in suspense goes where a person says, once, and the ledger keeps how."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from shared.domain.book import AuditEntry, Component, EntryKind, Instalment, InstalmentState, LedgerEntry, Line, Outcome
from shared.domain.changes import Insert, SaveInstalment
from shared.domain.errors import BookError, InputError
from shared.domain.money import Money
from shared.domain.repayment import GatewayReport
from shared.workflows.booking import book_on_loan
from shared.workflows.resolve_suspense import Suspense
from tests.unit.builders import a_borrower, a_loan, an_instalment, at
from tests.unit.test_record_repayments import KEY, adds_up, balance, book, cny, taken, transfer, two_instalments
from tests.unit.test_send_reminders import Between
from tests.unit.town import Town

BANK = "transfer#BANK-1"


def desk(town: Town) -> Suspense:
    return Suspense(town.book, town.shelf, town.clock, town.queue)


def resolve(town: Town, key: str = BANK, loan_id: str | None = "l-1", numbers: tuple[int, ...] = ()) -> LedgerEntry:
    return desk(town).resolve(key, loan_id, numbers=numbers, reason="the payer called", actor="ann")


def unmatched(minor: int = 1_000) -> Town:
    town = two_instalments()
    book(town, transfer(minor, loan_id="l-9"))
    return town


def total(town: Town) -> int:
    return sum(e.amount.minor for e in town.entries())


def test_it_lists_what_is_left() -> None:
    town = unmatched()
    book(town, transfer(5, "BANK-2", "l-9"), taken(400))
    assert [(o.key, o.left, o.entry.detail) for o in desk(town).open()] == [
        (BANK, cny(600), "no such loan: l-9"),
        ("transfer#BANK-2", cny(5), "no such loan: l-9"),
    ]


def test_money_goes_to_its_loan_by_two_entries_and_a_note() -> None:
    town = unmatched()
    out = resolve(town)
    assert (out.amount.minor, out.kind, out.undoes, out.detail) == (-1_000, EntryKind.RESOLUTION, BANK, "l-1")
    booked = next(e for e in town.entries() if e.loan_id == "l-1")
    assert (booked.amount.minor, booked.kind, booked.split) == (1_000, EntryKind.RESOLUTION, ((1, 1_000),))
    assert booked.booked_on == date(2026, 3, 10)  # when it came, not when it was found
    assert balance(town) == (1_000, InstalmentState.OPEN)
    assert desk(town).open() == []
    assert total(town) == 1_000
    (note,) = town.book.audit("l-1")
    assert (note.actor, note.what, note.reason) == ("ann", "suspense.resolve", "the payer called")
    assert note.detail == {"entry": BANK, "to": "l-1", "amount_minor": "1000"}
    assert town.queue.depth(Line.CONTACT) == 1
    adds_up(town)


def test_it_pays_the_instalments_that_were_named_first() -> None:
    town = unmatched()
    resolve(town, numbers=(2,))
    assert balance(town, 2) == (1_000, InstalmentState.OPEN)


def test_what_went_elsewhere_leaves_suspense_for_no_loan() -> None:
    town = unmatched()
    out = resolve(town, loan_id=None)
    assert (out.detail, total(town)) == ("elsewhere", 0)
    assert [note.what for note in town.book.audit("SUSPENSE")] == ["suspense.resolve"]
    assert desk(town).open() == []


def test_it_is_resolved_once() -> None:
    town = unmatched()
    resolve(town)
    with pytest.raises(InputError, match="resolved already"):
        resolve(town)
    assert balance(town) == (1_000, InstalmentState.OPEN)


def test_of_two_people_at_once_one_resolves_it() -> None:
    town = unmatched()
    other = desk(town)
    town.book = Between(  # type: ignore[assignment]
        town.store, Insert, lambda: other.resolve(BANK, None, reason="given back", actor="bob")
    )
    with pytest.raises(InputError, match="resolved already"):
        resolve(town)
    assert total(town) == 0


def test_the_same_news_again_stays_known() -> None:
    town = unmatched()
    resolve(town)
    assert book(town, transfer(1_000, loan_id="l-9")) == {"repayment.known": 1}
    assert total(town) == 1_000


def test_a_reversal_follows_the_money_to_its_loan() -> None:
    town = unmatched()
    resolve(town)
    assert book(town, taken(1_000)) == {"repayment.reversed": 1}
    assert balance(town) == (0, InstalmentState.OPEN)
    assert total(town) == 0
    adds_up(town)


def test_what_was_given_back_cannot_be_taken_back_again() -> None:
    town = unmatched()
    resolve(town, loan_id=None)
    assert book(town, taken(1_000))["quarantine.TAKES_TOO_MUCH"] == 1


def test_money_that_left_can_only_be_explained_elsewhere() -> None:
    town = two_instalments()
    book(town, taken(5, "BANK-9"))
    (one,) = desk(town).open()
    with pytest.raises(InputError, match="only be resolved elsewhere"):
        resolve(town, one.key)
    resolve(town, one.key, None)
    assert (total(town), desk(town).open()) == (0, [])


@pytest.mark.parametrize(
    ("key", "loan_id", "problem"),
    [
        ("transfer#BANK-9", "l-1", "is not in suspense"),
        (BANK, "l-9", "there is no loan l-9"),
    ],
)
def test_what_cannot_be_resolved_is_refused_and_changes_nothing(key: str, loan_id: str, problem: str) -> None:
    town = unmatched()
    before = town.entries()
    with pytest.raises(InputError, match=problem):
        resolve(town, key, loan_id)
    assert town.entries() == before


def test_money_of_another_currency_goes_to_no_loan() -> None:
    town = two_instalments()
    book(town, replace(transfer(), amount=Money(5, "CZK")))
    with pytest.raises(InputError, match="loan l-1 is in CNY, the money in CZK"):
        resolve(town)


def test_a_person_gives_a_name_and_a_reason() -> None:
    town = unmatched()
    for reason, actor in (("", "ann"), ("why", "")):
        with pytest.raises(InputError, match="reason"):
            desk(town).resolve(BANK, "l-1", reason=reason, actor=actor)


def test_more_instalments_than_one_transaction_pays_are_refused() -> None:
    rows = [an_instalment(number=n, principal_minor=100, interest_minor=0) for n in range(1, 93)]
    town = Town(*rows, account=None)
    book(town, transfer(9_200, loan_id="l-9"))
    with pytest.raises(InputError, match="more than 90 instalments"):
        resolve(town)


def test_a_book_that_never_takes_it_is_an_error() -> None:
    town = unmatched()

    class Full:
        def commit(self, changes: object) -> bool:
            return False

        def __getattr__(self, name: str) -> object:
            return getattr(town.store, name)

    town.book = Full()  # type: ignore[assignment]
    with pytest.raises(BookError, match="could not be resolved"):
        resolve(town)


# --- late money had closed an instalment to debits -----------------------------------------------------------------


def late_money() -> Town:
    """A debit that was declined, and whose money came all the same."""
    town = Town(account="insufficient-1")
    town.clock.set(at("2026-03-09 12:00"))
    town.pass_now()
    town.clock.set(at("2026-03-10 08:00"))
    town.work(Line.DEBIT, ["l-1#001"])
    book(town, GatewayReport(KEY, Outcome.PAID, cny(101_500), None))
    assert town.instalment().blocked
    return town


def test_late_money_goes_to_its_loan_and_nothing_is_closed_any_more() -> None:
    town = late_money()
    resolve(town, f"gateway#{KEY}")
    after = town.instalment()
    assert (after.state, after.blocked) == (InstalmentState.PAID, False)
    adds_up(town)


@pytest.mark.parametrize("loan_id", [None, "l-2"])
def test_late_money_that_went_elsewhere_opens_what_it_had_closed(loan_id: str | None) -> None:
    town = late_money()
    if loan_id:
        other = an_instalment(loan_id="l-2", principal_minor=1_000)
        town.take_on(a_borrower(borrower_id="b-2"), a_loan(loan_id="l-2", borrower_id="b-2"), [other])
    resolve(town, f"gateway#{KEY}", loan_id)
    after = next(i for i in town._rows(Instalment) if i.loan_id == "l-1")
    assert (after.paid_minor, after.blocked, after.step) == (0, False, town.clock.now())


@pytest.mark.parametrize(
    ("source", "external_id", "kind"),
    [
        ("gateway", "l-1:P000009:R01", EntryKind.CHARGEBACK),
        ("gateway", "l-1:P000009:R01", EntryKind.REVERSAL),
        ("gateway", "l-1:P000009", EntryKind.REFUND),
    ],
)
def test_an_instalment_that_was_taken_back_too_stays_closed(source: str, external_id: str, kind: EntryKind) -> None:
    town = late_money()
    dispute = LedgerEntry("l-1", source, external_id, cny(-5), date(2026, 3, 1), ((1, -5),), kind=kind)
    assert town.book.commit([Insert(dispute)])
    resolve(town, f"gateway#{KEY}", None)
    assert town.instalment().blocked


def test_a_part_that_pays_less_leaves_the_rest_open_to_debits() -> None:
    town = late_money()
    grown = town.instalment()
    assert town.book.commit([SaveInstalment(replace(grown, penalty_minor=500, rev=grown.rev + 1))])
    resolve(town, f"gateway#{KEY}")
    after = town.instalment()
    assert (after.outstanding_minor, after.blocked, after.step) == (500, False, town.clock.now())


def test_the_note_is_put_with_the_money_or_not_at_all() -> None:
    town = unmatched()
    stamp = f"{town.clock.now():%Y-%m-%dT%H:%M:%S.%fZ}#resolve#{BANK}"
    taken_note = AuditEntry("l-1", stamp, town.clock.now(), "eve", "x", "y")
    assert town.book.commit([Insert(taken_note)])
    with pytest.raises(BookError):
        resolve(town)
    assert total(town) == 1_000
    assert [e.loan_id for e in town.entries()] == ["SUSPENSE"]


def test_two_late_moneys_keep_an_instalment_closed_until_both_are_resolved() -> None:
    town = late_money()
    second = replace(town.attempts()[0], seq=2)
    late = LedgerEntry("SUSPENSE", "gateway", "l-1:P000002", cny(101_500), date(2026, 3, 10), detail="paid after it")
    assert town.book.commit([Insert(second), Insert(late)])
    resolve(town, f"gateway#{KEY}", None)
    assert town.instalment().blocked
    resolve(town, "gateway#l-1:P000002", None)
    assert not town.instalment().blocked


def test_money_that_is_found_late_counts_from_the_day_on_which_it_came() -> None:
    """In between the order of components changed: the later day would pay principal first."""
    town = unmatched()
    town.clock.set(at("2026-09-10 12:00"))
    out = resolve(town)
    booked = next(e for e in town.entries() if e.loan_id == "l-1")
    assert (out.booked_on, booked.booked_on) == (date(2026, 9, 10), date(2026, 3, 10))
    assert booked.parts == ((1, Component.INTEREST, 1_000),)


def test_a_dispute_that_comes_while_late_money_is_resolved_keeps_its_instalment_closed() -> None:
    """The loan is read once: what a chargeback changes after that makes the booking fail, and it is decided anew."""
    town = late_money()
    paid = replace(town.attempts()[0], seq=2, amount=cny(50_000), outcome=Outcome.PAID)
    entry = LedgerEntry("l-1", "gateway", "l-1:P000002", cny(50_000), date(2026, 3, 10))
    file = town.store.loan_file("l-1")
    assert file
    booked = book_on_loan(entry, file, town.shelf, town.clock.now())
    assert town.book.commit([Insert(paid), *booked.changes])
    grown = town.instalment()
    assert town.book.commit([SaveInstalment(replace(grown, penalty_minor=500, rev=grown.rev + 1))])
    store = town.store

    class Disputed:
        """A book in which the other debit is charged back once the loan's entries were read."""

        asked = 0

        def entries(self, owner: str) -> Sequence[LedgerEntry]:
            found = store.entries(owner)
            self.asked += owner == "l-1"
            if owner == "l-1" and self.asked == 1:
                book(town, taken(50_000, "l-1:P000002", kind=EntryKind.CHARGEBACK))
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

    desk = Suspense(Disputed(), town.shelf, town.clock, town.queue)  # type: ignore[arg-type]
    desk.resolve(f"gateway#{KEY}", "l-1", reason="the gateway's list", actor="ann")
    assert town.instalment().outstanding_minor == 500
    assert (town.instalment().blocked, town.instalment().step) == (True, None)
