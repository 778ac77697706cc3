"""Some tens of loans debited over a real wire, by the real gateway client, from a stub that hangs up when it likes."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from urllib.parse import unquote

from botocore.credentials import Credentials

from shared.adapters.gateway_answers import KEY_LIFE
from shared.adapters.http_gateway import HttpGateway
from shared.adapters.policy_files import rail_codes
from shared.domain.book import Attempt, AttemptState
from shared.domain.money import Money
from shared.ports.stub import Reply
from shared.workflows.payment_stub import PaymentStub
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import SLOTS, Town

FIRST, LAST = date(2026, 3, 8), date(2026, 3, 16)
_PATIENCE_SECONDS = 0.25
_ACCOUNTS = ("paid-", "paid-", "paid-", "balance-", "insufficient-", "lost-", "slow-")


@dataclass(slots=True)
class HangingUp:
    """What it did with requests: keys of those that it lost, and of those that it answered to nobody."""

    stub: PaymentStub
    chance: Random
    arrived: list[str] = field(default_factory=list)
    swallowed: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: str) -> Reply | None:
        """None hangs up: before the stub hears of the request, or after it did what was asked."""
        with self._lock:  # one at a time, in the order in which they come: chance stays the seed's
            if method == "GET":
                silent = self.chance.random() < 0.2
                return None if silent else self.stub.look_up(unquote(path.rpartition("/")[2]))
            key = json.loads(body)["key"]
            self.arrived.append(key)
            roll = self.chance.random()
            if roll < 0.2:
                self.swallowed.append(key)
                return None
            reply = self.stub.present(body)
            if roll < 0.5:
                self.unanswered.append(key)
                if roll < 0.23:
                    time.sleep(2 * _PATIENCE_SECONDS)  # the client gives up; the answer goes nowhere
                return None
            return reply


@contextmanager
def served(what: HangingUp) -> Iterator[str]:
    """Its address on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            reply = what.answer(self.command, self.path, body)
            if reply is None:
                return
            payload = json.dumps(dict(reply.body)).encode()
            with suppress(OSError):  # the client gave up
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

        do_GET = do_POST = _respond  # noqa: N815 - the base class asks for these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def a_town(loans: int, chance: Random) -> Town:
    """One loan a borrower, due within three days."""
    start = f"{FIRST - timedelta(days=2)} 00:00"
    town = Town(
        an_instalment(loan_id="l-0"),
        account=None,
        loan=a_loan(loan_id="l-0", borrower_id="b-0", principal_minor=100_000),
        borrower=a_borrower(borrower_id="b-0"),
        start=start,
    )
    for n in range(1, loans):
        loan_id, account = f"l-{n}", f"{chance.choice(_ACCOUNTS)}{n}"
        due_on = FIRST + timedelta(days=2 + n % 3)
        town.take_on(
            a_borrower(borrower_id=f"b-{n}", phone=f"+4477009{n:05d}"),
            a_loan(loan_id=loan_id, borrower_id=f"b-{n}", principal_minor=100_000),
            [an_instalment(loan_id=loan_id, due_on=due_on)],
            a_mandate(mandate_id=f"m-{n}", loan_id=loan_id, account_ref=account),
        )
        if account.startswith("balance-") and chance.random() < 0.5:
            town.stub_books.credit(account, "c-1", Money(150_000, "CNY"))
    return town


@dataclass(frozen=True, slots=True)
class Lived:
    """The town at the end; `in_doubt` are charges that stood in the stub's books while ours had no answer."""

    town: Town
    wire: HangingUp
    in_doubt: frozenset[str]

    def open(self) -> list[Attempt]:
        return [a for a in self.town.attempts() if a.state is not AttemptState.SETTLED]


def live(seed: int, loans: int = 40) -> Lived:
    """Days of debits over the wire; after the last, enquiries until nothing is open any more."""
    chance = Random(seed)
    town = a_town(loans, chance)
    wire = HangingUp(PaymentStub(town.stub_books, town.reports), chance)
    in_doubt: set[str] = set()
    with served(wire) as url:
        town.gateway = HttpGateway(
            "https://gateway.example/",
            "eu-west-1",
            Credentials("AKIDEXAMPLE", "secret"),
            url,
            _PATIENCE_SECONDS,
            codes=rail_codes("stub"),
            key_life=KEY_LIFE,
            not_found_is_final=True,
        )
        day = FIRST - timedelta(days=2)
        while day <= LAST:
            for slot in SLOTS:
                town.clock.set(at(f"{day} {slot}"))
                town.pass_now()
                charged = {payment.key for payment in town.stub_books.charges()}
                unsettled = {a.loan_id: a for a in town.attempts() if a.state is not AttemptState.SETTLED}
                in_doubt |= {key for key in charged if key.partition(":")[0] in unsettled}
                town.clock.advance(timedelta(minutes=10))  # within the slot what never came is presented again
                town.reconcile()
            day += timedelta(days=1)
        for _ in range(60):
            town.clock.advance(timedelta(hours=1))
            town.reconcile()
    return Lived(town, wire, frozenset(in_doubt))
