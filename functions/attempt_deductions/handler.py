"""Presents the next deduction of each instalment that a hint names, if one may be tried now."""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.attempt_deductions.bootstrap import app
from shared.domain.book import Line
from shared.runtime import batches, events, hint_events, telemetry
from shared.workflows.passes import Summary

ONE_KEY_SECONDS = 15
"""What one deduction takes at worst: the gateway's time-out of 5 s, and a store that answers late."""


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> PartialItemFailureResponse:
    """Each message holds hints. One that fails comes again alone; work there is no time for stays on its agenda."""
    records = events.records(event, "attempt_deductions")
    worker, has_time = app(), batches.time_left(context, ONE_KEY_SECONDS)

    def work(body: str) -> None:
        hints = hint_events.hints(body, Line.DEBIT)
        with telemetry.reporting(Summary(), run=hints.run) as summary:
            worker.work(hints.keys, hints.run, has_time, summary)

    return batches.each_body(records, work)
