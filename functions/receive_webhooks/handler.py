"""Takes a webhook in: 200 once it is queued, 4xx for one that nobody known signed, 5xx where it must be repeated."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.receive_webhooks.bootstrap import app
from shared.runtime import telemetry
from shared.runtime.function_url import checked_request


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Every request of a function URL gets an answer; an event that is none is an error."""
    return app().resolve(checked_request(event), context)
