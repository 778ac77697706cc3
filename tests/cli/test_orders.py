"""Operators' commands: what is wrong never leaves the machine; what leaves is signed, sent once and said plainly."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import boto3
import pytest

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.memory.world import CountingTokens
from shared.domain import keys
from shared.domain.book import AttemptState, AuditEntry, LedgerEntry, Outcome
from shared.domain.changes import Insert, SaveAttempt
from shared.domain.money import Money
from shared.runtime.callers import CALLER, digest_of
from shared.runtime.operator_events import operate
from tests.cli.conftest import MORNING, Duebell
from tests.contract.stores import an_attempt
from tests.wire import Wire, http, wire

KEY = "L1:P000001"
DONE: dict[str, Any] = {
    "actor": "arn:aws:iam::123456789012:user/alice",
    "loans": 1,
    "amounts": [{"amount": "10.00", "currency": "CNY"}],
    "results": [{"attempt": KEY, "result": "paid", "made": "L1:P000002"}],
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("FUNCTION_OPERATE", "duebell-operate")


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    yield from answering(monkeypatch, DONE)


def answering(monkeypatch: pytest.MonkeyPatch, answer: object) -> Iterator[Wire]:
    with wire(http(200, json.dumps(answer).encode())) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
        yield server


def sent(server: Wire) -> dict[str, Any]:
    (request,) = server.requests
    event: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])
    return event


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (
            ["attempt", "recheck", KEY, "L1:P000002", "--reason", "why"],
            {"verb": "recheck", "attempts": [KEY, "L1:P000002"], "reason": "why", "at_most": 1},
        ),
        (
            ["attempt", "rerecord", KEY, "--outcome", "paid", "--evidence", "s-17", "--reason", "why"],
            {
                "verb": "rerecord", "attempts": [KEY], "reason": "why", "at_most": 1, "outcome": "paid",
                "evidence": "s-17",
            },
        ),
        (
            ["attempt", "recharge", KEY, "--reason", "why", "--at-most", "2", "--at-most-amount", "5 CNY"],
            {"verb": "recharge", "attempts": [KEY], "reason": "why", "at_most": 2, "at_most_amount": "5 CNY"},
        ),
        (
            ["attempt", "refund", KEY, "--amount", "10.00 CNY", "--reason", "why"],
            {"verb": "refund", "attempts": [KEY], "reason": "why", "at_most": 1, "amount": "10.00 CNY"},
        ),
        (
            ["attempt", "reopen", KEY, "--reason", "why", "--at-most-amount", "5 CNY"],
            {"verb": "reopen", "attempts": [KEY], "reason": "why", "at_most": 1, "at_most_amount": "5 CNY"},
        ),
        (["approve", "R-0123456789abcdef"], {"verb": "approve", "request": "R-0123456789abcdef"}),
    ],
)  # fmt: skip
def test_an_order_is_sent_once_and_signed(
    duebell: Duebell, function: Wire, command: list[str], event: dict[str, Any]
) -> None:
    ran = duebell(*command)
    assert (ran.code, ran.err) == (0, "")
    found = sent(function)
    proof = found.pop(CALLER)
    assert found == {"v": 1} | event
    assert proof["X-Duebell-Order"] == digest_of(found)
    assert "x-duebell-order" in proof["Authorization"]
    assert operate(found | {CALLER: proof}).digest == digest_of(found)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["attempt", "recheck", KEY], "--reason"),
        (["attempt", "recheck", "--reason", "x"], "ATTEMPT"),
        (["attempt", "recheck", "L1", "--reason", "x"], "attempts must be a list of 1 to 100 attempts"),
        (["attempt", "recheck", KEY, KEY, "--reason", "x"], "each once"),
        (["attempt", "recheck", KEY, "--reason", " "], "reason must be"),
        (["attempt", "reopen", KEY], "--reason"),
        (["attempt", "recheck", KEY, "--reason", "x", "--at-most", "0"], "at_most must be a whole number"),
        (["attempt", "recheck", KEY, "--reason", "x", "--at-most", "many"], "--at-most"),
        (["attempt", "refund", KEY, "--reason", "x", "--amount", "10"], "amount must be an amount with its currency"),
        (["attempt", "refund", KEY, "--reason", "x", "--amount", "ten CNY"], "amount must be"),
        (["attempt", "refund", KEY, "--reason", "x", "--at-most-amount", "1 XXX"], "at_most_amount must be"),
        (["attempt", "refund", KEY, "L2:P000001", "--reason", "x", "--amount", "1 CNY"], "one attempt alone"),
        (["attempt", "rerecord", KEY, "--reason", "x", "--outcome", "paid"], "--evidence"),
        (
            ["attempt", "rerecord", KEY, "--reason", "x", "--outcome", "perhaps", "--evidence", "s"],
            "outcome must be paid or",
        ),
        (["approve", "R-1"], "request must be the id of a request"),
        (["switch", "off", "sms", "--reason", "x"], "name must be debit"),
        (["switch", "off", "debit"], "--reason"),
        (["suspense", "resolve", "transfer#B", "--reason", "x"], "--loan LOAN or --elsewhere"),
        (["suspense", "resolve", "transfer#B", "--loan", "L1", "--elsewhere", "--reason", "x"], "--loan LOAN or"),
        (
            ["suspense", "resolve", "transfer#B", "--elsewhere", "--instalment", "1", "--reason", "x"],
            "--instalment is for money",
        ),
        (["suspense", "resolve", "B", "--loan", "L1", "--reason", "x"], "entry must be an entry of suspense"),
    ],
)
def test_wrong_input_is_one_line_and_never_sent(
    duebell: Duebell, function: Wire, command: list[str], said: str
) -> None:
    ran = duebell(*command)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
    assert function.requests == []


def test_what_was_done_is_a_line_for_each_attempt(duebell: Duebell, function: Wire) -> None:
    ran = duebell("attempt", "refund", KEY, "--reason", "why")
    assert ran.out.splitlines()[1].split() == [KEY, "paid", "L1:P000002"]
    assert json.loads(duebell("attempt", "refund", KEY, "--reason", "why", "--json").out) == DONE


def test_what_was_refused_says_why_and_fails(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {
        "attempt": KEY,
        "result": "refused",
        "reason": "ATTEMPT_OPEN",
        "sentence": "an attempt is open",
        "until": "2026-03-10T00:00:00Z",
    }
    for _ in answering(monkeypatch, DONE | {"results": [refused]}):
        ran = duebell("attempt", "recharge", KEY, "--reason", "why")
        assert ran.code == 1
        assert "an attempt is open; not before 2026-03-10T00:00:00Z" in ran.out


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [("opened", 0, "may be debited again"), ("other-amount", 1, "names another amount than was asked for")],
)
def test_a_word_is_explained(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, word: str, code: int, said: str
) -> None:
    for _ in answering(monkeypatch, DONE | {"results": [{"attempt": KEY, "result": word}]}):
        ran = duebell("attempt", "reopen", KEY, "--reason", "why")
        assert ran.code == code
        assert said in " ".join(ran.out.split())


def test_a_request_for_a_second_person_says_what_that_person_types(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in answering(monkeypatch, DONE | {"results": [], "request": "R-0123456789abcdef"}):
        ran = duebell("attempt", "refund", KEY, "--reason", "why")
        assert ran.code == 1
        assert "nothing was done yet: 1 loan, 10.00 CNY needs a second person" in ran.out
        assert "arn:aws:iam::123456789012:user/alice" in ran.out
        assert "duebell approve R-0123456789abcdef" in ran.out
        assert "duebell audit R-0123456789abcdef" in ran.out


def test_a_switch_that_is_turned_says_how_the_board_stands(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    for server in answering(monkeypatch, {"actor": "x", "open": True, "off": ["debit", "rail:ach"]}):
        ran = duebell("switch", "off", "rail:ach", "--reason", "why")
        assert (ran.code, ran.out) == (0, "off: debit\noff: rail:ach\n")
        event = sent(server)
        assert (event["name"], event["on"], event["reason"]) == ("rail:ach", False, "why")
    for server in answering(monkeypatch, {"actor": "x", "open": True, "off": []}):
        assert duebell("switch", "on", "all", "--reason", "why").out == "everything is on\n"
        assert sent(server)["on"] is True


def test_money_that_was_resolved(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"actor": "x", "entry": "transfer#B-1", "loan_id": "L1", "amount": "10.00", "currency": "CNY"}
    for server in answering(monkeypatch, answer):
        ran = duebell("suspense", "resolve", "transfer#B-1", "--loan", "L1", "--instalment", "2", "--reason", "why")
        assert ran.out == "10.00 CNY of transfer#B-1 went to loan L1\n"
        event = sent(server)
        assert (event["instalments"], event["at_most"], "at_most_amount" in event) == ([2], 1, False)


@pytest.mark.parametrize(
    "command", [["suspense", "resolve", "transfer#B-1", "--elsewhere"], ["approve", "R-" + "0" * 16]]
)
def test_money_that_an_approval_resolves_is_said_too(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    answer = {"actor": "x", "entry": "transfer#B-1", "loan_id": None, "amount": "10.00", "currency": "CNY"}
    reason = [] if command[0] == "approve" else ["--reason", "why"]
    for _ in answering(monkeypatch, answer):
        ran = duebell(*command, *reason)
        assert (ran.code, ran.out) == (0, "10.00 CNY of transfer#B-1 went to other books\n")


def test_a_resolution_that_needs_a_second_person_says_how_and_sends_its_limits(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {
        "actor": "x",
        "entry": "transfer#B-1",
        "loan_id": "L1",
        "loans": 1,
        "amounts": [{"amount": "10.00", "currency": "CNY"}],
        "request": "R-0123456789abcdef",
    }
    limits = ["--at-most", "2", "--at-most-amount", "20.00 CNY"]
    for server in answering(monkeypatch, answer):
        ran = duebell("suspense", "resolve", "transfer#B-1", "--loan", "L1", *limits, "--reason", "why")
        assert ran.code == 1
        assert "1 loan, 10.00 CNY needs a second person" in ran.out
        assert "duebell approve R-0123456789abcdef" in ran.out
        event = sent(server)
        assert (event["at_most"], event["at_most_amount"]) == (2, "20.00 CNY")


def test_without_credentials_nothing_is_signed(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    ran = duebell("switch", "off", "debit", "--reason", "why")
    assert (ran.code, ran.err) == (2, "duebell: no AWS credentials: choose a profile with AWS_PROFILE, or sign in\n")


# what is read


def book_of(tables: dict[str, str]) -> DynamoBook:
    names = {short: name for short, name in tables.items() if short != "stub_books"}
    return DynamoBook(boto3.client("dynamodb"), names, CountingTokens("cli-"))


def test_the_list_of_attempts_tells_age_and_why(duebell: Duebell, tables: dict[str, str]) -> None:

    now = datetime.fromisoformat(MORNING)
    book = book_of(tables)

    def put(seq: int, minutes: int, **changes: Any) -> None:
        at = now - timedelta(minutes=minutes)
        row = replace(an_attempt(seq=seq), claimed_at=at, first_claimed_at=at)
        assert book.commit([Insert(row)])
        if changes:
            assert book.commit([SaveAttempt(replace(row, **changes))])

    put(1, 3)
    put(2, 30)
    put(3, 200, state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN, enquire_at=now + timedelta(minutes=5))
    put(4, 3000, state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN, stuck="the gateway may have forgotten the key")
    put(5, 60, state=AttemptState.SETTLED, outcome=Outcome.PAID, settled_at=now)
    found = json.loads(duebell("attempt", "list", "--json").out)
    loan_id = an_attempt().loan_id
    assert [(one["attempt"], one["state"], one["age_minutes"], one["why"]) for one in found] == [
        (f"{loan_id}:P000004", "stuck", 3000, "the gateway may have forgotten the key"),
        (f"{loan_id}:P000003", "unknown", 200, "no definite answer yet; is asked about at 2026-03-01T02:05:00Z"),
        (f"{loan_id}:P000002", "claimed", 30, "its worker is gone; the next enquiry asks about it"),
        (f"{loan_id}:P000001", "claimed", 3, "may be on its way"),
    ]
    shown = duebell("attempt", "list").out
    assert "4 without a definite outcome, 1 of them stuck" in shown
    assert "2 d" in shown
    assert "3 h" in shown


def test_an_empty_stack_has_nothing_to_list(duebell: Duebell, tables: dict[str, str]) -> None:
    assert duebell("attempt", "list").out == "0 without a definite outcome, 0 of them stuck\n"
    assert duebell("suspense", "list").out == "0 in suspense\n"
    assert duebell("audit", "L1").out == "nothing is noted about L1\n"
    assert duebell("switch", "list").out.startswith("everything is off: nobody has opened this board yet")


def test_the_list_of_suspense(duebell: Duebell, tables: dict[str, str]) -> None:

    entry = LedgerEntry(keys.SUSPENSE, "transfer", "B-1", Money(1_000, "CNY"), date(2026, 3, 1), detail="no such loan")
    assert book_of(tables).commit([Insert(entry)])
    assert json.loads(duebell("suspense", "list", "--json").out) == [
        {
            "entry": "transfer#B-1",
            "left": "10.00",
            "currency": "CNY",
            "booked_on": "2026-03-01",
            "why": "no such loan",
        }
    ]
    assert "transfer#B-1" in duebell("suspense", "list").out


def test_the_audit_of_a_subject_is_shown_oldest_first(duebell: Duebell, tables: dict[str, str]) -> None:

    at = datetime.fromisoformat(MORNING)
    book = book_of(tables)
    for number in (2, 1):
        note = AuditEntry("L1", f"r{number}", at, "arn:x", f"attempt.{number}", "why", {"attempt": KEY})
        assert book.commit([Insert(note)])
    lines = duebell("audit", "L1").out.splitlines()
    assert lines[0] == f"{MORNING}  attempt.1  by arn:x: why; attempt {KEY}"
    assert [one["what"] for one in json.loads(duebell("audit", "L1", "--json").out)] == ["attempt.1", "attempt.2"]
    assert duebell("audit", "a b").code == 2


def test_a_board_that_cannot_be_read_is_said_and_not_taken_for_one_that_was_never_opened(
    duebell: Duebell, tables: dict[str, str]
) -> None:
    client = boto3.client("dynamodb")
    client.put_item(TableName=tables["control"], Item={"name": {"S": "SWITCHES"}, "on": {"S": "yes"}})
    ran = duebell("switch", "list")
    assert (ran.code, ran.err) == (2, "duebell: the stored switch board is malformed\n")
