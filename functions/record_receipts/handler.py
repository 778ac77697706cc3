"""Applies what providers say of messages, and what borrowers write back, each once."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.record_receipts.bootstrap import app
from shared.runtime import telemetry


@telemetry.entry
def handle(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Events of AWS come straight here, and through no queue: they hold numbers. What fails comes again as a whole, and
    what was applied of it before changes nothing. A gateway's own webhook gets an answer."""
    return app().take(event, context)
