"""The payment gateway: one suite over the stub in process and the stub behind HTTP."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from functions.payment_stub import handler
from functions.payment_stub.routes import routes_to
from shared.adapters.http_gateway import HttpGateway
from shared.adapters.memory.gateway import MemoryGateway
from shared.adapters.memory.stub_books import KeptEvents, MemoryStubBooks
from shared.domain.book import Outcome
from shared.domain.errors import GatewayError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.domain.money import Money
from shared.ports.world import DebitAnswer, DebitRequest, PaymentGateway
from shared.workflows.payment_stub import PaymentStub, reference_of
from tests.functions.invoking import context
from tests.wire import http, wire

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
REAL_URL = "https://abcdef.lambda-url.eu-west-1.on.aws/"
SPEED = 10  # the stub's clock and the client's patience run this much faster


@dataclass(frozen=True)
class Bench:
    gateway: PaymentGateway
    books: MemoryStubBooks


@pytest.fixture(params=["memory", "http"])
def bench(request: pytest.FixtureRequest) -> Bench:
    books = MemoryStubBooks()
    stub = PaymentStub(books, KeptEvents())
    if request.param == "memory":
        return Bench(MemoryGateway(stub), books)
    url = request.getfixturevalue("serve")(stub)
    return Bench(HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, url, CLIENT_TIMEOUT_SECONDS / SPEED), books)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serves the stub's own handler on loopback, as a function URL would call it."""
    stopped = threading.Event()
    servers = []

    def pause(seconds: float) -> None:
        stopped.wait(seconds / SPEED)

    def start(stub: PaymentStub) -> str:
        monkeypatch.setattr(handler, "app", cache(lambda: routes_to(stub, pause)))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _FunctionUrl)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    stopped.set()
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


