"""Bank files: a bad header refuses the file, a bad row only itself, and the same file again changes nothing."""

import json
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from shared.adapters.memory.bank_files import MemoryBankFiles
from shared.adapters.memory.stub_books import KeptEvents
from shared.adapters.policy_files import rail_codes
from shared.domain.bank_file import (
    MOST_LINE_BYTES,
    BadRow,
    BankFile,
    BankFileNews,
    BankRow,
    header_problem,
    is_file_name,
    read_row,
    result_name,
)
from shared.domain.book import EntryKind, InstalmentState, Line, Outcome
from shared.domain.errors import StoreError
from shared.domain.repayment import Channel, GatewayReport, Repayment, TakenBack
from shared.runtime import repayment_events
from shared.workflows.passes import Summary
from shared.workflows.repayments_intake import RepaymentsIntake
from tests.unit.builders import at
from tests.unit.test_record_repayments import adds_up, balance, book, booker, cny, transfer, two_instalments
from tests.unit.town import Town

HEADER = "reference,amount,currency,booked_on,payer_ref\n"
NAME = "2026-03-10.csv"
TODAY = date(2026, 3, 10)
CODES = rail_codes("stub")


class Bank:
    """A town whose bank puts files into its bucket."""

    def __init__(self, town: Town | None = None) -> None:
        self.town = town or two_instalments()
        self.files, self.queue = MemoryBankFiles(), KeptEvents()
        self.counts: dict[str, int] = {}

    def put(self, content: str | bytes, name: str = NAME, twice: bool = False) -> dict[str, int]:
        """Puts a file and books what it says, as the queue would; `twice`: every message comes twice."""
        self.files.files[name] = content.encode() if isinstance(content, str) else content
        return self.read(BankFile(name), twice)

    def read(self, file: BankFile, twice: bool = False) -> dict[str, int]:
        intake = RepaymentsIntake(booker(self.town), self.files, self.queue)
        counts = dict(intake.work(BankFileNews((file,)), "test").counts)
        for body in self.queue.take() * (2 if twice else 1):
            for key, count in intake.work(repayment_events.repayment(body, CODES), "test").counts.items():
                counts[key] = counts.get(key, 0) + count
        return counts

    def result(self, name: str = NAME) -> Any:
        return json.loads(self.files.results[name])


def cells(**changes: str) -> dict[str, str]:
    row = {"reference": "BANK-1", "amount": "10.00", "currency": "CNY", "booked_on": "2026-03-10", "payer_ref": "l-1"}
    return row | changes


def test_its_rows_are_booked() -> None:
    bank = Bank()
    counts = bank.put(HEADER + "BANK-1,10.00,CNY,2026-03-09,l-1\nBANK-2,5,CNY,2026-03-10,l-9\n")
    assert counts == {
        "file.read": 1,
        "file.rows": 2,
        "repayment.booked": 1,
        "repayment.suspense": 1,
        "quarantine.NO_SUCH_LOAN": 1,
    }
    assert balance(bank.town) == (1_000, InstalmentState.OPEN)
    entry = bank.town.book.entry("l-1", "transfer", "BANK-1")
    assert entry is not None
    assert entry.booked_on == date(2026, 3, 9)
    assert (bank.result()["rows"], bank.result()["quarantined"]) == (2, 0)
    assert bank.result(f"{NAME}.from-line-2")["lines"] == [
        {"line": 3, "became": "suspense", "problem": "no such loan: l-9"}
    ]


def test_the_same_file_again_and_one_that_overlaps_it_change_nothing() -> None:
    bank = Bank()
    rows = "BANK-1,10.00,CNY,2026-03-09,l-1\nBANK-2,5,CNY,2026-03-10,l-9\n"
    bank.put(HEADER + rows, twice=True)
    before, results = bank.town.entries(), dict(bank.files.results)
    bank.files.results.clear()
    bank.put(HEADER + rows)
    assert bank.files.results.keys() == results.keys()  # what stands before a person is told again
    bank.put(HEADER + "BANK-3,1,CNY,2026-03-10,l-1\n" + rows, "2026-03-11.csv")
    assert len(bank.town.entries()) == len(before) + 1
    adds_up(bank.town)


def test_a_file_then_a_webhook_then_a_person_book_one_money() -> None:
    bank = Bank()
    bank.put(HEADER + "BANK-1,10.00,CNY,2026-03-09,l-1\n")
    book(bank.town, transfer(1_000))
    assert [e.amount.minor for e in bank.town.entries()] == [1_000]


def test_a_reference_twice_in_a_file_is_one_money_or_a_conflict() -> None:
    bank = Bank()
    line = "BANK-1,10.00,CNY,2026-03-09,l-1\n"
    counts = bank.put(HEADER + line + line + "BANK-1,11.00,CNY,2026-03-09,l-1\n")
    assert (counts["repayment.booked"], counts["repayment.known"], counts["quarantine.OTHER_AMOUNT"]) == (1, 1, 1)
    assert bank.result(f"{NAME}.from-line-2")["lines"][0]["line"] == 4


