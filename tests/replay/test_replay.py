"""A replay plays files as history: payments before the passes, both ends included, the same result every time."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Never

import pytest

from shared.cli.main import run

BORROWERS = "borrower_id,name,phone,locale,time_zone,country\n"
LOANS = "loan_id,borrower_id,product,currency,disbursed_on,principal\n"
INSTALMENTS = "loan_id,number,due_on,principal,interest,fee\n"
PAYMENTS = "payment_id,loan_id,amount,paid_on\n"
MANDATES = "mandate_id,loan_id,rail,account_ref,signed_on,status\n"


def portfolio(folder: Path, **files: str) -> Path:
    """One borrower in Shanghai with one loan of 100 yuan due on 2026-03-10, and what else is asked for."""
    texts = {
        "borrowers": BORROWERS + "b-1,Li,+8613800000001,zh-CN,Asia/Shanghai,CN\n",
        "loans": LOANS + "l-1,b-1,jiebei,CNY,2026-01-10,100.00\n",
        "instalments": INSTALMENTS + "l-1,1,2026-03-10,100.00,0.00,0.00\n",
    } | files
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def replay(folder: Path, out: Path, first: str = "2026-03-01", last: str = "2026-03-20", *more: str) -> int:
    return run(["replay", "--dir", str(folder), "--from", first, "--to", last, "--out", str(out), "--json", *more])


def rows(out: Path, name: str) -> Sequence[Mapping[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def told(out: Path) -> list[tuple[str, str]]:
    return [
        (row["business_date"], row["notice"].partition("#")[0])
        for row in rows(out, "notices.csv")
        if row["decision"] == "act"
    ]


def test_an_unpaid_instalment_is_reminded_of_and_ages(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert replay(portfolio(tmp_path / "in"), out) == 0
    assert sorted(told(out)) == [
        ("2026-03-03", "REMIND_7"),
        ("2026-03-07", "REMIND_3"),
        ("2026-03-09", "REMIND_1"),
        ("2026-03-10", "DUE"),
        ("2026-03-11", "OVERDUE_1"),
        ("2026-03-13", "OVERDUE_3"),
        ("2026-03-17", "OVERDUE_7"),
    ]
    assert rows(out, "escalations.csv") == [
        {"loan_id": "l-1", "instalment": "1", "bucket": "M1", "entered_on": "2026-03-11", "left_on": ""}
    ]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["messages"], summary["attempts"], summary["escalations"]["M1"]) == (7, 0, 1)


def test_every_bucket_stands_on_every_day_from_the_first_to_the_last(tmp_path: Path) -> None:
    out = tmp_path / "out"
    replay(portfolio(tmp_path / "in"), out)
    daily = rows(out, "daily.csv")
    assert (daily[0]["date"], daily[-1]["date"], len(daily)) == ("2026-03-01", "2026-03-20", 20 * 5)
    in_m1 = [(row["date"], row["loans"], row["outstanding"]) for row in daily if row["bucket"] == "M1"]
    assert in_m1[9:11] == [("2026-03-10", "0", "0.00"), ("2026-03-11", "1", "100.00")]


@pytest.mark.parametrize(("paid_on", "last_told"), [("2026-03-10", "REMIND_1"), ("2026-03-11", "DUE")])
def test_a_payment_books_before_the_passes_of_its_day(tmp_path: Path, paid_on: str, last_told: str) -> None:
    out = tmp_path / "out"
    replay(portfolio(tmp_path / "in", payments=f"{PAYMENTS}p-1,l-1,100.00,{paid_on}\n"), out)
    assert [name for _, name in sorted(told(out))][-2:] == [last_told, "SETTLED"]
    assert rows(out, "escalations.csv") == []


def test_a_payment_before_the_first_day_has_been_booked_and_one_after_the_last_is_left_out(tmp_path: Path) -> None:
    paid = f"{PAYMENTS}p-1,l-1,40.00,2026-02-27\np-2,l-1,60.00,2026-03-21\n"
    out = tmp_path / "out"
    replay(portfolio(tmp_path / "in", payments=paid), out)
    assert rows(out, "daily.csv")[0]["outstanding"] == "60.00"
    assert json.loads((out / "summary.json").read_text())["left_out_as_later"] == 1


@pytest.mark.parametrize("zone", ["", "Mars/Base", "zone.tab", "Etc"])
def test_a_borrower_without_a_known_zone_is_not_contacted_and_counted(tmp_path: Path, zone: str) -> None:
    out = tmp_path / "out"
    nowhere = f"{BORROWERS}b-1,Li,+8613800000001,zh-CN,{zone},CN\n"
    assert replay(portfolio(tmp_path / "in", borrowers=nowhere), out) == 0
    assert told(out) == []
    assert json.loads((out / "summary.json").read_text())["borrowers_without_zone"] == 1
    assert rows(out, "escalations.csv")[0]["bucket"] == "M1"


@pytest.mark.parametrize("others", ["Etc/UTC", "Mars/Base", "Europe/London;Asia/Tokyo"])
def test_the_other_zones_of_a_borrower_without_a_known_one_do_not_matter(tmp_path: Path, others: str) -> None:
    header = BORROWERS.replace("country\n", "country,other_zones\n")
    nowhere = f"{header}b-1,Li,+8613800000001,zh-CN,,CN,{others}\n"
    assert replay(portfolio(tmp_path / "in", borrowers=nowhere), tmp_path / "out") == 0
    assert told(tmp_path / "out") == []


def test_a_book_without_a_loan_is_compared_too(tmp_path: Path) -> None:
    out, folder = (
        tmp_path / "out",
        portfolio(tmp_path / "in", borrowers=BORROWERS, loans=LOANS, instalments=INSTALMENTS),
    )
    assert replay(folder, out, "2026-03-01", "2026-03-02", "--compare", str(SHIPPED)) == 0
    assert json.loads((out / "compare.json").read_text())["debited"] == {"before": "0", "after": "0", "more": "0"}


def test_debits_follow_the_mandates_and_what_the_account_says(tmp_path: Path) -> None:
    out = tmp_path / "out"
    mandate = f"{MANDATES}m-1,l-1,stub,insufficient-1,2026-01-10,active\n"
    replay(portfolio(tmp_path / "in", mandates=mandate), out)
    found = [(row["seq"], row["business_date"], row["amount"], row["outcome"]) for row in rows(out, "attempts.csv")]
    assert found == [(str(n), "2026-03-10", "100.00", "insufficient") for n in (1, 2, 3)]
    assert {row["reason"] for row in rows(out, "attempts.csv")} == {"SLOT_OPEN"}


def test_an_account_that_says_nothing_pays_and_closes_the_loan(tmp_path: Path) -> None:
    out = tmp_path / "out"
    replay(portfolio(tmp_path / "in", mandates=f"{MANDATES}m-1,l-1,stub,acc-77,2026-01-10,active\n"), out)
    assert [row["outcome"] for row in rows(out, "attempts.csv")] == ["paid"]
    assert rows(out, "daily.csv")[-1]["outstanding"] == "0.00"


def test_a_loan_that_is_disbursed_in_between_comes_on_its_day(tmp_path: Path) -> None:
    out = tmp_path / "out"
    late = f"{LOANS}l-1,b-1,jiebei,CNY,2026-03-05,100.00\n"
    replay(portfolio(tmp_path / "in", loans=late), out)
    current = [(row["date"], row["loans"]) for row in rows(out, "daily.csv") if row["bucket"] == "current"]
    assert current[3:5] == [("2026-03-04", "0"), ("2026-03-05", "1")]


def test_the_same_history_gives_the_same_files(tmp_path: Path) -> None:
    folder = portfolio(tmp_path / "in", payments=f"{PAYMENTS}p-1,l-1,30.00,2026-03-12\n")
    replay(folder, tmp_path / "one")
    replay(folder, tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


SHIPPED = Path(__file__).parents[2] / "shared" / "policies"


def packs(folder: Path, **changes: tuple[str, str]) -> Path:
    """The packs that ship, each of the named ones with a text in place of another."""
    folder.mkdir()
    for path in SHIPPED.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        before, after = changes.pop(path.stem.replace(".", "_").replace("-", "_"), ("", ""))
        assert before in text
        (folder / path.name).write_text(text.replace(before, after) if before else text, encoding="utf-8")
    assert not changes
    return folder


def test_the_same_packs_change_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert replay(portfolio(tmp_path / "in"), out, "2026-03-01", "2026-03-20", "--compare", str(SHIPPED)) == 0
    assert rows(out, "changes.csv") == []


def test_other_packs_are_compared_in_messages_debits_and_money(tmp_path: Path) -> None:
    days = "reminder_days = { value = "
    other = packs(tmp_path / "packs", lender=(f"{days}[7, 3, 1]", f"{days}[5]"))
    out = tmp_path / "out"
    assert replay(portfolio(tmp_path / "in"), out, "2026-03-01", "2026-03-20", "--compare", str(other)) == 0
    changes = [(row["what"], row["key"].partition("#")[0], bool(row["before"])) for row in rows(out, "changes.csv")]
    gone = [("message", f"REMIND_{days}", True) for days in (1, 3, 7)]
    assert sorted(changes) == sorted([*gone, ("message", "REMIND_5", False)])
    assert json.loads((out / "compare.json").read_text())["messages"]["gone"] == 3


def test_another_wording_is_a_change_of_the_messages_that_say_it(tmp_path: Path) -> None:
    other = packs(tmp_path / "packs", jiebei=("借呗", "小贷"))
    out = tmp_path / "out"
    assert replay(portfolio(tmp_path / "in"), out, "2026-03-01", "2026-03-20", "--compare", str(other)) == 0
    assert len(rows(out, "changes.csv")) == 7
    assert json.loads((out / "compare.json").read_text())["messages"]["otherwise"] == 7
    assert all(" text " in row["before"] for row in rows(out, "changes.csv"))


def of_year(year: int) -> Mapping[str, str]:
    return {
        "loans": f"{LOANS}l-1,b-1,jiebei,CNY,{year}-01-10,100.00\n",
        "instalments": f"{INSTALMENTS}l-1,1,{year}-03-10,100.00,0.00,0.00\n",
    }


@pytest.mark.parametrize("year", [1993, 2005, 2035])
def test_history_outside_the_packs_validity_is_played_as_if_they_had_been_in_force(tmp_path: Path, year: int) -> None:
    out, now = tmp_path / "out", tmp_path / "now"
    assert replay(portfolio(tmp_path / "in", **of_year(year)), out, f"{year}-03-01", f"{year}-08-31") == 0
    assert replay(portfolio(tmp_path / "other"), now, "2026-03-01", "2026-08-31") == 0
    for name in ("notices", "attempts", "escalations", "daily"):
        known = (now / f"{name}.csv").read_text(encoding="utf-8")
        assert (out / f"{name}.csv").read_text(encoding="utf-8") == known.replace("2026-", f"{year}-")
    told = [json.loads((of / "summary.json").read_text())["days_outside_pack_validity"] for of in (out, now)]
    assert told == [184, 0]


def test_only_packs_by_which_the_loans_are_played_make_a_day_one_outside_their_validity(tmp_path: Path) -> None:
    later = "valid_from = 2025-01-01", "valid_from = 2026-03-11"
    unused = packs(tmp_path / "unused", huabei=later, jurisdiction_uk=later, rail_sepa=later)
    used = packs(tmp_path / "used", jurisdiction_cn=later, rail_sepa=later)
    folder = portfolio(tmp_path / "in", mandates=f"{MANDATES}m-1,l-1,sepa,paid-1,2026-01-10,active\n")
    for name, found in (("unused", 10), ("used", 10)):
        out = tmp_path / f"of-{name}"
        assert replay(folder, out, "2026-03-01", "2026-03-20", "--policy", str(tmp_path / name)) == 0
        assert json.loads((out / "summary.json").read_text())["days_outside_pack_validity"] == found
    out = tmp_path / "without"
    assert replay(portfolio(tmp_path / "two"), out, "2026-03-01", "2026-03-20", "--policy", str(unused)) == 0
    assert json.loads((out / "summary.json").read_text())["days_outside_pack_validity"] == 0
    assert used.is_dir()


def second_version(folder: Path, name: str, ends: str, begins: str, before: str, after: str) -> None:
    """A pack's second version, with a text in place of another."""
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("valid_to = 2027-12-31", f"valid_to = {ends}"), encoding="utf-8")
    assert before in text
    for old, new in (('version = "1"', 'version = "2"'), ("2025-01-01", begins), (before, after)):
        text = text.replace(old, new, 1)
    (folder / f"second.{name}").write_text(text, encoding="utf-8")


