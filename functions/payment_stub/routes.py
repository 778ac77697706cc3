"""The stub's paths: each hands its request to the stub, and answers after the pause that the account asks for."""

import json
from collections import Counter
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from shared.domain.errors import InputError
from shared.ports.stub import Pause, Reply
from shared.runtime import telemetry
from shared.runtime.function_url import body_of
from shared.workflows.passes import Summary
from shared.workflows.payment_stub import PaymentStub, bad_request, unknown_path


def routes_to(stub: PaymentStub, pause: Pause) -> LambdaFunctionUrlResolver:
    """A resolver that gives every request an answer; what the stub refuses as malformed is a 400."""
    routes = LambdaFunctionUrlResolver()

    def respond(reply: Reply) -> Response[str]:
        pause(reply.after_seconds)
        said = {name: str(value) for name, value in reply.body.items() if name in {"key", "code"}}
        telemetry.report(Summary(Counter({f"replies.{reply.status}": 1})), **said)
        return Response(reply.status, "application/json", json.dumps(dict(reply.body)))

    @routes.post("/v1/payments")
    def present() -> Response[str]:
        return respond(stub.present(body_of(routes.current_event)))

    @routes.get("/v1/payments/<key>")
    def look_up(key: str) -> Response[str]:
        return respond(stub.look_up(unquote(key)))

    @routes.post("/v1/refunds")
    def refund() -> Response[str]:
        return respond(stub.refund(body_of(routes.current_event)))

    @routes.post("/v1/accounts/<account_ref>/credits")
    def credit(account_ref: str) -> Response[str]:
        return respond(stub.credit(unquote(account_ref), body_of(routes.current_event)))

    @routes.post("/v1/webhooks/deliver")
    def deliver() -> Response[str]:
        return respond(stub.deliver())

    @routes.not_found
    def refuse_path(_: NotFoundError) -> Response[str]:
        return respond(unknown_path(routes.current_event.path))

    @routes.exception_handler(InputError)  # type: ignore[untyped-decorator]  # powertools leaves this one untyped
    def refuse_request(error: InputError) -> Response[str]:
        return respond(bad_request(error))

    return routes
