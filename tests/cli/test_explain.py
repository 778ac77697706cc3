"""`duebell explain`: what is asked, and how it reads."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Duebell
from tests.cli.test_orders import answering, sent
from tests.wire import Wire

LEAF = {
    "leaf": "contact.windows.daily",
    "value": {"from": "08:00"},
    "pack": "jurisdiction-cn-1",
    "kind": "self-regulation",
    "source": "the guideline",
    "why": "closed in Asia/Shanghai",
}
ANSWER: dict[str, Any] = {
    "loan_id": "L1",
    "borrower_id": "B1",
    "on": "2026-03-10",
    "business_zone": "Asia/Shanghai",
    "decisions": [
        {
            "line": "contact",
            "unit": "B1",
            "at": "2026-03-09T16:00:00Z",
            "decision": "defer",
            "reason": "OUTSIDE_CONTACT_HOURS",
            "sentence": "the borrower's local time is outside contact hours",
            "until": "2026-03-10T01:00:00Z",
            "what": {},
            "policy_version": "lender-1",
            "behind": [LEAF],
        },
        {
            "line": "debit",
            "unit": "L1#001",
            "at": "2026-03-10T00:00:00Z",
            "decision": "act",
            "reason": "SLOT_OPEN",
            "sentence": "a slot is open",
            "until": None,
            "what": {"slot": "2026-03-10T08:00"},
            "policy_version": "lender-1+stub-1",
            "behind": [],
        },
    ],
    "done": [
        {
            "kind": "attempt",
            "key": "L1:P000001",
            "at": "2026-03-10T00:00:03Z",
            "what": {"slot": "2026-03-10T08:00"},
            "policy_version": "lender-1+stub-1",
        },
        {"kind": "money", "key": "gateway#L1:P000001", "at": None, "what": {}, "policy_version": None},
    ],
    "doubts": ["transfer#r-1 is counted from the next day on: its hour is not kept"],
}


@pytest.fixture(autouse=True)
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setenv("FUNCTION_EXPLAIN", "duebell-explain")
    yield from answering(monkeypatch, ANSWER)


def test_a_day_is_asked_for_once(duebell: Duebell, function: Wire) -> None:
    ran = duebell("explain", "L1", "--on", "2026-03-10", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, ANSWER)
    assert sent(function) == {"v": 1, "loan_id": "L1", "on": "2026-03-10"}


def test_without_a_day_it_is_today(duebell: Duebell, function: Wire) -> None:
    assert duebell("explain", "L1").code == 0
    assert sent(function) == {"v": 1, "loan_id": "L1"}


def test_a_day_reads_by_line_in_the_lender_s_time_with_the_leaf_below(duebell: Duebell) -> None:
    assert duebell("explain", "L1", "--on", "2026-03-10").out.splitlines() == [
        "loan L1 of borrower B1 on 2026-03-10, Asia/Shanghai",
        "",
        "contact line, B1",
        (
            "  00:00  defer until 2026-03-10 09:00  OUTSIDE_CONTACT_HOURS: "
            "the borrower's local time is outside contact hours"
        ),
        (
            '         contact.windows.daily = {"from": "08:00"}  '
            "(jurisdiction-cn-1, self-regulation; closed in Asia/Shanghai)"
        ),
        "",
        "debit line, L1#001",
        "  08:00  act  SLOT_OPEN: a slot is open",
        '         {"slot": "2026-03-10T08:00"}',
        "",
        "done on the day:",
        '  08:00  attempt L1:P000001  {"slot": "2026-03-10T08:00"}  under lender-1+stub-1',
        "         money gateway#L1:P000001  {}",
        "not exact: transfer#r-1 is counted from the next day on: its hour is not kept",
    ]


def test_a_day_on_which_nothing_was_done_says_so(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in answering(monkeypatch, ANSWER | {"done": [], "doubts": []}):
        assert duebell("explain", "L1").out.splitlines()[-1] == "nothing was done on the day"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([], "LOAN"),
        (["a b"], "loan_id must be an id"),
        (["L1", "--on", "10.3.2026"], "on must be a date such as 2026-03-01"),
    ],
)
def test_wrong_input_is_one_line_and_never_sent(
    duebell: Duebell, function: Wire, command: list[str], said: str
) -> None:
    ran = duebell("explain", *command)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert said in ran.err
    assert function.requests == []


def test_an_answer_that_cannot_be_read_is_no_answer(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in answering(monkeypatch, {"something": "else"}):
        ran = duebell("explain", "L1")
        assert (ran.code, ran.err) == (2, "duebell: explain gave no answer that can be read\n")
