"""The book as files: everything is there, in order, and makes the same loans again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.adapters.phones import phone_problem, phone_zones
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    AuditEntry,
    Borrower,
    Component,
    EntryKind,
    Instalment,
    LedgerEntry,
    Loan,
    LoanStatus,
    Mandate,
    MandateStatus,
    Owner,
    Source,
    SourceKind,
)
from shared.domain.changes import Insert, SaveMandate
from shared.domain.money import Money
from shared.domain.portfolio import COLUMNS, EXPORT_ONLY, SourceLine, columns_of
from shared.ports.portfolio import Imported
from shared.workflows.export_portfolio import export_portfolio
from shared.workflows.import_portfolio import Report, import_portfolio
from tests.portfolios import GOOD, RICH, lines_of
from tests.unit.builders import a_loan, a_mandate, an_instalment, at
from tests.unit.town import Town

SHELF = PolicyFiles()
NOW = at("2026-03-01 10:00")
LATER = at("2026-03-20 10:00")
CHANGE = AuditEntry("l-1", "r-1", NOW, "operator-7", "mandate.cancel", "by phone", {"mandate": "m-1", "gate_rev": "1"})


def exported(book: MemoryBook) -> dict[str, list[Mapping[str, str]]]:
    return {name: list(rows) for name, rows in export_portfolio(book).items()}


def imported(files: Mapping[str, list[Mapping[str, str]]]) -> MemoryBook:
    book = MemoryBook()
    lines: Any = {name: [SourceLine(n, row) for n, row in enumerate(files[name], 2)] for name in COLUMNS}
    report = import_portfolio(lines, book, SHELF, phone_problem, phone_zones, LATER)
    assert isinstance(report, Report), report
    return book


def paid(book: MemoryBook) -> dict[tuple[str, int], int]:
    rows = [row for row in book.scan(Instalment) if isinstance(row, Instalment)]
    return {(row.loan_id, row.number): row.paid_minor for row in rows}


@pytest.fixture
def town() -> Town:
    """One loan: deducted, failed and overdue by 20 March."""
    rows = (an_instalment(), an_instalment(number=2, due_on=date(2026, 3, 12)))
    town = Town(*rows, account="balance-1", loan=a_loan(principal_minor=200_000), start="2026-03-01 07:00")
    town.stub_books.credit("balance-1", "c-1", rows[0].outstanding)
    town.live_through("2026-03-01", "2026-03-20")
    return town


def test_every_row_has_the_columns_of_its_file(town: Town) -> None:
    assert town.store.commit([Insert(CHANGE)])
    files = exported(town.store)
    assert list(files) == [*COLUMNS, *EXPORT_ONLY]
    for name in (*COLUMNS, *EXPORT_ONLY):
        assert files[name], name
        for row in files[name]:
            assert set(row) == set(columns_of(name)), name


def test_what_came_to_pass_is_told_as_it_stands(town: Town) -> None:
    files = exported(town.store)
    first, *_ = files["attempts.csv"]
    assert (first["loan_id"], first["seq"], first["instalments"], first["outcome"]) == ("l-1", "1", "1", "paid")
    assert (first["slot"], first["settled_at"]) == ("2026-03-10T08:00", "2026-03-10T00:00:00Z")
    assert first["gateway_ref"]
    assert [row["outcome"] for row in files["attempts.csv"]] == ["paid", *["insufficient"] * 3]
    assert {row["state"] for row in files["notices.csv"]} == {"sent"}
    assert all(row["provider_ref"].startswith("M") for row in files["notices.csv"])
    assert "PRE_DEBIT#l-1#001#0" in {row["notice_key"] for row in files["notices.csv"]}
    (stage,) = files["escalations.csv"]
    assert (stage["stage"], stage["entered_on"], stage["left_on"]) == ("M1", "2026-03-13", "")
    (entry,) = files["ledger.csv"]
    assert (entry["source"], entry["split"], entry["credit"]) == ("gateway", "1:1015.00", "0.00")


def test_all_money_counts_as_payments_so_that_an_import_pays_the_same(town: Town) -> None:
    town.repay("20.00")
    files = exported(town.store)
    assert [row["payment_id"] for row in files["payments.csv"]] == ["gateway-l-1-P000001", "transfer-r-1"]
    again = imported(files)
    assert paid(again) == paid(town.store) == {("l-1", 1): 101_500, ("l-1", 2): 2_000}


def test_money_without_a_loan_is_in_the_ledger_only() -> None:
    book = MemoryBook()
    import_portfolio(lines_of(GOOD), book, SHELF, phone_problem, phone_zones, NOW)
    book.commit(
        [Insert(LedgerEntry("SUSPENSE", "transfer", "r-9", Money(5, "CNY"), date(2026, 3, 1), (), "unknown-loan"))]
    )
    files = exported(book)
    assert {row["external_id"]: row["detail"] for row in files["ledger.csv"]}["r-9"] == "unknown-loan"
    assert {row["loan_id"] for row in files["payments.csv"]} == {"L1", "L2"}


def test_payments_of_any_key_get_an_id_that_an_import_takes() -> None:
    book = MemoryBook()
    import_portfolio(lines_of(GOOD), book, SHELF, phone_problem, phone_zones, NOW)
    for external_id in ("x" * 70, "a b", "a:b", "P1"):
        entry = LedgerEntry("L3", "transfer", external_id, Money(5, "CZK"), date(2026, 3, 1))
        book.commit([Insert(entry), Insert(replace(entry, source="import"))])
    ids = [row["payment_id"] for row in exported(book)["payments.csv"]]
    assert len(set(ids)) == len(ids) == 10
    assert len(list(imported(exported(book)).scan(LedgerEntry))) == 10


def test_a_mandate_that_the_rail_revoked_reads_as_cancelled(town: Town) -> None:
    town.store.commit([SaveMandate(a_mandate(status=MandateStatus.REVOKED), town.loan().gate_rev)])
    assert [row["status"] for row in exported(town.store)["mandates.csv"]] == ["cancelled"]


def test_every_column_that_an_import_may_have_comes_back() -> None:
    book = MemoryBook()
    import_portfolio(lines_of(RICH), book, SHELF, phone_problem, phone_zones, NOW)
    files = exported(book)
    assert [row["payday"] for row in files["borrowers.csv"]] == ["", "31"]
    assert [(row["email"], row["other_zones"]) for row in files["borrowers.csv"]] == [
        ("fang@example.com", ""),
        ("", "Europe/London;America/New_York"),
    ]
    assert [row["penalty"] for row in files["instalments.csv"]] == ["", "", "7.50", "", "", "3.00"]
    assert [(row["expires_on"], row["funding"]) for row in files["mandates.csv"]] == [
        ("2027-12-31", "balance:balance-1 debit-card:card:1"),
        ("", ""),
    ]
    again = imported(files)
    for kind in (Borrower, Mandate):
        assert list(again.scan(kind)) == list(book.scan(kind))
    assert owed(again) == owed(book)
    assert {entry.parts for entry in again.scan(LedgerEntry) if isinstance(entry, LedgerEntry)}


def owed(book: MemoryBook) -> dict[tuple[str, int], dict[str, int]]:
    rows = [row for row in book.scan(Instalment) if isinstance(row, Instalment)]
    return {(row.loan_id, row.number): {part: row.owed(part) for part in Component} for row in rows}


BALANCE, CARD = Source(SourceKind.BALANCE, "b-1"), Source(SourceKind.DEBIT_CARD, "c-1")


@pytest.mark.parametrize(
    ("funding", "status", "told"),
    [
        ((BALANCE, CARD), MandateStatus.ACTIVE, ("active", "balance:b-1 debit-card:c-1")),
        ((replace(BALANCE, is_dead=True), CARD), MandateStatus.ACTIVE, ("active", "debit-card:c-1")),
        ((replace(BALANCE, is_dead=True),), MandateStatus.ACTIVE, ("suspended", "balance:b-1")),
        ((replace(BALANCE, is_dead=True),), MandateStatus.CANCELLED, ("cancelled", "")),
        ((), MandateStatus.EXPIRED, ("expired", "")),
        ((), MandateStatus.SIGNED, ("signed", "")),
    ],
)
def test_an_account_that_is_dead_is_not_debited_after_an_import(
    town: Town, funding: tuple[Source, ...], status: MandateStatus, told: tuple[str, str]
) -> None:
    mandate = a_mandate(status=status, funding=funding)
    assert town.store.commit([SaveMandate(mandate, town.loan().gate_rev)])
    (row,) = exported(town.store)["mandates.csv"]
    assert (row["status"], row["funding"]) == told


def back(minor: int, undoes: str | None, external_id: str = "back") -> LedgerEntry:
    money = Money(-minor, "CNY")
    kind = EntryKind.CHARGEBACK
    return LedgerEntry("l-1", "gateway", external_id, money, date(2026, 3, 18), kind=kind, undoes=undoes)


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([back(101_500, "gateway#l-1:P000001")], [("transfer-r-1", "20.00")]),
        ([back(1_500, "gateway#l-1:P000001")], [("gateway-l-1-P000001", "1000.00"), ("transfer-r-1", "20.00")]),
        ([back(500, "transfer#r-1")], [("gateway-l-1-P000001", "1015.00"), ("transfer-r-1", "15.00")]),
        ([back(2_500, None)], [("gateway-l-1-P000001", "1010.00")]),
        (
            [back(100_000, "gateway#l-1:P000001"), back(3_000, "transfer#r-1", "more")],
            [("gateway-l-1-P000001", "5.00")],
        ),
        ([back(500, "bank-file#another")], [("gateway-l-1-P000001", "1015.00"), ("transfer-r-1", "15.00")]),
    ],
)
def test_money_that_was_taken_back_is_no_payment_any_more(
    town: Town, entries: list[LedgerEntry], kept: list[tuple[str, str]]
) -> None:
    town.repay("20.00")
    for entry in entries:
        assert town.store.commit([Insert(entry)])
    files = exported(town.store)
    assert [(row["payment_id"], row["amount"]) for row in files["payments.csv"]] == kept
    assert sum(paid(imported(files)).values()) == sum(Money.parse(amount, "CNY").minor for _, amount in kept)
    told = {row["external_id"]: (row["kind"], row["undoes"], row["amount"]) for row in files["ledger.csv"]}
    assert told["back"][0] == "chargeback"
    assert told["back"][1:] == (entries[0].undoes or "", entries[0].amount.decimal())


def test_who_asked_for_what_is_told(town: Town) -> None:
    assert town.store.commit([Insert(CHANGE)])
    attempt = town.store.attempt("l-1", 2)
    assert attempt
    again = replace(attempt, seq=9, owner=Owner.BORROWER, funding=("b-1", "c-1"), stuck="no lookup", refunds=1)
    assert town.store.commit([Insert(replace(again, first_claimed_at=NOW, enquire_at=LATER))])
    files = exported(town.store)
    row = files["attempts.csv"][-1]
    assert (row["owner"], row["funding"], row["stuck"], row["refunds"]) == ("borrower", "b-1 c-1", "no lookup", "1")
    assert (row["first_claimed_at"], row["enquire_at"]) == ("2026-03-01T02:00:00Z", "2026-03-20T02:00:00Z")
    assert files["attempts.csv"][0]["owner"] == "schedule"
    (change,) = files["audit.csv"]
    assert (change["at"], change["detail"]) == ("2026-03-01T02:00:00Z", "mandate=m-1 gate_rev=1")
    assert "1:interest:15.00 1:principal:1000.00" in files["ledger.csv"][0]["parts"]


def test_a_repaid_loan_comes_back_as_settled() -> None:
    book = MemoryBook()
    import_portfolio(lines_of(GOOD), book, SHELF, phone_problem, phone_zones, NOW)
    statuses = {loan.loan_id: loan.status for loan in imported(exported(book)).scan(Loan) if isinstance(loan, Loan)}
    assert statuses == {"L1": LoanStatus.OPEN, "L2": LoanStatus.SETTLED, "L3": LoanStatus.OPEN}


def test_half_a_loan_of_an_interrupted_import_is_not_told() -> None:
    book = MemoryBook()
    book.write([Imported(an_instalment(), ""), Imported(a_mandate(), "")])
    files = exported(book)
    assert not any(files.values())
    book.write([Imported(a_loan(), "")])
    files = exported(book)
    assert (len(files["instalments.csv"]), len(files["mandates.csv"])) == (1, 1)
