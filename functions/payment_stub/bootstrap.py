"""The wiring of the payment stub."""

import time
from functools import cache

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver

from functions.payment_stub.routes import routes_to
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.sqs_queue import SqsEvents, sqs_client
from shared.runtime import settings
from shared.workflows.payment_stub import PaymentStub


@cache
def app() -> LambdaFunctionUrlResolver:
    books = DynamoStubBooks(dynamodb_client(), settings.text("STUB_BOOKS_TABLE"))
    events = SqsEvents(sqs_client(), settings.text("QUEUE_REPAYMENTS_URL"))
    return routes_to(PaymentStub(books, events), time.sleep)
