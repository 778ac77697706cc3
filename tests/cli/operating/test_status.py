"""`duebell status`: what is due, at work, unknown, in front of a person."""

import boto3
import pytest

from tests.cli.conftest import NO_STACK, set_clock
from tests.cli.operating import lived
from tests.cli.operating.conftest import Ask, Book
from tests.wire import http, wire

L2 = {"loan_id": "l-2", "entity": "LOAN"}


def test_what_is_due_by_now_is_counted_by_line(ask: Ask, book: Book) -> None:
    evening = {line: found["due"] for line, found in ask("status", "--json").json["lines"].items()}
    set_clock(book.client, dict(book.tables), "2026-04-10T01:00:00Z")
    try:
        said = ask("status", "--json")
    finally:
        set_clock(book.client, dict(book.tables), lived.LAST_SLOT.isoformat())
    morning = {line: (found["due"], found["on_agenda"]) for line, found in said.json["lines"].items()}
    assert evening == {"contact": 0, "debit": 0, "stage": 0}
    assert morning == {"contact": (2, 2), "debit": (1, 3), "stage": (3, 4)}
    assert said.json["now"] == "2026-04-10T01:00:00Z"


def test_an_unanswered_attempt_and_a_claimed_message_are_in_flight(ask: Ask, book: Book) -> None:
    claimed = {
        "state": {"S": "claimed"},
        "open_pk": {"S": "S000"},
        "open_sk": {"S": "2026-03-03T04:00:00Z#b-1#REMIND_7"},
    }
    with book.changed("notices", {"borrower_id": "b-1", "notice_key": "REMIND_7#l-1#001#0"}, claimed):
        said, shown = ask("status", "--json"), ask("status").out
    assert said.json["attempts"] == [{"key": "l-3:P000003", "state": "unknown", "since": "2026-04-09T12:00:00Z"}]
    assert [notice["key"] for notice in said.json["notices"]] == ["b-1#REMIND_7#l-1#001#0"]
    assert "attempts in flight: 1 unknown" in shown
    assert "messages in flight: 1 claimed" in shown


def test_a_quarantined_row_is_named_and_on_no_agenda(ask: Ask, book: Book) -> None:
    with book.changed("loans", L2, {"stage_pk": {"S": "QUARANTINE"}}):
        said, shown = ask("status", "--json"), ask("status").out
    assert said.json["lines"]["stage"] == {"due": 0, "on_agenda": 3, "quarantined": ["l-2"]}
    assert "quarantined on the stage line: l-2" in shown


def test_money_in_suspense_is_told_with_its_reason(ask: Ask) -> None:
    assert ask("status", "--json").json["suspense"] == [
        {"entry": "transfer#r-2026-03-26", "amount": "70.00", "currency": "CNY", "detail": "no such loan: l-9"}
    ]
    assert "transfer#r-2026-03-26: 70.00 CNY, no such loan: l-9" in ask("status").out


def test_money_that_left_suspense_is_in_front_of_nobody_any_more(ask: Ask, book: Book) -> None:
    moved = {
        "amount_minor": {"N": "-5000"},
        "currency": {"S": "CNY"},
        "undoes": {"S": "transfer#r-2026-03-26"},
        "kind": {"S": "resolution"},
    }
    key = {"loan_id": "SUSPENSE", "entry": "transfer#r-2026-03-26:S01"}
    with book.added("ledger", key, moved):
        (left,) = ask("status", "--json").json["suspense"]
    with book.added("ledger", key, moved | {"amount_minor": {"N": "-7000"}}):
        assert ask("status", "--json").json["suspense"] == []
    assert (left["entry"], left["amount"]) == ("transfer#r-2026-03-26", "20.00")


def test_an_attempt_that_no_enquiry_can_resolve_says_why(ask: Ask, book: Book) -> None:
    stuck = {"stuck": {"S": "its key is forgotten"}, "first_claimed_at": {"S": "2026-04-09T04:00:00Z"}}
    with book.changed("attempts", {"loan_id": "l-3", "seq": "P#000003"}, stuck):
        said, shown = ask("status", "--json"), ask("status").out
    expected = {"key": "l-3:P000003", "state": "unknown", "since": "2026-04-09T04:00:00Z"}
    assert said.json["attempts"] == [expected | {"stuck": "its key is forgotten"}]
    assert "l-3:P000003: unknown since 2026-04-09T04:00:00Z, stuck: its key is forgotten" in shown


def test_every_queue_tells_how_full_it_is(ask: Ask, environment: dict[str, str]) -> None:
    sqs, url = boto3.client("sqs"), environment["QUEUE_DEBIT_DEAD_URL"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        queues = ask("status", "--json").json["queues"]
    finally:
        sqs.purge_queue(QueueUrl=url)
    assert {name for name, depth in queues.items() if depth["waiting"]} == {"debit-dead"}
    assert set(queues) == {
        *("contact", "contact-dead", "debit", "debit-dead", "stage", "stage-dead"),
        *("repayments", "repayments-dead", "undelivered-schedules", "failed-runs"),
    }


def test_what_is_switched_off_is_said_first(ask: Ask, book: Book) -> None:
    key = {"name": "SWITCHES"}
    assert ask("status", "--json").json["switches"] == {"open": True, "off": []}
    off = {"off": {"L": [{"S": "send"}, {"S": "channel:sms"}]}}
    with book.changed("control", key, off):
        assert ask("status", "--json").json["switches"] == {"open": True, "off": ["channel:sms", "send"]}
        assert "off: channel:sms, send" in ask("status").out
    with book.changed("control", key, None):
        assert ask("status", "--json").json["switches"] == {"open": False, "off": []}
        assert "everything is off: nobody has opened the board of switches yet" in ask("status").out


@pytest.mark.parametrize("command", [["status"], ["check"], ["loan", "show", "l-2"]])
def test_a_stack_that_cannot_be_asked_is_not_needed_where_the_environment_names_the_tables(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """CloudFormation knows no such stack; the stub has books in few stacks, and nothing names any here."""
    monkeypatch.delenv("STUB_BOOKS_TABLE")
    with wire(http(400, NO_STACK.encode(), "Content-Type: text/xml")) as cloudformation:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url)
        said = ask(*command)
    assert (said.code, said.err) == (0, "")


def test_more_shards_than_the_stack_says_are_read_where_there_were_more(ask: Ask, book: Book) -> None:
    moved = {"stage_pk": {"S": "S003"}}
    with book.changed("loans", L2, moved), book.added("control", {"name": "SHARDS"}, {"value": {"N": "4"}}):
        assert ask("status", "--json").json["lines"]["stage"]["on_agenda"] == 4
    with book.changed("loans", L2, moved):
        assert ask("status", "--json").json["lines"]["stage"]["on_agenda"] == 3


def test_long_lists_are_cut_for_people_only(ask: Ask, book: Book) -> None:
    for number in range(30):
        key = {"loan_id": {"S": "SUSPENSE"}, "entry": {"S": f"manual#x-{number}"}}
        values = {"amount_minor": {"N": "1"}, "currency": {"S": "CNY"}}
        book.client.put_item(TableName=book.tables["ledger"], Item=key | values)
    try:
        shown, said = ask("status").out, ask("status", "--json")
    finally:
        for number in range(30):
            key = {"loan_id": {"S": "SUSPENSE"}, "entry": {"S": f"manual#x-{number}"}}
            book.client.delete_item(TableName=book.tables["ledger"], Key=key)
    assert "… and 11 more (--json lists all)" in shown
    assert len(said.json["suspense"]) == 31
