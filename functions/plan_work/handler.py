"""Tops up the queues with what is due; by hand, answers with every decision and its reason, or hints at named work."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.plan_work.answers import Done
from functions.plan_work.bootstrap import app
from shared.runtime import events, plan_events, telemetry


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Safe to run twice: a hint is only a key, and a row stays on its agenda until its worker writes."""
    del context
    asked = plan_events.plan_work(event)
    planner = app()
    run = events.run_id(planner.clock.now())
    done = Done(planner.by_hand(asked, run) if asked else planner.plan(run), planner.held())
    telemetry.report(done, run=run)
    return done.answer
