"""Shows what a message's short link is about, and records that it was opened."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.open_links.bootstrap import app
from shared.runtime import telemetry
from shared.runtime.function_url import checked_request


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Every request of a function URL gets a page; an event that is none is an error."""
    return app().resolve(checked_request(event), context)
