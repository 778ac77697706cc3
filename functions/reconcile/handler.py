"""Asks the gateway about every attempt that outlived its lease, and marks messages that never settled as unknown."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.reconcile.bootstrap import app
from shared.runtime import batches, events, telemetry
from shared.workflows.passes import Summary

ONE_KEY_SECONDS = 20
"""What one enquiry takes at worst: two requests to the gateway, each 5 s, and a store that answers late."""


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Safe to run twice: an enquiry reads, and whoever settles first settles alone."""
    events.scheduled(event, "reconcile")
    reconciliation = app()
    run = events.run_id(reconciliation.clock.now())
    with telemetry.reporting(Summary(), run=run) as summary:
        reconciliation.work(run, batches.time_left(context, ONE_KEY_SECONDS), summary)
    return telemetry.told(summary, run=run)
