"""What goes wrong is one line on standard error and exit code 2; and where a command finds its stack."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import boto3
import pytest
import typer
from botocore.exceptions import ClientError

from shared.cli import main
from shared.cli.session import Session
from shared.domain.errors import InputError, StoreError
from tests.cli.conftest import NO_STACK, Duebell
from tests.portfolios import GOOD, write
from tests.wire import Wire, http, wire

STACK = """\
<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks>
<member><StackName>duebell</StackName><Outputs>
<member><OutputKey>TableLoans</OutputKey><OutputValue>duebell-loans</OutputValue></member>
<member><OutputKey>Shards</OutputKey><OutputValue>4</OutputValue></member>
<member><OutputKey>QueueContactDeadUrl</OutputKey><OutputValue>http://queue</OutputValue></member>
</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""

FORBIDDEN = NO_STACK.replace("ValidationError", "AccessDenied")
REFUSED = NO_STACK.replace("ValidationError", "AccountProblem")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command"),
        (["--frob"], "No such option"),
        (["import"], "Missing option"),
        (["import", "--dir"], "requires an argument"),
        (["import", "--dir", "/nowhere", "--frob"], "No such option"),
        (["import", "--dir", "/nowhere"], "/nowhere is no folder"),
        (["invoke", "frobnicate"], "No such command"),
        (["invoke", "plan_work", "--event", "/nowhere/event.json"], "/nowhere/event.json cannot be read"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(duebell: Duebell, arguments: list[str], said: str) -> None:
    ran = duebell(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("duebell: ")
    assert said in ran.err


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["AWS_DEFAULT_REGION"], "no AWS region: set AWS_DEFAULT_REGION"),
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "no AWS credentials: choose a profile with AWS_PROFILE"),
    ],
)
def test_without_a_region_or_credentials_it_says_what_to_set(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: list[str], said: str
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers credentials
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # a mistake here goes nowhere
    for name in missing:
        monkeypatch.delenv(name)
    ran = duebell("import", "--dir", write(GOOD, tmp_path / "in"))
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert said in ran.err


def test_an_endpoint_where_nothing_answers_is_named(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    ran = duebell("export", "--dir", tmp_path / "out")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "nothing answers at http://127.0.0.1:9" in ran.err


def test_help_and_version_are_for_people(duebell: Duebell) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        ran = duebell(*arguments)
        assert (ran.code, ran.err) == (0, "")
        for command in ("import", "export", "invoke"):
            assert command in ran.out
    assert duebell("--version").out == f"duebell {version('duebell')}\n"
    assert "--dir DIR" in duebell("import", "--help").out
    assert "plan_work" in duebell("invoke").out
    assert "pay_now" in duebell("invoke").out


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """A command that raises what the test puts in."""
    errors: list[Exception] = []
    app = typer.Typer()

    @app.command("fail")
    def fail() -> None:
        raise errors[0]

    app.callback()(lambda: None)
    monkeypatch.setattr(main, "app", app)
    return errors


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("loan_id: there is\nno loan L9"), "duebell: loan_id: there is no loan L9\n"),
        (StoreError("dynamodb scan: ThrottlingException"), "duebell: dynamodb scan: ThrottlingException\n"),
        (typer.Abort(), "duebell: interrupted\n"),
    ],
)
def test_our_own_errors_are_their_message(
    duebell: Duebell, failing: list[Exception], error: Exception, said: str
) -> None:
    failing.append(error)
    ran = duebell("fail")
    assert (ran.code, ran.err) == (2, said)


def test_an_error_that_nobody_foresaw_shows_its_place_and_never_its_text(
    duebell: Duebell, failing: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.append(KeyError("+447700900001"))
    ran = duebell("fail")
    assert ran.code == 2
    assert ran.err.startswith("duebell: unexpected KeyError in test_command.py:")
    assert "900001" not in ran.err
    monkeypatch.setenv("DUEBELL_DEBUG", "1")
    with pytest.raises(KeyError):
        main.run(["fail"])


def test_an_exit_code_is_handed_on(duebell: Duebell, failing: list[Exception]) -> None:
    failing.append(typer.Exit(1))
    assert duebell("fail").code == 1


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    with wire(http(200, STACK.encode(), "Content-Type: text/xml")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        yield server


def test_a_session_reads_the_outputs_of_the_stack_once(cloudformation: Wire) -> None:
    session = Session("duebell", {})
    assert session.value("TABLE_LOANS") == "duebell-loans"
    assert session.value("QUEUE_CONTACT_DEAD_URL") == "http://queue"
    assert session.store("loans").shards == 4
    assert len(cloudformation.requests) == 1
    assert b"StackName=duebell" in cloudformation.requests[0]
    with pytest.raises(InputError, match="no output for TABLE_LEDGER"):
        session.value("TABLE_LEDGER")


def test_the_environment_comes_before_the_stack(cloudformation: Wire) -> None:
    assert Session("duebell", {"TABLE_LOANS": "mine"}).value("TABLE_LOANS") == "mine"
    assert cloudformation.requests == []


def test_a_part_that_not_every_stack_has_is_there_where_a_variable_or_an_output_says_so(cloudformation: Wire) -> None:
    session = Session("duebell", {"MINE": "x", "TABLE_LOANS": ""})
    assert session.has("MINE")
    assert not session.has("TABLE_LOANS")
    assert cloudformation.requests == []
    assert session.has("SHARDS")
    assert not session.has("STUB_BOOKS_TABLE")


@pytest.mark.parametrize(("status", "answer"), [(400, NO_STACK), (403, FORBIDDEN)])
def test_a_stack_that_is_not_there_or_may_not_be_asked_has_no_such_part(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch, status: int, answer: str
) -> None:
    with wire(http(status, answer.encode(), "Content-Type: text/xml")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        assert not Session("duebell", {}).has("STUB_BOOKS_TABLE")


def test_a_stack_that_cannot_answer_now_is_not_taken_for_one_without_a_part(
    duebell: Duebell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire(http(400, REFUSED.encode(), "Content-Type: text/xml")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        with pytest.raises(ClientError, match="AccountProblem"):
            Session("duebell", {}).has("STUB_BOOKS_TABLE")


def test_a_stack_that_is_not_there_is_named(duebell: Duebell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with wire(http(400, NO_STACK.encode(), "Content-Type: text/xml")) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.url)
        ran = duebell("export", "--dir", tmp_path / "out", "--stack", "other")
    assert (ran.code, ran.err) == (2, "duebell: there is no stack other here: deploy it, or name yours with --stack\n")
