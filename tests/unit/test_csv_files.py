"""How a portfolio's files are read: every form that is good, and one clear finding for each that is not."""

from pathlib import Path

import pytest

from shared.adapters.csv_files import open_portfolio, read_lines, write_files
from shared.domain.errors import InputError
from shared.domain.portfolio import Finding, SourceLine
from tests.portfolios import GOOD, write

COLUMNS = ("payment_id", "loan_id", "amount", "paid_on")
HEADER = "payment_id,loan_id,amount,paid_on"
ROW = "P1,L1,10.00,2026-01-10"
AS_READ = {"payment_id": "P1", "loan_id": "L1", "amount": "10.00", "paid_on": "2026-01-10"}


def read(tmp_path: Path, content: bytes) -> list[SourceLine | Finding]:
    (tmp_path / "payments.csv").write_bytes(content)
    return list(read_lines(tmp_path / "payments.csv", "payments.csv", COLUMNS))


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{ROW}\n".encode(),
        f"{HEADER}\n{ROW}".encode(),
        f"{HEADER}\r\n{ROW}\r\n".encode(),
        b"\xef\xbb\xbf" + f"{HEADER}\n{ROW}\n".encode(),
        f"{HEADER}\n{ROW}\n\n\n".encode(),
        b"loan_id,paid_on,payment_id,amount\nL1,2026-01-10,P1,10.00\n",
        b'"payment_id","loan_id","amount","paid_on"\n"P1","L1","10.00","2026-01-10"\n',
    ],
    ids=["plain", "no newline at the end", "CRLF", "byte order mark", "blank lines", "other order", "quotes"],
)
def test_all_usual_forms_read_the_same(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == [SourceLine(2, AS_READ)]


def test_a_line_is_numbered_where_it_begins(tmp_path: Path) -> None:
    content = f'{HEADER}\nP1,"L\n1",10.00,2026-01-10\n\n{ROW}\n'.encode()
    assert [line.line for line in read(tmp_path, content)] == [2, 5]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", [(1, "is empty: the first line names the columns payment_id,loan_id,amount,paid_on")]),
        (ROW.encode(), [(1, "must name the columns: payment_id,loan_id,amount,paid_on")]),
        (f"{HEADER},note\n{ROW},x\n".encode(), [(1, "column 5 is none of payment_id, loan_id, amount, paid_on")]),
        (b"payment_id,loan_id,amount\nP1,L1,10\n", [(1, "has no column paid_on")]),
        (f"{HEADER},amount\n{ROW},1\n".encode(), [(1, "has column amount more than once")]),
        (HEADER.replace(",", ";").encode(), [(1, "must name the columns: payment_id,loan_id,amount,paid_on")]),
        (f"{HEADER}\n{ROW},x\n{ROW}\nP1,L1\n".encode(), [(2, "has 5 fields, the header has 4"), (4, "has 2 fields")]),
        (f"{HEADER}\n".encode() + b"P\xe11,L1,1,2\n" + ROW.encode(), [(2, "is not UTF-8 (byte 2 of the line)")]),
        ("\ufeff".encode("utf-16-le") + HEADER.encode("utf-16-le"), [(1, "is not UTF-8 (byte 1 of the line)")]),
        (f"{HEADER}\nP\0,L1,1,2\n{ROW}\n".encode(), [(2, "holds a NUL character")]),
        (f'{HEADER}\nP1,L1,"1"0,2026-01-10\n'.encode(), [(2, "is not CSV from here on")]),
        (f'{HEADER}\n{ROW}\n"P1,L1,1,2026-01-10\n{ROW}\n'.encode(), [(3, "is not CSV from here on")]),
        (f'"{HEADER}\n'.encode(), [(1, "is not CSV")]),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_found_once_with_its_line(
    tmp_path: Path, content: bytes, expected: list[tuple[int, str]]
) -> None:
    findings = [line for line in read(tmp_path, content) if isinstance(line, Finding)]
    assert [f.line for f in findings] == [line for line, _ in expected]
    for finding, (_, reason) in zip(findings, expected, strict=True):
        assert reason in finding.reason
        assert "P1" not in finding.reason


def test_lines_after_a_torn_one_are_still_read(tmp_path: Path) -> None:
    content = f"{HEADER}\n".encode() + b"\xff\n" + f"{ROW}\nP1\n{ROW}\n".encode()
    assert [isinstance(line, SourceLine) for line in read(tmp_path, content)] == [False, True, False, True]


def test_lines_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_bytes(f"{HEADER}\n{ROW}\n\xff".encode("latin-1"))
    lines = iter(read_lines(tmp_path / "payments.csv", "payments.csv", COLUMNS))
    assert isinstance(next(lines), SourceLine)


def test_a_portfolio_is_its_five_files(tmp_path: Path) -> None:
    assert {name: len(list(lines)) for name, lines in open_portfolio(write(GOOD, tmp_path)).items()} == {
        "borrowers.csv": 2,
        "loans.csv": 3,
        "instalments.csv": 6,
        "mandates.csv": 2,
        "payments.csv": 2,
    }


def test_a_missing_file_and_a_misspelt_one_are_findings(tmp_path: Path) -> None:
    folder = write(GOOD, tmp_path)
    (folder / "loans.csv").unlink()
    (folder / "mandates.csv").rename(folder / "Mandate.CSV")
    (folder / "notices.csv").write_text("from an export")
    (folder / "README.md").write_text("not of our business")
    files = open_portfolio(folder)
    assert files["loans.csv"] == [Finding("loans.csv", 1, "", "is missing")]
    assert [f.line for f in files["Mandate.CSV"]] == [1]
    assert set(files) == {"borrowers.csv", "loans.csv", "instalments.csv", "payments.csv", "Mandate.CSV"}


def test_a_folder_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        open_portfolio(tmp_path / "nowhere")


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    row = dict(zip(COLUMNS, ("P1", "L,1", 'a "b"\nc', "2026-01-10"), strict=True))
    assert write_files(tmp_path / "out", {"payments.csv": [row]}) == {"payments.csv": 1}
    (line,) = read_lines(tmp_path / "out" / "payments.csv", "payments.csv", COLUMNS)
    assert isinstance(line, SourceLine)
    assert line.values == row
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["payments.csv"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("no folder")
    with pytest.raises(InputError, match=r"out cannot be written: "):
        write_files(tmp_path / "out", {"ledger.csv": []})


def test_an_export_never_writes_over_files(tmp_path: Path) -> None:
    write(GOOD, tmp_path)
    with pytest.raises(InputError, match=r"holds payments.csv already"):
        write_files(tmp_path, {"ledger.csv": [], "payments.csv": []})
    assert not (tmp_path / "ledger.csv").exists()


def test_a_file_may_have_columns_that_are_not_asked_for_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "payments.csv"
    for header, problems in (
        ("payment_id,loan_id,amount,paid_on,note", []),
        ("note,payment_id,loan_id,amount,paid_on", []),
        ("payment_id,loan_id,amount,paid_on,other", ["column 5 is none of payment_id, loan_id, amount, paid_on, note"]),
        ("payment_id,loan_id,amount,paid_on,note,note", ["has column note more than once"]),
        ("payment_id,loan_id,amount,note", ["has no column paid_on"]),
    ):
        path.write_text(f"{header}\n", encoding="utf-8")
        found = list(read_lines(path, path.name, COLUMNS, ("note",)))
        assert [line.reason for line in found if isinstance(line, Finding)] == problems, header
