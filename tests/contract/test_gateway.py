"""The payment gateway: one suite over the stub in process and the stub behind HTTP. Stripe has a suite of its own."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from functions.payment_stub import handler
from functions.payment_stub.routes import routes_to
from shared.adapters.gateway_answers import KEY_LIFE
from shared.adapters.http_gateway import HttpGateway
from shared.adapters.memory.gateway import MemoryGateway
from shared.adapters.memory.stub_books import KeptEvents, MemoryStubBooks
from shared.adapters.policy_files import rail_codes, read_packs
from shared.domain.book import Outcome
from shared.domain.errors import GatewayError, SettingsError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.domain.money import Money
from shared.ports.stub import Reply
from shared.ports.world import DebitAnswer, DebitRequest, PaymentGateway, RefundRequest
from shared.workflows.payment_stub import PaymentStub, reference_of
from tests.functions.invoking import context
from tests.wire import RESET, http, wire

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
REAL_URL = "https://abcdef.lambda-url.eu-west-1.on.aws/"
CODES = rail_codes("stub")
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
    patience, promise = CLIENT_TIMEOUT_SECONDS / SPEED, dict[str, Any](key_life=KEY_LIFE, not_found_is_final=True)
    gateway = HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, url, patience, codes=CODES, **promise)
    return Bench(gateway, books)


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
        ("closed-1", Outcome.WINDOW),
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


def test_what_is_pending_is_paid_by_the_first_enquiry(bench: Bench) -> None:
    reference = reference_of("L1:P000001")
    assert bench.gateway.present(debit("pending-1")) == DebitAnswer(Outcome.PENDING, reference)
    assert list(bench.books.charges()) == []
    assert bench.gateway.enquire("L1:P000001") == DebitAnswer(Outcome.PAID, reference)
    assert [p.key for p in bench.books.charges()] == ["L1:P000001"]


def refund(minor: int = 10000, key: str = "L1:P000002", payment_key: str = "L1:P000001") -> RefundRequest:
    return RefundRequest(key, payment_key, Money(minor, "CNY"))


def test_a_refund_gives_back_once_a_key_and_an_enquiry_repeats_its_answer(bench: Bench) -> None:
    bench.gateway.present(debit())
    answer = DebitAnswer(Outcome.PAID, reference_of("L1:P000002"))
    assert bench.gateway.refund(refund()) == answer
    assert bench.gateway.refund(refund()) == answer
    assert bench.gateway.enquire("L1:P000002") == answer
    assert [r.amount.minor for r in bench.books.refunds()] == [10000]


def test_more_than_was_charged_is_never_given_back(bench: Bench) -> None:
    bench.gateway.present(debit())
    assert bench.gateway.refund(refund(payment_key="L1:P000009")) == DebitAnswer(Outcome.CONFIG)
    assert bench.gateway.refund(refund(6000)).outcome is Outcome.PAID
    assert bench.gateway.refund(refund(6000, "L1:P000003")) == DebitAnswer(Outcome.CONFIG)
    assert bench.gateway.enquire("L1:P000003") is None
    assert [r.amount.minor for r in bench.books.refunds()] == [6000]


def test_a_refund_s_late_answer_is_unknown_and_an_enquiry_tells(bench: Bench) -> None:
    bench.gateway.present(debit("lost-1"))
    assert bench.gateway.refund(refund()) == DebitAnswer(Outcome.UNKNOWN)
    assert bench.gateway.enquire("L1:P000002") == DebitAnswer(Outcome.PAID, reference_of("L1:P000002"))


def test_a_refund_s_key_that_holds_another_request_is_unknown(bench: Bench) -> None:
    bench.gateway.present(debit())
    bench.gateway.refund(refund(6000))
    assert bench.gateway.refund(refund(4000)) == DebitAnswer(Outcome.UNKNOWN)


def test_the_same_request_again_gets_the_same_answer_and_charges_once(bench: Bench) -> None:
    first = bench.gateway.present(debit())
    assert bench.gateway.present(debit()) == first
    assert len(list(bench.books.charges())) == 1


def test_a_key_that_was_never_seen_is_not_found_and_that_is_final(bench: Bench) -> None:
    assert bench.gateway.not_found_is_final
    assert bench.gateway.key_life == timedelta(days=365)
    assert bench.gateway.enquire("L1:P000009") is None


def test_what_a_gateway_promises_of_its_keys_is_its_owner_s_to_say() -> None:
    for life, final in ((timedelta(hours=12), False), (timedelta(hours=48), True)):
        promise: dict[str, Any] = {"key_life": life, "not_found_is_final": final}
        memory = MemoryGateway(PaymentStub(MemoryStubBooks(), KeptEvents()), **promise)
        http_gateway = HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, codes=CODES, **promise)
        for gateway in (memory, http_gateway):
            assert (gateway.key_life, gateway.not_found_is_final) == (life, final)


def test_a_gateway_whose_owner_says_nothing_promises_little() -> None:
    gateway = HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, codes=CODES)
    assert (gateway.key_life, gateway.not_found_is_final) == (timedelta(hours=24), False)


@pytest.mark.parametrize("url", ["http://gateway.example", "gateway.example", "ftp://gateway.example"])
def test_debits_go_over_tls_only(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^the payment gateway's address must begin with https://$"):
        HttpGateway(url, "eu-west-1", CREDENTIALS, codes=CODES)


@pytest.mark.parametrize(
    ("url", "via"),
    [
        (REAL_URL, None),
        ("http://127.0.0.1:9", None),
        ("http://localhost:9", None),
        ("http://abcdef.lambda-url.us-east-1.localhost:4566/", "http://127.0.0.1:4566"),
    ],
)
def test_loopback_and_the_stub_of_a_local_aws_need_none(url: str, via: str | None) -> None:
    HttpGateway(url, "eu-west-1", CREDENTIALS, via, codes=CODES)


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
    return HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, url, timeout_seconds, codes=CODES)


Act = Callable[[HttpGateway], DebitAnswer]


@pytest.fixture(params=["present", "refund"])
def act(request: pytest.FixtureRequest) -> Act:
    """What moves money: each is one request on the wire, whatever becomes of it."""
    if request.param == "present":
        return lambda gateway: gateway.present(debit())
    return lambda gateway: gateway.refund(refund())


def test_a_read_time_out_is_unknown_and_put_exactly_one_request_on_the_wire(act: Act) -> None:
    with wire(None) as server:
        assert act(over_wire(server.url, 0.3)) == DebitAnswer(Outcome.UNKNOWN)
        assert (len(server.requests), len(server.connections)) == (1, 1)


def test_a_reset_is_unknown_and_put_exactly_one_request_on_the_wire(act: Act) -> None:
    with wire(RESET) as server:
        assert act(over_wire(server.url)) == DebitAnswer(Outcome.UNKNOWN)
        assert (len(server.requests), len(server.connections)) == (1, 1)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_unknown_and_got_exactly_one_request(act: Act, status: int) -> None:
    with wire(http(status, b"", "Retry-After: 0")) as server:
        assert act(over_wire(server.url)) == DebitAnswer(Outcome.UNKNOWN)
        assert (len(server.requests), len(server.connections)) == (1, 1)


def test_an_enquiry_that_times_out_is_an_error() -> None:
    with wire(None) as server, pytest.raises(GatewayError, match=r"^the gateway could not be asked: ReadTimeoutError$"):
        over_wire(server.url, 0.3).enquire("L1:P000001")


def test_a_hang_up_after_sending_is_unknown_and_put_exactly_one_request_on_the_wire(act: Act) -> None:
    with wire(b"") as server:
        assert act(over_wire(server.url)) == DebitAnswer(Outcome.UNKNOWN)
        assert len(server.requests) == 1


PAID_BODY = json.dumps({"key": "L1:P000001", "status": "paid", "code": "paid", "gateway_ref": "GW1"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, PAID_BODY, Outcome.PAID),
        (200, b'{"status":"declined","code":"limit"}', Outcome.LIMIT),
        (200, b'{"status":"pending","code":"waiting"}', Outcome.PENDING),
        (200, b'{"status":"declined","code":"closed"}', Outcome.WINDOW),
        (200, b'{"status":"paid","code":"limit"}', Outcome.UNKNOWN),
        (200, b'{"status":"declined","code":"paid"}', Outcome.UNKNOWN),
        (200, b'{"status":"declined","code":"waiting"}', Outcome.UNKNOWN),
        (200, b'{"status":"declined","code":"on-fire"}', Outcome.UNKNOWN),
        (200, b'{"status":["paid"],"code":{}}', Outcome.UNKNOWN),
        (200, b"<html>", Outcome.UNKNOWN),
        (200, b"\xff", Outcome.UNKNOWN),
        (200, b"[]", Outcome.UNKNOWN),
        (200, b"", Outcome.UNKNOWN),
        (201, PAID_BODY, Outcome.UNKNOWN),
        (302, b"", Outcome.UNKNOWN),
        (400, b"", Outcome.CONFIG),
        (401, b"", Outcome.CONFIG),
        (403, b'{"Message":"Forbidden"}', Outcome.CONFIG),
        (404, b"", Outcome.CONFIG),
        (408, b"", Outcome.UNKNOWN),
        (409, b"", Outcome.UNKNOWN),
        (422, b"", Outcome.CONFIG),
        (429, b"", Outcome.UNKNOWN),
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


def paid_body(**amount: object) -> bytes:
    return json.dumps(json.loads(PAID_BODY) | amount).encode()


SUMS: list[tuple[dict[str, object], bool]] = [
    ({"amount_minor": 10000, "currency": "CNY"}, True),
    ({"amount_minor": 9999, "currency": "CNY"}, False),
    ({"amount_minor": 10000, "currency": "CZK"}, False),
    ({"amount_minor": 10000}, False),
    ({"currency": "CNY"}, False),
    ({"amount_minor": "10000", "currency": "CNY"}, False),
    ({"amount_minor": 10000.0, "currency": "CNY"}, False),
    ({"amount_minor": 10000, "currency": "yuan"}, False),
]


@pytest.mark.parametrize(("amount", "is_paid"), SUMS)
def test_a_paid_answer_about_another_sum_is_unknown(act: Act, amount: dict[str, object], is_paid: bool) -> None:
    with wire(http(200, paid_body(**amount))) as server:
        assert act(over_wire(server.url)).outcome is (Outcome.PAID if is_paid else Outcome.UNKNOWN)


def test_an_enquiry_hands_on_the_sum_that_was_paid_so_that_it_can_be_compared() -> None:
    with wire(http(200, paid_body(amount_minor=9999, currency="CNY"))) as server:
        answer = over_wire(server.url).enquire("L1:P000001")
    assert answer is not None
    assert answer.amount == Money(9999, "CNY")
    assert answer.other_amount(Money(10000, "CNY")) == Money(9999, "CNY")
    assert answer.other_amount(Money(9999, "CNY")) is None


def test_the_funding_order_goes_out_where_there_is_one() -> None:
    with wire(http(200, PAID_BODY)) as server:
        over_wire(server.url).present(replace(debit(), funding=("balance-1", "paid-1")))
        over_wire(server.url).present(debit())
    first, second = (json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests)
    assert first["funding"] == ["balance-1", "paid-1"]
    assert "funding" not in second


RAILS = sorted(pack.id for pack in read_packs() if pack.type == "rail")
EVERY_CODE = [(rail, code) for rail in RAILS for code in rail_codes(rail)]


@pytest.mark.parametrize(("rail", "code"), EVERY_CODE)
def test_every_code_of_every_rail_means_what_its_pack_says(rail: str, code: str) -> None:
    outcome = rail_codes(rail)[code]
    gateways = [answering(status, code, rail) for status in ("paid", "pending", "declined")]
    told = [gateway.present(debit()).outcome for gateway in gateways]
    status = {Outcome.PAID: 0, Outcome.PENDING: 1}.get(outcome, 2)
    assert told[status] is outcome
    assert {told[n] for n in range(3) if n != status} == {Outcome.UNKNOWN}
    for gateway in gateways:
        looked_up = gateway.enquire("L1:P000001")
        assert looked_up is not None
        assert looked_up.outcome is gateway.present(debit()).outcome


def answering(status: str, code: str, rail: str) -> MemoryGateway:
    """A gateway that reads what the HTTP one reads, by a rail's codes."""

    class Answers:
        def present(self, _: str) -> Reply:
            return Reply(200, {"status": status, "code": code, "gateway_ref": "GW1"})

        refund = present
        look_up = present

    return MemoryGateway(Answers(), rail_codes(rail))


