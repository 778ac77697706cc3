"""Records the stage that each loan named by a hint enters or leaves."""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_escalations.bootstrap import app
from shared.domain.book import Line
from shared.runtime import batches, events, hint_events, telemetry
from shared.workflows.passes import Summary

ONE_KEY_SECONDS = 10
"""What one loan takes at worst: a store that answers late."""


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> PartialItemFailureResponse:
    """Each message holds hints. One that fails comes again alone; work there is no time for stays on its agenda."""
    records = events.records(event, "record_escalations")
    worker, has_time = app(), batches.time_left(context, ONE_KEY_SECONDS)

    def work(body: str) -> None:
        hints = hint_events.hints(body, Line.STAGE)
        with telemetry.reporting(Summary(), run=hints.run) as summary:
            worker.work(hints.keys, hints.run, has_time, summary)

    return batches.each_body(records, work)
