"""`duebell forecast` and `duebell policy diff` over a stack's book: everything is read, nothing is written."""

import json
from pathlib import Path
from typing import Any

import boto3

from tests.cli.conftest import Duebell, set_clock
from tests.portfolios import GOOD, write

OPEN: dict[str, Any] = {"name": {"S": "SWITCHES"}, "on": {"BOOL": True}, "off": {"L": []}}
DAYS = ("--from", "2026-03-01", "--to", "2026-03-12")
PACKS = Path(__file__).parents[2] / "shared" / "policies"


def everything(names: dict[str, str]) -> list[str]:
    client = boto3.client("dynamodb")
    return sorted(
        json.dumps(item, sort_keys=True) for n in names.values() for item in client.scan(TableName=n)["Items"]
    )


def opened(duebell: Duebell, tables: dict[str, str], folder: Path) -> None:
    assert duebell("import", "--dir", write(GOOD, folder)).code == 0
    boto3.client("dynamodb").put_item(TableName=tables["control"], Item=OPEN)


def test_the_stack_s_book_is_forecast_and_left_as_it_is(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    opened(duebell, tables, tmp_path / "in")
    before = everything(tables)
    ran = duebell("forecast", *DAYS, "--currency", "CNY", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert everything(tables) == before
    answer = json.loads(ran.out)
    of_day = {day["date"]: day for day in answer["days"]}
    assert len(of_day) == 12
    assert of_day["2026-03-10"]["debits"] == {"paid": {"count": 1, "amount": "1005.00"}}
    assert of_day["2026-03-10"]["messages"]["RECEIVED"] == {"sms": 1}
    assert answer["summary"]["failures"] == {}


def test_people_read_a_day_s_messages_debits_and_what_waits(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    opened(duebell, tables, tmp_path / "in")
    ran = duebell("forecast", *DAYS, "--currency", "CNY", "--assume", "insufficient", "--out", tmp_path / "out")
    assert "2026-03-10  1 messages, 3 debits for 3015.00" in ran.out.splitlines()
    assert "    debits    insufficient 3" in ran.out.splitlines()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "attempts.csv",
        "daily.csv",
        "escalations.csv",
        "notices.csv",
        "summary.json",
    ]


def test_a_board_that_nobody_opened_is_forecast_as_one(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    duebell("import", "--dir", write(GOOD, tmp_path / "in"))
    ran = duebell("forecast", *DAYS, "--currency", "CNY")
    assert "switched off, and played so: everything" in ran.err
    assert ran.out.splitlines()[-1] == "0 messages, 0 debits, debited 0.00 CNY"


def test_two_currencies_and_a_day_that_is_over_are_refused(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    opened(duebell, tables, tmp_path / "in")
    assert "loans in CNY, CZK: name one with --currency" in duebell("forecast", *DAYS).err
    set_clock(boto3.client("dynamodb"), tables, "2026-03-02T02:00:00Z")
    assert "the book stands as of 2026-03-02" in duebell("forecast", *DAYS, "--currency", "CNY").err


def changed_packs(folder: Path) -> Path:
    folder.mkdir()
    for path in PACKS.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        if path.name == "lender.toml":
            assert "reminder_days = { value = [7, 3, 1]" in text
            text = text.replace("reminder_days = { value = [7, 3, 1]", "reminder_days = { value = [5, 3, 1]")
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def test_a_policy_diff_names_whose_messages_of_a_day_change(
    duebell: Duebell, tables: dict[str, str], tmp_path: Path
) -> None:
    opened(duebell, tables, tmp_path / "in")
    before, packs = everything(tables), changed_packs(tmp_path / "packs")
    over = ("--stack", "duebell", "--currency", "CNY", "--on", "2026-03-05")
    ran = duebell("policy", "diff", PACKS, packs, *over)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0].startswith("changed: lender: contact.reminder_days")
    (line,) = (line for line in ran.out.splitlines() if line.startswith("message: "))
    assert line.startswith("message: B1: REMIND_5#L1#003#0: nothing -> 2026-03-05T01:00Z sms text ")
    assert ran.out.splitlines()[-1] == "on 2026-03-05 change: messages of 1 borrowers, debits of 0 loans"
    same = duebell("policy", "diff", PACKS, PACKS, *over).out.splitlines()
    assert same == ["no leaf differs", "on 2026-03-05 nobody's messages or debits change"]
    assert everything(tables) == before


def test_a_policy_diff_over_files_needs_no_stack(duebell: Duebell, tmp_path: Path) -> None:
    texts = {name: text for name, text in GOOD.items() if name != "payments.csv"}
    texts["loans.csv"] = texts["loans.csv"].replace("CZK", "CNY")
    folder, packs = write(texts, tmp_path / "in"), changed_packs(tmp_path / "packs")
    over = ("--book", folder, "--on", "2026-03-05", "--from", "2026-03-01", "--json")
    answer = json.loads(duebell("policy", "diff", PACKS, packs, *over).out)
    assert answer["day"] == "2026-03-05"
    assert {(change["what"], change["key"].partition("#")[0]) for change in answer["of_the_day"]} == {
        ("message", "REMIND_5")
    }


def test_one_book_at_a_time(duebell: Duebell, tmp_path: Path) -> None:
    ran = duebell("policy", "diff", PACKS, PACKS, "--book", tmp_path, "--stack", "duebell")
    assert (ran.code, ran.err) == (2, "duebell: --book and --stack: name one of them\n")
    assert "--from goes with --book" in duebell("policy", "diff", PACKS, PACKS, "--from", "2026-03-01").err
