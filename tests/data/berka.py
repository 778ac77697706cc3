"""The Berka loans as a portfolio: 682 real loans of a Czech bank, 1993 to 1998, moved on by 28 years.

After 28 years every date falls on the same weekday again. The data holds no phone numbers, no names and no single
payments: phones come from a range reserved for fiction, and how a borrower pays is simulated. Nothing here is drawn by
chance, and nothing is imported of what is tested with it.
"""

import csv
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

YEARS_ON = 28
CURRENCY = "CZK"
FIRST_PHONE = 447700900000
FALLS_BEHIND = ("B", "D")


@dataclass(frozen=True, slots=True)
class BerkaLoan:
    """A loan with its schedule. `pays_up_to` is the number of the last instalment that is ever paid."""

    loan_id: str
    borrower_id: str
    account_ref: str
    mandate_id: str
    granted_on: date
    instalment: Decimal
    due_on: tuple[date, ...]
    pays_up_to: int

    @property
    def principal(self) -> Decimal:
        return self.instalment * len(self.due_on)

    @property
    def instalments(self) -> Iterator[tuple[int, date]]:
        return enumerate(self.due_on, 1)


@dataclass(frozen=True, slots=True)
class AccountCredit:
    """Money that comes in on a borrower's account on a day: just enough for one instalment."""

    loan_id: str
    number: int
    account_ref: str
    amount: Decimal
    on: date


def read_loans(folder: Path) -> tuple[BerkaLoan, ...]:
    """The loans by id. Raises ValueError where the data is not what its description says."""
    owners = {row["account_id"]: row["client_id"] for row in _rows(folder / "disp.asc") if row["type"] == "OWNER"}
    orders = {row["account_id"]: row["order_id"] for row in _rows(folder / "order.asc") if row["k_symbol"] == "UVER"}
    loans = sorted(_rows(folder / "loan.asc"), key=lambda row: int(row["loan_id"]))
    return tuple(_loan(row, owners[row["account_id"]], orders[row["account_id"]]) for row in loans)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="latin-1", newline="") as stream:
        yield from csv.DictReader(stream, delimiter=";")


def _loan(row: dict[str, str], owner: str, order: str) -> BerkaLoan:
    granted_on = _moved(row["date"])
    count = int(row["duration"])
    loan = BerkaLoan(
        loan_id=f"L{row['loan_id']}",
        borrower_id=f"C{owner}",
        account_ref=f"balance-{row['account_id']}",
        mandate_id=f"M{order}",
        granted_on=granted_on,
        instalment=Decimal(row["payments"]),
        due_on=tuple(_months_after(granted_on, months) for months in range(1, count + 1)),
        pays_up_to=count // 2 if row["status"] in FALLS_BEHIND else count,
    )
    if loan.principal != Decimal(row["amount"]):
        raise ValueError(f"loan {row['loan_id']}: {count} payments do not add up to its amount")
    return loan


def _moved(text: str) -> date:
    """A date written yymmdd, so many years later."""
    return date(1900 + int(text[:2]) + YEARS_ON, int(text[2:4]), int(text[4:6]))


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def write_portfolio(
    loans: Sequence[BerkaLoan], folder: Path, first_day: date, without_mandate: frozenset[str] = frozenset()
) -> None:
    """Writes the five files of an import; what is due before the first day was paid on its day by who pays.

    All loans have a mandate but those named, which makes another book of the same data. Borrowers live under the rules
    of the lender's own country, in Prague's hours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "borrowers.csv",
        "borrower_id name phone locale time_zone country",
        (
            (loan.borrower_id, f"Klient {loan.borrower_id}", f"+{FIRST_PHONE + place}", "cs-CZ", "Europe/Prague", "CN")
            for place, loan in enumerate(loans)
        ),
    )
    _write(
        folder / "loans.csv",
        "loan_id borrower_id product currency disbursed_on principal",
        ((loan.loan_id, loan.borrower_id, "jiebei", CURRENCY, loan.granted_on, loan.principal) for loan in loans),
    )
    _write(
        folder / "instalments.csv",
        "loan_id number due_on principal interest fee",
        ((loan.loan_id, number, due, loan.instalment, 0, 0) for loan in loans for number, due in loan.instalments),
    )
    _write(
        folder / "mandates.csv",
        "mandate_id loan_id rail account_ref signed_on status",
        (
            (loan.mandate_id, loan.loan_id, "stub", loan.account_ref, loan.granted_on, "active")
            for loan in loans
            if loan.loan_id not in without_mandate
        ),
    )
    _write(
        folder / "payments.csv",
        "payment_id loan_id amount paid_on",
        (
            (f"P{loan.loan_id}-{number}", loan.loan_id, loan.instalment, due)
            for loan in loans
            for number, due in loan.instalments
            if number <= loan.pays_up_to and due < first_day
        ),
    )


def _write(path: Path, columns: str, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns.split())
        writer.writerows(rows)


def credits_between(loans: Iterable[BerkaLoan], first_day: date, last_day: date) -> tuple[AccountCredit, ...]:
    """What comes in on the accounts during a run: whoever pays has an instalment's amount on its due date."""
    found = [
        AccountCredit(loan.loan_id, number, loan.account_ref, loan.instalment, due)
        for loan in loans
        for number, due in loan.instalments
        if number <= loan.pays_up_to and first_day <= due <= last_day
    ]
    return tuple(sorted(found, key=lambda credit: (credit.on, credit.loan_id)))


def busiest(loans: Iterable[BerkaLoan], first_day: date, days: int, count: int) -> tuple[BerkaLoan, ...]:
    """A slice of the book: loans in which most happens within some days, half of them such as fall behind."""
    last_day = first_day + timedelta(days=days - 1)

    def weight(loan: BerkaLoan) -> tuple[int, str]:
        unpaid = [due for number, due in loan.instalments if number > loan.pays_up_to]
        near = sum(first_day - timedelta(days=100) <= due <= last_day + timedelta(days=8) for due in unpaid)
        return -near - sum(first_day <= due <= last_day + timedelta(days=8) for due in loan.due_on), loan.loan_id

    behind = sorted((loan for loan in loans if loan.pays_up_to < len(loan.due_on)), key=weight)
    others = sorted((loan for loan in loans if loan.pays_up_to == len(loan.due_on)), key=weight)
    return tuple(sorted((*behind[: count // 2], *others[: count - count // 2]), key=lambda loan: loan.loan_id))
