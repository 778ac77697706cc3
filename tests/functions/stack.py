"""The stack in process: tables and queues of the template, handlers in the template's environment, queues that deliver.

The clock is the simulated instant in the control table, the gateway is the payment stub over HTTP on loopback, and
messages end in moto's SMS inbox.
"""

import importlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.memory.world import CountingTokens
from shared.adapters.phones import phone_problem, phone_zones
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.sqs_queue import SqsEvents
from shared.domain import keys
from shared.domain.book import Attempt, Instalment, LedgerEntry, Line, Loan, NoticeRecord
from shared.domain.calendar import at_local, zone
from shared.domain.money import Money
from shared.domain.switches import ALL_ON, Switches
from shared.runtime import telemetry
from shared.workflows.import_portfolio import Report, import_portfolio
from shared.workflows.payment_stub import PaymentStub
from tests.functions import sts_server, template
from tests.functions.payloads import ACCOUNT, REGION, Context, record
from tests.functions.sample import BOOK
from tests.functions.stub_server import StubServer
from tests.portfolios import Texts, lines_of
from tests.tables import create_tables

SHANGHAI = "Asia/Shanghai"
SLOTS = ("08:00", "12:00", "20:00")

FUNCTIONS = (
    "plan_work",
    "send_reminders",
    "attempt_deductions",
    "record_escalations",
    "reconcile",
    "record_repayments",
    "receive_webhooks",
    "record_receipts",
    "open_links",
    "change_mandates",
    "pay_now",
    "operate",
    "explain",
)
QUEUES = {
    "send_reminders": "ContactQueue",
    "attempt_deductions": "DebitQueue",
    "record_escalations": "StageQueue",
    "record_repayments": "RepaymentsQueue",
}
"""The queue that feeds a function, by its logical id."""
LINES = {
    Line.CONTACT: "send_reminders",
    Line.DEBIT: "attempt_deductions",
    Line.STAGE: "record_escalations",
}

SENDING = ("SMS_", "EUM_", "PUSH_", "VOICE_", "EMAIL_", "ALLOWED_", "INSTANCES", "LINK_")
"""How the variables of message providers begin."""

SWITCHED = (
    "plan_work",
    "send_reminders",
    "attempt_deductions",
    "reconcile",
    "record_receipts",
    "pay_now",
    "change_mandates",
)
"""The functions that read the switch board."""

WEBHOOK_SECRET = "a secret of forty-eight characters, or as good as"

PLAN = {"v": 1, "schedule": "plan_work"}
RECONCILE = {"v": 1, "schedule": "reconcile"}


class Killed(BaseException):
    """The process dies: nothing in our code may catch it."""