class _FunctionUrl(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        http = {"method": self.command, "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
        event = {
            "version": "2.0",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "requestContext": {"http": http, "requestId": "r", "stage": "$default"},
            "isBase64Encoded": False,
        } | ({"body": body} if body else {})
        answer = handler.handle(event, context("payment_stub"))
        try:
            self.send_response(answer["statusCode"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer["body"].encode())
        except OSError:
            pass  # the client gave up

    do_GET = _answer  # noqa: N815 - http.server's name
    do_POST = _answer  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        pass


def debit(account_ref: str = "paid-1", key: str = "L1:P000001", minor: int = 10000) -> DebitRequest:
    return DebitRequest(key, Money(minor, "CNY"), account_ref, "M1")


@pytest.mark.parametrize(
    ("account_ref", "outcome"),
    [
        ("paid-1", Outcome.PAID),
        ("slow-1", Outcome.PAID),
        ("insufficient-1", Outcome.INSUFFICIENT),
        ("balance-1", Outcome.INSUFFICIENT),
        ("limit-1", Outcome.LIMIT),
        ("mandate-dead-1", Outcome.MANDATE_DEAD),
        ("account-dead-1", Outcome.ACCOUNT_DEAD),
        ("risk-1", Outcome.RISK),
    ],
)
def test_an_answer_in_time_is_definite_and_an_enquiry_repeats_it(
    bench: Bench, account_ref: str, outcome: Outcome
) -> None:
    answer = DebitAnswer(outcome, reference_of("L1:P000001"))
    assert bench.gateway.present(debit(account_ref)) == answer
    assert bench.gateway.enquire("L1:P000001") == answer
    assert len(list(bench.books.charges())) == (outcome is Outcome.PAID)


def test_an_answer_after_the_time_out_is_unknown_though_it_charged_and_an_enquiry_tells(bench: Bench) -> None:
    assert bench.gateway.present(debit("lost-1")) == DebitAnswer(Outcome.UNKNOWN)
    assert [p.key for p in bench.books.charges()] == ["L1:P000001"]
    assert bench.gateway.enquire("L1:P000001") == DebitAnswer(Outcome.PAID, reference_of("L1:P000001"))


def test_the_same_request_again_gets_the_same_answer_and_charges_once(bench: Bench) -> None:
    first = bench.gateway.present(debit())
    assert bench.gateway.present(debit()) == first
    assert len(list(bench.books.charges())) == 1


def test_a_key_that_was_never_seen_is_not_found_and_that_is_final(bench: Bench) -> None:
    assert bench.gateway.not_found_is_final
    assert bench.gateway.enquire("L1:P000009") is None


def test_a_refused_request_is_our_mistake_and_charges_nothing(bench: Bench) -> None:
    assert bench.gateway.present(debit("nowhere-1")) == DebitAnswer(Outcome.CONFIG)
    assert bench.gateway.present(debit(minor=0)) == DebitAnswer(Outcome.CONFIG)
    assert bench.gateway.enquire("L1:P000001") is None
    assert list(bench.books.payments()) == []


def test_a_key_that_holds_another_request_is_unknown_because_that_one_may_be_paid(bench: Bench) -> None:
    bench.gateway.present(debit(minor=10000))
    assert bench.gateway.present(debit(minor=20000)) == DebitAnswer(Outcome.UNKNOWN)
    assert len(list(bench.books.charges())) == 1


# Over HTTP alone: what a wire can do.


def over_wire(url: str, timeout_seconds: float = 5) -> HttpGateway:
    return HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, url, timeout_seconds)


def test_a_read_time_out_is_unknown_and_put_exactly_one_request_on_the_wire() -> None:
    with wire(None) as server:
        assert over_wire(server.url, 0.3).present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        assert len(server.requests) == 1


def test_an_enquiry_that_times_out_is_an_error() -> None:
    with wire(None) as server, pytest.raises(GatewayError, match=r"^the gateway could not be asked: ReadTimeoutError$"):
        over_wire(server.url, 0.3).enquire("L1:P000001")


def test_a_hang_up_after_sending_is_unknown_and_put_exactly_one_request_on_the_wire() -> None:
    with wire(b"") as server:
        assert over_wire(server.url).present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        assert len(server.requests) == 1


PAID_BODY = json.dumps({"key": "L1:P000001", "status": "paid", "code": "paid", "gateway_ref": "GW1"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, PAID_BODY, Outcome.PAID),
        (200, b'{"status":"declined","code":"limit"}', Outcome.LIMIT),
        (200, b'{"status":"paid","code":"limit"}', Outcome.UNKNOWN),
        (200, b'{"status":"declined","code":"on-fire"}', Outcome.UNKNOWN),
        (200, b'{"status":["paid"],"code":{}}', Outcome.UNKNOWN),
        (200, b"<html>", Outcome.UNKNOWN),
        (200, b"\xff", Outcome.UNKNOWN),
        (200, b"[]", Outcome.UNKNOWN),
        (200, b"", Outcome.UNKNOWN),
        (201, PAID_BODY, Outcome.UNKNOWN),
        (302, b"", Outcome.UNKNOWN),
        (400, b"", Outcome.CONFIG),
        (403, b'{"Message":"Forbidden"}', Outcome.CONFIG),
        (404, b"", Outcome.CONFIG),
        (408, b"", Outcome.UNKNOWN),
        (409, b"", Outcome.UNKNOWN),
        (422, b"", Outcome.CONFIG),
        (429, b"", Outcome.CONFIG),
        (500, b"", Outcome.UNKNOWN),
        (502, b"Internal Server Error", Outcome.UNKNOWN),
        (503, PAID_BODY, Outcome.UNKNOWN),
        (504, b"", Outcome.UNKNOWN),
    ],
)
def test_only_words_that_we_know_are_definite(status: int, body: bytes, outcome: Outcome) -> None:
    with wire(http(status, body)) as server:
        assert over_wire(server.url).present(debit()).outcome is outcome
        assert len(server.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    with wire(http(200, PAID_BODY)) as other, wire(http(307, b"", f"Location: {other.url}/v1/payments")) as server:
        assert over_wire(server.url).present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        assert (len(server.requests), len(other.requests)) == (1, 0)


def test_a_half_answer_is_unknown() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + PAID_BODY
    with wire(cut) as server:
        assert over_wire(server.url, 0.3).present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        assert len(server.requests) == 1


def test_a_connection_that_never_opened_is_unknown_to_be_enquired_about() -> None:
    gateway = over_wire(_closed_port())
    assert gateway.present(debit()) == DebitAnswer(Outcome.UNKNOWN)
    with pytest.raises(GatewayError, match=r"^the gateway could not be asked: NewConnectionError$"):
        gateway.enquire("L1:P000001")


def _closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""),
        (404, b'{"message":"no such function"}'),
        (404, b'{"status":"error","code":"unknown_path"}'),
        (403, b"{}"),
        (500, b'{"status":"not_found"}'),
        (200, b""),
        (200, b"<html>"),
    ],
)
def test_only_the_gateway_s_own_word_passes_for_never_seen(status: int, body: bytes) -> None:
    with wire(http(status, body)) as server, pytest.raises(GatewayError):
        over_wire(server.url).enquire("L1:P000001")


