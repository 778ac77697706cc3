"""A proxy between the functions and the local AWS, on which single requests go wrong as networks and services do."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Self

from drills.relay import Answer, Relay


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


class _Handler(Relay):
    server: _Server

    def reply(self, body: bytes) -> Answer | None:
        host, target = self.headers.get("Host") or "", self.headers.get("X-Amz-Target") or ""
        wire = self.server.wire
        match wire.faults(Request(self.command, self.path, host, target, body)):
            case None:
                return self.hand_on(wire.upstream, body)
            case Refused(status, said, content_type):
                return Answer(status, [("Content-Type", content_type)], said)
            case Cut(after_s):
                time.sleep(after_s)
            case Lost():
                self.hand_on(wire.upstream, body)
        return None
