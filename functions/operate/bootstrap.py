"""The wiring of the operators' desk."""

from functools import cache

import boto3

from functions.operate.desk import Desk
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.switches import DynamoSwitches, DynamoSwitchWriter
from shared.adapters.gateways import payment_gateway
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.sqs_queue import SqsWorkQueue, sqs_client
from shared.adapters.sts import StsCallers
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line
from shared.runtime import settings
from shared.workflows.operate import Operations
from shared.workflows.order_resolutions import Resolutions
from shared.workflows.resolve_suspense import Suspense
from shared.workflows.set_consent import Consent
from shared.workflows.set_holds import Holds
from shared.workflows.turn_switches import SwitchTurning


@cache
def app() -> Desk:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "ledger", "audit")
    queues, time = settings.Queues.from_env(Line.CONTACT, Line.STAGE), settings.Time.from_env()
    gateway = settings.gateway()
    client, tokens, shelf = dynamodb_client(), RandomTokens(), PolicyFiles()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    book, queue = DynamoBook(client, store.tables, tokens, store.shards), SqsWorkQueue(sqs_client(), queues.urls)
    return Desk(
        Operations(
            book,
            payment_gateway(gateway, clock.now().date()),
            shelf,
            clock,
            queue,
            DynamoSwitches(client, time.control_table),
        ),
        Resolutions(Suspense(book, shelf, clock, queue), shelf.products),
        SwitchTurning(DynamoSwitchWriter(client, time.control_table, store.tables["audit"], tokens), clock),
        Holds(book, shelf, clock),
        Consent(book, clock),
        StsCallers(
            boto3.client("sts", region_name=gateway.region).meta.endpoint_url, settings.text("OPERATORS_ACCOUNT")
        ),
        clock,
    )
