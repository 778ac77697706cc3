"""`duebell behaviour`: what the book's borrowers did after messages, compared, and written as a pack."""

import tomllib
from pathlib import Path

from shared.domain.learning import read_behaviour
from shared.domain.packs import parse_pack
from tests.cli.operating.conftest import Ask

MARCH = ("--from", "2026-03-01", "--to", "2026-03-31")


def test_a_report_compares_those_learned_on_with_those_held_out(ask: Ask) -> None:
    said = ask("behaviour", "report", *MARCH, "--json")
    assert (said.code, said.err) == (0, "")
    whole, *rows = said.json["rows"]
    assert (whole["product"], whole["tier"]) == ("all", "all")
    told = whole["learned"]["told"] + whole["held_out"]["told"]
    assert told == 3  # borrowers, each by the first message
    assert [row["tier"] for row in rows] == ["REMIND_7", "REMIND_3", "REMIND_1", "OVERDUE_3", "OVERDUE_7", "OVERDUE_15"]
    assert whole["lift"]["low"] <= whole["lift"]["value"] <= whole["lift"]["high"]
    assert all(row["told"] for row in said.json["arms"])


def test_a_report_is_a_table_for_people(ask: Ask) -> None:
    said = ask("behaviour", "report", *MARCH)
    assert said.code == 0
    assert "95 % interval" in said.out
    assert "held out" in said.out
    assert "jiebei" in said.out


def test_one_borrower_s_messages_are_told_one_by_one(ask: Ask) -> None:
    said = ask("behaviour", "report", *MARCH, "--borrower", "b-1", "--json")
    assert said.code == 0
    rows = [(row["on"], row["tier"], row["arm"], row["repaid"]) for row in said.json]
    assert ("2026-03-03", "REMIND_7", "sms-1200", False) in rows
    assert "too early" not in ask("behaviour", "report", *MARCH, "--borrower", "b-1").out
    missing = ask("behaviour", "report", *MARCH, "--borrower", "nobody")
    assert (missing.code, missing.err.strip()) == (2, "duebell: there is no borrower nobody")


def test_what_was_counted_is_written_as_a_pack_once(ask: Ask, tmp_path: Path) -> None:
    said = ask("behaviour", "learn", *MARCH, "--out", str(tmp_path), "--json")
    assert (said.code, said.err) == (0, "")
    (path,) = tmp_path.iterdir()
    assert (said.json["file"], said.json["valid_from"]) == (str(path), "2026-04-10")
    assert path.name == "behaviour.20260410.toml"  # tomorrow
    counted = read_behaviour(parse_pack(tomllib.loads(path.read_text(encoding="utf-8"))))
    assert "REMIND_7.sms-1200" in counted["jiebei"]
    before = path.read_bytes()
    again = ask("behaviour", "learn", *MARCH, "--out", str(tmp_path))
    assert again.code == 2
    assert "is there already" in again.err
    assert path.read_bytes() == before


def test_wrong_days_and_folders_are_refused(ask: Ask, tmp_path: Path) -> None:
    for options, problem in (
        (("report", "--from", "2026-03-02", "--to", "2026-03-01"), "--to: 2026-03-01 is before 2026-03-02"),
        (("learn", *MARCH, "--out", str(tmp_path / "none")), "is no folder"),
        (("learn", *MARCH, "--out", str(tmp_path), "--valid-from", "2026-04-09"), "2026-04-09 has begun"),
        (("learn", "--from", "2026-04-09", "--out", str(tmp_path)), "can be learned from yet"),
    ):
        said = ask("behaviour", *options)
        assert (said.code, problem in said.err) == (2, True), said.err
    assert not list(tmp_path.iterdir())
