"""change_mandates as deployed: its rights, its tables, its message, and nothing of the code anywhere else."""

import json
import re
from typing import Any

import pytest

from shared.domain.book import Attempt, MandateStatus
from shared.domain.changes import Insert, TakeSeq
from shared.domain.errors import CallerError, EventError
from shared.domain.money import Money
from shared.domain.switches import ALL_ON, Switches
from tests.functions.stack import Stack
from tests.functions.sts_server import arn, signed

ASK = {"v": 1, "do": "ask", "loan_id": "HB-001", "purpose": "cancel"}


def confirming(code: str, acknowledged: str, **changes: Any) -> dict[str, Any]:
    event = {"v": 1, "do": "confirm", "loan_id": "HB-001", "purpose": "cancel", "channel": "app"}
    return event | {"code": code, "acknowledged": acknowledged} | changes


def code_in(stack: Stack) -> str:
    found = re.search(r"\d{6}", stack.inbox[-1][1])
    assert found
    return found.group()


def status_of(stack: Stack, loan_id: str) -> MandateStatus:
    file = stack.book.loan_file(loan_id)
    assert file is not None
    return file.mandates[0].status


def test_deduction_is_turned_off_and_on_again(stack: Stack) -> None:
    stack.at("2026-03-05 10:00")
    asked = stack.invoke("change_mandates", ASK)["asked"]
    done = stack.invoke("change_mandates", confirming(code_in(stack), asked["notice"]["hash"]))
    assert done == {
        "changed": {"mandates": [{"mandate_id": "M-HB-001", "status": "cancelled"}], "at": "2026-03-05T02:00:00Z"}
    }
    stack.live("2026-03-09", "2026-03-10")
    assert [a.loan_id for a in stack.attempts() if a.loan_id == "HB-001"] == []
    asked = stack.invoke("change_mandates", ASK | {"purpose": "enable"})["asked"]
    event = confirming(code_in(stack), asked["notice"]["hash"], purpose="enable")
    assert stack.invoke("change_mandates", event)["changed"]["mandates"][0]["status"] == "active"
    stack.live("2026-03-11", "2026-03-12")
    assert [a.loan_id for a in stack.attempts() if a.loan_id == "HB-001"] != []
    standing = stack.invoke("change_mandates", {"v": 1, "do": "show", "loan_id": "HB-001"})["standing"]
    assert [entry["what"] for entry in standing["history"]] == ["mandate.cancel", "mandate.enable"]
    assert standing["cancelled_lately"] == 1
    assert standing["mandates"] == [
        {
            "mandate_id": "M-HB-001",
            "rail": "stub",
            "status": "active",
            "signed_on": "2026-01-10",
            "since": "2026-03-10T12:00:00Z",
            "expires_on": None,
            "funding": [],
        }
    ]


def test_a_wrong_code_says_how_many_tries_are_left(stack: Stack) -> None:
    asked = stack.invoke("change_mandates", ASK)["asked"]
    wrong = "000000" if code_in(stack) != "000000" else "000001"
    answer = stack.invoke("change_mandates", confirming(wrong, asked["notice"]["hash"]))
    assert answer == {"refused": {"reason": "CODE_WRONG", "sentence": "the code is wrong", "tries_left": 2}}
    assert status_of(stack, "HB-001") is MandateStatus.ACTIVE


def test_a_notice_that_changed_is_handed_over_anew(stack: Stack) -> None:
    asked = stack.invoke("change_mandates", ASK)["asked"]
    refused = stack.invoke("change_mandates", confirming(code_in(stack), "0" * 64))["refused"]
    assert (refused["reason"], refused["notice"]) == ("NOTICE_CHANGED", asked["notice"])


def test_an_open_debit_is_listed_with_its_amount(stack: Stack) -> None:
    owed = Money(51_000, "CNY")
    slot, now = "2026-03-01T08:00", stack.now
    claim = Attempt("HB-001", 1, (2,), owed, "M-HB-001", "stub", "paid-HB-001", slot, now, "v")
    assert stack.book.commit([TakeSeq("HB-001", 1, 0), Insert(claim)])
    notice = stack.invoke("change_mandates", ASK)["asked"]["notice"]
    assert notice["claimed"] == [{"reference": "HB-001:P000001", "amount": "510.00", "currency": "CNY", "numbers": [2]}]
    assert "510.00元，对应第2期，编号HB-001:P000001" in notice["text"]


@pytest.mark.parametrize(
    ("do", "status", "what"), [("suspend", "suspended", "mandate.suspend"), ("resume", "active", "mandate.resume")]
)
def test_the_lender_suspends_and_resumes_with_a_name_and_a_reason(
    stack: Stack, do: str, status: str, what: str
) -> None:
    event = {"v": 1, "loan_id": "HB-001", "mandate_id": "M-HB-001", "reason": "why"}
    stack.invoke("change_mandates", signed(event | {"do": "suspend"}))
    answer = stack.invoke("change_mandates", signed(event | {"do": do}))
    expected = "STANDS_SO" if do == "suspend" else status
    assert expected in json.dumps(answer)
    entry = stack.book.audit("HB-001")[-1]
    assert (entry.what, entry.actor) == (what, arn("ALICE"))
    assert status_of(stack, "HB-001") == status


