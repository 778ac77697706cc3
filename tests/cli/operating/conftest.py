"""A stack under moto with the book of `tests.cli.operating.lived`, one for each module of tests."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.local.deployment import open_switches
from tests.cli.conftest import Duebell, set_clock
from tests.cli.operating import lived
from tests.functions import template
from tests.tables import create_tables, table_environment

REGION = "us-east-1"
PREFIX = "operating-"


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


type Ask = Callable[..., Said]


@dataclass(frozen=True, slots=True)
class Book:
    """The tables, and changes of single rows of them that are undone."""

    client: Any
    tables: Mapping[str, str]

    @contextmanager
    def changed(self, table: str, key: Mapping[str, str], attributes: Mapping[str, Any] | None) -> Iterator[None]:
        """One row with other attributes (None: without that one), or no such row where `attributes` is None."""
        name, place = self.tables[table], {part: {"S": value} for part, value in key.items()}
        item = self.client.get_item(TableName=name, Key=place)["Item"]
        if attributes is None:
            self.client.delete_item(TableName=name, Key=place)
        else:
            changed = {part: value for part, value in (item | attributes).items() if value is not None}
            self.client.put_item(TableName=name, Item=changed)
        try:
            yield
        finally:
            self.client.put_item(TableName=name, Item=item)

    @contextmanager
    def added(self, table: str, key: Mapping[str, str], attributes: Mapping[str, Any]) -> Iterator[None]:
        """A row that is there for a while."""
        name, place = self.tables[table], {part: {"S": value} for part, value in key.items()}
        self.client.put_item(TableName=name, Item={**place, **attributes})
        try:
            yield
        finally:
            self.client.delete_item(TableName=name, Key=place)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """The stack in the environment variables by which a command finds it."""
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        client = boto3.client("dynamodb")
        tables = create_tables(client, PREFIX)
        lived.put(client, tables)
        set_clock(client, tables, lived.LAST_SLOT.isoformat())
        open_switches(client, tables["control"])
        values = table_environment(tables) | _queues() | {"SHARDS": "1", "VIRTUAL_TIME": "on"}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        yield values
        for table in tables.values():
            client.delete_table(TableName=table)


def _queues() -> dict[str, str]:
    """The template's queues, made; their addresses by the variable of each: ContactDead is QUEUE_CONTACT_DEAD_URL."""
    sqs, urls = boto3.client("sqs"), {}
    for logical_id in template.queues(template.defaults() | {"AWS::StackName": PREFIX}):
        name = "".join(f"_{c}" if c.isupper() and place else c for place, c in enumerate(logical_id)).upper()
        url = sqs.create_queue(QueueName=f"{PREFIX}{name.lower()}")["QueueUrl"]
        urls[f"QUEUE_{name.removesuffix('_QUEUE')}_URL"] = url
    return urls


@pytest.fixture
def book(environment: dict[str, str]) -> Book:
    tables = {
        name.removeprefix("TABLE_").lower(): value for name, value in environment.items() if name.startswith("TABLE_")
    }
    return Book(boto3.client("dynamodb"), tables | {"stub_books": environment["STUB_BOOKS_TABLE"]})


@pytest.fixture
def ask(environment: dict[str, str], duebell: Duebell) -> Ask:
    """Asks the command about the stack."""

    def asked(*arguments: str) -> Said:
        ran = duebell(*arguments)
        return Said(ran.code, ran.out, ran.err)

    return asked
