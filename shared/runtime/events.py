"""What triggers say, as typed values; an event that is unknown or malformed raises EventError and has no effect.

Here is what several functions are told alike: a schedule's name, a batch of messages. What is one function's own stands
in a module of its own, such as `plan_events`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain import keys
from shared.domain.errors import EventError
from shared.runtime.fields import Fields, one_of, version_1


def run_id(now: datetime) -> str:
    """The id of a run that starts at this instant: `2026-03-01T08:00:00Z`."""
    return keys.instant(now.replace(microsecond=0))


def scheduled(event: object, name: str) -> None:
    """Accepts `{"v":1,"schedule":NAME}` and nothing else."""
    fields = Fields(event, f"event of {name}")
    fields.take("v", version_1)
    fields.take("schedule", one_of({name: name}))
    fields.done()


def records(event: object, name: str) -> list[dict[str, Any]]:
    """The records of an SQS event."""
    found = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(found, list) or not found or not all(_is_sqs(record) for record in found):
        raise EventError(f'event of {name}: not a batch of SQS messages, {{"Records": […]}}')
    return found


def _is_sqs(record: object) -> bool:
    return (
        isinstance(record, dict)
        and record.get("eventSource") == "aws:sqs"
        and isinstance(record.get("messageId"), str)
        and isinstance(record.get("body"), str)
    )
