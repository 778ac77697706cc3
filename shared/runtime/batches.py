"""Batches of SQS messages: each on its own. One that fails comes again, and ends in the dead-letter queue."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.runtime import telemetry


def each_body(records: list[dict[str, Any]], work: Callable[[str], None]) -> PartialItemFailureResponse:
    """Hands each message's body to `work`, and answers with the messages that failed."""

    def one(record: SQSRecord) -> None:
        try:
            work(record.body)
        except Exception as error:
            telemetry.report_failure(error, message_id=record.message_id)
            raise

    # Raising when all fail would put every error's text into the log, and skip the answer.
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(records, one):
        processor.process()
    return processor.response()


def time_left(context: LambdaContext, margin_seconds: int) -> Callable[[], bool]:
    """Whether another key may be begun: what one takes at worst must fit before the function is stopped."""
    return lambda: context.get_remaining_time_in_millis() > margin_seconds * 1000
