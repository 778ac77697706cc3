"""Where news of messages comes in: events of AWS, and the signed webhook of an operator's own gateway."""

import json
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.domain.errors import BookError, InputError
from shared.domain.webhook import HEADER, RECEIPTS_PATH
from shared.ports.webhooks import Seals
from shared.ports.world import Clock
from shared.runtime import receipt_events, telemetry
from shared.runtime.function_url import bytes_of, checked_request, is_request
from shared.workflows.passes import Summary
from shared.workflows.receive_webhooks import refusal_of
from shared.workflows.record_receipts import Receipts


@dataclass(frozen=True, slots=True)
class Intake:
    """Receipts by whichever way they come."""

    receipts: Receipts
    seals: Seals
    clock: Clock

    def take(self, event: Any, context: LambdaContext) -> dict[str, Any]:
        """What one invocation brought. A part of an event that cannot be read is counted, and costs no other part.

        Raises EventError where nothing of it can be read, and BookError where something could not be applied: then all
        comes again, three times in all.
        """
        if is_request(event):
            return _routes_to(self).resolve(checked_request(event), context)
        heard = receipt_events.event_news(event, self.clock.now())
        with telemetry.reporting(Summary()) as summary:
            if heard.problems:
                summary.counts["receipt.malformed"] += len(heard.problems)
            self.receipts.work(heard.news, summary)
        if heard.problems and not heard.news:
            raise heard.problems[0]
        if summary.failures:
            raise BookError(f"{summary.counts['failed']} of {len(heard.news)} receipts could not be applied")
        return telemetry.told(summary)

    def webhook(self, header: str | None, body: bytes) -> tuple[int, str]:
        """The HTTP status and a word: `taken`, or why not. 5xx asks the gateway to repeat it."""
        now = self.clock.now()
        if refusal := refusal_of(self.seals, header, body, now):
            return _counted(refusal.status, refusal.name, "receipt.refused")
        try:
            news = receipt_events.message_news(body.decode(), now)
        except (InputError, UnicodeDecodeError):
            return _counted(400, "MALFORMED", "receipt.malformed")
        with telemetry.reporting(Summary()) as summary:
            self.receipts.work(news, summary)
        return (503, "FAILED") if summary.failures else (200, "taken")


def _counted(status: int, word: str, count: str) -> tuple[int, str]:
    summary = Summary()
    summary.counts[count] += 1
    telemetry.report(summary, status=str(status), code=word)
    return status, word


def _routes_to(intake: Intake) -> LambdaFunctionUrlResolver:
    routes = LambdaFunctionUrlResolver()

    @routes.post(RECEIPTS_PATH)
    def receive() -> Response[str]:
        headers = {name.lower(): value for name, value in routes.current_event.headers.items()}
        return _answer(*intake.webhook(headers.get(HEADER.lower()), bytes_of(routes.current_event)))

    @routes.not_found
    def refuse_path(_: NotFoundError) -> Response[str]:
        return _answer(404, "UNKNOWN_PATH")

    return routes


def _answer(status: int, word: str) -> Response[str]:
    body = {"status": word} if status == 200 else {"status": "refused", "code": word}
    return Response(status, "application/json", json.dumps(body))
