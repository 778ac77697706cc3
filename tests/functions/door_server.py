"""The webhooks' door behind real HTTP on loopback: what it gets goes through its handler, as a function URL does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.functions.invoking import event

type Handler = Callable[[dict[str, Any]], dict[str, Any]]


class DoorServer:
    """`refusing` are statuses to answer with in place of the door, one a request; `statuses` are all that it gave."""

    def __init__(self, handle: Handler) -> None:
        self.handle = handle
        self.statuses: list[int] = []
        self.refusing: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, headers: dict[str, str], body: str) -> tuple[int, str]:
        if self.refusing:
            return self.refusing.pop(0), "{}"
        made = event("receive_webhooks_signed")
        made["rawPath"] = made["requestContext"]["http"]["path"] = path
        made["headers"] = {name.lower(): value for name, value in headers.items()}
        made["body"], made["isBase64Encoded"] = body, False
        try:
            answer = self.handle(made)
        except Exception:  # noqa: BLE001 - as the function URL does: whatever left the function is a 502
            return 502, '{"message":"Internal Server Error"}'
        return answer["statusCode"], answer["body"]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, text = server.answer(self.path, dict(self.headers.items()), body)
                server.statuses.append(status)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Says nothing."""

        return Handler


@contextmanager
def served(handle: Handler) -> Iterator[DoorServer]:
    server = DoorServer(handle)
    try:
        yield server
    finally:
        server.close()
