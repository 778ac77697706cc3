"""`duebell invoke plan_work`: the event is read before anything is sent, and one request is sent."""

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
