"""Nothing personal leaves a function but in the message itself; the fixture of every handler test looks for it."""

import json
import logging
from typing import Any

import pytest

from shared.domain.book import Line
from shared.runtime.telemetry import UnexpectedError
from tests.functions.payloads import hint, record
from tests.functions.sample import personal_words
from tests.functions.stack import Stack

MESSAGE = "【花呗】尊敬的王秀兰：您好！"


@pytest.mark.parametrize("leak", ["王秀兰 owes", "to +447700900027", "7700900013", "Ms Farthingale", MESSAGE])
def test_the_look_finds_each_kind_of_leak(leak: str) -> None:
    assert personal_words(["all is well", json.dumps({"detail": leak}, ensure_ascii=False)])
    assert personal_words([json.dumps({"detail": leak})])  # escaped, as the logger may write it


def test_the_look_finds_nothing_where_nothing_is() -> None:
    assert personal_words(["B-027 HB-001#002 R-1 510.00 CNY +44******027"]) == []


def test_a_day_of_work_says_nothing_personal_anywhere(
    stack: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even at the loudest level."""
    stack.log_level = "DEBUG"
    caplog.set_level(logging.DEBUG)
    stack.live("2026-03-09", "2026-03-10")
    captured = capsys.readouterr()
    assert stack.inbox
    assert '"pass"' in captured.out
    assert personal_words([captured.out, captured.err, caplog.text, *stack.bodies]) == []


def test_an_error_that_speaks_of_a_borrower_leaves_without_its_words(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that nobody expected: its value is in the error's text."""
    stack.at("2026-03-09 12:00")
    key = {"borrower_id": {"S": "B-027"}, "entity": {"S": "CONTACT"}}
    stack.dynamodb.update_item(
        TableName=stack.tables["borrowers"],
        Key=key,
        UpdateExpression="SET told = :told",
        ExpressionAttributeValues={":told": {"L": [{"S": "HB-001#002#0 +447700900027 2026-03-01"}]}},
    )
    with pytest.raises(UnexpectedError, match=r"^KeyError at .*shared\.domain\.tiers:\d+$"):
        stack.invoke("plan_work", {"line": "contact", "loan_ids": ["HB-001"]})
    event = {"Records": [record(hint(Line.CONTACT, "B-027", "B-013"))]}
    assert stack.invoke("send_reminders", event) == {"batchItemFailures": []}
    line = next(json.loads(text) for text in capsys.readouterr().out.splitlines() if '"failures"' in text)
    assert line["failures"] == {"KeyError": 1}
    assert [phone for phone, _ in stack.inbox] == ["+447700900013"]


def test_a_queue_carries_keys_and_nothing_else(stack: Stack) -> None:
    stack.live("2026-03-09", "2026-03-10")
    for body in stack.bodies:
        found: dict[str, Any] = json.loads(body)
        assert set(found) == {"v", "line", "keys", "run"}
