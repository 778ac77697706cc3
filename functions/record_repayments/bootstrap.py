"""The wiring of the booking of repayments."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.sqs_queue import SqsWorkQueue, sqs_client
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line
from shared.runtime import settings
from shared.workflows.record_repayments import Repayments


@cache
def app() -> Repayments:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "ledger")
    queues, time = settings.Queues.from_env(Line.CONTACT, Line.STAGE), settings.Time.from_env()
    client = dynamodb_client()
    return Repayments(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        PolicyFiles(),
        VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
        SqsWorkQueue(sqs_client(), queues.urls),
    )
