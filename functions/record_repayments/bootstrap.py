"""The wiring of the booking of repayments."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.policy_files import PolicyFiles, codes_spoken
from shared.adapters.s3_bank_files import S3BankFiles, s3_client
from shared.adapters.sqs_queue import SqsEvents, SqsWorkQueue, sqs_client
from shared.adapters.tokens import RandomTokens
from shared.domain.book import Line, Outcome
from shared.runtime import settings
from shared.workflows.record_repayments import Repayments
from shared.workflows.repayments_intake import RepaymentsIntake


@cache
def app() -> RepaymentsIntake:
    store = settings.Store.from_env("loans", "borrowers", "attempts", "ledger", "audit")
    queues, time = settings.Queues.from_env(Line.CONTACT, Line.STAGE), settings.Time.from_env()
    client, sqs = dynamodb_client(), sqs_client()
    clock = VirtualClock(client, time.control_table) if time.is_virtual else SystemClock()
    codes(clock.now())  # without them it does not start
    repayments = Repayments(
        DynamoBook(client, store.tables, RandomTokens(), store.shards),
        PolicyFiles(),
        clock,
        SqsWorkQueue(sqs, queues.urls),
    )
    return RepaymentsIntake(
        repayments,
        S3BankFiles(s3_client(), settings.text("BANK_FILES_BUCKET")),
        SqsEvents(sqs, settings.text("QUEUE_REPAYMENTS_URL")),
    )


def codes(now: datetime) -> Mapping[str, Outcome]:
    """What the codes in the gateway's reports mean."""
    return codes_spoken(settings.gateway_rail(), now.date())
