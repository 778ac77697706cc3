"""The payment stub over HTTP: a gateway that behaves like one, as its accounts say."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.payment_stub.bootstrap import app
from shared.runtime import telemetry
from shared.runtime.function_url import checked_request


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Every request of a function URL gets an answer; an event that is none is an error."""
    return app().resolve(checked_request(event), context)
