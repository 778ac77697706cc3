"""One log line and one metric for each count; what is not ours never shows its text."""

import json
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.domain.errors import BookError, EventError, StoreError
from shared.runtime import batches, telemetry
from tests.functions.payloads import Context, record
from tests.functions.stack import forget_telemetry

SERVICE = "telemetry_test"
SECRET = "王秀兰 +447700900027"


@dataclass
class Done:
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    broken: dict[str, Exception] = field(default_factory=dict)


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", SERVICE)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Duebell")
    forget_telemetry(SERVICE)


def said(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Log lines, and metrics."""
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = [json.loads(line) for line in captured.out.splitlines()]
    return [line for line in lines if "_aws" not in line], [line for line in lines if "_aws" in line]


def context() -> Any:
    return Context(SERVICE)


def test_a_summary_is_one_line_and_one_metric_for_each_count(capsys: pytest.CaptureFixture[str]) -> None:
    done = Done(Counter({"act.SLOT_OPEN": 2, "attempt.paid": 1, "failed": 1}), Counter({"KeyError": 1}))

    @telemetry.entry
    def handle(event: object, context: Any) -> dict[str, Any]:
        telemetry.report(done, run="r-1")
        return telemetry.told(done, run="r-1")

    answer = handle({}, context())
    counts = {"act.SLOT_OPEN": 2, "attempt.paid": 1, "failed": 1}
    assert answer == {"run": "r-1", "counts": counts, "failures": {"KeyError": 1}}
    (line,), (metrics,) = said(capsys)
    assert line["message"] == "pass"
    assert line["request_id"] == context().aws_request_id
    assert {key: line[key] for key in answer} == answer
    values = {name: metrics[name] for name in (*counts, "passes", "failures.KeyError")}
    assert values == {name: [float(n)] for name, n in (counts | {"passes": 1, "failures.KeyError": 1}).items()}
    assert metrics["service"] == SERVICE
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Duebell"


def test_a_pass_that_a_store_ended_tells_what_it_had_done_and_which_rows_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = Done(Counter({"settled.risk": 1, "failed": 2}), Counter({"BookError": 1, "ValueError": 1}))

    def fail(error: Exception) -> Exception:
        try:
            raise error
        except type(error) as caught:
            return caught

    @telemetry.entry
    def handle(event: object, context: Any) -> None:
        with telemetry.reporting(done, run="r-1") as summary:
            summary.broken["L-1"] = fail(BookError("loan L-1 has no borrower"))
            summary.broken["L-2"] = fail(ValueError(SECRET))
            raise StoreError("dynamodb: the rows are contended")

    with pytest.raises(StoreError, match="contended"):
        handle({}, context())
    (ours, theirs, line), (metrics,) = said(capsys)
    assert (ours["key"], ours["error"], ours["detail"]) == ("L-1", "BookError", "loan L-1 has no borrower")
    assert (theirs["key"], theirs["error"], "detail" in theirs) == ("L-2", "ValueError", False)
    assert theirs["place"].startswith(f"{__name__}:")
    assert line["counts"] == {"failed": 2, "settled.risk": 1}
    assert metrics["settled.risk"] == [1.0]


def test_a_refused_event_is_logged_with_its_reason_and_leaves_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.entry
    def handle(event: object, context: Any) -> None:
        raise EventError("event of x: v is missing")

    with pytest.raises(EventError, match="v is missing"):
        handle({}, context())
    (line,), (metrics,) = said(capsys)
    assert (line["level"], line["message"], line["detail"]) == ("ERROR", "refused", "event of x: v is missing")
    assert metrics["refused"] == [1.0]


def test_an_error_of_ours_leaves_the_function_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.entry
    def handle(event: object, context: Any) -> None:
        raise BookError("loan HB-001 has no borrower")

    with pytest.raises(BookError, match="loan HB-001 has no borrower"):
        handle({}, context())
    assert said(capsys) == ([], [])


def test_an_error_that_is_not_ours_leaves_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.entry
    def handle(event: object, context: Any) -> None:
        raise ValueError(SECRET)

    with pytest.raises(telemetry.UnexpectedError) as caught:
        handle({}, context())
    assert re.fullmatch(rf"ValueError at shared\.runtime\.telemetry:\d+ > {__name__}:\d+", str(caught.value))
    assert caught.value.__suppress_context__
    assert said(capsys) == ([], [])


def test_a_record_that_fails_shows_its_place_and_only_our_own_text(capsys: pytest.CaptureFixture[str]) -> None:
    def work(body: str) -> None:
        raise {"ours": EventError("hint: v is missing"), "theirs": ValueError(SECRET)}[body]

    @telemetry.entry
    def handle(event: object, context: Any) -> Any:
        return batches.each_body([record("ours", "m-1"), record("theirs", "m-2")], work)

    assert handle({}, context()) == {"batchItemFailures": [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-2"}]}
    lines, (metrics,) = said(capsys)
    assert [(line["message_id"], line["error"], line.get("detail")) for line in lines] == [
        ("m-1", "EventError", "hint: v is missing"),
        ("m-2", "ValueError", None),
    ]
    assert all(f" > {__name__}:" in line["place"] for line in lines)
    assert metrics["records.failed"] == [1.0, 1.0]


def test_a_function_that_counted_nothing_writes_no_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    @telemetry.entry
    def handle(event: object, context: Any) -> int:
        return 1

    assert handle({}, context()) == 1
    assert said(capsys) == ([], [])


def test_the_sdk_is_quiet_even_where_everything_else_speaks(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "boto3", "urllib3", "aws_lambda_powertools"):
        logging.getLogger(name).setLevel(logging.NOTSET)

    @telemetry.entry
    def handle(event: object, context: Any) -> None:
        for name in ("botocore.endpoint", "boto3.resources", "urllib3.connectionpool", "aws_lambda_powertools.x"):
            logging.getLogger(name).debug(SECRET)
            logging.getLogger(name).info(SECRET)

    handle({}, context())
    assert said(capsys) == ([], [])
    assert caplog.records == []
