"""Events over a real wire to the webhooks' door: signed so that it takes them, and told again where it did not."""

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from shared.adapters.memory.stub_books import KeptEvents
from shared.adapters.memory.world import FixedClock
from shared.adapters.seals import HmacSeals
from shared.adapters.signed_webhooks import SignedWebhooks
from shared.domain.errors import StoreError
from shared.workflows.receive_webhooks import WebhookDoor
from tests.wire import RESET, Reply, http, wire

NOW = datetime.fromisoformat("2026-03-10T12:00:00Z")
SECRET, NEW, OTHER = b"a secret that is long enough", b"the one that comes after it", b"somebody else's secret"
BODIES = ['{"v":1,"event_id":"E-1"}', '{"v":1,"event_id":"E-2","name":"中"}']


class Door:
    """The real door, with a queue in memory; `clock` is its own."""

    def __init__(self, *secrets: bytes) -> None:
        self.clock, self.queue, self.answers = FixedClock(NOW), KeptEvents(), list[int]()
        self._door = WebhookDoor(HmacSeals(lambda **_: secrets), self.clock, self.queue)
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                assert self.path == "/v1/webhooks"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reply, _ = door._door.receive(self.headers.get("Duebell-Signature"), body)
                door.answers.append(reply.status)
                payload = json.dumps(dict(reply.body)).encode()
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def taken(self) -> list[str]:
        return [json.loads(message)["body"] for message in self.queue.take()]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door(SECRET)
    yield made
    made.close()


def sender(url: str, *secrets: bytes, at: datetime = NOW, via: str | None = None) -> SignedWebhooks:
    return SignedWebhooks(url, HmacSeals(lambda **_: secrets or (SECRET,)), FixedClock(at), via, timeout_seconds=2)


def test_the_door_takes_each_event_as_it_was_said_in_order(door: Door) -> None:
    sender(door.url).send(BODIES)
    assert door.taken() == BODIES
    assert door.answers == [200, 200]
    sender(f"{door.url}/").send(BODIES[:1])
    assert door.taken() == BODIES[:1]


def test_nothing_to_say_is_no_request(door: Door) -> None:
    sender(door.url).send([])
    assert door.answers == []


def test_while_the_secret_is_replaced_either_opens(door: Door) -> None:
    sender(door.url, NEW, SECRET).send(BODIES[:1])
    assert door.taken() == BODIES[:1]


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_sender_within_five_minutes_is_taken(door: Door, minutes: int) -> None:
    sender(door.url, at=NOW + timedelta(minutes=minutes)).send(BODIES[:1])
    assert door.taken() == BODIES[:1]


@pytest.mark.parametrize(
    ("secret", "at"),
    [(SECRET, NOW + timedelta(minutes=5, seconds=1)), (SECRET, NOW - timedelta(minutes=6)), (OTHER, NOW)],
)
def test_what_the_door_refuses_is_an_error_and_the_events_behind_it_wait(
    door: Door, secret: bytes, at: datetime
) -> None:
    client = sender(door.url, secret, at=at)
    with pytest.raises(StoreError, match="the webhooks' door answered 401"):
        client.send(BODIES)
    assert (door.answers, door.taken()) == ([401], [])


def test_the_second_of_two_fails_and_both_are_sent_again_signed_anew(door: Door) -> None:
    clock = FixedClock(NOW)
    client = SignedWebhooks(door.url, HmacSeals(lambda **_: (SECRET,)), clock, timeout_seconds=2)
    client.send(BODIES[:1])
    door.clock.advance(timedelta(hours=1))
    with pytest.raises(StoreError):
        client.send(BODIES)
    clock.advance(timedelta(hours=1))
    client.send(BODIES)
    assert door.taken() == [BODIES[0], *BODIES]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (http(500, b"not-for-the-log"), "answered 500"),
        (http(502, b""), "answered 502"),
        (http(404, b"{}"), "answered 404"),
        (http(301, b"", "Location: http://127.0.0.1:1/"), "answered 301"),
        (b"", "did not answer: ProtocolError"),
        (RESET, "did not answer: ProtocolError"),
        (b"nonsense\r\n\r\n", "did not answer: "),
        (None, "did not answer: ReadTimeoutError"),
    ],
)
def test_any_other_answer_is_one_request_and_an_error_without_the_body(reply: Reply, said: str) -> None:
    with wire(reply) as server, pytest.raises(StoreError, match=said) as caught:
        SignedWebhooks(server.url, HmacSeals(lambda **_: (SECRET,)), FixedClock(NOW), timeout_seconds=0.5).send(BODIES)
    assert len(server.requests) == 1
    assert "not-for-the-log" not in str(caught.value)
    assert "E-1" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_2xx_is_delivered(status: int) -> None:
    with wire(http(status, b"")) as server:
        sender(server.url).send(BODIES[:1])
    assert len(server.requests) == 1


def test_nobody_there_is_an_error() -> None:
    with wire(b"") as server:
        url = server.url
    with pytest.raises(StoreError, match="did not answer: NewConnectionError"):
        sender(url).send(BODIES)


def test_a_local_aws_gets_the_request_under_the_doors_own_name() -> None:
    with wire(http(200, b"{}")) as server:
        sender("https://abc.lambda-url.us-east-1.on.aws/", via=server.url).send(BODIES[:1])
    (request,) = server.requests
    head = request.partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("POST /v1/webhooks HTTP/1.1")
    assert "Host: abc.lambda-url.us-east-1.on.aws" in head
    assert f"Duebell-Signature: t={int(NOW.timestamp())},v1=" in head


def test_a_proxy_of_this_shell_is_not_asked(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert os.environ["HTTP_PROXY"]
    sender(door.url).send(BODIES[:1])
    assert door.taken() == BODIES[:1]


def test_a_secret_that_cannot_be_read_sends_nothing(door: Door) -> None:
    def unreadable(**_: object) -> tuple[bytes, ...]:
        raise StoreError("secretsmanager get_secret_value: AccessDeniedException")

    with pytest.raises(StoreError, match="AccessDenied"):
        SignedWebhooks(door.url, HmacSeals(unreadable), FixedClock(NOW)).send(BODIES)
    assert door.answers == []