def test_versions_that_follow_each_other_change_on_their_day(tmp_path: Path) -> None:
    folder, days = packs(tmp_path / "packs"), "reminder_days = { value = "
    second_version(folder, "lender.toml", "2026-03-04", "2026-03-08", f"{days}[7, 3, 1]", f"{days}[2]")
    out = tmp_path / "out"
    late = f"{LOANS}l-1,b-1,jiebei,CNY,2026-03-03,100.00\nl-2,b-1,jiebei,CNY,2026-03-06,100.00\n"
    dues = f"{INSTALMENTS}l-1,1,2026-03-10,100.00,0.00,0.00\nl-2,1,2026-03-30,100.00,0.00,0.00\n"
    files = portfolio(tmp_path / "in", loans=late, instalments=dues)
    assert replay(files, out, "2026-03-01", "2026-03-10", "--policy", str(folder)) == 0
    assert [name for _, name in sorted(told(out))] == ["REMIND_7", "REMIND_3", "REMIND_2", "DUE"]
    assert json.loads((out / "summary.json").read_text())["days_outside_pack_validity"] == 3


def test_buckets_begin_when_the_countrys_grace_is_over_as_for_the_line(tmp_path: Path) -> None:
    grace = "grace_days = { value = "
    text = (SHIPPED / "jurisdiction.cn.toml").read_text(encoding="utf-8")
    known = text.partition(grace)[2].partition(",")[0]
    folder = packs(tmp_path / "packs", jurisdiction_cn=(f"{grace}{known},", f"{grace}3,"))
    out = tmp_path / "out"
    assert replay(portfolio(tmp_path / "in"), out, "2026-03-01", "2026-03-20", "--policy", str(folder)) == 0
    assert [row["entered_on"] for row in rows(out, "escalations.csv")] == ["2026-03-14"]
    in_m1 = [row["date"] for row in rows(out, "daily.csv") if row["bucket"] == "M1" and row["loans"] == "1"]
    assert in_m1[0] == "2026-03-14"
    assert min(told for told, name in told(out) if name.startswith("OVERDUE")) == "2026-03-14"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-03-40", "2026-03-20", "--from 2026-03-40 is no date"),
        ("2026-03-20", "2026-03-01", "--to 2026-03-01 is before --from 2026-03-20"),
        ("1969-12-31", "1970-01-02", "--from 1969-12-31 is before 1970 or after 2199"),
        ("2199-12-30", "2200-01-01", "--to 2200-01-01 is before 1970 or after 2199"),
    ],
)
def test_wrong_days_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str, last: str, said: str
) -> None:
    assert replay(portfolio(tmp_path / "in"), tmp_path / "out", first, last) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def unplayed(*_: object) -> Never:
    raise AssertionError("played before everything was checked")


