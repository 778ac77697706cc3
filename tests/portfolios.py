"""A small portfolio as CSV texts, and ways to change one cell or line of it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from shared.domain.portfolio import Finding, SourceLine

type Texts = Mapping[str, str]

GOOD: Texts = {
    "borrowers.csv": """\
borrower_id,name,phone,locale,time_zone,country
B1,王芳,+447700900001,zh-CN,Asia/Shanghai,CN
B2,Anna Dvořáková,,cs-CZ,Europe/Prague,CZ
""",
    "loans.csv": """\
loan_id,borrower_id,product,currency,disbursed_on,principal
L1,B1,jiebei,CNY,2025-12-10,3000.00
L2,B1,huabei,CNY,2026-01-10,500.00
L3,B2,baitiao,CZK,2025-11-05,2000.00
""",
    "instalments.csv": """\
loan_id,number,due_on,principal,interest,fee
L1,1,2026-01-10,1000.00,15.00,0
L1,2,2026-02-10,1000.00,10.00,0
L1,3,2026-03-10,1000.00,5.00,0
L2,1,2026-02-10,500.00,0,2.50
L3,1,2025-12-05,1000.00,0,0
L3,2,2026-03-05,1000.00,0,0
""",
    "mandates.csv": """\
mandate_id,loan_id,rail,account_ref,signed_on,status
M1,L1,stub,balance-1,2025-12-10,active
M3,L3,stub,paid-3,2025-11-05,suspended
""",
    "payments.csv": """\
payment_id,loan_id,amount,paid_on
P1,L1,1015.00,2026-01-10
P2,L2,502.50,2026-02-09
""",
}


def with_columns(texts: Texts, file: str, **columns: Sequence[str]) -> dict[str, str]:
    """The portfolio with more columns: a value for each line after the header."""
    header, *lines = texts[file].splitlines()
    values = list(zip(*columns.values(), strict=True))
    more = [",".join((line, *cells)) for line, cells in zip(lines, values, strict=True)]
    return {**texts, file: "\n".join((",".join((header, *columns)), *more)) + "\n"}


def _with_all_columns() -> dict[str, str]:
    more = {
        "payday": ["", "31"],
        "email": ["fang@example.com", ""],
        "push": ["", "arn:aws:sns:eu-central-1:123456789012:endpoint/GCM/duebell/1f0c7f0e-0000-4000-8000-000000000001"],
        "other_zones": ["", "Europe/London;America/New_York"],
    }
    texts = with_columns(GOOD, "borrowers.csv", **more)
    texts = with_columns(texts, "instalments.csv", penalty=["", "", "7.50", "", "0", "3"])
    dates, accounts = ["2027-12-31", ""], ["balance:balance-1 debit-card:card:1", ""]
    return with_columns(texts, "mandates.csv", expires_on=dates, funding=accounts)


def with_line(texts: Texts, file: str, line: int, content: str) -> dict[str, str]:
    """The portfolio with a line (the header is line 1) said otherwise; one beyond the end is added."""
    lines = texts[file].splitlines()
    lines[line - 1 : line] = [content]
    return {**texts, file: "\n".join(lines) + "\n"}


def without_line(texts: Texts, file: str, line: int) -> dict[str, str]:
    lines = texts[file].splitlines()
    del lines[line - 1]
    return {**texts, file: "\n".join(lines) + "\n"}


def with_cell(texts: Texts, file: str, line: int, column: str, value: str) -> dict[str, str]:
    lines = texts[file].splitlines()
    cells = lines[line - 1].split(",")
    cells[lines[0].split(",").index(column)] = value
    return with_line(texts, file, line, ",".join(cells))


RICH: Texts = _with_all_columns()
"""The same with every column that a file may lack."""


def lines_of(texts: Texts) -> dict[str, Iterable[SourceLine | Finding]]:
    """What the reader makes of texts that hold no quotes."""
    return {file: list(_lines(text)) for file, text in texts.items()}


def _lines(text: str) -> Iterable[SourceLine]:
    header, *rows = [line.split(",") for line in text.splitlines()]
    return [SourceLine(n, dict(zip(header, row, strict=True))) for n, row in enumerate(rows, 2)]


def write(texts: Texts, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for file, text in texts.items():
        (folder / file).write_bytes(text.encode())
    return folder
