"""Queues over SQS: hints for the workers, and the payment stub's events for whoever books repayments."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import batched
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.book import Line
from shared.domain.errors import StoreError
from shared.ports.world import HINTS_PER_MESSAGE

_MESSAGES_A_CALL = 10
_ROUNDS = 3


def sqs_client(**options: Any) -> Any:
    """A client for all queues; the SDK may repeat a call, because a hint or an event that comes twice does no harm."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("sqs", config=config, **options)


class SqsWorkQueue:
    """WorkQueue over one queue a line. `urls` holds those that this function may send to."""

    def __init__(self, client: Any, urls: Mapping[Line, str]) -> None:
        self._client = client
        self._urls = urls

    def send(self, line: Line, keys: Sequence[str], run: str) -> int:
        """Raises StoreError when a message may not have arrived; whoever sends all of it again does no harm."""
        bodies = [
            json.dumps({"v": 1, "line": line.value, "keys": part, "run": run}, separators=(",", ":"))
            for part in batched(keys, HINTS_PER_MESSAGE, strict=False)
        ]
        send_all(self._client, self._urls[line], bodies)
        return len(bodies)

    def depth(self, line: Line) -> int:
        """Messages waiting or in work; SQS counts them roughly, and lags by up to a minute."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        try:
            found = self._client.get_queue_attributes(QueueUrl=self._urls[line], AttributeNames=names)["Attributes"]
        except (BotoCoreError, ClientError) as error:
            raise _store_error("get_queue_attributes", error) from error
        return sum(int(found[name]) for name in names)


class SqsEvents:
    """EventQueue over one queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, bodies: Sequence[str]) -> None:
        send_all(self._client, self._url, bodies)


def send_all(client: Any, url: str, bodies: Iterable[str]) -> None:
    """Sends messages by ten a call. Those refused go again alone; at the third time StoreError."""
    for part in batched(bodies, _MESSAGES_A_CALL, strict=False):
        left = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(part)]
        failed: list[dict[str, Any]] = []
        for _ in range(_ROUNDS):
            try:
                failed = client.send_message_batch(QueueUrl=url, Entries=left).get("Failed", [])
            except (BotoCoreError, ClientError) as error:
                raise _store_error("send_message_batch", error) from error
            refused = {entry["Id"] for entry in failed}
            left = [entry for entry in left if entry["Id"] in refused]
            if not left or any(entry.get("SenderFault") for entry in failed):
                break
        if left:
            raise StoreError(f"sqs send_message_batch: {failed[0].get('Code')} for {len(left)} of {len(part)} messages")


def _store_error(operation: str, error: Exception) -> StoreError:
    """Names the operation and the code, never a body."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    return StoreError(f"sqs {operation}: {code}")
