"""Debits on the spot some instalments of a loan, or all of it, because its borrower orders that."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.pay_now.answers import Done
from functions.pay_now.bootstrap import app
from shared.runtime import events, pay_events, telemetry
from shared.workflows.passes import Summary


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Safe to repeat: an order is carried out once, and its repeat says what became of it."""
    del context
    order = pay_events.pay_now(event)
    payer, summary = app(), Summary()
    run = events.run_id(payer.clock.now())
    done = Done(payer.pay(order, run, summary), summary)
    telemetry.report(done, loan_id=order.loan_id, run=run)
    return done.answer
