"""The links' one path. What is forged, over or unknown gets one and the same page; no code stands in a log."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from functions.open_links.page import HEADERS, NO_PAGE, html_of
from shared.runtime import telemetry
from shared.workflows.open_links import LinkDoor


def routes_to(door: LinkDoor) -> LambdaFunctionUrlResolver:
    routes = LambdaFunctionUrlResolver()

    @routes.get("/<code>")
    def show(code: str) -> Response[str]:
        page, summary = door.open(code)
        status = HTTPStatus.OK if page else HTTPStatus.NOT_FOUND
        telemetry.report(summary, status=str(int(status)))
        return _response(status, html_of(page) if page else NO_PAGE)

    @routes.not_found
    def refuse_path(_: NotFoundError) -> Response[str]:
        return _response(HTTPStatus.NOT_FOUND, NO_PAGE)

    return routes


def _response(status: HTTPStatus, html: str) -> Response[str]:
    return Response(int(status), "text/html; charset=utf-8", html, headers=dict(HEADERS))
