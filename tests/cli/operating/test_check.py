"""`duebell check`: a clean book passes, and in a book with one wrong row exactly the check that is meant finds it."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

import shared.cli.check
from shared.adapters.dynamodb.card_rows import bar_words
from shared.adapters.dynamodb.hold_rows import hold_values
from shared.adapters.dynamodb.lines import lines
from shared.adapters.dynamodb.models import Models
from shared.cli.book import models_of, read_snapshot
from shared.cli.check import examine
from shared.cli.rules import read_rules
from shared.cli.session import Session
from shared.domain import keys
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_rules import Channel, Stops
from shared.domain.holds import Hold
from shared.invariants.checks import CHECKS
from shared.invariants.rows import Snapshot
from shared.invariants.terms import Breach, Terms
from tests.cli.operating import lived
from tests.cli.operating.conftest import Ask, Book
from tests.unit.builders import at

type Key = Mapping[str, str]


def s(text: str) -> dict[str, str]:
    return {"S": text}


def n(number: int) -> dict[str, str]:
    return {"N": str(number)}


def loan(loan_id: str, entity: str = "LOAN") -> Key:
    return {"loan_id": loan_id, "entity": entity}


def instalment(loan_id: str, number: int) -> Key:
    return loan(loan_id, f"INST#{number:03d}")


def borrower(borrower_id: str, entity: str) -> Key:
    return {"borrower_id": borrower_id, "entity": entity}


def attempt(loan_id: str, seq: int) -> Key:
    return {"loan_id": loan_id, "seq": f"P#{seq:06d}"}


def notice(borrower_id: str, tier: str, loan_id: str, number: int = 1) -> Key:
    return {"borrower_id": borrower_id, "notice_key": f"{tier}#{loan_id}#{number:03d}#0"}


def entry(loan_id: str, entity: str) -> Key:
    return {"loan_id": loan_id, "entry": entity}


STOP = Bar(Channel.SMS, keys.address_key("+447700900002"), BarredBy.OPTED_OUT, at("2026-03-16 00:00"))
COMPLAINT = Hold("complaint-1", "complaint", frozenset({Stops.CONTACT}), at("2026-03-16 00:00"))

WRONG: dict[str, tuple[str, Key, Mapping[str, Any] | None, str]] = {
    "rows-can-be-read": ("notices", notice("b-2", "OVERDUE_7", "l-4"), {"channel": None}, "has no channel"),
    "paid-is-booked": ("loans", instalment("l-4", 1), {"paid_minor": n(39_999)}, "39999 paid on the row, 40000"),
    "gateway-agrees": (
        "stub_books",
        {"book": "PAYMENTS", "entry": "l-1:P000001"},
        {"amount_minor": n(101_501)},
        "the gateway took 101501 CNY, on the ledger stands 101500 CNY",
    ),
    "attempts-are-booked": ("attempts", attempt("l-1", 1), {"outcome": s("insufficient")}, "is booked on a loan"),
    "balances-hold": ("loans", instalment("l-1", 1), {"state": s("open")}, "open by its state, paid by its balance"),
    "ledger-is-sound": (
        "ledger",
        entry("l-5", "transfer#r-2026-03-18"),
        {"amount_minor": n(101_499)},
        "101500 paid out of 101499",
    ),
    "principal-adds-up": ("loans", loan("l-2"), {"principal_minor": n(200_001)}, "200001 lent, 200000 in its"),
    "rows-belong": ("borrowers", borrower("b-2", "PROFILE"), None, "borrower b-2 has no profile"),
    "claims-match": ("loans", instalment("l-1", 3), {"state": s("claimed")}, "claimed, with 0 open attempts"),
    "amounts-were-owed": ("attempts", attempt("l-2", 2), {"amount_minor": n(101_501)}, "when 101500 was outstanding"),
    "budget-is-kept": ("loans", instalment("l-2", 1), {"attempts": n(2)}, "counts 2 attempts, 3 were made"),
    "debit-hours-are-kept": (
        "attempts",
        attempt("l-2", 1),
        {"claimed_at": s("2026-03-09T23:59:59Z")},
        "claimed at 07:59 of the lender's time",
    ),
    "mandates-cover": ("loans", loan("l-2", "MANDATE#m-l-2"), {"signed_on": s("2026-03-11")}, "signed on 2026-03-11"),
    "debits-were-announced": (
        "notices",
        notice("b-3", "PRE_DEBIT", "l-6"),
        {"business_date": s("2026-03-15")},
        "no notice of it for instalment 1 in time",
    ),
    "told-once": (
        "notices",
        notice("b-2", "OVERDUE_7", "l-4"),
        {"covers": {"L": [s("OVERDUE_15#l-4#001#0")]}},
        "told by 2 notices",
    ),
    "contact-hours-are-kept": (
        "notices",
        notice("b-2", "OVERDUE_7", "l-4"),
        {"claimed_at": s("2026-03-18T05:00:00Z"), "message_class": s("receipt")},
        "claimed at 22:00 in America/Los_Angeles",
    ),
    "caps-are-kept": (
        "notices",
        notice("b-2", "OVERDUE_7", "l-4"),
        {"claimed_at": s("2026-03-13T20:00:00Z")},
        "2 contacts under contact.caps.sms-day, which allows 1",
    ),
    "nobody-contacted-against-his-word": (
        "borrowers",
        borrower("b-2", "CONTACT"),
        {"bars": lines([bar_words(STOP)])},
        "sms is barred for it",
    ),
    "holds-win": ("loans", loan("l-4"), {"holds": hold_values([COMPLAINT])}, "claimed while l-4 was on hold"),
    "nobody-asked-after-paying": (
        "notices",
        notice("b-1", "REMIND_7", "l-1"),
        {"claimed_at": s("2026-03-10T04:00:00Z"), "message_class": s("receipt")},
        "instalment l-1#001 had been paid",
    ),
    "rules-were-in-force": (
        "notices",
        notice("b-2", "OVERDUE_7", "l-4"),
        {"business_date": s("2024-12-31")},
        "no valid packs on 2024-12-31",
    ),
    "stages-follow": ("loans", loan("l-2"), {"stage_sk": s("2026-05-10T00:00:00Z#l-2")}, "in M1 at 31 days past due"),
    "escalations-stand": ("loans", loan("l-2", "ESC#000#M1"), {"left_on": s("2026-03-12")}, "in force are none"),
    "stages-were-told": (
        "notices",
        notice("b-3", "OVERDUE_1", "l-6"),
        {"business_date": s("2026-03-17")},
        "without an overdue notice of day 1",
    ),
    "nothing-is-lost": (
        "borrowers",
        borrower("b-1", "CONTACT"),
        {"contact_pk": None, "contact_sk": None},
        "not on the contact line's agenda",
    ),
    "answers-come": ("notices", notice("b-2", "OVERDUE_7", "l-4"), {"state": s("claimed")}, "claimed since 2026-03-17"),
}
"""By check: one row (table, key), what is wrong with it (None: it is gone), and a part of what is said of it."""

ADDED: dict[str, tuple[str, Key, Mapping[str, Any], str]] = {
    "taken-back-at-most": (
        "ledger",
        entry("l-5", "transfer#r-9:R01"),
        {
            "source": s("transfer"),
            "external_id": s("r-9:R01"),
            "amount_minor": n(-1),
            "currency": s("CNY"),
            "booked_on": s("2026-03-20"),
            "split": {"L": []},
            "kind": s("reversal"),
            "undoes": s("transfer#r-9"),
        },
        "taken back, and it never came",
    ),
    "booked-as-marked": (
        "ledger",
        entry("MONEY#transfer#r-9", "MONEY#"),
        {"source": s("transfer"), "external_id": s("r-9"), "booked_under": s("l-5")},
        "not on the ledger of l-5",
    ),
    "failures-stop": (
        "borrowers",
        borrower("b-3", "DEBIT"),
        {"failures": n(0), "open": n(1), "rev": n(1)},
        "holds 1 places, 0 debits are open",
    ),
}
"""By check: a row that must not stand there, and a part of what is said of it."""


@pytest.fixture(scope="module")
def models(environment: dict[str, str]) -> Models:
    return models_of(Session("none", environment))


def found(models: Models, moment: datetime = lived.LAST_SLOT, hours: int = 24) -> list[Breach]:
    """What the command would find: every row read anew through the models."""
    return list(examine(models, Terms(moment, RULES, timedelta(hours=hours))).breaches)


RULES = read_rules()
NEXT_DAY = RULES.end_of(date(2026, 4, 10))


def test_every_check_has_its_wrong_row() -> None:
    assert {check.name for check in CHECKS} == WRONG.keys() | ADDED.keys()


@pytest.mark.parametrize("name", ADDED)
def test_one_row_too_many_is_found_by_exactly_its_check(book: Book, models: Models, name: str) -> None:
    table, key, attributes, problem = ADDED[name]
    with book.added(table, key, attributes):
        breaches = found(models)
    assert {breach.check for breach in breaches} == {name}
    assert any(problem in breach.problem for breach in breaches), breaches


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_row_is_found_by_exactly_its_check(book: Book, models: Models, name: str) -> None:
    table, key, attributes, problem = WRONG[name]
    judged = (NEXT_DAY, 48) if name == "stages-follow" else (lived.LAST_SLOT, 24)
    assert found(models, *judged) == []
    with book.changed(table, key, attributes):
        breaches = found(models, *judged)
    assert {breach.check for breach in breaches} == {name}
    assert any(problem in breach.problem for breach in breaches), breaches


MORE_WRONG: list[tuple[str, str, Key, Mapping[str, Any] | None]] = [
    ("gateway-agrees", "stub_books", {"book": "PAYMENTS", "entry": "l-3:P000003"}, {"amount_minor": n(1)}),
    ("gateway-agrees", "stub_books", {"book": "PAYMENTS", "entry": "l-1:P000001"}, None),
    ("balances-hold", "loans", instalment("l-4", 1), {"state": s("paid")}),
    ("balances-hold", "loans", instalment("l-4", 2), {"state": s("opened")}),
    ("ledger-is-sound", "ledger", entry("l-5", "transfer#r-2026-03-18"), {"currency": s("CZK")}),
    ("ledger-is-sound", "ledger", entry("SUSPENSE", "transfer#r-2026-03-26"), {"amount_minor": n(0)}),
    ("rows-belong", "borrowers", borrower("b-3", "CONTACT"), {"loan_ids": {"L": [s("l-1")]}}),
    ("claims-match", "loans", instalment("l-3", 1), {"state": s("paid"), "paid_minor": n(0)}),
    ("budget-is-kept", "attempts", attempt("l-2", 2), {"slot": s("2026-03-10T08:00")}),
    ("debit-hours-are-kept", "attempts", attempt("l-2", 3), {"claimed_at": s("2026-03-10T14:00:00Z")}),
    ("debit-hours-are-kept", "attempts", attempt("l-2", 3), {"claimed_at": s("2026-03-11T12:00:00Z")}),
    ("mandates-cover", "loans", loan("l-2", "MANDATE#m-l-2"), None),
    ("mandates-cover", "loans", loan("l-2", "MANDATE#m-l-2"), {"account_ref": s("insufficient-3")}),
    ("mandates-cover", "loans", loan("l-2", "MANDATE#m-l-2"), {"status": s("cancelled")}),
    ("mandates-cover", "loans", loan("l-6", "MANDATE#m-l-6"), {"since": s("2026-03-14T23:00:00Z")}),
    ("mandates-cover", "attempts", attempt("l-2", 1), {"outcome": s("mandate-dead")}),
    ("debits-were-announced", "notices", notice("b-3", "PRE_DEBIT", "l-6"), {"state": s("released")}),
    ("debits-were-announced", "notices", notice("b-3", "PRE_DEBIT", "l-6"), {"amount_minor": n(101_499)}),
    ("told-once", "notices", notice("b-2", "OVERDUE_7", "l-4"), {"provider_ref": s("M1")}),
    ("told-once", "notices", notice("b-2", "OVERDUE_7", "l-4"), {"provider_ref": None}),
    ("contact-hours-are-kept", "notices", notice("b-1", "REMIND_7", "l-1"), {"claimed_at": s("2026-03-02T23:59:00Z")}),
    ("stages-follow", "loans", loan("l-5"), {"entered": {"L": [s("000#M1")]}}),
    ("escalations-stand", "loans", loan("l-2", "ESC#000#M1"), {"dpd": n(2)}),
    ("escalations-stand", "loans", loan("l-6", "ESC#000#M1"), {"left_on": s("2026-03-15")}),
    ("nothing-is-lost", "loans", loan("l-2"), {"stage_pk": None, "stage_sk": None}),
    ("nothing-is-lost", "loans", instalment("l-1", 2), {"debit_pk": None, "debit_sk": None}),
    ("nothing-is-lost", "borrowers", borrower("b-2", "CONTACT"), {"loan_ids": {"L": [s("l-3")]}}),
]
"""Other ways in which a check must find something."""


@pytest.mark.parametrize(("name", "table", "key", "attributes"), MORE_WRONG)
def test_other_wrong_rows_are_found_too(
    book: Book, models: Models, name: str, table: str, key: Key, attributes: Mapping[str, Any] | None
) -> None:
    with book.changed(table, key, attributes):
        assert name in {breach.check for breach in found(models)}


def test_the_book_is_clean(ask: Ask) -> None:
    said = ask("check", "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json["breaches"] == []
    assert said.json["clean"] is True
    assert said.json["moment"] == "2026-04-09T12:00:00Z"
    assert [check["name"] for check in said.json["checks"] if not check["examined"]] == []


def test_a_day_later_nothing_has_run_yet_and_the_book_is_still_clean(ask: Ask) -> None:
    """A stage is due, a debit is due: both stand on their agendas."""
    assert ask("check", "--as-of", "2026-04-10", "--unknown-limit", "48").code == 0


def test_an_answer_that_is_missing_is_open_and_after_its_limit_a_breach(ask: Ask) -> None:
    day_after = ask("check", "--json", "--as-of", "2026-04-10", "--unknown-limit", "28")
    assert day_after.code == 0
    assert {"kind": "attempt", "subject": "l-3:P000003", "detail": "unknown since 2026-04-09T12:00Z"} in day_after.json[
        "open"
    ]
    late = ask("check", "--json", "--as-of", "2026-04-10", "--unknown-limit", "27.9")
    assert late.code == 1
    assert [breach["subject"] for breach in late.json["breaches"]] == ["l-3:P000003"]


def test_a_breach_is_told_by_its_row_and_ends_with_1(ask: Ask, book: Book) -> None:
    with book.changed("loans", instalment("l-4", 1), {"paid_minor": n(39_999)}):
        said = ask("check")
    assert said.code == 1
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert "breach: paid-is-booked: l-4#001: 39999 paid on the row, 40000 on the ledger" in lines
    assert "open: suspense SUSPENSE transfer#r-2026-03-26: 7000 CNY booked on 2026-03-26" in lines
    assert lines[-1] == "1 breach, 1 open, at 2026-04-09T12:00:00Z"


def test_the_ledger_is_summed_by_source_beside_the_gateways_books(ask: Ask) -> None:
    said = ask("check", "--json")
    assert said.json["ledger"] == [
        {
            "source": "gateway",
            "currency": "CNY",
            "amount_minor": 101_500,
            "paid_minor": 101_500,
            "credit_minor": 0,
            "suspense_minor": 0,
        },
        {
            "source": "transfer",
            "currency": "CNY",
            "amount_minor": 348_500,
            "paid_minor": 243_000,
            "credit_minor": 98_500,
            "suspense_minor": 7_000,
        },
    ]
    assert said.json["gateway"] == {"CNY": 203_000}


def test_without_the_gateways_books_that_check_is_skipped_and_says_so(
    ask: Ask, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.cli.check, "models_of", lambda _: replace(models, stub_books=None))
    said = ask("check")
    assert said.code == 0
    assert "skipped: gateway-agrees: the gateway's books are not ours to read" in said.out


def test_a_row_that_moved_between_two_reads_is_no_breach(
    ask: Ask, book: Book, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look falls into a settlement, the second does not."""
    reads = []

    def read(of: Models) -> Snapshot:
        reads.append(of)
        with (
            book.changed("loans", instalment("l-4", 1), {"paid_minor": n(39_999)}) if len(reads) == 1 else nullcontext()
        ):
            return read_snapshot(of)

    monkeypatch.setattr(shared.cli.check, "read_snapshot", read)
    assert found(models) == []
    assert len(reads) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as-of", "2026-04-08"),
        ("--as-of", "10.4.2026"),
        ("--as-of", "2026-02-30"),
        ("--unknown-limit", "-1"),
        ("--unknown-limit", "x"),
    ],
)
def test_wrong_input_is_one_line_and_2(ask: Ask, arguments: tuple[str, str]) -> None:
    said = ask("check", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert arguments[0] in said.err


def test_nothing_personal_is_told(ask: Ask, book: Book) -> None:
    with book.changed("loans", loan("l-2"), {"borrower_id": s("b-9")}):
        said = ask("check").out + ask("check", "--json").out
    assert not [word for word in ("王芳", "7700900001", "7700900002", "balance-3", "paid-1") if word in said]
