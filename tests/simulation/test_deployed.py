"""A share of `make faults-deployed`: the deployed stack under a seed's faults for some days, and the plan by itself."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from demo.portfolio import FIRST_DAY, generate
from infra.local import free_port
from infra.local.deployment import SAM
from infra.local.emulator import EMULATOR
from shared.domain.book import NoticeRecord, NoticeState
from shared.domain.portfolio import BORROWERS, LOANS
from tests.demo.small import notice
from tests.local_aws import require
from tests.simulation.deployed.__main__ import lines
from tests.simulation.deployed.faults import CALLS, GONE_FOR, Fault, Faults
from tests.simulation.deployed.judge import sent_once
from tests.simulation.deployed.life import live, some_of
from tests.simulation.deployed.wire import Places, Request, Wire

AROUND_AN_ACT = (
    *("claim a debit", "present", "settle a debit"),
    *("claim a message", "send a message", "settle a message"),
)
PLACES = Places("gateway.example", "door.example", "attempts", "notices")


@pytest.mark.local_aws
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="whose connection it is, is read from /proc")
def test_nothing_is_breached_while_processes_die_and_wires_break() -> None:
    require(EMULATOR, SAM)
    outcome = live(1047, days=3, loans=8, port=free_port(), say=lambda _: None, only=AROUND_AN_ACT)
    told = "\n".join(lines(outcome))
    assert outcome.verdict.breaches == (), told
    assert outcome.verdict.charges > 0, told
    assert outcome.verdict.messages > 5, told
    assert all(outcome.moments().values()), told
    assert Counter(fault for _, fault in outcome.hits).keys() == set(Fault), told
    assert outcome.did["doubled at once"], told
    assert outcome.did["doubled late"], told
    assert outcome.did["schedules fired twice"], told


def test_a_seed_draws_the_same_plan_again_and_places_every_fault_once_at_least() -> None:
    def drawn(seed: int) -> dict[str, list[Fault | None]]:
        return {call: [Faults(seed).at(call, number) for number in range(1, 401)] for call in CALLS}

    assert drawn(1) == drawn(1) != drawn(2)
    for seed in range(5):
        assert {call: set(found) - {None} for call, found in drawn(seed).items()} == {
            call: set(faults) for call, faults in CALLS.items()
        }
    assert {Faults(1, only=["present"]).at("claim a debit", number) for number in range(20)} == {None}
    late = [Faults(1).copy_comes_after(number) for number in range(200)]
    assert late.count(0) > 50 < sum(slots > 0 for slots in late)


def a_request(action: str, body: object, function: str = "attempt_deductions", host: str = "127.0.0.1:1") -> Request:
    return Request(function, "POST", "/", host, action, json.dumps(body).encode())


def a_put(table: str, **item: str) -> dict[str, object]:
    return {"Put": {"TableName": table, "Item": {name: {"S": value} for name, value in item.items()}}}


@pytest.mark.parametrize(
    ("request_", "call"),
    [
        (a_request("TransactWriteItems", {"TransactItems": [a_put("attempts", state="claimed")]}), "claim a debit"),
        (
            a_request(
                "UpdateItem",
                {"TableName": "attempts", "Key": {}, "ExpressionAttributeValues": {":state": {"S": "settled"}}},
            ),
            "settle a debit",
        ),
        (a_request("PutItem", {"TableName": "notices", "Item": {"state": {"S": "claimed"}}}), "claim a message"),
        (a_request("UpdateItem", {"TableName": "notices", "Key": {}}), "settle a message"),
        (a_request("UpdateItem", {"TableName": "loans", "Key": {}}), "write besides"),
        (a_request("UpdateItem", {"TableName": "loans", "Key": {}}, "record_escalations"), "record a stage"),
        (a_request("SendMessageBatch", {"QueueUrl": "q", "Entries": []}), "queue"),
        (a_request("GetItem", {"TableName": "loans"}), "read"),
        (a_request("", {}, host="gateway.example"), "present"),
        (a_request("", {}, "payment_stub", "door.example"), "deliver a webhook"),
        (a_request("PutItem", {"TableName": "stub", "Item": {}}, "payment_stub"), None),
    ],
)
def test_a_call_is_known_by_what_it_asks(request_: Request, call: str | None) -> None:
    assert PLACES.call_of(request_) == call


@pytest.fixture
def upstream() -> Iterator[tuple[int, list[bytes]]]:
    """The port of something that stands for the local AWS, and what arrived there."""
    arrived: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"done")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port, arrived
    server.shutdown()
    server.server_close()
    thread.join()


class Only(Faults):
    """The same fault at every call."""

    def __init__(self, fault: Fault | None) -> None:
        super().__init__(0)
        self._fault = fault

    def at(self, call: str, number: int) -> Fault | None:
        return self._fault


ASK = """
import sys, urllib.request
asked = urllib.request.Request(sys.argv[1], b"{}", {"Host": "gateway.example"}, method="POST")
print(urllib.request.urlopen(asked).read().decode())
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="whose connection it is, is read from /proc")
@pytest.mark.parametrize(
    ("fault", "code", "arrives"),
    [
        (None, 0, 1),
        (Fault.KILLED_BEFORE, -signal.SIGKILL, 0),
        (Fault.KILLED_AFTER, -signal.SIGKILL, 1),
        (Fault.LOST, 1, 0),
        (Fault.ANSWER_LOST, 1, 1),
        (Fault.GONE, 1, 0),
    ],
)
def test_a_process_dies_or_loses_its_call_before_or_after_it_arrives(
    upstream: tuple[int, list[bytes]], fault: Fault | None, code: int, arrives: int
) -> None:
    port, arrived = upstream
    with Wire(port, Only(fault), armed=True, places=PLACES) as wire:
        endpoint = wire.endpoint_of("attempt_deductions")
        done = subprocess.run([sys.executable, "-c", ASK, endpoint], capture_output=True, text=True, check=False)
        assert (done.returncode, len(arrived)) == (code, arrives), done.stderr
        assert done.stdout == ("done\n" if fault is None else "")
        assert wire.calls["present"] == 1
        assert wire.hits == ({("present", fault): 1} if fault else {})
        assert wire.died.total() == (code == -signal.SIGKILL)