def test_each_request_is_signed_for_the_real_address_wherever_it_is_sent() -> None:
    with wire(http(200, PAID_BODY)) as server:
        over_wire(server.url).present(debit())
        over_wire(server.url).enquire("L1:P000001")
    for request, line in zip(server.requests, ["POST /v1/payments ", "GET /v1/payments/L1:P000001 "], strict=True):
        head, _, body = request.decode().partition("\r\n\r\n")
        headers = dict(row.split(": ", 1) for row in head.split("\r\n")[1:])
        assert head.startswith(line)
        assert headers["Host"] == "abcdef.lambda-url.eu-west-1.on.aws"
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert "/eu-west-1/lambda/aws4_request" in headers["Authorization"]
        assert "host;x-amz-date;x-amz-security-token" in headers["Authorization"]
        assert headers["X-Amz-Security-Token"] == "token"
        assert datetime.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z").tzinfo
        assert (json.loads(body)["amount_minor"] == 10000) if line.startswith("POST") else body == ""


def test_credentials_that_were_renewed_sign_the_next_request() -> None:
    credentials = Credentials("AKIDFIRST", "secret")
    with wire(http(200, PAID_BODY)) as server:
        gateway = HttpGateway(REAL_URL, "eu-west-1", credentials, server.url)
        gateway.present(debit())
        credentials.access_key = "AKIDSECOND"
        gateway.present(debit())
    assert [b"AKIDFIRST" in r for r in server.requests] == [True, False]


def test_no_connection_is_kept_because_a_stale_one_would_make_the_next_debit_unknown() -> None:
    with wire(http(200, PAID_BODY)) as server:
        gateway = over_wire(server.url)
        for _ in range(3):
            gateway.present(debit())
        assert (len(server.requests), len(server.connections)) == (3, 3)
        assert all(b"Connection: close" in request for request in server.requests)


def test_without_credentials_there_is_no_gateway() -> None:
    with pytest.raises(GatewayError, match="no AWS credentials"):
        HttpGateway(REAL_URL, "eu-west-1", None)


def test_credentials_that_cannot_be_renewed_send_nothing_and_leave_the_outcome_to_an_enquiry() -> None:
    class Stale:
        def get_frozen_credentials(self) -> None:
            raise CredentialRetrievalError(provider="test", error_msg="gone")

    with wire(http(200, PAID_BODY)) as server:
        gateway = HttpGateway(REAL_URL, "eu-west-1", Stale(), server.url)
        assert gateway.present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        with pytest.raises(GatewayError, match=r"^the gateway could not be asked: CredentialRetrievalError$"):
            gateway.enquire("L1:P000001")
        assert server.requests == []