@dataclass
class Stack:
    """One stack for many tests; `reset` empties it for the next test, under the same names: functions stay warm."""

    server: StubServer
    monkeypatch: pytest.MonkeyPatch
    known: dict[str, Any] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    log_level: str = "INFO"
    board: Switches = ALL_ON
    bodies: list[str] = field(default_factory=list)
    """Every body that went through a queue."""
    errors: list[str] = field(default_factory=list)
    """The text of every error that left a function."""

    def __post_init__(self) -> None:
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.s3 = boto3.client("s3", region_name=REGION)
        self.secrets = boto3.client("secretsmanager", region_name=REGION)
        self.bucket = f"{template.STACK}-bank-files"
        self.tables: dict[str, str] = {}
        self.tokens = CountingTokens("test-")

    def reset(self) -> None:
        for service in ("dynamodb", "sqs", "sns", "secretsmanager"):
            get_backend(service)[ACCOUNT][REGION].reset()
        get_backend("s3")[ACCOUNT]["aws"].reset()
        self.bodies.clear()
        self.errors.clear()
        self.log_level = "INFO"
        self.tables = create_tables(self.dynamodb, f"{template.STACK}-")
        self.known = template.defaults() | {
            "AWS::StackName": template.STACK,
            "AWS::AccountId": ACCOUNT,
            "HasGatewayUrl": True,
            "HasLinkAddress": False,
            "OpenLinksUrl.FunctionUrl": "https://links.example/",
            "GatewayUrl": self.server.url,
            "GatewayKeyHours": "8760",  # the stub's promise
            "GatewayNotFoundIsFinal": "true",
            "VirtualTime": "on",
            "AllowedPhones": "+447700900*",
        }
        for short, name in self.tables.items():
            self.known[f"Tables.Outputs.{''.join(w.title() for w in short.split('_'))}Name"] = name
        for logical_id, asked in template.queues(self.known).items():
            self._create_queue(logical_id, asked)
        self.known["BankFiles"] = self.bucket
        self.known["ReceiveWebhooksUrl.FunctionUrl"] = "http://127.0.0.1:9/"  # what the stub tells is a test of its own
        self.s3.create_bucket(Bucket=self.bucket)
        secret = json.dumps({"current": WEBHOOK_SECRET})
        for name in ("webhook-signing", "sms-gateway-signing", "link-signing"):
            self.secrets.create_secret(Name=f"{template.STACK}/{name}", SecretString=secret)
        books = DynamoStubBooks(self.dynamodb, self.tables["stub_books"])
        self.stub_books, self.stub = books, PaymentStub(books, SqsEvents(self.sqs, self.urls["RepaymentsQueue"]))
        self.server.serve(self.stub)
        names = {short: self.tables[short] for short in self.tables if short != "stub_books"}
        self.book = DynamoBook(self.dynamodb, names, self.tokens)
        self.portfolio = DynamoPortfolio(self.dynamodb, names, self.tokens)
        self.at("2026-03-01 00:00")
        self.turn(ALL_ON)

    def turn(self, switches: Switches) -> None:
        """Puts the switch board as it shall stand, and lets no warm function remember another one."""
        turned, self.board = switches != self.board, switches
        off = [{"S": name} for name in sorted(switches.off)]
        board = {"name": {"S": keys.SWITCHES}, "on": {"BOOL": switches.on}, "off": {"L": off}}
        self.dynamodb.put_item(TableName=self.tables["control"], Item=board)
        for function in SWITCHED if turned else ():
            bootstrap(function).app.cache_clear()

    def _create_queue(self, logical_id: str, asked: Mapping[str, Any]) -> None:
        attributes = {key: template.resolve(value, self.known) for key, value in asked.items() if key != "QueueName"}
        attributes = {k: json.dumps(v) if isinstance(v, dict) else str(v).lower() for k, v in attributes.items() if v}
        name = template.resolve(asked["QueueName"], self.known)
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.urls[logical_id] = self.known[logical_id] = url
        self.known[f"{logical_id}.Arn"] = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    # the world

    def at(self, text: str) -> None:
        """Sets the simulated instant to a time in Shanghai: `2026-03-10 08:00`."""
        local = datetime.fromisoformat(text)
        self.set_clock(at_local(local.date(), local.time(), SHANGHAI))

    def set_clock(self, now: datetime) -> None:
        self.now = now
        item = {"name": {"S": keys.CLOCK}, "now": {"S": now.astimezone(UTC).isoformat()}}
        self.dynamodb.put_item(TableName=self.tables["control"], Item=item)

    def later(self, **by: float) -> None:
        self.set_clock(self.now + timedelta(**by))

    def local_time(self) -> datetime:
        return self.now.astimezone(zone(SHANGHAI))

    def take_on(self, texts: Texts = BOOK) -> None:
        done = import_portfolio(lines_of(texts), self.portfolio, PolicyFiles(), phone_problem, phone_zones, self.now)
        assert isinstance(done, Report), done

    # functions

    def environment(self, function: str) -> dict[str, str]:
        aws = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        loud = {"LOG_LEVEL": self.log_level}
        return template.environment(function, self.known) | aws | loud | {"AWS_DEFAULT_REGION": REGION}

    def invoke(self, function: str, event: object, context: Context | None = None) -> Any:
        """Runs a handler as Lambda would, in the environment that the template gives it."""
        self._set_environment(function)
        try:
            answer = handler(function).handle(event, context or Context(function))
        except Exception as error:
            self.errors.append(f"{type(error).__name__}: {error}")
            raise
        assert json.loads(json.dumps(answer)) == answer
        return answer

    def app(self, function: str) -> Any:
        """What its bootstrap wires, as the handler has it."""
        self._set_environment(function)
        return bootstrap(function).app()

    @contextmanager
    def restarted(self, *functions: str) -> Iterator[None]:
        """New processes for these functions, with the environment of now; and again new ones afterwards."""
        for function in functions:
            bootstrap(function).app.cache_clear()
        try:
            yield
        finally:
            for function in functions:
                bootstrap(function).app.cache_clear()

    def _set_environment(self, function: str) -> None:
        for name in [
            name
            for name in os.environ
            if name.startswith(("TABLE_", "QUEUE_", "POWERTOOLS_", "BANK_", "WEBHOOK_", *SENDING))
        ]:
            self.monkeypatch.delenv(name)
        for name, value in self.environment(function).items():
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts_server.url())
        forget_telemetry(function)

    # queues

    def send(self, queue: str, *bodies: object) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=text)

    def deliver(self, function: str, twice: bool = False, context: Context | None = None) -> bool:
        """Hands the oldest message of its queue to a function, as the event source mapping does; False when none waits.

        A message that the answer does not report is deleted; one that is reported, or whose function died, comes again.
        """
        queue = self.urls[QUEUES[function]]
        received = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, AttributeNames=["All"])
        for message in received.get("Messages", []):
            self.bodies.append(message["Body"])
            event = {"Records": [record(message["Body"], message["MessageId"], QUEUES[function])]}
            handle = message["ReceiptHandle"]
            self.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
            if twice:
                self.invoke(function, event, context)
            if not self.invoke(function, event, context)["batchItemFailures"]:
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
            return True
        return False

    def hold(self, function: str) -> list[str]:
        """Takes every message out of a function's queue, and gives their bodies."""
        url, held = self.urls[QUEUES[function]], []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                held.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return held

    def waiting(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def dead(self) -> int:
        """Messages in dead-letter queues."""
        return sum(self.waiting(logical_id) for logical_id in self.urls if logical_id.endswith("Dead"))

    def drain(self, functions: Iterable[str] = tuple(QUEUES), twice: bool = False) -> None:
        """Delivers until every queue is empty."""
        while any(self.deliver(function, twice) for function in functions):
            pass

    def run(self, twice: bool = False) -> None:
        """One slot of a day: enquiries, planning, and all work that follows."""
        for _ in range(2 if twice else 1):
            self.invoke("reconcile", RECONCILE)
            self.invoke("plan_work", PLAN)
        self.drain(twice=twice)

    def live(self, first: str, last: str, twice: bool = False) -> None:
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            for slot in SLOTS:
                self.at(f"{day} {slot}")
                self.run(twice)
            day += timedelta(days=1)

    # what became of it

    @property
    def inbox(self) -> list[tuple[str, str]]:
        """(phone, text) of every SMS on the wire."""
        return list(get_backend("sns")[ACCOUNT][REGION].sms_messages.values())

    def rows[R](self, kind: type[R]) -> list[R]:
        return [row for row in self.portfolio.scan(kind) if isinstance(row, kind)]  # type: ignore[arg-type]  # a stored kind

    def notices(self) -> dict[str, NoticeRecord]:
        return {notice.notice_key: notice for notice in self.rows(NoticeRecord)}

    def attempts(self) -> list[Attempt]:
        return sorted(self.rows(Attempt), key=lambda a: (a.loan_id, a.seq))

    def loan(self, loan_id: str) -> Loan:
        return next(row for row in self.rows(Loan) if row.loan_id == loan_id)

    def instalment(self, loan_id: str, number: int) -> Instalment:
        return next(row for row in self.rows(Instalment) if (row.loan_id, row.number) == (loan_id, number))

    def agenda_of(self, borrower_id: str) -> str:
        """The partition of the contact agenda in which a borrower stands."""
        key = {"borrower_id": {"S": borrower_id}, "entity": {"S": keys.CONTACT}}
        item = self.dynamodb.get_item(TableName=self.tables["borrowers"], Key=key)["Item"]
        partition: str = item["contact_pk"]["S"]
        return partition

    def booked(self, source: str) -> dict[str, Money]:
        """What the ledger holds from a source, suspense included, by external id."""
        return {entry.external_id: entry.amount for entry in self.rows(LedgerEntry) if entry.source == source}

    def result(self, name: str) -> Any:
        """What was put down about a bank file."""
        found = self.s3.get_object(Bucket=self.bucket, Key=f"results/{name}.json")
        return json.loads(found["Body"].read())

    def snapshot(self) -> dict[str, list[str]]:
        """Everything that is stored, everywhere."""
        return {
            name: sorted(json.dumps(item, sort_keys=True) for item in self.dynamodb.scan(TableName=name)["Items"])
            for name in self.tables.values()
        }


def handler(function: str) -> ModuleType:
    return importlib.import_module(f"functions.{function}.handler")


def bootstrap(function: str) -> ModuleType:
    return importlib.import_module(f"functions.{function}.bootstrap")


def forget_telemetry(service: str) -> None:
    """A fresh process has no logger yet; the functions of a test share one process."""
    telemetry._logger.cache_clear()
    telemetry._metrics.cache_clear()
    logging.Logger.manager.loggerDict.pop(service, None)