FUND = {"v": 1, "do": "fund", "loan_id": "HB-001", "mandate_id": "M-HB-001", "sources": ["balance:b"], "reason": "why"}


@pytest.mark.parametrize(
    ("event", "error", "problem"),
    [
        (FUND, EventError, "caller is missing"),
        (FUND | {"actor": "arn:aws:iam::1:user/li"}, EventError, "caller is missing"),
        (signed(FUND) | {"sources": ["balance:mine"]}, CallerError, "for another order"),
        (signed(FUND, "NOBODY"), CallerError, "not valid"),
        (signed(FUND, "STRANGER"), CallerError, "another AWS account"),
    ],
)
def test_nobody_changes_a_mandate_in_the_name_of_somebody_else(
    stack: Stack, event: Any, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        stack.invoke("change_mandates", event)
    assert stack.book.audit("HB-001") == ()
    (mandate,) = stack.book.loan_file("HB-001").mandates  # type: ignore[union-attr]
    assert mandate.funding == ()


def test_neither_code_nor_phone_stands_in_a_log_a_row_or_an_error(
    stack: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    stack.log_level = "DEBUG"
    caplog.set_level("DEBUG")
    asked = stack.invoke("change_mandates", ASK)["asked"]
    code = code_in(stack)
    stack.invoke("change_mandates", confirming(code, asked["notice"]["hash"]))
    with pytest.raises(EventError) as caught:
        stack.invoke("change_mandates", confirming(f" {code}", asked["notice"]["hash"]))
    said = capsys.readouterr()
    rows = json.dumps({name: rows for name, rows in stack.snapshot().items() if not name.endswith("borrowers")})
    everywhere = [said.out, said.err, caplog.text, str(caught.value), rows, *stack.errors]
    assert [text for text in everywhere if code in text] == []
    assert "mandate.cancel.changed" in said.out


def test_in_a_stack_for_tests_a_number_that_is_not_listed_gets_no_code(stack: Stack) -> None:
    stack.known["AllowedPhones"] = ""
    with stack.restarted("change_mandates"):
        answer = stack.invoke("change_mandates", ASK)
    assert answer["refused"]["reason"] == "NOT_SENT"
    assert stack.inbox == []


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (ASK | {"purpose": "pause"}, "purpose must be enable or cancel"),
        (ASK | {"do": "pay"}, "do must be ask or confirm or suspend or resume or fund or show"),
        (ASK | {"loan_id": "a b"}, "loan_id must be an id"),
        (confirming("12345", "0" * 64), "code must be six digits in quotes"),
        (confirming("１２３４５６", "0" * 64), "code must be six digits in quotes"),
        (confirming("123456", "0" * 63), "acknowledged must be the SHA-256"),
        (confirming("123456", "0" * 64, channel="An App"), "channel must be a word"),
        ({"v": 1, "do": "suspend", "loan_id": "L", "mandate_id": "m", "reason": "r"}, "caller is missing"),
        ({"v": 1, "do": "suspend", "loan_id": "L", "mandate_id": "m", "reason": " "}, "reason must be"),
        (signed(FUND | {"actor": "li"}), "unknown field 'actor'"),
        (
            {"v": 1, "do": "fund", "loan_id": "L", "mandate_id": "m", "sources": ["x:y"]},
            "sources must be a list of 1 to",
        ),
        ({"v": 1, "do": "fund", "loan_id": "L", "mandate_id": "m", "sources": "balance:a"}, "sources must be a list"),
        ({"v": 1, "do": "show", "loan_id": "L", "purpose": "x"}, "unknown field 'purpose'"),
        ({"v": 2, "do": "show", "loan_id": "L"}, "v must be 1"),
    ],
)
def test_an_event_that_is_no_good_names_its_field(stack: Stack, event: Any, problem: str) -> None:
    with pytest.raises(EventError, match=re.escape(problem)):
        stack.invoke("change_mandates", event)


def test_a_code_waits_for_a_switch_by_a_refusal(stack: Stack) -> None:
    stack.at("2026-03-05 10:00")
    stack.turn(Switches(on=True, off=frozenset({"channel:sms"})))
    assert stack.invoke("change_mandates", ASK)["refused"]["reason"] == "SWITCHED_OFF"
    assert stack.inbox == []
    stack.turn(ALL_ON)
    assert "asked" in stack.invoke("change_mandates", ASK)


def test_without_a_provider_of_sms_the_lender_suspends_and_looks_and_only_codes_are_refused(stack: Stack) -> None:
    stack.known["SmsProvider"] = "none"
    with stack.restarted("change_mandates"):
        assert stack.invoke("change_mandates", ASK)["refused"]["reason"] == "NO_PROVIDER"
        lender = {"v": 1, "do": "suspend", "loan_id": "HB-001", "mandate_id": "M-HB-001", "reason": "he called"}
        done = stack.invoke("change_mandates", signed(lender))
        assert done["changed"]["mandates"] == [{"mandate_id": "M-HB-001", "status": "suspended"}]
        shown = stack.invoke("change_mandates", {"v": 1, "do": "show", "loan_id": "HB-001"})["standing"]
    assert shown["mandates"][0]["status"] == "suspended"
    assert stack.inbox == []
