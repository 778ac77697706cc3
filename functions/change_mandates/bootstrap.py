"""The wiring of the changing of mandates."""

from dataclasses import dataclass
from functools import cache

import boto3

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.switches import DynamoSwitches
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.random_codes import RandomCodes
from shared.adapters.senders import NOT_WIRED, sms_sender
from shared.adapters.sts import StsCallers
from shared.adapters.tokens import RandomTokens
from shared.ports.world import Callers
from shared.runtime import settings
from shared.workflows.change_mandates import MandateChanges


@dataclass(frozen=True, slots=True)
class Desk:
    """The changes, and who can say who of the lender's own people asks for one."""

    changes: MandateChanges
    callers: Callers


@cache
def app() -> Desk:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "audit")
    time = settings.Time.from_env()
    client = dynamodb_client()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    changes = MandateChanges(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        sms_sender(settings.sms(), clock) or NOT_WIRED,  # the lender's own changes need no code
        RandomCodes(),
        PolicyFiles(),
        clock,
        DynamoSwitches(client, time.control_table),
    )
    return Desk(changes, StsCallers(boto3.client("sts").meta.endpoint_url, settings.text("OPERATORS_ACCOUNT")))
