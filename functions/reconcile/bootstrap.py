"""The wiring of the enquiries."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.switches import DynamoSwitches
from shared.adapters.gateways import payment_gateway
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.sqs_queue import SqsWorkQueue, sqs_client
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line
from shared.runtime import settings
from shared.workflows.reconcile import Reconciliation


@cache
def app() -> Reconciliation:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "notices", "ledger", "audit", "control")
    queues, time = settings.Queues.from_env(Line.CONTACT, Line.STAGE), settings.Time.from_env()
    client = dynamodb_client()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    return Reconciliation(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        payment_gateway(settings.gateway(), clock.now().date()),
        PolicyFiles(),
        clock,
        SqsWorkQueue(sqs_client(), queues.urls),
        DynamoSwitches(client, time.control_table),
    )
