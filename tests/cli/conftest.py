"""The `duebell` command in this process, over tables made from the template's own resources."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from shared.cli.main import run
from tests.tables import create_tables, table_environment

NO_STACK = """\
<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>
<Code>ValidationError</Code><Message>Stack with id duebell does not exist</Message></Error></ErrorResponse>"""
"""What CloudFormation says of a stack that is not there."""

MORNING = "2026-03-01T02:00:00Z"  # 10:00 in Shanghai


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str


type Duebell = Callable[..., Ran]


@pytest.fixture
def duebell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Duebell:
    """Runs the command; a traceback is never an answer."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("DUEBELL_DEBUG", raising=False)

    def command(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ran(code, out, err)

    return command


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Empty tables, named by the environment, with the clock at 10:00 in Shanghai on 1 March 2026."""
    with mock_aws():
        client = boto3.client("dynamodb")
        names = create_tables(client)
        for name, value in {**table_environment(names), "SHARDS": "1", "VIRTUAL_TIME": "on"}.items():
            monkeypatch.setenv(name, value)
        set_clock(client, names, MORNING)
        yield names


def set_clock(client: Any, names: dict[str, str], at: str) -> None:
    client.put_item(TableName=names["control"], Item={"name": {"S": "CLOCK"}, "now": {"S": at}})
