"""`duebell consent`: what is sent, what is said, and what stands."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest

from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.memory.world import CountingTokens, FixedClock
from shared.domain.consent_orders import ConsentOrder
from shared.domain.contact_rules import Channel, MessageClass
from shared.ports.portfolio import Imported
from shared.runtime.callers import CALLER
from shared.workflows.set_consent import Consent
from tests.cli.conftest import Duebell
from tests.cli.test_orders import answering, book_of, sent
from tests.contract.stores import a_borrower, a_card
from tests.wire import Wire

BAR = ["bar", "b-1", "--channel", "email", "--reason", "he called"]
ANSWER: dict[str, Any] = {"actor": "arn:x", "borrower_id": "b-1", "channel": "email", "result": "barred", "bars": []}
STANDS = {"classes": "collection", "by": "opted-out", "since": "2026-03-12T02:00:00Z"}


@pytest.fixture(autouse=True)
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setenv("FUNCTION_OPERATE", "duebell-operate")
    yield from answering(monkeypatch, ANSWER | {"bars": [STANDS]})


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (BAR, {"verb": "bar"}),
        (["lift", *BAR[1:]], {"verb": "lift"}),
        (
            [*BAR, "--class", "collection", "--class", "marketing"],
            {"verb": "bar", "classes": ["collection", "marketing"]},
        ),
    ],
)
def test_an_order_is_signed_and_sent_once(
    duebell: Duebell, function: Wire, command: list[str], event: dict[str, Any]
) -> None:
    assert duebell("consent", *command).code == 0
    found = sent(function)
    assert "x-duebell-order" in found.pop(CALLER)["Authorization"]
    assert found == {"v": 1, "borrower_id": "b-1", "channel": "email", "reason": "he called"} | event


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (BAR[:-2], "--reason"),
        (["bar", "b-1", "--reason", "x"], "--channel"),
        (["bar", "b-1", "--channel", "fax", "--reason", "x"], "channel must be sms or push or voice or email"),
        ([*BAR, "--class", "dunning"], "classes must be a list of classes"),
        (["lift", "b 1", *BAR[2:]], "borrower_id must be an id"),
        (["list", "a b"], "an id is 1 to 64 letters"),
    ],
)
def test_wrong_input_is_one_line_and_never_sent(
    duebell: Duebell, function: Wire, command: list[str], said: str
) -> None:
    ran = duebell("consent", *command)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err
    assert function.requests == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("barred", "is barred from now on"),
        ("stands", "is barred already"),
        ("lifted", "may be used again"),
        ("open", "was not opted out of"),
    ],
)
def test_every_result_is_a_sentence(duebell: Duebell, monkeypatch: pytest.MonkeyPatch, word: str, said: str) -> None:
    for _ in answering(monkeypatch, ANSWER | {"result": word}):
        assert duebell("consent", *BAR).out == f"b-1: email {said} for every class\n"
        assert duebell("consent", *BAR, "--class", "receipt").out == f"b-1: email {said} for receipt\n"


def test_what_stands_after_it_is_said(duebell: Duebell) -> None:
    assert duebell("consent", *BAR).out.splitlines()[1:] == [
        "  barred now: collection, since 2026-03-12T02:00:00Z, opted out"
    ]


def test_the_list_says_what_stands_and_who_said_so_and_shows_no_address(
    duebell: Duebell, tables: dict[str, str]
) -> None:
    book = book_of(tables)
    names = {short: name for short, name in tables.items() if short != "stub_books"}
    rows = DynamoPortfolio(boto3.client("dynamodb"), names, CountingTokens("rows-"))
    borrower = a_borrower()
    rows.write([Imported(row, "f") for row in (borrower, a_card())])
    assert duebell("consent", "list", "b-1").out == "0 bars of present addresses in force for borrower b-1\n"
    clock = FixedClock(datetime.fromisoformat("2026-02-25T02:00:00+00:00"))
    order = ConsentOrder("b-1", Channel.SMS, frozenset({MessageClass.COLLECTION}), "ticket 9")
    Consent(book, clock).order(order, "arn:alice")
    found = json.loads(duebell("consent", "list", "b-1", "--json").out)
    assert found == {
        "bars": [
            {
                "channel": "sms",
                "classes": "collection",
                "by": "opted-out",
                "since": "2026-02-25T02:00:00Z",
                "present": True,
            }
        ],
        "history": [
            {
                "at": "2026-02-25T02:00:00Z",
                "what": "consent.bar",
                "channel": "sms",
                "classes": "collection",
                "actor": "arn:alice",
                "reason": "ticket 9",
            }
        ],
    }
    shown = duebell("consent", "list", "b-1").out
    assert "2026-02-25T02:00:00Z  consent.bar sms collection  by arn:alice: ticket 9\n" in shown
    assert shown.endswith("1 bar of a present address in force for borrower b-1\n")
    assert borrower.phone is not None
    assert borrower.phone not in shown


def test_a_borrower_who_does_not_exist_has_no_list(duebell: Duebell, tables: dict[str, str]) -> None:
    ran = duebell("consent", "list", "b-9")
    assert (ran.code, ran.err) == (2, "duebell: there is no borrower b-9\n")
