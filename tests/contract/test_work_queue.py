"""The work queue: one suite over memory and SQS, and what SQS alone can do."""

import json
import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from moto import mock_aws

from infra.local import LocalAws
from shared.adapters.memory.world import MemoryQueue
from shared.adapters.sqs_queue import SqsEvents, SqsWorkQueue, sqs_client
from shared.domain.book import Line
from shared.domain.errors import StoreError
from shared.ports.world import WorkQueue
from shared.runtime import hint_events

_numbers = count(1)
SQS = ["moto", pytest.param("local", marks=pytest.mark.local_aws)]


@pytest.fixture(scope="module")
def moto_sqs() -> Iterator[Any]:
    with mock_aws():
        yield from _closed(sqs_client(region_name="us-east-1"))


@pytest.fixture(scope="module")
def local_sqs(local_aws: LocalAws) -> Iterator[Any]:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # whatever moto has put into the environment
    yield from _closed(sqs_client(region_name="us-east-1", endpoint_url=local_aws.url, **keys))


def _closed(client: Any) -> Iterator[Any]:
    yield client
    client.close()


@pytest.fixture(params=SQS)
def sqs(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_sqs")


@pytest.fixture
def urls(sqs: Any) -> dict[Line, str]:
    return new_queues(sqs)


def new_queues(client: Any) -> dict[Line, str]:
    prefix = f"q-{os.getpid()}-{next(_numbers)}"
    return {line: client.create_queue(QueueName=f"{prefix}-{line}")["QueueUrl"] for line in Line}


@pytest.fixture(params=["memory", *SQS])
def queue(request: pytest.FixtureRequest) -> WorkQueue:
    if request.param == "memory":
        return MemoryQueue()
    client = request.getfixturevalue(f"{request.param}_sqs")
    return SqsWorkQueue(client, new_queues(client))


@pytest.mark.parametrize(("count", "messages"), [(0, 0), (1, 1), (20, 1), (21, 2), (200, 10), (201, 11), (405, 21)])
def test_twenty_keys_make_a_message_and_a_queue_knows_its_depth(queue: WorkQueue, count: int, messages: int) -> None:
    assert queue.send(Line.STAGE, [f"L{n}" for n in range(count)], "run-1") == messages
    assert [queue.depth(line) for line in Line] == [0, 0, messages]


def test_lines_do_not_mix(queue: WorkQueue) -> None:
    queue.send(Line.CONTACT, ["B1"], "run-1")
    queue.send(Line.DEBIT, ["L1#001"], "run-1")
    assert [queue.depth(line) for line in Line] == [1, 1, 0]


def test_a_message_is_a_hint_that_its_worker_reads(sqs: Any, urls: dict[Line, str]) -> None:
    keys = [f"L1#{n:03d}" for n in range(1, 24)]
    SqsWorkQueue(sqs, urls).send(Line.DEBIT, keys, "2026-03-01T08:00:00Z")
    bodies = _received(sqs, urls[Line.DEBIT])
    assert json.loads(bodies[0]).keys() == {"v", "line", "keys", "run"}
    hints = [hint_events.hints(body, Line.DEBIT) for body in bodies]
    assert sorted(key for hint in hints for key in hint.keys) == keys
    assert {hint.run for hint in hints} == {"2026-03-01T08:00:00Z"}


def test_work_that_somebody_holds_counts_as_depth(sqs: Any, urls: dict[Line, str]) -> None:
    queue = SqsWorkQueue(sqs, urls)
    queue.send(Line.STAGE, [f"L{n}" for n in range(60)], "run-1")
    sqs.receive_message(QueueUrl=urls[Line.STAGE], MaxNumberOfMessages=2)
    assert queue.depth(Line.STAGE) == 3


def _received(sqs: Any, url: str) -> list[str]:
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    return found


class Faulty:
    """A client that refuses the entries of a batch whose body holds one of these words, so many times."""

    def __init__(self, client: Any, refusals: dict[str, int], sender_fault: bool = False) -> None:
        self._client = client
        self._refusals = refusals
        self._sender_fault = sender_fault
        self.calls: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803 - the SDK's names
        self.calls.append([entry["MessageBody"] for entry in Entries])
        failed: list[dict[str, str]] = []
        good: list[dict[str, str]] = []
        for entry in Entries:
            left = self._refusals.get(entry["MessageBody"], 0)
            self._refusals[entry["MessageBody"]] = left - 1
            (failed if left > 0 else good).append(entry)
        if good:
            self._client.send_message_batch(QueueUrl=QueueUrl, Entries=good)
        return {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": self._sender_fault} for e in failed]}


def test_what_was_refused_of_a_batch_goes_again_alone(sqs: Any, urls: dict[Line, str]) -> None:
    client = Faulty(sqs, {"b": 1, "c": 2})
    SqsEvents(client, urls[Line.DEBIT]).send(["a", "b", "c"])
    assert client.calls == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert sorted(_received(sqs, urls[Line.DEBIT])) == ["a", "b", "c"]


def test_what_is_refused_three_times_is_a_store_error_without_its_body(sqs: Any, urls: dict[Line, str]) -> None:
    client = Faulty(sqs, {"secret": 9})
    message = r"^sqs send_message_batch: InternalError for 1 of 2 messages$"
    with pytest.raises(StoreError, match=message):
        SqsEvents(client, urls[Line.DEBIT]).send(["a", "secret"])
    assert len(client.calls) == 3


def test_what_is_our_own_fault_is_not_tried_again(sqs: Any, urls: dict[Line, str]) -> None:
    client = Faulty(sqs, {"b": 1}, sender_fault=True)
    with pytest.raises(StoreError):
        SqsEvents(client, urls[Line.DEBIT]).send(["b"])
    assert len(client.calls) == 1


def test_a_queue_that_is_not_there_is_a_store_error(sqs: Any, urls: dict[Line, str]) -> None:
    queue = SqsWorkQueue(sqs, dict.fromkeys(Line, urls[Line.DEBIT] + "-gone"))
    with pytest.raises(StoreError, match=r"^sqs send_message_batch: AWS\.SimpleQueueService\.NonExistentQueue$"):
        queue.send(Line.DEBIT, ["L1#001"], "run-1")
    with pytest.raises(StoreError, match=r"^sqs get_queue_attributes: AWS\.SimpleQueueService\.NonExistentQueue$"):
        queue.depth(Line.DEBIT)