def test_folders_that_are_none_are_named_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.cli.replay.play", unplayed)  # how late a fault is found shows in nothing else
    folder, days = portfolio(tmp_path / "in"), ("2026-03-01", "2026-03-20")
    bare, without, a_file = tmp_path / "bare", packs(tmp_path / "without"), tmp_path / "file"
    bare.mkdir()
    a_file.touch()
    (without / "jiebei.toml").unlink()
    for option in ("--policy", "--compare"):
        for given, said in (
            (tmp_path / "nowhere", f"{option}: {tmp_path / 'nowhere'} is no folder"),
            (a_file, f"{option}: {a_file} is no folder"),
            (bare, f"{option} {bare}: the lender's packs must agree"),
            (without, f"nothing was played: 1 finding in the files under {option} {without}"),
        ):
            assert replay(folder, tmp_path / "out", *days, option, str(given)) == 2
            assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["changes.csv", "compare.json", "daily.csv", "summary.json"])
def test_no_file_of_a_comparison_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("shared.cli.replay.play", unplayed)
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    days = ("2026-03-01", "2026-03-20")
    assert replay(portfolio(tmp_path / "in"), out, *days, "--compare", str(SHIPPED)) == 2
    assert f"holds {name} already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [name]


def test_where_the_results_cannot_be_is_said_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.cli.replay.play", unplayed)
    out = tmp_path / "out"
    out.touch()
    assert replay(portfolio(tmp_path / "in"), out) == 2
    assert f"--out: {out} is no folder" in capsys.readouterr().err


def test_results_are_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = portfolio(tmp_path / "in"), tmp_path / "out"
    replay(folder, out)
    assert replay(folder, out) == 2
    assert "holds notices.csv already" in capsys.readouterr().err


def test_bad_lines_are_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = f"{LOANS}l-1,b-1,jiebei,CNY,2026-01-10,100.00\nl-2,b-1,jiebei,USD,2026-01-10,100.00\n"
    more = f"{INSTALMENTS}l-1,1,2026-03-10,100.00,0.00,0.00\nl-2,1,2026-03-10,100.00,0.00,0.00\n"
    assert replay(portfolio(tmp_path / "in", loans=two, instalments=more), tmp_path / "out") == 2
    assert "loans.csv:3: currency is another than before" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
