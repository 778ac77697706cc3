"""`duebell loan show`: the story of a loan, and how it stands."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.adapters.dynamodb.card_rows import bar_words
from shared.adapters.dynamodb.hold_rows import hold_values
from shared.adapters.dynamodb.lines import lines
from shared.cli.loan import masked
from shared.domain import keys
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_rules import Channel, Stops
from shared.domain.holds import Hold
from tests.cli.operating.conftest import Ask, Book


def story(ask: Ask, loan_id: str) -> list[Any]:
    said = ask("loan", "show", loan_id, "--json")
    assert (said.code, said.err) == (0, "")
    events: list[Any] = said.json["story"]
    return events


def test_a_loan_that_is_not_paid_is_told_from_its_import_to_its_stage(ask: Ask) -> None:
    told = [(event["day"], event["kind"], event["text"]) for event in story(ask, "l-2")]
    unheard = "sent, unknown: no receipt within 72 hours"
    assert told == [
        ("2025-12-10", "disbursed", "2,000.00 CNY lent, 2 instalments"),
        ("2026-03-01", "imported", "opened on its agendas"),
        ("2026-03-03", "message", f"REMIND_7 #1 (and 1 more), 2,030.00 CNY, by sms: {unheard}"),
        ("2026-03-07", "message", f"REMIND_3 #1 (and 1 more), 2,030.00 CNY, by sms: {unheard}"),
        ("2026-03-09", "message", f"PRE_DEBIT #1 (and 1 more), 2,030.00 CNY, by sms: {unheard}"),
        ("2026-03-10", "attempt", "attempt 1 of #1 for 1,015.00 CNY, slot 08:00: insufficient"),
        ("2026-03-10", "attempt", "attempt 2 of #1 for 1,015.00 CNY, slot 12:00: insufficient"),
        ("2026-03-10", "attempt", "attempt 3 of #1 for 1,015.00 CNY, slot 20:00: insufficient"),
        ("2026-03-10", "message", f"FAILED #1, 1,015.00 CNY, by sms: {unheard}"),
        ("2026-03-11", "message", f"OVERDUE_1 #1, 1,015.00 CNY, by sms: {unheard}"),
        ("2026-03-11", "stage entered", "M1, 1 day past due, #1"),
        ("2026-03-13", "message", f"OVERDUE_3 #1, 1,015.00 CNY, by sms: {unheard}"),
        ("2026-03-17", "message", f"OVERDUE_7 #1, 1,015.00 CNY, by sms: {unheard}"),
        ("2026-03-25", "message", f"OVERDUE_15 #1, 1,015.00 CNY, by sms: {unheard}"),
        ("2026-04-09", "message", "OVERDUE_30 #1, 1,015.00 CNY, by sms: sent"),
    ]


def test_money_is_told_with_what_it_paid(ask: Ask) -> None:
    deducted = next(event for event in story(ask, "l-1") if event["kind"] == "attempt")
    assert deducted["text"].endswith("slot 08:00: paid; paid #1 1,015.00 CNY (interest 15.00, principal 1,000.00)")
    assert deducted["money"] == {
        "amount": "1015.00",
        "paid": [{"number": 1, "amount": "1015.00", "interest": "15.00", "principal": "1000.00"}],
        "credit": "0.00",
    }
    by_hand = next(event for event in story(ask, "l-5") if event["kind"] == "payment")
    paid = "paid #1 1,015.00 CNY (interest 15.00, principal 1,000.00); 985.00 CNY credit"
    assert by_hand["text"] == f"2,000.00 CNY from transfer r-2026-03-18; {paid}"
    assert (by_hand["credit"], by_hand["suspense"]) == ("985.00", False)


def test_a_repaid_loan_ends_settled_and_out_of_its_stage(ask: Ask) -> None:
    assert [(event["day"], event["kind"]) for event in story(ask, "l-6")][-4:] == [
        ("2026-03-25", "payment"),
        ("2026-03-25", "settled"),
        ("2026-03-26", "message"),
        ("2026-03-26", "stage left"),
    ]


def test_money_in_suspense_stands_in_the_story_of_its_attempts_loan(ask: Ask, book: Book) -> None:
    key = {"loan_id": "SUSPENSE", "entry": "gateway#l-2:P000003"}
    entry = {
        "source": {"S": "gateway"},
        "external_id": {"S": "l-2:P000003"},
        "amount_minor": {"N": "101500"},
        "currency": {"S": "CNY"},
        "booked_on": {"S": "2026-03-11"},
        "split": {"L": []},
        "detail": {"S": "paid after insufficient"},
    }
    with book.added("ledger", key, entry):
        (payment,) = [event for event in story(ask, "l-2") if event["kind"] == "payment"]
        moved = entry | {"amount_minor": {"N": "-101500"}, "kind": {"S": "resolution"}, "detail": {"S": "l-1"}}
        moved |= {"external_id": {"S": "l-2:P000003:S01"}, "undoes": {"S": "gateway#l-2:P000003"}}
        with book.added("ledger", {"loan_id": "SUSPENSE", "entry": "gateway#l-2:P000003:S01"}, moved):
            (out,) = [event for event in story(ask, "l-2") if event["kind"] == "resolution"]
    assert out["text"].endswith("resolution of gateway#l-2:P000003; out of suspense, to l-1")
    assert payment["text"] == "1,015.00 CNY from gateway l-2:P000003; in suspense: paid after insufficient"
    assert payment["suspense"] is True


ATTEMPT = {"loan_id": "l-3", "seq": "P#000003"}
"""The one whose answer was lost."""


def last_attempt(ask: Ask) -> Any:
    return [event for event in story(ask, "l-3") if event["kind"] == "attempt"][-1]


def test_an_attempt_says_who_asked_for_it_and_how_often_it_went_out(ask: Ask, book: Book) -> None:
    with book.changed("attempts", ATTEMPT, {"owner": {"S": "borrower"}, "presented": {"N": "2"}}):
        last = last_attempt(ask)
    asked = "attempt 3 of #1 for 1,015.00 CNY by the borrower, slot 20:00, presented 2 times"
    assert last["text"] == f"{asked}: unknown"
    assert (last["owner"], last["presented"], last["stuck"]) == ("borrower", 2, None)


def test_a_stuck_attempt_says_why(ask: Ask, book: Book) -> None:
    with book.changed("attempts", ATTEMPT, {"stuck": {"S": "its key is forgotten"}}):
        last = last_attempt(ask)
    assert last["text"].endswith(": unknown; stuck: its key is forgotten")
    assert (last["owner"], last["stuck"]) == ("schedule", "its key is forgotten")


def money_of(amount: int, kind: str, undoes: str, *paid: tuple[int, str, int]) -> dict[str, Any]:
    """An entry that takes money back, by component."""
    split = {"L": [{"L": [{"N": str(n)}, {"N": str(minor)}]} for n, _, minor in paid[:1]]}
    if len(paid) > 1:
        split["L"][0]["L"][1] = {"N": str(sum(minor for _, _, minor in paid))}
    return {
        "source": {"S": "gateway"},
        "external_id": {"S": "back-1"},
        "amount_minor": {"N": str(amount)},
        "currency": {"S": "CNY"},
        "booked_on": {"S": "2026-04-01"},
        "split": split,
        "kind": {"S": kind},
        "undoes": {"S": undoes},
        "parts": {"L": [{"L": [{"N": str(n)}, {"S": part}, {"N": str(minor)}]} for n, part, minor in paid]},
    }


def test_money_taken_back_says_by_what_and_from_where(ask: Ask, book: Book) -> None:
    undone = "gateway#l-1:P000001"
    entry = money_of(-101_500, "chargeback", undone, (1, "principal", -100_000), (1, "interest", -1_500))
    with book.added("ledger", {"loan_id": "l-1", "entry": "gateway#back-1"}, entry):
        (back,) = [event for event in story(ask, "l-1") if event["kind"] == "chargeback"]
    came = "-1,015.00 CNY from gateway back-1, chargeback of gateway#l-1:P000001"
    assert back["text"] == f"{came}; took back #1 1,015.00 CNY (principal 1,000.00, interest 15.00)"
    assert (back["entry"], back["undoes"], back["amount"]) == ("chargeback", undone, "-1015.00")
    assert back["paid"] == [{"number": 1, "amount": "-1015.00", "principal": "-1000.00", "interest": "-15.00"}]


def test_credit_that_was_given_back_says_so(ask: Ask, book: Book) -> None:
    entry = money_of(-98_500, "refund", "transfer#r-2026-03-18")
    with book.added("ledger", {"loan_id": "l-5", "entry": "gateway#back-1"}, entry):
        (back,) = [event for event in story(ask, "l-5") if event["kind"] == "refund"]
    assert back["text"].endswith("; took back nothing; 985.00 CNY of the credit")


def test_a_refund_is_no_attempt_on_an_instalment(ask: Ask, book: Book) -> None:
    refund = {"refunds": {"N": "2"}, "amount_minor": {"N": "1500"}, "owner": {"S": "operator"}}
    with book.changed("attempts", ATTEMPT, refund):
        (told,) = [event for event in story(ask, "l-3") if event["kind"] == "refund"]
    assert told["text"] == "refund 3 of attempt 2 for 15.00 CNY: unknown"
    assert told["refunds"] == 2


def test_what_people_changed_stands_in_the_story(ask: Ask, book: Book) -> None:
    key = {"subject": "l-2", "revision": "2026-03-12T04:00:00.000000Z#mandate.cancel"}
    change = {
        "at": {"S": "2026-03-12T04:00:00Z"},
        "actor": {"S": "operator-7"},
        "what": {"S": "mandate.cancel"},
        "reason": {"S": "asked for on the phone"},
        "detail": {"M": {"now.m-l-2": {"S": "cancelled"}}},
    }
    with book.added("audit", key, change):
        (told,) = [event for event in story(ask, "l-2") if event["kind"] == "change"]
    assert (told["day"], told["at"]) == ("2026-03-12", "2026-03-12T04:00:00Z")
    assert told["text"] == "mandate.cancel by operator-7: asked for on the phone, now.m-l-2 cancelled"
    assert told["detail"] == {"now.m-l-2": "cancelled"}


def test_a_mandate_shows_its_status_its_end_and_its_accounts_by_kind(ask: Ask, book: Book) -> None:
    evidence = {"text_version": {"S": "cancel.zh-CN.1"}, "text_hash": {"S": "a" * 64}, "channel": {"S": "portal"}}
    sources: list[dict[str, Any]] = [
        {"kind": {"S": "balance"}},
        {"kind": {"S": "debit-card"}, "is_dead": {"BOOL": True}},
    ]
    changed = {
        "status": {"S": "cancelled"},
        "since": {"S": "2026-03-12T04:00:00Z"},
        "expires_on": {"S": "2027-03-31"},
        "funding": {"L": [{"M": {"account_ref": {"S": f"secret-{n}"}, **of}} for n, of in enumerate(sources)]},
        "evidence": {"M": evidence | {"seen_at": {"S": "2026-03-12T03:59:00Z"}}},
    }
    with book.changed("loans", {"loan_id": "l-2", "entity": "MANDATE#m-l-2"}, changed):
        said, document = ask("loan", "show", "l-2").out, ask("loan", "show", "l-2", "--json")
    since = "cancelled since 2026-03-12 12:00, signed on 2025-12-10, ends after 2027-03-31"
    assert f"mandate m-l-2: stub, {since}, from balance, then debit-card (dead)" in said
    (shown,) = document.json["mandates"]
    assert (shown["since"], shown["expires_on"]) == ("2026-03-12T04:00:00Z", "2027-03-31")
    assert shown["funding"] == [{"kind": "balance", "dead": False}, {"kind": "debit-card", "dead": True}]
    assert shown["evidence"]["seen_at"] == "2026-03-12T03:59:00Z"
    assert "secret" not in said + document.out


def test_an_answer_that_came_late_says_when(ask: Ask, book: Book) -> None:
    settled = {"state": {"S": "settled"}, "outcome": {"S": "paid"}, "settled_at": {"S": "2026-04-10T00:20:00Z"}}
    with book.changed("attempts", {"loan_id": "l-3", "seq": "P#000003"}, settled):
        last = [event for event in story(ask, "l-3") if event["kind"] == "attempt"][-1]
    assert last["text"] == "attempt 3 of #1 for 1,015.00 CNY, slot 20:00: paid at 2026-04-10 08:20"


def test_the_present_state(ask: Ask) -> None:
    shown = ask("loan", "show", "l-1", "--json").json
    del shown["story"]
    del shown["instalments"][1:]
    assert shown == {
        "loan_id": "l-1",
        "product": "jiebei",
        "status": "open",
        "stage": "current",
        "currency": "CNY",
        "principal": "3000.00",
        "outstanding": "2030.00",
        "borrower": {
            "borrower_id": "b-1",
            "phone": "+44******01",
            "locale": "zh-CN",
            "time_zone": "Asia/Shanghai",
            "dead_channels": [],
            "unreachable": False,
        },
        "instalments": [
            {
                "number": 1,
                "due_on": "2026-03-10",
                "due": "1015.00",
                "paid": "1015.00",
                "outstanding": "0.00",
                "components": {
                    "fee": {"due": "0.00", "paid": "0.00"},
                    "penalty": {"due": "0.00", "paid": "0.00"},
                    "interest": {"due": "15.00", "paid": "15.00"},
                    "principal": {"due": "1000.00", "paid": "1000.00"},
                },
                "state": "paid",
                "attempts": 1,
                "first_attempt_on": "2026-03-10",
                "last_outcome": "paid",
                "blocked": False,
            }
        ],
        "mandates": [
            {
                "mandate_id": "m-1",
                "rail": "stub",
                "status": "active",
                "signed_on": "2025-12-10",
                "since": None,
                "expires_on": None,
                "funding": [],
            }
        ],
        "holds": [],
        "next": {
            "contact": {"at": "2026-04-10T01:00:00Z", "quarantined": False},
            "stage": {"at": "2026-04-10T16:00:00Z", "quarantined": False},
            "debit": [
                {"number": 2, "at": "2026-04-10T00:00:00Z", "quarantined": False},
                {"number": 3, "at": "2026-04-12T00:00:00Z", "quarantined": False},
            ],
        },
    }


def test_for_people_it_fits_on_lines(ask: Ask) -> None:
    lines = [line.rstrip() for line in ask("loan", "show", "l-2").out.splitlines()]
    assert lines[:2] == [
        "loan l-2: jiebei, open, stage M1, 2,030.00 CNY outstanding",
        "borrower b-1: +44******01, zh-CN, Asia/Shanghai",
    ]
    assert "#2          2026-05-10  1,015.00  0.00     1,015.00         0  open   2026-04-12 08:00" in lines
    assert "next look of the stage line: 2026-04-10 00:00" in lines
    failed = "FAILED #1, 1,015.00 CNY, by sms: sent, unknown: no receipt within 72 hours"
    assert f"2026-03-10 20:00  message        {failed}" in lines
    assert "2026-03-11        stage entered  M1, 1 day past due, #1" in lines


def test_a_borrower_whose_number_is_dead_is_shown_as_unreachable(ask: Ask, book: Book) -> None:
    bar = Bar(Channel.SMS, keys.address_key("+447700900001"), BarredBy.DEAD, datetime(2026, 3, 10, tzinfo=UTC))
    dead = {"bars": lines([bar_words(bar)])}
    with book.changed("borrowers", {"borrower_id": "b-1", "entity": "CONTACT"}, dead):
        assert "unreachable: no message arrives by sms, voice" in ask("loan", "show", "l-2").out
    assert "unreachable" not in ask("loan", "show", "l-2").out


def test_a_quarantined_and_a_blocked_row_say_so(ask: Ask, book: Book) -> None:
    quarantined, blocked = {"stage_pk": {"S": "QUARANTINE"}}, {"blocked": {"BOOL": True}}
    with (
        book.changed("loans", {"loan_id": "l-2", "entity": "LOAN"}, quarantined),
        book.changed("loans", {"loan_id": "l-2", "entity": "INST#001"}, blocked),
    ):
        shown = ask("loan", "show", "l-2").out
    assert "next look of the stage line: quarantined" in shown
    assert "open, blocked" in shown


@pytest.mark.parametrize(
    ("loan_id", "problem"),
    [("l-99", "there is no loan l-99"), ("a b", "an id is 1 to 64"), ("SUSPENSE", "there is no loan SUSPENSE")],
)
def test_an_unknown_loan_is_one_line_and_2(ask: Ask, loan_id: str, problem: str) -> None:
    said = ask("loan", "show", loan_id)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert problem in said.err


def test_a_row_that_cannot_be_read_is_one_line_and_2(ask: Ask, book: Book) -> None:
    with book.changed("loans", {"loan_id": "l-2", "entity": "INST#001"}, {"due_on": {"S": "soon"}}):
        said = ask("loan", "show", "l-2")
    assert (said.code, said.out) == (2, "")
    assert "the stored row l-2 INST#001 cannot be read" in said.err


@pytest.mark.parametrize("loan_id", ["l-1", "l-2", "l-3", "l-4", "l-5", "l-6"])
def test_nothing_personal_is_shown(ask: Ask, loan_id: str) -> None:
    said = ask("loan", "show", loan_id).out + ask("loan", "show", loan_id, "--json").out
    hidden = (
        "王芳",
        "7700900001",
        "7700900002",
        "7700900003",
        "paid-1",
        "insufficient-2",
        "balance-3",
        "mandate-dead-6",
    )
    assert [word for word in hidden if word in said] == []


@pytest.mark.parametrize(
    ("phone", "shown"), [("+447700900001", "+44******01"), ("+12025550123", "+12******23"), (None, None), ("", None)]
)
def test_a_phone_shows_its_ends(phone: str | None, shown: str | None) -> None:
    assert masked(phone) == shown


def test_the_holds_of_a_loan_say_what_they_stop_and_until_when(ask: Ask, book: Book) -> None:
    since, stops = datetime(2026, 4, 1, 2, tzinfo=UTC), frozenset({Stops.DEBIT, Stops.CONTACT})
    found = (
        Hold("dispute-2026-04-01-1", "dispute", stops, since),
        Hold("hardship-2026-04-01-1", "hardship", frozenset({Stops.ESCALATION}), since, date(2026, 5, 1)),
    )
    holds = hold_values(found)
    with book.changed("loans", {"loan_id": "l-1", "entity": "LOAN"}, {"holds": holds}):
        said, shown = ask("loan", "show", "l-1", "--json").json["holds"], ask("loan", "show", "l-1").out
    assert said == [
        {
            "hold_id": "dispute-2026-04-01-1",
            "code": "dispute",
            "stops": ["contact", "debit"],
            "since": "2026-04-01T02:00:00Z",
            "until": None,
        },
        {
            "hold_id": "hardship-2026-04-01-1",
            "code": "hardship",
            "stops": ["escalation"],
            "since": "2026-04-01T02:00:00Z",
            "until": "2026-05-01",
        },
    ]
    assert "hold dispute-2026-04-01-1: stops contact, debit, until somebody ends it" in shown
    assert "hold hardship-2026-04-01-1: stops escalation, until 2026-05-01" in shown
    assert ask("loan", "show", "l-1", "--json").json["holds"] == []
