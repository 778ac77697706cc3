"""The door's one path. Every request gets an answer; its body stands in no log."""

import json

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from shared.domain.webhook import HEADER, PATH
from shared.ports.stub import Reply
from shared.runtime import telemetry
from shared.runtime.function_url import bytes_of
from shared.workflows.receive_webhooks import WebhookDoor


def routes_to(door: WebhookDoor) -> LambdaFunctionUrlResolver:
    routes = LambdaFunctionUrlResolver()

    @routes.post(PATH)
    def receive() -> Response[str]:
        headers = {name.lower(): value for name, value in routes.current_event.headers.items()}
        reply, summary = door.receive(headers.get(HEADER.lower()), bytes_of(routes.current_event))
        telemetry.report(summary, status=str(reply.status))
        return _response(reply)

    @routes.not_found
    def refuse_path(_: NotFoundError) -> Response[str]:
        return _response(Reply(404, {"status": "refused", "code": "UNKNOWN_PATH"}))

    return routes


def _response(reply: Reply) -> Response[str]:
    return Response(reply.status, "application/json", json.dumps(dict(reply.body)))
