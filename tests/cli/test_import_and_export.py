"""`duebell import` and `duebell export` over DynamoDB tables."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import boto3
import pytest

from tests.cli.conftest import Duebell
from tests.portfolios import GOOD, RICH, with_cell, with_columns, with_line, write


def rows(path: Path) -> list[dict[str, str]]:
    """A file's rows by column, in the order of their first two."""
    with path.open(encoding="utf-8", newline="") as stream:
        return sorted(csv.DictReader(stream), key=lambda row: list(row.values())[:2])


def count(names: dict[str, str]) -> int:
    client = boto3.client("dynamodb")
    found: list[int] = [client.scan(TableName=name, Select="COUNT")["Count"] for name in names.values()]
    return sum(found) - 1  # but the clock


def test_a_portfolio_is_imported_and_a_second_time_nothing_is_written(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    folder = write(GOOD, tmp_path / "in")
    first = duebell("import", "--dir", folder)
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[-2:] == ["written: 15", "opened: 2"]
    before = count(tables)
    again = duebell("import", "--dir", folder)
    assert again.code == 0
    assert "written: 0" in again.out.splitlines()
    assert count(tables) == before == 17


def test_the_answer_for_programs_is_json(duebell: Duebell, tables: dict[str, str], tmp_path: Path) -> None:
    ran = duebell("import", "--dir", write(GOOD, tmp_path / "in"), "--json")
    assert json.loads(ran.out) == {
        "lines": {"borrowers.csv": 2, "loans.csv": 3, "instalments.csv": 6, "mandates.csv": 2, "payments.csv": 2},
        "written": 15,
        "opened": 2,
        "findings": [],
        "warnings": [],
    }


def test_a_terminal_shows_progress_and_a_program_sees_none(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    folder = write(GOOD, tmp_path / "in")
    ran = duebell("import", "--dir", folder)
    for what in ("checked", "written", "opened"):
        assert what in ran.err
    assert ran.out.splitlines()[-2:] == ["written: 15", "opened: 2"]
    assert duebell("import", "--dir", folder, "--json").err == ""


def test_every_bad_line_is_listed_and_nothing_is_written(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    texts = with_cell(GOOD, "borrowers.csv", 2, "phone", "0044 7700 900001")
    texts = with_line(texts, "instalments.csv", 3, "L1,2")
    ran = duebell("import", "--dir", write(texts, tmp_path / "in"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "borrowers.csv:2: phone is not a phone number in E.164, such as +447700900123",
        "instalments.csv:3: has 2 fields, the header has 6",
        "duebell: nothing was imported: 2 findings",
    ]
    assert count(tables) == 0
    found = json.loads(duebell("import", "--dir", tmp_path / "in", "--json").out)
    assert found["written"] == 0
    assert [(f["file"], f["line"], f["column"]) for f in found["findings"]] == [
        ("borrowers.csv", 2, "phone"),
        ("instalments.csv", 3, ""),
    ]


def test_a_changed_line_is_listed_and_nothing_is_written(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    duebell("import", "--dir", write(GOOD, tmp_path / "in"))
    before = count(tables)
    texts = with_line(
        with_cell(GOOD, "loans.csv", 2, "disbursed_on", "2025-12-09"), "borrowers.csv", 4, "B3,N,,en,UTC,GB"
    )
    ran = duebell("import", "--dir", write(texts, tmp_path / "changed"))
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "loans.csv:2: differs from what was imported from it before"
    assert count(tables) == before


def test_an_export_gives_back_what_was_imported(duebell: Duebell, tables: dict[str, str], tmp_path: Path) -> None:
    given, got = write(RICH, tmp_path / "in"), tmp_path / "out"
    duebell("import", "--dir", given)
    ran = duebell("export", "--dir", got)
    assert ran.code == 0
    for name in ("borrowers.csv", "loans.csv", "mandates.csv", "payments.csv"):
        assert rows(got / name) == rows(given / name)
    assert list(map(amounts, rows(got / "instalments.csv"))) == list(map(amounts, rows(given / "instalments.csv")))
    assert {path.name for path in got.iterdir()} == {
        "borrowers.csv", "loans.csv", "instalments.csv", "mandates.csv", "payments.csv",
        "attempts.csv", "notices.csv", "escalations.csv", "ledger.csv", "audit.csv",
    }  # fmt: skip


def amounts(row: dict[str, str]) -> dict[str, str]:
    """A row with its amounts written alike."""
    plain = {name: f"{Decimal(row[name] or '0'):.2f}" for name in ("principal", "interest", "fee", "penalty")}
    return row | plain


def test_a_mandate_that_debits_nothing_is_imported_with_a_warning(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    folder = write(with_cell(GOOD, "mandates.csv", 2, "rail", "carrier-pigeon"), tmp_path / "in")
    ran = duebell("import", "--dir", folder)
    assert (ran.code, ran.out.splitlines()[-2:]) == (0, ["written: 15", "opened: 2"])
    (line,) = ran.err.splitlines()
    assert line.startswith("warning: mandates.csv:2: rail has no pack that is valid today")
    (told,) = json.loads(duebell("import", "--dir", folder, "--json").out)["warnings"]
    assert (told["file"], told["line"], told["column"]) == ("mandates.csv", 2, "rail")


def test_files_of_before_and_the_same_with_empty_columns_are_the_same_lines(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    duebell("import", "--dir", write(GOOD, tmp_path / "in"))
    texts = with_columns(GOOD, "mandates.csv", expires_on=["", ""], funding=["", ""])
    again = duebell("import", "--dir", write(texts, tmp_path / "again"))
    assert (again.code, again.out.splitlines()[-2:]) == (0, ["written: 0", "opened: 0"])


def test_an_export_is_sorted_and_can_be_imported(duebell: Duebell, tables: dict[str, str], tmp_path: Path) -> None:
    header, *lines = GOOD["instalments.csv"].splitlines()
    texts = {**GOOD, "instalments.csv": "\n".join([header, *reversed(lines)]) + "\n"}
    duebell("import", "--dir", write(texts, tmp_path / "in"))
    duebell("export", "--dir", tmp_path / "out")
    with (tmp_path / "out" / "instalments.csv").open() as stream:
        keys = [(row["loan_id"], row["number"]) for row in csv.DictReader(stream)]
    assert keys == sorted(keys)
    again = duebell("import", "--dir", tmp_path / "out")
    assert (again.code, again.out.splitlines()[-2:]) == (0, ["written: 0", "opened: 0"])


def test_an_export_never_writes_over_files(duebell: Duebell, tables: dict[str, str], tmp_path: Path) -> None:
    folder = write(GOOD, tmp_path / "in")
    ran = duebell("export", "--dir", folder)
    assert ran.code == 2
    assert ran.err == f"duebell: {folder} holds borrowers.csv already: name an empty folder\n"
    assert (folder / "borrowers.csv").read_text(encoding="utf-8") == GOOD["borrowers.csv"]


def test_the_counts_of_an_export_are_json_too(duebell: Duebell, tables: dict[str, str], tmp_path: Path) -> None:
    duebell("import", "--dir", write(GOOD, tmp_path / "in"))
    ran = duebell("export", "--dir", tmp_path / "out", "--json")
    assert json.loads(ran.out)["rows"]["instalments.csv"] == 6


def test_a_clock_that_was_never_set_is_said_so(duebell: Duebell, tables: dict[str, str], tmp_path: Path) -> None:
    boto3.client("dynamodb").delete_item(TableName=tables["control"], Key={"name": {"S": "CLOCK"}})
    ran = duebell("import", "--dir", write(GOOD, tmp_path / "in"))
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "simulated instant is missing" in ran.err


@pytest.mark.parametrize("name", ["loans.csv", "borrowers.csv"])
def test_a_missing_file_is_a_finding(duebell: Duebell, tables: dict[str, str], tmp_path: Path, name: str) -> None:
    folder = write(GOOD, tmp_path / "in")
    (folder / name).unlink()
    ran = duebell("import", "--dir", folder)
    assert ran.code == 2
    assert ran.err.splitlines() == [f"{name}:1: is missing", "duebell: nothing was imported: 1 finding"]
