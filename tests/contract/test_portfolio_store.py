"""An import writes each row once, and opens each loan once; an export reads all of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    InstalmentState,
    LedgerEntry,
    Line,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    Told,
)
from shared.domain.changes import Insert, SaveCard, SaveInstalment, SaveStage, WakeContact, WakeStage
from shared.domain.errors import BookError
from shared.ports.portfolio import Imported, ImportedRow, StoredRow
from tests.contract.stores import (
    DUE,
    NOON,
    Stores,
    a_borrower,
    a_card,
    a_debit_card,
    a_loan,
    a_mandate,
    a_mark,
    a_notice,
    a_world,
    an_attempt,
    an_audit_entry,
    an_entry,
    an_escalation,
    an_instalment,
    later,
)

ENTRY = LedgerEntry("l-1", "import", "P1", an_entry().amount, DUE)
ROWS: tuple[ImportedRow, ...] = (
    a_card(loan_ids=(), step=NOON),
    a_borrower(phone=None),
    an_instalment(1, step=NOON, paid_minor=500),
    an_instalment(2, step=later(days=30)),
    a_mandate(),
    ENTRY,
    a_loan(step=NOON, first_open=1),
)


def imported(rows: Sequence[ImportedRow], fingerprint: str = "f") -> list[Imported]:
    return [Imported(row, fingerprint) for row in rows]


def is_on_an_agenda(stores: Stores) -> bool:
    return any(stores.agenda(line) for line in Line)


def open_all(stores: Stores, rows: Sequence[ImportedRow] = ROWS) -> int:
    return stores.portfolio.open([row for row in rows if isinstance(row, Loan | Instalment)], NOON)


@pytest.fixture
def written(stores: Stores) -> Stores:
    assert stores.portfolio.write(imported(ROWS)) == len(ROWS)
    return stores


def test_what_is_written_is_read_and_on_no_agenda(written: Stores) -> None:
    assert not is_on_an_agenda(written)
    file, borrower = written.file(), written.book.borrower_file("b-1")
    assert file.loan == a_loan()
    assert file.instalments == (an_instalment(1, paid_minor=500), an_instalment(2))
    assert file.mandates == (a_mandate(),)
    assert borrower is not None
    assert (borrower.borrower, borrower.card) == (a_borrower(phone=None), a_card(loan_ids=()))
    assert written.book.entry("l-1", "import", "P1") == ENTRY


def test_writing_again_writes_nothing(written: Stores) -> None:
    assert written.portfolio.write(imported(ROWS)) == 0


def test_a_row_that_lives_is_never_overwritten(written: Stores) -> None:
    lived = an_instalment(1, paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, rev=1)
    assert written.book.commit([SaveInstalment(lived)])
    changed: list[ImportedRow] = [an_instalment(1, rev=0), a_loan(principal_minor=1), an_instalment(3)]
    assert written.portfolio.write(imported(changed, "other")) == 1
    assert written.file().instalments == (lived, an_instalment(2), an_instalment(3))
    assert written.file().loan == a_loan()
    assert written.portfolio.fingerprints(imported(changed)) == {0: "f", 1: "f", 2: "other"}


def test_an_interrupted_write_is_completed_by_running_it_again(stores: Stores) -> None:
    assert stores.portfolio.write(imported(ROWS[:3])) == 3
    assert not is_on_an_agenda(stores)
    assert stores.portfolio.write(imported(ROWS)) == len(ROWS) - 3
    assert not is_on_an_agenda(stores)


def test_the_same_row_twice_in_one_write_is_put_once(stores: Stores) -> None:
    assert stores.portfolio.write([Imported(an_instalment(), "first"), Imported(an_instalment(), "second")]) == 1
    assert stores.portfolio.fingerprints(imported([an_instalment()])) == {0: "first"}


def test_more_rows_than_a_transaction_takes_are_written(stores: Stores) -> None:
    rows = [an_instalment(number) for number in range(1, 131)]
    assert stores.portfolio.write(imported(rows[50:110])) == 60
    assert stores.portfolio.write(imported(rows)) == 70
    assert stores.portfolio.write(imported(rows)) == 0
    assert len(stores.portfolio.fingerprints(imported(rows))) == 130


def test_fingerprints_are_those_of_the_keys_that_are_taken(written: Stores) -> None:
    absent: list[ImportedRow] = [an_instalment(9), a_borrower("b-9"), a_loan("l-9")]
    asked = imported([*ROWS, *absent, ROWS[0]], "asked")
    assert written.portfolio.fingerprints(asked) == dict.fromkeys([*range(len(ROWS)), len(asked) - 1], "f")
    assert written.portfolio.fingerprints([]) == {}


def test_a_key_that_no_import_took_has_an_empty_fingerprint(stores: Stores) -> None:
    assert stores.book.commit([Insert(ENTRY)])
    assert stores.portfolio.fingerprints(imported([ENTRY])) == {0: ""}
    assert stores.portfolio.write(imported([ENTRY])) == 0


def test_opening_puts_rows_on_their_agendas_once(written: Stores) -> None:
    assert open_all(written) == 3
    assert written.agenda(Line.DEBIT) == ("l-1#001", "l-1#002")
    assert written.agenda(Line.DEBIT, NOON) == ("l-1#001",)
    assert written.agenda(Line.STAGE) == ("l-1",)
    assert written.agenda(Line.CONTACT) == ("b-1",)
    assert written.file().loan.step == NOON
    assert written.instalment(2).step == later(days=30)
    before = (written.file(), written.card())
    assert open_all(written) == 0
    assert (written.file(), written.card()) == before


def test_a_row_without_a_step_or_not_in_the_book_is_not_opened(written: Stores) -> None:
    assert open_all(written, [an_instalment(1), an_instalment(9, step=NOON), a_loan(step=None)]) == 0
    assert open_all(written, [a_loan("l-9", step=NOON)]) == 0
    assert not is_on_an_agenda(written)
    assert written.book.loan_file("l-9") is None


def test_unopened_are_the_loans_that_stand_and_wait(written: Stores) -> None:
    asked = ["l-1", "l-2", "l-1"]
    assert written.portfolio.unopened(asked) == {"l-1"}
    assert open_all(written, [ROWS[2]]) == 1
    assert written.portfolio.unopened(asked) == {"l-1"}
    assert open_all(written) == 2
    assert written.portfolio.unopened(asked) == frozenset()
    assert written.portfolio.unopened([]) == frozenset()


def test_a_row_that_was_opened_and_left_its_agenda_stays_off_it(written: Stores) -> None:
    assert open_all(written) == 3
    assert written.book.commit([SaveInstalment(replace(written.instalment(), rev=2, step=None))])
    loan = written.file().loan
    assert written.book.commit([SaveStage(replace(loan, stage_rev=loan.stage_rev + 1, step=None))])
    assert open_all(written) == 0
    assert written.agenda(Line.DEBIT) == ("l-1#002",)
    assert written.agenda(Line.STAGE) == ()


@pytest.mark.parametrize("at", [later(days=-1), later(days=1)])
def test_a_row_that_was_woken_before_it_was_opened_keeps_that_step(written: Stores, at: object) -> None:
    assert isinstance(at, type(NOON))
    assert written.book.commit([WakeStage("l-1", at)])
    assert written.portfolio.unopened(["l-1"]) == {"l-1"}
    assert open_all(written) == 3
    assert written.file().loan.step == at
    assert written.agenda(Line.STAGE, at) == ("l-1",)
    assert written.card().loan_ids == ("l-1",)


def test_a_save_that_was_decided_before_the_opening_loses(written: Stores) -> None:
    before = written.instalment()
    assert open_all(written) == 3
    assert not written.book.commit([SaveInstalment(replace(before, rev=before.rev + 1))])
    assert "l-1#001" in written.agenda(Line.DEBIT)


def test_a_loan_is_followed_once_for_ever(written: Stores) -> None:
    assert open_all(written) == 3
    assert written.card().loan_ids == ("l-1",)
    assert written.book.commit([SaveCard(replace(written.card(), loan_ids=(), rev=written.card().rev + 1))])
    assert open_all(written) == 0
    assert written.card().loan_ids == ()


def test_later_loans_join_a_card_that_works(written: Stores) -> None:
    told = {"l-1#001#0": Told("DUE", DUE)}
    assert open_all(written) == 3
    card = replace(written.card(), told=told, step=later(days=-1), rev=written.card().rev + 1)
    assert written.book.commit([SaveCard(card)])
    more = [a_loan("l-2", step=NOON), a_loan("l-3", step=NOON)]
    assert written.portfolio.write(imported(more)) == 2
    assert open_all(written, more) == 2
    joined = written.card()
    assert joined == replace(card, loan_ids=("l-1", "l-2", "l-3"), rev=joined.rev)
    assert joined.rev > card.rev
    assert written.agenda(Line.CONTACT, later(days=-1)) == ("b-1",)


def test_joining_brings_a_later_look_forward(written: Stores) -> None:
    card = replace(written.card(), step=later(days=7), rev=1)
    assert written.book.commit([SaveCard(card)])
    assert open_all(written) == 3
    assert written.card().step == NOON
    assert not written.book.commit([SaveCard(replace(card, rev=2))]), "who decided before the loan joined, loses"
    assert written.agenda(Line.CONTACT, NOON) == ("b-1",)


def test_a_card_in_quarantine_stays_there_when_a_loan_joins(written: Stores) -> None:
    assert written.book.commit([WakeContact("b-1", NOON)])
    for _ in range(3):
        written.book.note_failure(Line.CONTACT, "b-1")
    assert open_all(written) == 3
    assert written.agenda(Line.CONTACT) == ()
    assert written.agenda(Line.CONTACT, NOON, keys.QUARANTINE) == ("b-1",)
    assert written.card().loan_ids == ("l-1",)


def test_a_loan_whose_borrower_has_no_card_is_not_opened(stores: Stores) -> None:
    loan = a_loan(step=NOON)
    assert stores.portfolio.write(imported([loan])) == 1
    with pytest.raises(BookError, match="b-1 has no contact card"):
        stores.portfolio.open([loan], NOON)
    assert not is_on_an_agenda(stores)
    assert stores.portfolio.unopened(["l-1"]) == {"l-1"}


def test_two_imports_at_once_open_each_loan_once(stores: Stores) -> None:
    loans = [a_loan(f"l-{n}", borrower_id=f"b-{n % 2}", step=NOON) for n in range(6)]
    rows: list[ImportedRow] = [a_card("b-0", loan_ids=()), a_card("b-1", loan_ids=()), *loans]
    assert stores.portfolio.write(imported(rows)) == len(rows)
    with ThreadPoolExecutor(2) as pool:
        opened = list(pool.map(lambda some: open_all(stores, some), [loans[:4], loans[2:]]))
    assert sum(opened) == 6
    followed = [sorted(card.loan_ids) for card in stores.portfolio.scan(ContactCard) if isinstance(card, ContactCard)]
    assert sorted(followed) == [["l-0", "l-2", "l-4"], ["l-1", "l-3", "l-5"]]


def test_many_loans_are_opened(stores: Stores) -> None:
    loans = [a_loan(f"l-{n:03d}", borrower_id=f"b-{n}", step=NOON) for n in range(60)]
    cards = [a_card(f"b-{n}", loan_ids=()) for n in range(60)]
    assert stores.portfolio.write(imported([*cards, *loans])) == 120
    assert open_all(stores, loans[:9]) == 9
    assert open_all(stores, loans) == 51
    assert stores.agenda(Line.STAGE) == tuple(loan.loan_id for loan in loans)
    assert len(stores.agenda(Line.CONTACT)) == 60


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Loan, [a_loan(step=later(hours=-2), stage_rev=1)]),
        (Instalment, [an_instalment(n, step=later(hours=-3, days=30 * (n - 1)), rev=1) for n in (1, 2, 3)]),
        (Mandate, [a_mandate()]),
        (Escalation, [an_escalation()]),
        (Borrower, [a_borrower()]),
        (ContactCard, [a_card(step=later(hours=-1), rev=1)]),
        (Attempt, [an_attempt()]),
        (NoticeRecord, [a_notice()]),
        (LedgerEntry, []),
        (DebitCard, [a_debit_card()]),
        (MoneyMark, [a_mark("earlier")]),
        (AuditEntry, [an_audit_entry()]),
    ],
)
def test_a_scan_gives_every_row_of_a_kind(stores: Stores, kind: type[StoredRow], expected: list[StoredRow]) -> None:
    a_world(stores)
    assert sorted(stores.portfolio.scan(kind), key=str) == expected


def test_a_scan_of_the_ledger_gives_money_and_not_its_marks(stores: Stores) -> None:
    assert stores.book.commit([Insert(an_entry("r-1")), Insert(a_mark("r-1"))])
    assert list(stores.portfolio.scan(LedgerEntry)) == [an_entry("r-1")]
    assert list(stores.portfolio.scan(MoneyMark)) == [a_mark("r-1")]


def test_a_scan_gives_rows_of_every_owner(stores: Stores) -> None:
    rows = [an_instalment(n, f"l-{loan}", due_on=date(2026, n, 1)) for loan in range(3) for n in (1, 2, 3)]
    stores.seed(*rows)
    assert sorted(stores.portfolio.scan(Instalment), key=str) == sorted(rows, key=str)