def test_a_row_of_one_of_our_debits_settles_it() -> None:
    town = Town(account="lost-1")
    town.live_through("2026-03-09", "2026-03-09")
    town.clock.set(at("2026-03-10 08:00"))
    town.work(Line.DEBIT, ["l-1#001"])
    bank = Bank(town)
    counts = bank.put(HEADER + "l-1:P000001,1015.00,CNY,2026-03-10,l-1\n")
    assert counts["repayment.settled"] == 1
    assert town.attempts()[0].outcome is Outcome.PAID


def test_a_negative_row_takes_the_money_back_once() -> None:
    bank = Bank()
    both = HEADER + "BANK-1,10.00,CNY,2026-03-09,l-1\nBANK-1,-4.00,CNY,2026-03-10,l-1\n"
    bank.put(both, twice=True)
    bank.put(both)
    assert balance(bank.town) == (600, InstalmentState.OPEN)
    adds_up(bank.town)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        ("\n", "the file is empty"),
        ("reference;amount;currency;booked_on;payer_ref\n", "the file has no column reference"),
        ("reference,amount,currency,booked_on\n", "the file has no column payer_ref"),
        (HEADER.replace("payer_ref", "payer_ref,note"), "the file has 6 columns"),
        (HEADER.replace("payer_ref", "payer_ref,payer_ref"), "the file has 6 columns"),
        ('"reference\n', "line 1 is not CSV"),
        (HEADER.encode("utf-16"), "line 1 is not UTF-8"),
        ("a" * (MOST_LINE_BYTES + 1), "a line has more than 4096 bytes"),
    ],
)
def test_a_bad_header_refuses_the_file_whole(content: str | bytes, problem: str) -> None:
    bank = Bank()
    row = "BANK-1,10.00,CNY,2026-03-09,l-1\n"
    whole = content + row.encode() if isinstance(content, bytes) else content + (row if content.strip() else "")
    assert bank.put(whole) == {"file.refused": 1}
    assert bank.result()["refused"].startswith(problem)
    assert bank.town.entries() == []


def test_a_file_that_is_gone_is_refused() -> None:
    bank = Bank()
    assert bank.read(BankFile("gone.csv")) == {"file.refused": 1}
    assert bank.result("gone.csv")["refused"] == "the file is gone"


@pytest.mark.parametrize("name", ["../x.csv", "王芳.csv", "STATEMENT.CSV", "2026/03-10.csv", "x.csv.part", ""])
def test_a_file_without_a_good_name_is_refused_and_its_result_says_so(name: str) -> None:
    bank = Bank()
    assert bank.read(BankFile(name, "v1")) == {"file.refused": 1}
    (result,) = bank.files.results
    assert result == f"unreadable-name-{sha256(name.encode()).hexdigest()[:12]}"
    said = bank.result(result)
    assert (said["file"], said["version"], said["rows"]) == (name, "v1", 0)
    assert said["refused"].startswith("the name must be up to 100 letters, digits")


def test_a_file_that_came_before_another_of_its_name_is_booked_too() -> None:
    """The second one was put over the first before that was read."""
    bank = Bank()
    for version, reference, payer in (("v1", "BANK-1", "l-1"), ("v2", "BANK-2", "l-9")):
        content = f"{HEADER}{reference},10.00,CNY,2026-03-09,{payer}\nx\n".encode()
        bank.files.files[NAME] = bank.files.versions[BankFile(NAME, version)] = content
    for version, found in (("v1", "repayment.booked"), ("v2", "repayment.suspense")):
        assert bank.read(BankFile(NAME, version))[found] == 1
        assert bank.result()["version"] == version
    assert balance(bank.town)[0] == 1_000
    assert bank.result(f"{NAME}.from-line-2")["version"] == "v2"


def test_what_was_counted_before_a_store_fell_silent_is_in_the_summary() -> None:
    """And a refusal counts once it is written down: a run that dies before that refuses the file again."""

    class Silent(MemoryBankFiles):
        def keep_result(self, name: str, document: str) -> None:
            if name != "gone.csv":
                raise StoreError("not now")
            super().keep_result(name, document)

    summary = Summary()
    intake = RepaymentsIntake(booker(two_instalments()), Silent(), KeptEvents())
    with pytest.raises(StoreError):
        intake.work(BankFileNews((BankFile("gone.csv"), BankFile("x.txt"))), "test", summary)
    assert summary.counts == {"file.refused": 1}


def test_a_bad_row_is_quarantined_with_its_line_and_the_rest_is_taken() -> None:
    bank = Bank()
    content = (
        b"\xef\xbb\xbf" + HEADER.strip().encode() + b"\r\n"
        b"BANK-1,10.00,CNY,2026-03-09,l-1\r\n"
        b"BANK-2,ten,CNY,2026-03-09,l-1\r\n"
        b"BANK-3,10.00,CNY,2026-03-09\r\n"
        b"\r\n"
        b'"BANK-4,10.00,CNY,2026-03-09,l-1\r\n'
        b"BANK\x00-5,10.00,CNY,2026-03-09,l-1\r\n"
        b"BANK-6\xff,10.00,CNY,2026-03-09,l-1\r\n"
        b"BANK-7,10.00,CNY,2026-03-09,l-1"
    )
    counts = bank.put(content)
    assert (counts["repayment.booked"], counts["file.rows"], counts["quarantine.BAD_ROW"]) == (2, 2, 5)
    assert [(one["line"], one["problem"].split(":")[0]) for one in bank.result()["lines"]] == [
        (3, "amount must be a decimal amount such as 1234.50 or -1234.50"),
        (4, "has 4 fields, the header has 5"),
        (6, "is not CSV"),
        (7, "holds a NUL character"),
        (8, "is not UTF-8"),
    ]


