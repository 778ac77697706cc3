"""Books what a message tells of, by hand, webhook or bank file, once; a rail's word changes its mandate."""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_repayments.bootstrap import app, codes
from shared.runtime import batches, events, repayment_events, telemetry
from shared.workflows.passes import Summary


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> PartialItemFailureResponse:
    """A message that fails comes again alone, and one that was booked before changes nothing."""
    del context
    records = events.records(event, "record_repayments")
    intake = app()
    now = intake.repayments.clock.now()
    run = events.run_id(now)

    def work(body: str) -> None:
        with telemetry.reporting(Summary(), run=run) as summary:
            intake.work(repayment_events.repayment(body, codes(now)), run, summary)

    return batches.each_body(records, work)
