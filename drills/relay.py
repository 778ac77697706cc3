"""A relay on loopback: what a caller asks is handed on once as it came, and the answer brought back as it is.

Whoever stands in between decides what the caller gets of it: `drills/wire.py`, and the faults on a deployed stack.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})
"""Headers that are about one connection, and are made anew on the next."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Relay(BaseHTTPRequestHandler):
    """One connection of a caller."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    patience_s: ClassVar[float] = 400
    """Longer than any function may run."""

    def reply(self, body: bytes) -> Answer | None:
        """What the caller gets; None hangs up, as an OSError or an HTTPException does."""
        raise NotImplementedError

    def hand_on(self, port: int, body: bytes) -> Answer:
        """The answer of who listens on a port of 127.0.0.1. Raises OSError or HTTPException where none came."""
        onward = HTTPConnection("127.0.0.1", port, timeout=self.patience_s)
        try:
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in _kept(self.headers.items()):
                onward.putheader(name, value)
            if body or self.command in ("POST", "PUT"):
                onward.putheader("Content-Length", str(len(body)))
            onward.endheaders(body or None)
            answer = onward.getresponse()
            return Answer(answer.status, _kept(answer.getheaders()), answer.read())
        finally:
            onward.close()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer = self.reply(body)
        except (OSError, HTTPException):
            answer = None
        if answer is None:
            self.close_connection = True
            return
        with suppress(OSError):  # the caller has given up
            self.send_response_only(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the names that http.server asks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args  # a request may hold what is personal


def _kept(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP]
