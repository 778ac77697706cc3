"""The wiring of the contact line."""

from functools import cache

from shared.adapters.allow_list import AllowList, parse_allow_list
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.sns_sms import SnsSms, sns_client
from shared.adapters.sqs_queue import SqsWorkQueue, sqs_client
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line
from shared.ports.world import MessageChannel
from shared.runtime import settings
from shared.workflows.send_reminders import Reminders


@cache
def app() -> Reminders:
    store = settings.Store.from_env("loans", "borrowers", "notices")
    queues, time = settings.Queues.from_env(Line.STAGE), settings.Time.from_env()
    client = dynamodb_client()
    return Reminders(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        _channel(settings.Sms.from_env()),
        PolicyFiles(),
        VirtualClock(client, time.control_table) if time.is_virtual else SystemClock(),
        SqsWorkQueue(sqs_client(), queues.urls),
    )


def _channel(sms: settings.Sms) -> MessageChannel:
    """Outside production, only listed numbers are written to."""
    channel = SnsSms(sns_client(), sms.sender_id, sms.max_price)
    return channel if sms.allowed_phones is None else AllowList(channel, parse_allow_list(sms.allowed_phones))
