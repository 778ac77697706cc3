"""`duebell invoke plan_work|pay_now`: the event is read before anything is sent, and one request is sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Duebell
from tests.wire import Wire, http, wire

ANSWER: dict[str, Any] = {
    "business_date": "2026-03-01",
    "decisions": [
        {
            "key": "L1#003",
            "decision": "defer",
            "reason": "NOT_YET_DUE",
            "sentence": "the instalment is not due yet",
            "until": "2026-03-10T00:00:00Z",
        }
    ],
    "after": "0:x",
}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    with wire(http(200, json.dumps(ANSWER).encode())) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        monkeypatch.setenv("FUNCTION_PLAN_WORK", "duebell-plan_work")
        yield server


def event(tmp_path: Path, **fields: object) -> Path:
    (tmp_path / "event.json").write_text(json.dumps(fields), encoding="utf-8")
    return tmp_path / "event.json"


def test_a_dry_run_shows_every_decision_with_its_reason(duebell: Duebell, function: Wire, tmp_path: Path) -> None:
    ran = duebell("invoke", "plan_work", "--event", event(tmp_path, line="debit", loan_ids=["L1"]))
    assert ran.code == 0
    assert ran.err == "dry run: tells the debit line's decisions on 1 loan for today\n"
    assert "L1#003" in ran.out
    assert "NOT_YET_DUE: the instalment is not due yet" in ran.out
    assert "until 2026-03-10T00:00:00Z" in ran.out
    assert '"after": "0:x"' in ran.out
    (request,) = function.requests
    assert b"/functions/duebell-plan_work/invocations" in request
    assert json.loads(request.partition(b"\r\n\r\n")[2]) == {"line": "debit", "loan_ids": ["L1"]}


def test_a_live_run_says_what_it_will_do(duebell: Duebell, function: Wire, tmp_path: Path) -> None:
    ran = duebell("invoke", "plan_work", "--event", event(tmp_path, line="contact", all=True, dry_run=False))
    assert ran.err == "live run: hints to the contact line's workers at all loans, who then act for real\n"
    ran = duebell("invoke", "plan_work", "--event", event(tmp_path, v=1, schedule="plan_work"))
    assert ran.err == "live run: hints to the workers at everything that is due by now\n"


def test_the_answer_for_programs_is_the_functions_own(duebell: Duebell, function: Wire, tmp_path: Path) -> None:
    ran = duebell("invoke", "plan_work", "--json", "--event", event(tmp_path, line="stage", all=True))
    assert (json.loads(ran.out), ran.err) == (ANSWER, "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "neither"),
        ('{"line": "sms", "all": true}', "line must be contact or debit or stage"),
        ('{"line": "debit"}', "either loan_ids or"),
        ('{"line": "debit", "all": true, "dryrun": false}', "unknown field 'dryrun'"),
        ('{"line": "debit", "all": true, "business_date": "1.3.2026"}', "business_date must be"),
    ],
)
def test_an_event_that_is_no_good_is_never_sent(
    duebell: Duebell, function: Wire, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "event.json").write_text(content, encoding="utf-8")
    ran = duebell("invoke", "plan_work", "--event", tmp_path / "event.json")
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
    assert function.requests == []


def test_a_function_that_fails_is_one_line(duebell: Duebell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failed = http(
        200,
        b'{"errorMessage": "a live run is for today", "errorType": "EventError"}',
        "X-Amz-Function-Error: Unhandled",
    )
    with wire(failed) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        monkeypatch.setenv("FUNCTION_PLAN_WORK", "duebell-plan_work")
        ran = duebell("invoke", "plan_work", "--json", "--event", event(tmp_path, line="stage", all=True))
    assert (ran.code, ran.err) == (2, "duebell: a live run is for today\n")


def test_a_lost_answer_is_never_asked_for_twice(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with wire(b"") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        monkeypatch.setenv("FUNCTION_PLAN_WORK", "duebell-plan_work")
        ran = duebell("invoke", "plan_work", "--event", event(tmp_path, line="stage", all=True, dry_run=False))
        assert ran.code == 2
        assert len(server.requests) == 1


PAID: dict[str, Any] = {
    "decision": "act",
    "reason": "PAYMENT_ORDERED",
    "sentence": "ordered",
    "lost": False,
    "attempt": {"key": "L1:P000001", "instalments": [2], "amount": "1.00", "currency": "CNY", "outcome": "paid"},
}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (PAID, "act  PAYMENT_ORDERED: ordered\nL1:P000001  1.00 CNY  paid\n"),
        (PAID | {"attempt": PAID["attempt"] | {"outcome": None}}, "L1:P000001  1.00 CNY  not known yet: an enquiry"),
        ({**PAID, "lost": True, "attempt": None}, "lost: somebody else was quicker on this loan"),
        (
            {"decision": "defer", "reason": "SWITCHED_OFF", "sentence": "off", "until": "2026-03-08T04:15:00Z"},
            "defer until 2026-03-08T04:15:00Z  SWITCHED_OFF: off\n",
        ),
        (None, "null"),
    ],
)
def test_paying_now_says_what_it_debits_and_what_became_of_it(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: object, said: str
) -> None:
    with wire(http(200, json.dumps(answer).encode())) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        monkeypatch.setenv("FUNCTION_PAY_NOW", "duebell-pay_now")
        order = event(tmp_path, v=1, order_id="o-1", loan_id="L1", instalments=[2], amount="1.00", currency="CNY")
        ran = duebell("invoke", "pay_now", "--event", order)
        assert ran.err == "debits now, for real: 1.00 CNY of instalments 2 of loan L1\n"
        assert said in ran.out
        told = duebell("invoke", "pay_now", "--json", "--event", event(tmp_path, v=1, order_id="o-1", loan_id="L1"))
        assert (json.loads(told.out), told.err) == (answer, "")
        first, _ = server.requests
    assert b"/functions/duebell-pay_now/invocations" in first


def test_a_payment_that_is_no_good_is_never_sent(duebell: Duebell, function: Wire, tmp_path: Path) -> None:
    ran = duebell("invoke", "pay_now", "--event", event(tmp_path, v=1, order_id="o-1", loan_id="L1", instalments=[]))
    assert (ran.code, ran.out) == (2, "")
    assert "instalments must be" in ran.err
    assert function.requests == []
