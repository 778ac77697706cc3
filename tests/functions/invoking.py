"""Invokes handlers as Lambda would: an event from `events/`, and a context."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

EVENTS = Path(__file__).parents[2] / "events"


def event(name: str) -> dict[str, Any]:
    """A fresh copy of `events/<name>.json`."""
    made: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return made


@dataclass
class _Context:
    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "0d9f1c2e-6b1e-4b0e-9d8e-5a2f6f0c3b11"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def context(function_name: str) -> LambdaContext:
    return cast("LambdaContext", _Context(function_name))
