"""A proxy between the functions and the local AWS, on which single requests go wrong as networks and services do."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})
"""Headers that are about one connection, and are made anew on the next."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a fault may look at."""

    method: str
    path: str
    host: str
    target: str  # the operation, where the protocol has it in a header: DynamoDB_20120810.GetItem
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Answered with an error, and not handed on."""

    status: int
    body: bytes
    content_type: str = "application/x-amz-json-1.0"


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends without an answer, after some seconds. What was asked is not handed on."""

    after_s: float = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """Handed on and done; the answer never comes back."""


type Fault = Refused | Cut | Lost
type Faults = Callable[[Request], Fault | None]


def no_fault(_: Request) -> None:
    """Everything goes through."""


@dataclass
class Wire:
    """Hands requests on to `upstream`, a port on 127.0.0.1; `faults` is asked about each, and may be set anew."""

    upstream: int
    faults: Faults = no_fault
    _server: "_Server" = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self, port: int = 0) -> Iterator[Self]:
        """Listens on 127.0.0.1 while the context is open."""
        self._server = _Server(port, self)
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, wire: Wire) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.wire = wire


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.beyond = HTTPConnection("127.0.0.1", self.server.wire.upstream, timeout=400)

    def finish(self) -> None:
        self.beyond.close()
        super().finish()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host, target = self.headers.get("Host") or "", self.headers.get("X-Amz-Target") or ""
        match self.server.wire.faults(Request(self.command, self.path, host, target, body)):
            case None:
                self.pass_on(body)
            case Refused(status, said, content_type):
                self.answer(status, [("Content-Type", content_type)], said)
            case Cut(after_s):
                time.sleep(after_s)
                self.close_connection = True
            case Lost():
                self.ask(body)
                self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the names that http.server asks for

    def pass_on(self, body: bytes) -> None:
        try:
            status, headers, said = self.ask(body)
        except (OSError, HTTPException):
            self.close_connection = True
        else:
            with suppress(OSError):  # whoever asked has given up
                self.answer(status, headers, said)

    def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        self.beyond.request(self.command, self.path, body or None, headers)
        answer = self.beyond.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def answer(self, status: int, headers: list[tuple[str, str]], said: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args  # a request may hold what is personal
