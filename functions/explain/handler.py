"""Answers, by hand, with every decision about a loan on a day, its reason, and the leaf and pack behind it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.explain.answers import Done
from functions.explain.bootstrap import app
from shared.runtime import explain_events, telemetry


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Safe to run as often as anybody likes: it only reads."""
    del context
    asked = explain_events.explain(event)
    done = Done(app().explain(asked.loan_id, asked.on))
    telemetry.report(done, loan_id=asked.loan_id)
    return done.answer
