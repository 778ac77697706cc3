"""The wiring of the payment stub."""

import time
from functools import cache

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver

from functions.payment_stub.routes import routes_to
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.seals import HmacSeals, SecretsManagerSecrets, secrets_client
from shared.adapters.signed_webhooks import SignedWebhooks
from shared.runtime import settings
from shared.workflows.payment_stub import PaymentStub


@cache
def app() -> LambdaFunctionUrlResolver:
    books = DynamoStubBooks(dynamodb_client(), settings.text("STUB_BOOKS_TABLE"))
    door, when = settings.Webhooks.from_env(), settings.Time.from_env()
    clock = VirtualClock(dynamodb_client(), when.control_table) if when.is_virtual else SystemClock()
    secrets = SecretsManagerSecrets(secrets_client(), door.secret_name)
    events = SignedWebhooks(door.url, HmacSeals(secrets.read), clock, door.via)
    return routes_to(PaymentStub(books, events), time.sleep)
