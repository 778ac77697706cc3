"""What Lambda hands to a function: the context, and records and bodies of its queue."""

import json
from dataclasses import dataclass
from typing import Any

from shared.domain.book import Line
from tests.functions.template import STACK

REGION, ACCOUNT = "us-east-1", "123456789012"


@dataclass
class Context:
    """What Lambda hands to a function. `seconds` is what is left of its time; each look takes `per_look` off it."""

    function_name: str
    seconds: float = 60
    per_look: float = 0
    memory_limit_in_mb: int = 512
    aws_request_id: str = "0d9f1c2e-6b1e-4b0e-9d8e-5a2f6f0c3b11"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        self.seconds -= self.per_look
        return int((self.seconds + self.per_look) * 1000)


def record(body: str, message_id: str = "19dd0b57-b21e-4ac1-bd88-01bbb068cb78", queue: str = "ContactQueue") -> Any:
    """A record as Lambda receives it from SQS."""
    return {
        "messageId": message_id,
        "receiptHandle": "MessageReceiptHandle",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1772323200000",
            "SenderId": "AROAEXAMPLE:duebell-plan_work",
            "ApproximateFirstReceiveTimestamp": "1772323200001",
        },
        "messageAttributes": {},
        "md5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK}-{queue.removesuffix('Queue').lower()}",
        "awsRegion": REGION,
    }


def hint(line: Line, *keys: str, run: str = "2026-03-10T00:00:00Z") -> str:
    return json.dumps({"v": 1, "line": line.value, "keys": list(keys), "run": run})
