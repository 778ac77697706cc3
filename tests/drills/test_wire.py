"""The wire: what goes through comes back as it is, and each fault looks to a caller as its like on a network."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from drills.wire import Cut, Fault, Lost, Refused, Request, Wire


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, and remembers it."""

    asked: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(body.decode())
        said = json.dumps({"path": self.path, "host": self.headers["Host"], "body": body.decode()}).encode()
        self.send_response(201)
        self.send_header("X-Kept", "yes")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving(asked: list[str]) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), type("Here", (Echo,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def wire(asked: list[str]) -> Iterator[Wire]:
    with serving(asked) as port, Wire(port).running() as wire:
        yield wire


def post(wire: Wire, body: str, host: str = "duebell.local", timeout: float = 5) -> tuple[int, str | None, bytes]:
    connection = HTTPConnection(wire.url.removeprefix("http://"), timeout=timeout)
    try:
        connection.request("POST", "/a/path", body.encode(), {"Host": host, "X-Amz-Target": "DynamoDB.GetItem"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Kept"), answer.read()
    finally:
        connection.close()


def test_a_request_and_its_answer_go_through_as_they_are(wire: Wire, asked: list[str]) -> None:
    status, kept, said = post(wire, "hello")

    assert (status, kept) == (201, "yes")
    assert json.loads(said) == {"path": "/a/path", "host": "duebell.local", "body": "hello"}
    assert asked == ["hello"]


def test_a_fault_is_chosen_by_what_is_asked(wire: Wire, asked: list[str]) -> None:
    def faults(request: Request) -> Fault | None:
        return Refused(400, b"no") if (request.body, request.target) == (b"bad", "DynamoDB.GetItem") else None

    wire.faults = faults

    assert [post(wire, body)[0] for body in ("good", "bad")] == [201, 400]
    assert asked == ["good"]


@pytest.mark.parametrize(("fault", "arrived"), [(Cut(), []), (Lost(), ["pay"])])
def test_without_an_answer_nobody_can_tell_whether_it_arrived(
    wire: Wire, asked: list[str], fault: Fault, arrived: list[str]
) -> None:
    wire.faults = lambda _: fault

    with pytest.raises(RemoteDisconnected):
        post(wire, "pay")

    assert asked == arrived


def test_silence_outlasts_a_caller_s_patience(wire: Wire, asked: list[str]) -> None:
    wire.faults = lambda _: Cut(0.3)

    with pytest.raises(TimeoutError):
        post(wire, "pay", timeout=0.1)

    assert asked == []