@pytest.mark.parametrize("rail", RAILS)
def test_over_the_wire_a_rail_s_codes_are_the_same(rail: str) -> None:
    for code, outcome in list(rail_codes(rail).items())[::7]:
        status = {Outcome.PAID: "paid", Outcome.PENDING: "pending"}.get(outcome, "declined")
        body = json.dumps({"status": status, "code": code}).encode()
        with wire(http(200, body)) as server:
            gateway = HttpGateway(REAL_URL, "eu-west-1", CREDENTIALS, server.url, codes=rail_codes(rail))
            assert gateway.present(debit()).outcome is outcome


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
        gateway = HttpGateway(REAL_URL, "eu-west-1", credentials, server.url, codes=CODES)
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
        HttpGateway(REAL_URL, "eu-west-1", None, codes=CODES)


def test_credentials_that_cannot_be_renewed_send_nothing_and_leave_the_outcome_to_an_enquiry() -> None:
    class Stale:
        def get_frozen_credentials(self) -> None:
            raise CredentialRetrievalError(provider="test", error_msg="gone")

    with wire(http(200, PAID_BODY)) as server:
        gateway = HttpGateway(REAL_URL, "eu-west-1", Stale(), server.url, codes=CODES)
        assert gateway.present(debit()) == DebitAnswer(Outcome.UNKNOWN)
        with pytest.raises(GatewayError, match=r"^the gateway could not be asked: CredentialRetrievalError$"):
            gateway.enquire("L1:P000001")
        assert server.requests == []
