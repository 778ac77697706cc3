"""An import over the store's port: all or nothing, once, in an order that survives any interruption."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.adapters.phones import phone_problem, phone_zones
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import ContactCard, Instalment, LedgerEntry, Line, Loan, Mandate
from shared.domain.errors import StoreError
from shared.ports.portfolio import Imported, PortfolioStore
from shared.workflows.import_portfolio import Refused, Report, import_portfolio
from tests.portfolios import GOOD, RICH, Texts, lines_of, with_cell, with_line, without_line
from tests.unit.builders import at

SHELF = PolicyFiles()
NOW = at("2026-03-01 10:00")
LATER = at("2026-03-05 10:00")


def run(texts: Texts, store: PortfolioStore, now: datetime = NOW, **options: Any) -> Report | Refused:
    return import_portfolio(lines_of(texts), store, SHELF, phone_problem, phone_zones, now, **options)


def agendas(book: MemoryBook) -> dict[Line, tuple[str, ...]]:
    return {line: book.agenda(line, "S000", None, 1000).keys for line in Line}


def state(book: MemoryBook) -> dict[str, Any]:
    """Everything that stands in the book but revisions."""
    kinds = (ContactCard, Loan, Instalment, LedgerEntry)
    rows = [str(row) for kind in kinds for row in book.scan(kind)]
    return {"rows": sorted(rows), "agendas": agendas(book)}


def test_a_portfolio_is_written_and_opened() -> None:
    book = MemoryBook()
    assert run(GOOD, book) == Report(
        {"borrowers.csv": 2, "loans.csv": 3, "instalments.csv": 6, "mandates.csv": 2, "payments.csv": 2}, 15, 2
    )
    assert agendas(book) == {
        Line.CONTACT: ("B1", "B2"),
        Line.DEBIT: ("L1#003",),
        Line.STAGE: ("L1", "L3"),
    }
    file = book.borrower_file("B1")
    assert file is not None
    assert file.card.loan_ids == ("L1",), "what is settled is not followed"


def test_the_same_files_again_write_nothing() -> None:
    book = MemoryBook()
    run(GOOD, book)
    before = state(book)
    again = run(GOOD, book, LATER)
    assert isinstance(again, Report)
    assert (again.written, again.opened) == (0, 0)
    assert state(book) == before


def zones(book: MemoryBook) -> tuple[str, ...]:
    file = book.borrower_file("B1")
    assert file is not None
    return file.borrower.zones


def test_a_borrower_may_be_where_the_phones_area_code_says() -> None:
    book = MemoryBook()
    run(with_cell(RICH, "borrowers.csv", 2, "phone", "+12125550123"), book)
    assert zones(book) == ("Asia/Shanghai", "America/New_York")


def test_a_zone_that_the_line_names_already_is_not_added() -> None:
    for column, value in (("time_zone", "America/New_York"), ("other_zones", "America/New_York")):
        book = MemoryBook()
        texts = with_cell(
            with_cell(RICH, "borrowers.csv", 2, "phone", "+12125550123"), "borrowers.csv", 2, column, value
        )
        run(texts, book)
        assert sorted(zones(book)) == sorted({"America/New_York", "Asia/Shanghai" if column != "time_zone" else value})


def test_another_numbering_plan_does_not_make_a_line_another() -> None:
    """Plans change with the library; what was imported stays as it is, and its line is not refused."""
    book = MemoryBook()
    run(GOOD, book)
    again = import_portfolio(lines_of(GOOD), book, SHELF, phone_problem, lambda _: ("Asia/Urumqi",), LATER)
    assert isinstance(again, Report)
    assert (again.written, zones(book)) == (0, ("Asia/Shanghai",))


def test_bad_lines_are_listed_and_nothing_is_written() -> None:
    book = MemoryBook()
    refused = run(with_cell(GOOD, "payments.csv", 3, "amount", "x"), book)
    assert isinstance(refused, Refused)
    assert [f.line for f in refused.findings] == [3]
    assert not state(book)["rows"]


@pytest.mark.parametrize(
    ("file", "line", "column", "value"),
    [
        ("borrowers.csv", 2, "name", "王方"),
        ("loans.csv", 2, "disbursed_on", "2025-12-09"),
        ("instalments.csv", 4, "due_on", "2026-03-11"),
        ("mandates.csv", 2, "status", "cancelled"),
        ("payments.csv", 2, "amount", "1015.01"),
    ],
)
def test_a_changed_line_is_listed_and_nothing_is_written(file: str, line: int, column: str, value: str) -> None:
    book = MemoryBook()
    run(GOOD, book)
    before = state(book)
    texts = with_line(GOOD, "borrowers.csv", 4, "B3,New,,en,UTC,GB")
    refused = run(with_cell(texts, file, line, column, value), book, LATER)
    assert isinstance(refused, Refused)
    assert [(f.file, f.line) for f in refused.findings] == [(file, line)]
    assert "differs from what was imported" in refused.findings[0].reason
    assert state(book) == before


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        (with_line(GOOD, "payments.csv", 4, "P4,L1,5.00,2026-02-01"), ("payments.csv", 4)),
        (with_line(GOOD, "mandates.csv", 4, "M4,L2,stub,paid-4,2026-01-10,active"), ("mandates.csv", 4)),
        (with_line(GOOD, "instalments.csv", 8, "L2,2,2026-03-10,0,1.00,0"), ("instalments.csv", 8)),
        (without_line(GOOD, "payments.csv", 2), ("loans.csv", 2)),
        (without_line(GOOD, "mandates.csv", 3), ("loans.csv", 4)),
    ],
)
def test_a_loan_is_imported_as_a_whole(texts: Texts, place: tuple[str, int]) -> None:
    book = MemoryBook()
    run(GOOD, book)
    before = state(book)
    refused = run(texts, book, LATER)
    assert isinstance(refused, Refused)
    assert [(f.file, f.line) for f in refused.findings] == [place]
    assert state(book) == before


def test_a_borrowers_new_loan_joins_the_card_that_works_already() -> None:
    book = MemoryBook()
    run(GOOD, book)
    texts = with_line(GOOD, "loans.csv", 5, "L4,B1,wangshangdai,CNY,2026-03-02,100")
    texts = with_line(texts, "instalments.csv", 8, "L4,1,2026-04-02,100,0,0")
    report = run(texts, book, LATER)
    assert isinstance(report, Report)
    assert (report.written, report.opened) == (2, 1)
    file = book.borrower_file("B1")
    assert file is not None
    assert file.card.loan_ids == ("L1", "L4")
    assert file.card.step == NOW, "an earlier look is not put off"
    assert "L4" in agendas(book)[Line.STAGE]


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[str, int, int]] = []
    run(GOOD, MemoryBook(), progress=lambda *step: told.append(step))
    assert {what: (done, total) for what, done, total in told} == {
        "checked": (17, 17),
        "written": (17, 17),
        "opened": (2, 2),
    }


class Failing:
    """A store that fails at its nth call, before or after the call took effect, or halfway through it."""

    def __init__(self, book: MemoryBook, at_call: int, share: float) -> None:
        self._book = book
        self._left = at_call
        self._share = share

    def _call[R](self, rows: Sequence[Any], do: Callable[[Sequence[Any]], R]) -> R:
        self._left -= 1
        if self._left == 0:
            do(rows[: int(len(rows) * self._share)])
            raise StoreError("gone")
        return do(rows)

    def fingerprints(self, rows: Sequence[Imported]) -> Mapping[int, str]:
        return self._call(rows, self._book.fingerprints)

    def write(self, rows: Sequence[Imported]) -> int:
        return self._call(rows, self._book.write)

    def unopened(self, loan_ids: Sequence[str]) -> frozenset[str]:
        return self._call(loan_ids, self._book.unopened)

    def open(self, rows: Sequence[Loan | Instalment], at: datetime) -> int:
        return self._call(rows, lambda some: self._book.open(some, at))

    def scan(self, kind: type[Any]) -> Any:
        return self._book.scan(kind)


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_an_interrupted_import_is_completed_by_running_it_again(share: float) -> None:
    whole = MemoryBook()
    run(GOOD, whole)
    for call in range(1, 9):
        book = MemoryBook()
        try:
            run(GOOD, Failing(book, call, share))
        except StoreError:
            loans = {getattr(loan, "loan_id", "") for loan in book.scan(Loan)}
            if loans != {"L1", "L2", "L3"}:
                assert not any(agendas(book).values()), f"on an agenda before all was written: call {call}"
        else:
            assert call == 8, "an import takes seven calls"
        run(GOOD, book)
        assert state(book) == state(whole), f"call {call}"


def test_a_loan_that_stands_in_the_book_is_whole() -> None:
    for call in range(1, 8):
        book = MemoryBook()
        with pytest.raises(StoreError):
            run(GOOD, Failing(book, call, 0.5))
        loans = {getattr(loan, "loan_id", "") for loan in book.scan(Loan)}
        stored = [*book.scan(Instalment), *book.scan(Mandate), *book.scan(LedgerEntry)]
        parts = Counter(getattr(row, "loan_id", "") for row in stored)
        assert {loan_id: parts[loan_id] for loan_id in loans}.items() <= {"L1": 5, "L2": 2, "L3": 3}.items()


def test_files_that_changed_after_an_interruption_are_refused() -> None:
    for call in range(4, 8):
        book = MemoryBook()
        with pytest.raises(StoreError):
            run(GOOD, Failing(book, call, 0.5))
        for texts in (without_line(GOOD, "payments.csv", 2), without_line(GOOD, "mandates.csv", 2)):
            assert isinstance(run(texts, book), Refused), f"call {call}"


def test_two_imports_at_once_do_not_both_open() -> None:
    book = MemoryBook()

    class Raced(Failing):
        def write(self, rows: Sequence[Imported]) -> int:
            return book.write(rows) - 1  # somebody else put one of them

    with pytest.raises(StoreError, match="another import"):
        run(GOOD, Raced(book, 99, 0))
    assert not any(agendas(book).values())
