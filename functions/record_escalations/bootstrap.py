"""The wiring of the stage line."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.tokens import RandomTokens
from shared.runtime import settings
from shared.workflows.record_escalations import Escalations


@cache
def app() -> Escalations:
    store, time = settings.Store.from_env("loans", "borrowers"), settings.Time.from_env()
    client = dynamodb_client()
    return Escalations(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        PolicyFiles(),
        VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
    )
