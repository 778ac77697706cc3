"""The wiring of explaining: it reads, and writes nothing."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.policy_files import PolicyFiles, lender_zone, read_packs
from shared.adapters.tokens import RandomTokens
from shared.runtime import settings
from shared.workflows.explain import Explaining


@cache
def app() -> Explaining:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "notices", "ledger", "audit")
    time = settings.Time.from_env()
    client, packs = dynamodb_client(), read_packs()
    return Explaining(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        PolicyFiles(packs),
        VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
        lender_zone(packs),
    )
