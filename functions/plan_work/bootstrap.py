"""The wiring of planning."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.switches import DynamoSwitches
from shared.adapters.policy_files import PolicyFiles, lender_zone, read_packs
from shared.adapters.sqs_queue import SqsWorkQueue, sqs_client
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line
from shared.runtime import settings
from shared.workflows.plan_work import Planner


@cache
def app() -> Planner:
    store = settings.Store.from_env("loans", "borrowers", "control")
    queues, time = settings.Queues.from_env(*Line), settings.Time.from_env()
    client, packs = dynamodb_client(), read_packs()
    return Planner(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        SqsWorkQueue(sqs_client(), queues.urls),
        VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
        PolicyFiles(packs),
        lender_zone(packs),
        DynamoSwitches(client, time.control_table),
    )
