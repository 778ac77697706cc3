"""`duebell hold`: what is sent, what is said, and what stands."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import boto3
import pytest

from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.memory.world import CountingTokens, FixedClock
from shared.adapters.policy_files import PolicyFiles
from shared.domain.hold_orders import HoldAdd
from shared.ports.portfolio import Imported
from shared.runtime.callers import CALLER
from shared.workflows.set_holds import Holds
from tests.cli.conftest import Duebell
from tests.cli.test_orders import answering, book_of, sent
from tests.contract.stores import a_borrower, a_card, a_loan
from tests.wire import Wire

SET: dict[str, Any] = {
    "loan_id": "l-1",
    "result": "set",
    "hold_id": "dispute-2026-03-12-1",
    "stops": ["contact", "debit", "escalation"],
    "since": "2026-03-12T02:00:00Z",
    "until": None,
}


@pytest.fixture(autouse=True)
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setenv("FUNCTION_OPERATE", "duebell-operate")
    yield from answering(
        monkeypatch, {"actor": "arn:x", "holds": [SET, SET | {"loan_id": "l-2", "until": "2026-04-30"}]}
    )


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (
            ["add", "l-1", "--code", "dispute", "--reason", "ticket 17"],
            {"verb": "hold", "loan_id": "l-1", "code": "dispute", "reason": "ticket 17"},
        ),
        (
            ["add", "--borrower", "b-1", "--code", "dispute", "--until", "2026-04-30", "--reason", "ticket 17"],
            {
                "verb": "hold",
                "borrower_id": "b-1",
                "code": "dispute",
                "until": "2026-04-30",
                "reason": "ticket 17",
            },
        ),
        (
            ["end", "l-1", "dispute-2026-03-12-1", "--reason", "closed"],
            {"verb": "end-hold", "loan_id": "l-1", "hold_id": "dispute-2026-03-12-1", "reason": "closed"},
        ),
    ],
)
def test_an_order_is_signed_and_sent_once(
    duebell: Duebell, function: Wire, command: list[str], event: dict[str, Any]
) -> None:
    assert duebell("hold", *command).code == 0
    found = sent(function)
    assert "x-duebell-order" in found.pop(CALLER)["Authorization"]
    assert found == {"v": 1} | event


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["add", "l-1", "--code", "dispute"], "--reason"),
        (["add", "l-1", "--reason", "x"], "--code"),
        (["add", "--code", "dispute", "--reason", "x"], "give one of the two"),
        (["add", "l-1", "--borrower", "b-1", "--code", "dispute", "--reason", "x"], "give one of the two"),
        (["add", "l-1", "--code", "dispute", "--until", "soon", "--reason", "x"], "until must be a date"),
        (["add", "l-1", "--code", "dis pute", "--reason", "x"], "code must be an id"),
        (["end", "l-1", "--reason", "x"], "HOLD"),
        (["end", "l-1", "a#b", "--reason", "x"], "hold_id must be an id"),
        (["list", "a b"], "an id is 1 to 64 letters"),
    ],
)
def test_wrong_input_is_one_line_and_never_sent(
    duebell: Duebell, function: Wire, command: list[str], said: str
) -> None:
    ran = duebell("hold", *command)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
    assert function.requests == []


def test_what_was_done_is_a_line_for_each_loan(duebell: Duebell) -> None:
    ran = duebell("hold", "add", "--borrower", "b-1", "--code", "dispute", "--reason", "x")
    assert ran.out.splitlines() == [
        "l-1: hold dispute-2026-03-12-1 is set: stops contact, debit, escalation, until somebody ends it",
        "l-2: hold dispute-2026-03-12-1 is set: stops contact, debit, escalation, until 2026-04-30",
    ]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("stands", "stands already"),
        ("ended", "is ended: the lines look again at once"),
        ("over", "was ended already, or is over by its date"),
    ],
)
def test_every_result_is_a_sentence(duebell: Duebell, monkeypatch: pytest.MonkeyPatch, word: str, said: str) -> None:
    answer = {"actor": "x", "holds": [{"loan_id": "l-1", "result": word, "hold_id": "h-1"}]}
    for _ in answering(monkeypatch, answer):
        ran = duebell("hold", "end", "l-1", "h-1", "--reason", "x")
        assert (ran.code, ran.out) == (0, f"l-1: hold h-1 {said}\n")


def test_the_list_says_what_stops_until_when_by_whom_and_why(duebell: Duebell, tables: dict[str, str]) -> None:
    book = book_of(tables)
    names = {short: name for short, name in tables.items() if short != "stub_books"}
    rows = DynamoPortfolio(boto3.client("dynamodb"), names, CountingTokens("rows-"))
    rows.write([Imported(row, "f") for row in (a_borrower(), a_card(), a_loan())])
    assert duebell("hold", "list", "l-1").out == "0 in force on loan l-1\n"
    clock = FixedClock(datetime.fromisoformat("2026-02-25T02:00:00+00:00"))
    for code, until in (("complaint", date(2026, 2, 28)), ("hardship", None)):
        Holds(book, PolicyFiles(), clock).add(HoldAdd(code, "l-1", None, until, f"ticket {code}"), "arn:alice")
    found = json.loads(duebell("hold", "list", "l-1", "--json").out)
    assert found == [
        {
            "hold_id": "complaint-2026-02-25-1",
            "code": "complaint",
            "stops": ["contact", "escalation"],
            "since": "2026-02-25T02:00:00Z",
            "until": "2026-02-28",
            "in_force": False,
            "actor": "arn:alice",
            "reason": "ticket complaint",
        },
        {
            "hold_id": "hardship-2026-02-25-1",
            "code": "hardship",
            "stops": ["escalation"],
            "since": "2026-02-25T02:00:00Z",
            "until": None,
            "in_force": True,
            "actor": "arn:alice",
            "reason": "ticket hardship",
        },
    ]
    shown = duebell("hold", "list", "l-1").out
    assert "2026-02-28 (over)" in shown
    assert "ended by hand" in shown
    assert shown.endswith("1 in force on loan l-1\n")


def test_a_loan_that_does_not_exist_has_no_list(duebell: Duebell, tables: dict[str, str]) -> None:
    ran = duebell("hold", "list", "l-9")
    assert (ran.code, ran.err) == (2, "duebell: there is no loan l-9\n")