def test_the_order_of_columns_is_the_banks() -> None:
    bank = Bank()
    bank.put("payer_ref, booked_on,currency,amount,reference\nl-1,2026-03-09,CNY,10.00,BANK-1\n")
    assert balance(bank.town)[0] == 1_000


def test_a_file_full_of_bad_rows_lists_the_first_thousand() -> None:
    bank = Bank()
    counts = bank.put(HEADER + "x\n" * 1_200)
    assert (counts["quarantine.BAD_ROW"], len(bank.result()["lines"]), bank.result()["quarantined"]) == (
        1_200,
        1_000,
        1_200,
    )


def test_a_large_file_is_passed_on_in_messages_of_fifty_rows() -> None:
    bank = Bank()
    bank.files.files[NAME] = (HEADER + "".join(f"B-{n},1.00,CNY,2026-03-09,l-1\n" for n in range(120))).encode()
    intake = RepaymentsIntake(booker(bank.town), bank.files, bank.queue)
    intake.work(BankFileNews((BankFile(NAME),)), "test")
    sizes = [len(repayment_events.repayment(body, CODES).rows) for body in bank.queue.take()]  # type: ignore[union-attr]
    assert sizes == [50, 50, 20]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reference": ""}, "reference must be"),
        ({"reference": "two words"}, "reference must be"),
        ({"reference": "王芳"}, "reference must be"),
        ({"reference": "x" * 129}, "reference must be"),
        ({"reference": "=1+1"}, "reference begins like a formula"),
        ({"reference": "+1"}, "reference begins like a formula"),
        ({"reference": "-1"}, "reference begins like a formula"),
        ({"reference": "@SUM"}, "reference begins like a formula"),
        ({"amount": ""}, "amount must be a decimal"),
        ({"amount": "1,000.00"}, "amount must be a decimal"),
        ({"amount": "1e3"}, "amount must be a decimal"),
        ({"amount": "+5"}, "amount must be a decimal"),
        ({"amount": "=5"}, "amount must be a decimal"),
        ({"amount": "١"}, "amount must be a decimal"),
        ({"amount": "0.00"}, "amount must not be nothing"),
        ({"amount": "-0"}, "amount must not be nothing"),
        ({"amount": "1.001"}, "amount has more decimals"),
        ({"currency": "RMB"}, "currency must be"),
        ({"currency": "cny"}, "currency must be"),
        ({"booked_on": "10.03.2026"}, "booked_on must be a date"),
        ({"booked_on": "2026-02-29"}, "booked_on must be a date"),
        ({"booked_on": "2026-03-12"}, "booked_on lies in the future"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why_and_repeats_nothing(changes: dict[str, str], problem: str) -> None:
    read = read_row(7, cells(**changes), TODAY)
    assert isinstance(read, BadRow)
    assert read.line == 7
    assert read.problem.startswith(problem)
    assert not any(value and len(value) > 4 and value in read.problem for value in changes.values())


def test_a_row_is_read() -> None:
    assert read_row(2, cells(amount=" 10.5 "), TODAY) == BankRow(2, "BANK-1", 1_050, "CNY", TODAY, "l-1")
    assert read_row(2, cells(booked_on="2026-03-11"), TODAY) == BankRow(
        2, "BANK-1", 1_000, "CNY", date(2026, 3, 11), "l-1"
    )
    for payer in ("", "王芳 13800000000", "a b"):
        assert read_row(2, cells(payer_ref=payer), TODAY) == BankRow(2, "BANK-1", 1_000, "CNY", TODAY, "")


def test_what_a_row_says_of_our_books() -> None:
    def said(reference: str, minor: int) -> object:
        return BankRow(2, reference, minor, "CNY", TODAY, "l-1").arrived()

    assert said("BANK-1", 5) == Repayment("transfer", "BANK-1", "l-1", cny(5), TODAY)
    assert said("l-1:P000001", 5) == GatewayReport("l-1:P000001", Outcome.PAID, cny(5), None, came_in=True)
    assert said("BANK-1", -5) == TakenBack(EntryKind.REVERSAL, "BANK-1", cny(5), TODAY, "2026-03-10:5", Channel.FILE)


def test_names_of_files() -> None:
    assert is_file_name("bank_2026-03-10.csv")
    assert not any(is_file_name(name) for name in ("x.txt", "a/b.csv", ".csv", "x.csv\n", "é.csv"))
    assert result_name("bank_2026-03-10.csv") == "bank_2026-03-10.csv"
    assert result_name("x/bank.csv") != result_name("y/bank.csv")
    assert header_problem(None) is not None
