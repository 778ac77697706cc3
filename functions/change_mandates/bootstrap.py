"""The wiring of the changing of mandates."""

from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.switches import DynamoSwitches
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.random_codes import RandomCodes
from shared.adapters.senders import sms_sender
from shared.adapters.tokens import RandomTokens
from shared.domain.errors import SettingsError
from shared.runtime import settings
from shared.workflows.change_mandates import MandateChanges


@cache
def app() -> MandateChanges:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "audit")
    time = settings.Time.from_env()
    client = dynamodb_client()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    sms = sms_sender(settings.sms(), clock)
    if sms is None:
        raise SettingsError("the environment variable SMS_PROVIDER is none, and one-time codes go by SMS")
    return MandateChanges(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        sms,
        RandomCodes(),
        PolicyFiles(),
        clock,
        DynamoSwitches(client, time.control_table),
    )
