"""The payment stub behind real HTTP on loopback, so that the handlers' own gateway client talks to it over a wire."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from shared.ports.stub import Reply
from shared.workflows.payment_stub import PaymentStub

PAYMENTS, REFUNDS = "/v1/payments", "/v1/refunds"


class StubServer:
    """`stub` is what answers now; the lists hold the keys that came over the wire, in order."""

    def __init__(self) -> None:
        self.stub: PaymentStub | None = None
        self.presented: list[str] = []
        self.refunded: list[str] = []
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, stub: PaymentStub) -> None:
        self.stub = stub
        self.presented.clear()
        self.refunded.clear()
        self.asked.clear()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Requests are lost on their way: they do nothing, and nobody answers them."""
        stub, self.stub = self.stub, None
        try:
            yield
        finally:
            self.stub = stub

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: str) -> Reply:
        assert self.stub is not None
        if method == "POST" and path == PAYMENTS:
            self.presented.append(json.loads(body)["key"])
            return self.stub.present(body)
        if method == "POST" and path == REFUNDS:
            self.refunded.append(json.loads(body)["key"])
            return self.stub.refund(body)
        assert method == "GET"
        key = unquote(path.removeprefix(f"{PAYMENTS}/"))
        self.asked.append(key)
        return self.stub.look_up(key)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if server.stub is None:
                    return
                reply = server.answer(self.command, self.path, body)
                payload = json.dumps(dict(reply.body)).encode()
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = _respond  # noqa: N815 - the base class asks for these names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Says nothing: a test's output holds what the functions said."""

        return Handler