def test_an_endpoint_that_is_gone_stays_away_longer_than_an_sdk_tries(upstream: tuple[int, list[bytes]]) -> None:
    port, arrived = upstream
    with Wire(port, Only(Fault.GONE), armed=True, places=PLACES) as wire:
        found = [wire.began(a_request("GetItem", {"TableName": "loans"}))[1] for _ in range(GONE_FOR + 1)]
    assert found == [Fault.GONE] * (GONE_FOR + 1)
    assert wire.hits["read", Fault.GONE] == 2
    assert arrived == []


def test_some_loans_come_with_their_borrowers_and_nothing_else() -> None:
    whole = generate(FIRST_DAY)
    some = some_of(whole, Random(1), 7, FIRST_DAY + timedelta(days=9))
    loans = {row[0]: row[1] for row in some.rows[LOANS]}
    assert len(loans) == 7
    assert loans.keys() == some.habits.keys()
    assert {row[0] for row in some.rows[BORROWERS]} == set(loans.values())
    again = some_of(whole, Random(1), 7, FIRST_DAY + timedelta(days=9))
    assert again == some


SENT = notice("B-1", "N-1", "due", 10)
KEY = ("B-1", "N-1")
SINK = {"M-N-1": ("+447700900001", "Dear")}


def wrongs(notices: list[NoticeRecord], sent: dict[tuple[str, str] | None, list[str | None]], sink: object) -> set[str]:
    return {breach.problem for breach in sent_once(notices, sent, sink)}  # type: ignore[arg-type] # as it comes


def test_a_message_that_left_twice_or_without_a_claim_is_a_breach() -> None:
    unknown = replace(SENT, state=NoticeState.UNKNOWN, provider_ref=None)
    twice = SINK | {"M-2": ("+447700900001", "Dear")}
    assert wrongs([SENT], {KEY: ["M-N-1"]}, SINK) == set()
    assert wrongs([unknown], {KEY: ["M-N-1"]}, SINK) == set()
    assert wrongs([unknown], {}, {}) == set()
    assert wrongs([SENT], {KEY: ["M-N-1", "M-2"]}, twice) == {"sent 2 times"}
    assert wrongs([], {KEY: ["M-N-1"]}, SINK) == {"sent, and its notice is not there"}
    assert wrongs([SENT], {KEY: ["M-N-1"], None: ["M-2"]}, twice) == {"sent, and its notice is not there"}
    assert wrongs([SENT], {}, {}) == {"marked as sent, and never seen to leave"}
    assert wrongs([SENT], {KEY: ["M-N-1"]}, twice) == {"holds 2 messages, 1 were seen to leave"}
