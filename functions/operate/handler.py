"""Does what an operator orders: the verbs on payments, approvals, switches, holds, opt-outs, money out of suspense."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.operate.bootstrap import app
from shared.runtime import batches, events, operator_events, telemetry

ONE_KEY_SECONDS = 20
"""What one attempt takes at worst: a request to the gateway of 5 s, and a store that answers late."""


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Never repeated by anybody: a lost answer is looked up in the audit and the list of attempts."""
    signed = operator_events.operate(event)
    desk = app()
    actor = desk.callers.principal(signed.proof, signed.digest)
    run = events.run_id(desk.clock.now())
    done = desk.carry_out(signed.request, actor, run, batches.time_left(context, ONE_KEY_SECONDS))
    telemetry.report(done, run=run)
    return done.answer
