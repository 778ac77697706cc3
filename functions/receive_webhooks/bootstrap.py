"""The wiring of the webhooks' door."""

from functools import cache

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver

from functions.receive_webhooks.routes import routes_to
from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.seals import HmacSeals, SecretsManagerSecrets, secrets_client
from shared.adapters.sqs_queue import SqsEvents, sqs_client
from shared.runtime import settings
from shared.workflows.receive_webhooks import WebhookDoor


@cache
def app() -> LambdaFunctionUrlResolver:
    time = settings.Time.from_env()
    secrets = SecretsManagerSecrets(secrets_client(), settings.text("WEBHOOK_SECRET_NAME"))
    return routes_to(
        WebhookDoor(
            HmacSeals(secrets.read),
            VirtualClock(dynamodb_client(), time.control_table) if time.is_virtual else SystemClock(),
            SqsEvents(sqs_client(), settings.text("QUEUE_REPAYMENTS_URL")),
        )
    )
