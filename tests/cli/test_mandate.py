"""`duebell mandate`: the notice, the code, the result; over the function's own answers, as the wire carries them."""

import io
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.change_mandates.answers import Done
from shared.domain.book import MandateStatus, Source, SourceKind
from shared.domain.errors import EventError
from shared.domain.mandates import Refusal
from shared.runtime.mandate_events import change_mandates
from tests.cli.conftest import Duebell, Ran
from tests.unit.builders import a_mandate
from tests.unit.office import FIRST_CODE, NOW, Office, an_office

LI = "arn:aws:sts::123456789012:assumed-role/operators/li"


def who(proof: Mapping[str, str], digest: str) -> str:
    """The function's STS: it knows one person, by a signature over the very order."""
    assert "Credential=test/" in proof["Authorization"]
    assert proof["X-Duebell-Order"] == digest
    return LI


@dataclass
class Deployed:
    """The function behind Lambda's own API, on loopback, over an office in memory."""

    office: Office = field(default_factory=an_office)
    events: list[Any] = field(default_factory=list)

    def invoke(self, event: Any) -> tuple[Any, dict[str, str]]:
        self.events.append(event)
        try:
            request = change_mandates(event, who)
        except EventError as error:
            return {"errorMessage": str(error)}, {"X-Amz-Function-Error": "Unhandled"}
        return Done(request, self.office.changes.carry_out(request)).answer, {}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    stack = Deployed()

    class Lambda(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer, headers = stack.invoke(event)
            body = json.dumps(answer).encode()
            self.send_response(200)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Lambda)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("FUNCTION_CHANGE_MANDATES", "duebell-change_mandates")
    yield stack
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def typing(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command with lines that a person types."""

    def typed(lines: str, *arguments: object) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return duebell(*arguments)

    return typed


def status(deployed: Deployed) -> MandateStatus:
    return deployed.office.status["m-1"]


def asked(duebell: Duebell, purpose: str = "cancel") -> Any:
    return json.loads(duebell("mandate", purpose, "l-1", "--json").out)["asked"]


def test_a_person_reads_the_notice_types_the_code_and_sees_the_result(typing: Any, deployed: Deployed) -> None:
    ran = typing(f"y\n{FIRST_CODE}\n", "mandate", "cancel", "l-1")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("您将关闭借呗的自动扣款。")
    assert ran.out.splitlines()[-1] == "m-1 is cancelled since 2026-03-12T02:00:00Z"
    assert "it is good until 2026-03-12T02:05:00Z" in ran.err
    assert status(deployed) is MandateStatus.CANCELLED
    (mandate,) = deployed.office.file.mandates
    assert mandate.evidence is not None
    assert mandate.evidence.channel == "cli"


def test_it_is_turned_on_again(typing: Any, deployed: Deployed) -> None:
    deployed.office = an_office(mandates=[a_mandate(status=MandateStatus.CANCELLED)])
    ran = typing(f"y\n{FIRST_CODE}\n", "mandate", "enable", "l-1")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "m-1 is active since 2026-03-12T02:00:00Z")


def test_a_notice_that_is_not_acknowledged_changes_nothing(typing: Any, deployed: Deployed) -> None:
    ran = typing("n\n", "mandate", "cancel", "l-1")
    assert ran.code == 2
    assert ran.err.endswith("duebell: the notice was not acknowledged: nothing was changed\n")
    assert status(deployed) is MandateStatus.ACTIVE
    assert len(deployed.events) == 1


def test_who_goes_away_changes_nothing(typing: Any, deployed: Deployed) -> None:
    ran = typing("y\n", "mandate", "cancel", "l-1")
    assert (ran.code, ran.err.splitlines()[-1]) == (2, "duebell: nobody answered: nothing was changed")
    assert status(deployed) is MandateStatus.ACTIVE


def test_a_wrong_code_is_asked_for_again_until_it_is_locked(typing: Any, deployed: Deployed) -> None:
    ran = typing(f"y\n000000\n000001\n{FIRST_CODE}\n", "mandate", "cancel", "l-1")
    assert ran.code == 0
    assert "the code is wrong; tries left: 1" in ran.err
    deployed.office = an_office()
    ran = typing("y\n000000\n000001\n000002\n", "mandate", "cancel", "l-1")
    assert ran.code == 2
    assert "too many wrong codes; ask for another one; tries left: 0 (CODE_LOCKED)" in ran.err
    assert status(deployed) is MandateStatus.ACTIVE


@pytest.mark.parametrize("typed", ["１００００１", "100 001", " 100-001 "])
def test_digits_are_digits_however_they_are_typed(typing: Any, deployed: Deployed, typed: str) -> None:
    assert typing(f"y\n{typed}\n", "mandate", "cancel", "l-1").code == 0


def test_a_debit_that_was_claimed_meanwhile_is_shown_before_the_same_code_is_taken(
    typing: Any, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke = deployed.invoke

    def claimed_between(event: Any) -> Any:
        if event["do"] == "confirm" and not deployed.office.store.attempts("l-1"):
            assert deployed.office.claim()
        return invoke(event)

    monkeypatch.setattr(deployed, "invoke", claimed_between)
    ran = typing(f"y\n{FIRST_CODE}\ny\n", "mandate", "cancel", "l-1")
    assert ran.code == 0, ran.err
    assert "the loan has changed meanwhile; the notice reads now:" in ran.err
    assert "编号l-1:P000001" in ran.out
    assert status(deployed) is MandateStatus.CANCELLED


def test_programs_call_twice(duebell: Duebell, deployed: Deployed) -> None:
    said = asked(duebell)
    assert said["notice"]["text"].startswith("您将关闭借呗")
    assert status(deployed) is MandateStatus.ACTIVE
    ran = duebell(
        *("mandate", "cancel", "l-1", "--json", "--code", FIRST_CODE),
        *("--acknowledge", said["notice"]["hash"].upper()),
    )
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["changed"]["mandates"] == [{"mandate_id": "m-1", "status": "cancelled"}]


def test_a_refusal_is_2_for_programs_too(duebell: Duebell, deployed: Deployed) -> None:
    asked(duebell)
    ran = duebell("mandate", "cancel", "l-1", "--json", "--code", FIRST_CODE, "--acknowledge", "0" * 64)
    assert ran.code == 2
    refused = json.loads(ran.out)["refused"]
    assert (refused["reason"], len(refused["notice"]["hash"])) == ("NOTICE_CHANGED", 64)
    shown = duebell("mandate", "cancel", "l-1", "--code", FIRST_CODE, "--acknowledge", "0" * 64)
    assert shown.code == 2
    assert shown.out.endswith(f"hash: {refused['notice']['hash']}\n")
    assert shown.err == (
        "duebell: the notice is another one by now: read it, and acknowledge it anew (NOTICE_CHANGED)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cancel", "l-1", "--code", "100001"], "give --code and --acknowledge together"),
        (["cancel", "l-1", "--acknowledge", "0" * 64], "give --code and --acknowledge together"),
        (["cancel", "l-1", "--code", "10001", "--acknowledge", "0" * 64], "a code is six digits"),
        (["cancel", "l-1", "--code", "100001", "--acknowledge", "xyz"], "64 hexadecimal digits"),
        (["cancel", "a b"], "an id is 1 to 64"),
        (["cancel"], "Missing argument"),
        (["suspend", "l-1", "m-1"], "Missing option"),
        (["suspend", "l-1", "m-1", "--reason", "  "], "--reason must be 1 to 200 characters on one line"),
        (["fund", "l-1", "m-1", "--reason", "x"], "Missing option '--source'"),
        (["fund", "l-1", "m-1", "--source", "balance:a-1"], "Missing option '--reason'"),
        (["fund", "l-1", "m-1", "--reason", "x", "--source", "cheque:a-1"], "a source is written KIND:ACCOUNT"),
        (["fund", "l-1", "m-1", "--reason", "x", *["--source", "balance:a"] * 2], "the sources name an account twice"),
        (["show", "a b"], "an id is 1 to 64"),
        (["pause", "l-1"], "No such command"),
    ],
)
def test_wrong_use_is_one_line_and_2_and_reaches_nobody(
    duebell: Duebell, deployed: Deployed, arguments: list[str], problem: str
) -> None:
    ran = duebell("mandate", *arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert problem in ran.err
    assert deployed.events == []
    assert "100001" not in ran.err


@pytest.mark.parametrize(
    ("loan_id", "purpose", "said"),
    [
        ("l-9", "cancel", "there is no such loan (NO_LOAN)"),
        ("l-1", "enable", "the mandate stands so already (STANDS_SO)"),
    ],
)
def test_what_cannot_be_is_said_before_a_code_is_sent(
    typing: Any, deployed: Deployed, loan_id: str, purpose: str, said: str
) -> None:
    ran = typing("", "mandate", purpose, loan_id)
    assert (ran.code, ran.err) == (2, f"duebell: {said}\n")
    assert deployed.office.inbox.sent == []


def test_the_history_is_shown_in_order(duebell: Duebell, typing: Any, deployed: Deployed) -> None:
    typing(f"y\n{FIRST_CODE}\n", "mandate", "cancel", "l-1")
    deployed.office.clock.advance(timedelta(hours=1))
    deployed.office.rail.says("l-1", "m-1", MandateStatus.REVOKED, NOW)
    ran = duebell("mandate", "show", "l-1")
    assert ran.out.splitlines() == [
        "m-1  stub  revoked since 2026-03-12T03:00:00Z, signed on 2025-12-10",
        "2026-03-12T02:00:00Z  mandate.cancel  by borrower: confirmed with a one-time code; m-1 active -> cancelled",
        "2026-03-12T03:00:00Z  mandate.rail.revoked  by rail: the rail said so; m-1 cancelled -> revoked",
    ]
    standing = json.loads(duebell("mandate", "show", "l-1", "--json").out)["standing"]
    assert [entry["what"] for entry in standing["history"]] == ["mandate.cancel", "mandate.rail.revoked"]


def test_a_mandate_whose_last_day_is_over_is_shown_as_expired(duebell: Duebell, deployed: Deployed) -> None:
    deployed.office = an_office(mandates=[replace(a_mandate(), expires_on=date(2026, 3, 11))])
    assert duebell("mandate", "show", "l-1").out == "m-1  stub  expired, until 2026-03-11, signed on 2025-12-10\n"
    deployed.office = an_office(mandates=[])
    assert duebell("mandate", "show", "l-1").out == "no mandate was ever signed\n"


def test_an_operator_answers_for_a_suspension_with_his_own_name(duebell: Duebell, deployed: Deployed) -> None:
    ran = duebell("mandate", "suspend", "l-1", "m-1", "--reason", "asked by telephone")
    assert (ran.code, ran.out) == (0, "m-1 is suspended since 2026-03-12T02:00:00Z\n")
    ran = duebell("mandate", "resume", "l-1", "m-1", "--reason", "looked at", "--json")
    assert json.loads(ran.out)["changed"]["mandates"][0]["status"] == "active"
    noted = [(e.actor, e.reason) for e in deployed.office.store.audit("l-1")]
    assert noted == [(LI, "asked by telephone"), (LI, "looked at")]


def test_without_credentials_nothing_leaves_the_machine(
    duebell: Duebell, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert duebell("mandate", "suspend", "l-1", "m-1", "--reason", "asked by telephone").code == 2
    assert deployed.events == []


FUND = ("mandate", "fund", "l-1", "m-1", "--reason", "a new card")


def test_an_engineer_names_the_accounts_anew_in_their_order(duebell: Duebell, deployed: Deployed) -> None:
    dead = Source(SourceKind.BALANCE, "balance-1", is_dead=True)
    deployed.office = an_office(mandates=[a_mandate(funding=(dead,), status=MandateStatus.SUSPENDED)])
    resumed = duebell("mandate", "resume", "l-1", "m-1", "--reason", "looked at")
    ran = duebell(*FUND, "--source", "debit-card:card-2", "--source", "balance:balance-1")
    again = duebell(*FUND, "--source", "debit-card:card-2", "--source", "balance:balance-1")
    denied = duebell(*FUND, "--source", "balance:balance-1", "--source", "credit-card:card-9", "--json")
    said = duebell(*FUND, "--source", "balance:balance-1", "--source", "credit-card:card-9")
    assert (resumed.code, resumed.err) == (2, f"duebell: {Refusal.ALL_DEAD.value} (ALL_DEAD)\n")
    assert (ran.code, ran.out) == (0, "m-1 is suspended since 2026-03-12T02:00:00Z\n")
    assert (again.code, again.err) == (2, "duebell: the mandate stands so already (STANDS_SO)\n")
    assert json.loads(denied.out)["refused"]["source"] == "credit-card:card-9"
    assert (denied.code, said.code) == (2, 2)
    assert said.err == f"duebell: --source credit-card:card-9: {Refusal.SOURCE_DENIED.value} (SOURCE_DENIED)\n"
    (mandate,) = deployed.office.file.mandates
    assert [s.account_ref for s in mandate.funding] == ["card-2", "balance-1"]
    (entry,) = deployed.office.store.audit("l-1")
    assert (entry.actor, entry.reason) == (LI, "a new card")


def test_the_order_of_accounts_and_which_are_dead_is_shown(duebell: Duebell, deployed: Deployed) -> None:
    order = (Source(SourceKind.BALANCE, "balance-1", is_dead=True), Source(SourceKind.DEBIT_CARD, "card-2"))
    deployed.office = an_office(mandates=[a_mandate(funding=order)])
    shown = duebell("mandate", "show", "l-1").out
    assert shown == "m-1  stub  active, signed on 2025-12-10, from balance (dead), then debit-card\n"


def test_neither_code_nor_phone_is_shown(typing: Any, duebell: Duebell, deployed: Deployed) -> None:
    ran = typing(f"y\n{FIRST_CODE}\n", "mandate", "cancel", "l-1")
    shown = duebell("mandate", "show", "l-1", "--json").out
    for text in (ran.out, ran.err, shown):
        assert FIRST_CODE not in text
        assert "7700900001" not in text
        assert "王芳" not in text
