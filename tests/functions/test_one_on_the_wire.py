"""At most one SMS on the wire for a notice, counted at the socket: whatever the provider does, whoever dies, and though
every message of the queue comes twice."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest

from shared.domain.book import ContactCard, Line, NoticeState
from tests.functions.killing import POINTS, Kill, arm
from tests.functions.packs import sends_over
from tests.functions.sample import only
from tests.functions.stack import LINES, PLAN, RECONCILE, Killed, Stack
from tests.wire import RESET, Wire, http, wire

SEND, BORROWER, DUE = LINES[Line.CONTACT], "B-013", "DUE#BT-002#001#0"


@dataclass
class Taken:
    """What came over the wire, by notice, and what of it the provider took."""

    requests: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Way:
    """How a provider names a message, takes it, and says that it is too busy for it."""

    name: str
    notice: Callable[[bytes], str]
    ok: Callable[[str], bytes]
    throttled: bytes


def _sns_notice(request: bytes) -> str:
    return parse_qs(request.partition(b"\r\n\r\n")[2].decode())["Message"][0]


def _http_notice(request: bytes) -> str:
    key: str = json.loads(request.partition(b"\r\n\r\n")[2])["key"]
    return key


XML = "Content-Type: text/xml"
SNS = Way(
    "sandbox",
    _sns_notice,
    lambda _: http(
        200, b"<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>", XML
    ),
    http(400, b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", XML),
)
HTTP = Way(
    "http",
    _http_notice,
    lambda key: http(202, json.dumps({"key": key, "status": "accepted", "ref": "m"}).encode()),
    http(429, b"{}"),
)
INDEFINITE = {
    "silence": None,
    "hang-up": b"",
    "reset": RESET,
    "broken": http(500, b"{}"),
    "busy": http(503, b"{}"),
    "unreadable": http(200, b"<{"),
}


@contextmanager
def listening(stack: Stack, way: Way, first: bytes | None = b"ok") -> Iterator[Taken]:
    """The worker, newly started, over a wire on which the first message meets `first`, and all others are taken."""
    told = Taken()

    def reply(request: bytes) -> bytes | None:
        notice = way.notice(request)
        told.requests[notice] += 1
        if told.requests.total() == 1 and first != b"ok":
            return first
        told.taken[notice] += 1
        return way.ok(notice)

    with wire(reply) as server, pytest.MonkeyPatch.context() as monkeypatch:
        _point(stack, monkeypatch, way, server)
        with stack.restarted(SEND):
            sends_over(stack, way.name, monkeypatch)
            yield told


def _point(stack: Stack, monkeypatch: pytest.MonkeyPatch, way: Way, server: Wire) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", server.url)
    stack.known |= {"SmsProvider": way.name, "SmsGatewayUrl": server.url}


def days_pass(stack: Stack) -> None:
    """Every message twice, the passes of three days, and reconciliation after the lease of each claim."""
    for moment in ("2026-03-10 12:00", "2026-03-10 12:20", "2026-03-11 10:00", "2026-03-12 10:00"):
        stack.at(moment)
        stack.invoke("reconcile", RECONCILE)
        stack.invoke("plan_work", PLAN)
        stack.drain([SEND], twice=True)


def due_on_the_tenth(stack: Stack) -> None:
    stack.take_on(only("BT-002"))
    stack.at("2026-03-10 12:00")


@pytest.mark.parametrize("fault", INDEFINITE)
@pytest.mark.parametrize("way", [SNS, HTTP], ids=["sns", "http"])
def test_a_message_of_which_nothing_is_known_was_one_request(empty_stack: Stack, way: Way, fault: str) -> None:
    stack = empty_stack
    due_on_the_tenth(stack)
    with listening(stack, way, INDEFINITE[fault]) as told:
        days_pass(stack)
    assert set(told.requests.values()) == {1}
    assert stack.notices()[DUE].state is NoticeState.UNKNOWN
    assert told.taken.total() == sum(n.state is NoticeState.SENT for n in stack.notices().values()) > 0


@pytest.mark.parametrize("way", [SNS, HTTP], ids=["sns", "http"])
def test_what_a_throttle_certainly_did_not_take_goes_once_later(empty_stack: Stack, way: Way) -> None:
    stack = empty_stack
    due_on_the_tenth(stack)
    with listening(stack, way, way.throttled) as told:
        days_pass(stack)
    assert set(told.taken.values()) == {1}
    assert told.requests.total() == told.taken.total() + 1
    assert {notice.state for notice in stack.notices().values()} == {NoticeState.SENT}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("way", [SNS, HTTP], ids=["sns", "http"])
def test_a_worker_that_dies_anywhere_leaves_at_most_one(empty_stack: Stack, way: Way, point: str) -> None:
    stack = empty_stack
    due_on_the_tenth(stack)
    with listening(stack, way) as told:
        stack.invoke("plan_work", PLAN)
        kill = Kill(point, BORROWER)
        with pytest.MonkeyPatch.context() as monkeypatch:
            arm(stack, monkeypatch, SEND, kill)
            with pytest.raises(Killed):
                stack.drain([SEND])
        assert kill.struck
        stack.drain([SEND], twice=True)
        stack.later(minutes=6)
        days_pass(stack)
    assert set(told.requests.values()) == {1}
    came = stack.notices()[DUE].state
    assert came is (NoticeState.SENT if point in ("before claim", "after settle") else NoticeState.UNKNOWN)
    assert stack.rows(ContactCard)[0].step is not None
