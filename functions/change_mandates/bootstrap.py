"""The wiring of the changing of mandates."""

from functools import cache

from shared.adapters.allow_list import AllowList, parse_allow_list
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.random_codes import RandomCodes
from shared.adapters.sns_sms import SnsSms, sns_client
from shared.adapters.tokens import RandomTokens
from shared.ports.world import MessageChannel
from shared.runtime import settings
from shared.workflows.change_mandates import MandateChanges


@cache
def app() -> MandateChanges:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "audit")
    time = settings.Time.from_env()
    client = dynamodb_client()
    return MandateChanges(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        _channel(settings.Sms.from_env()),
        RandomCodes(),
        PolicyFiles(),
        VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
    )


def _channel(sms: settings.Sms) -> MessageChannel:
    """Outside production, only listed numbers are written to."""
    channel = SnsSms(sns_client(), sms.sender_id, sms.max_price)
    return channel if sms.allowed_phones is None else AllowList(channel, parse_allow_list(sms.allowed_phones))
