"""What a worker counted before its store fell silent reaches the log and the metrics: a repeat would not count it."""

import importlib
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shared.adapters.memory.world import FixedClock
from shared.domain.errors import StoreError
from shared.workflows.passes import Summary
from tests.functions.payloads import Context
from tests.functions.stack import forget_telemetry
from tests.unit.builders import at

EVENTS = {
    "send_reminders": "send_reminders_hints",
    "attempt_deductions": "attempt_deductions_hints",
    "record_escalations": "record_escalations_hints",
    "record_repayments": "record_repayments_manual",
    "reconcile": "reconcile_schedule",
    "record_receipts": "record_receipts_delivered",
}


class Silent:
    """A worker that does some of its work, and then its store does not answer."""

    clock = FixedClock(at("2026-03-10 12:00"))

    def work(self, *asked: Any) -> Summary:
        (summary,) = (one for one in asked if isinstance(one, Summary))
        summary.counts["settled.risk"] += 1
        raise StoreError("dynamodb: the rows are contended")


@pytest.mark.parametrize("name", EVENTS)
def test_it_is_told_though_the_message_comes_again(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", name)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Duebell")
    forget_telemetry(name)
    handler = importlib.import_module(f"functions.{name}.handler")
    worker: Any = Silent()
    if name == "record_receipts":
        worker = importlib.import_module("functions.record_receipts.intake").Intake(Silent(), None, Silent.clock)
    if name == "record_repayments":
        worker = SimpleNamespace(repayments=Silent(), work=Silent().work)
        monkeypatch.setattr(handler, "codes", lambda now: None)
    monkeypatch.setattr(handler, "app", lambda: worker)
    event = json.loads(Path(f"events/{EVENTS[name]}.json").read_text(encoding="utf-8"))
    try:
        answer = handler.handle(event, Context(name))
    except StoreError:
        answer = {"batchItemFailures": ["all of it"]}
    assert answer["batchItemFailures"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = Counter[str]()
    for line in lines:
        counted.update({metric: sum(values) for metric, values in line.items() if metric == "settled.risk"})
    assert counted == {"settled.risk": 1}
