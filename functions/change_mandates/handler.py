"""Shows a borrower what turning deduction on or off means, sends the code, and makes the change that he confirms."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.change_mandates.answers import Done
from functions.change_mandates.bootstrap import app
from shared.runtime import mandate_events, telemetry


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Safe to run twice: a code is used up by its change, and what stands so already is refused."""
    del context
    desk = app()
    request = mandate_events.change_mandates(event, desk.callers.principal)
    done = Done(request, desk.changes.carry_out(request))
    telemetry.report(done, loan_id=request.loan_id)
    return done.answer
