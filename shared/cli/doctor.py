"""`duebell doctor`: whether an operator can work from here, and whether the stack could."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial
from typing import Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.allowed_outgoing import parse_addresses
from shared.adapters.clock import SystemClock
from shared.adapters.dynamodb.switches import stored
from shared.adapters.policy_files import PolicyFiles
from shared.cli.output import Json, say, say_json
from shared.cli.rules import read_rules
from shared.cli.session import NO_STACK, NOT_ALLOWED, PORTFOLIO_TABLES, Session, Stack
from shared.cli.status import FAILURE_QUEUES, QUEUES
from shared.domain import keys
from shared.domain.errors import DuebellError, InputError, PolicyError, StoreError

TABLES = (*PORTFOLIO_TABLES, "control")
FUNCTIONS = (
    "PLAN_WORK",
    "SEND_REMINDERS",
    "ATTEMPT_DEDUCTIONS",
    "RECORD_ESCALATIONS",
    "RECONCILE",
    "RECORD_REPAYMENTS",
    "CHANGE_MANDATES",
    "PAY_NOW",
    "OPERATE",
    "RECEIVE_WEBHOOKS",
    "RECORD_RECEIPTS",
    "OPEN_LINKS",
    "EXPLAIN",
)
OTHERS = ("SHARDS", "VIRTUAL_TIME", "DUEBELL_ENVIRONMENT", "GATEWAY_URL")

_PACKS_END_SOON = timedelta(days=30)
_SKEW_IS_ODD, _SKEW_BREAKS = timedelta(seconds=5), timedelta(minutes=4)
"""AWS refuses what is signed more than five minutes away from its own time."""


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what there is to know about it."""

    item: str
    level: Level
    detail: str


type Client = Callable[[str], Any]
type Look = Callable[[], Iterator[Finding]]


def doctor(stack: Stack = "duebell", as_json: Json = False) -> None:
    """Look whether everything is there to work with: credentials, stack, tables, queues, functions, policy packs.

    One line for each: ok, warn or fail. Exit code 1 where something fails. Nothing is changed.
    """
    findings = list(Doctor(Session(stack), stack, _client).findings())
    if as_json:
        say_json({"healthy": not _failed(findings), "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            say(f"{finding.level:4}  {finding.item}: {finding.detail}")
    if _failed(findings):
        raise typer.Exit(1)


def _client(service: str) -> Any:
    return boto3.client(service)


def _failed(findings: list[Finding]) -> bool:
    return any(finding.level is Level.FAIL for finding in findings)


class Doctor:
    """One examination of a stack. `client` makes a client of a service by its name."""

    def __init__(self, session: Session, stack: str, client: Client) -> None:
        self._session = session
        self._stack = stack
        self._client = client

    def findings(self) -> Iterator[Finding]:
        """Where AWS cannot be asked at all, only what is here is looked at."""
        access = list(self._guarded("credentials", self._access))
        yield from access
        if not _failed(access):
            outputs = list(self._guarded("stack", self._outputs))
            yield from outputs
            if not _failed(outputs):
                for item, look in self._parts():
                    yield from self._guarded(item, look)
        yield from self._packs()

    def _parts(self) -> Iterator[tuple[str, Look]]:
        for table in (*TABLES, *(("stub_books",) if self._session.has("STUB_BOOKS_TABLE") else ())):
            yield f"table {table}", partial(self._table, table)
        for queue in (*(name for line in QUEUES for name in (line, f"{line}_DEAD")), *FAILURE_QUEUES):
            yield f"queue {_plain(queue)}", partial(self._queue, queue)
        for function in FUNCTIONS:
            yield f"function {function.lower()}", partial(self._function, function)
        yield "virtual time", self._virtual_time
        yield "allowed phones", self._allowed_phones
        yield "schedules", self._schedules
        yield "switches", self._switches

    def _switches(self) -> Iterator[Finding]:
        """What is off is off on purpose; a board that nobody opened debits nobody, which is easily forgotten."""
        board = stored(self._session.dynamodb, self._session.value("TABLE_CONTROL"))
        if not board.on:
            yield Finding("switches", Level.WARN, "never opened: nothing is debited (duebell switch on all)")
        elif board.off:
            yield Finding("switches", Level.WARN, f"off: {', '.join(sorted(board.off))}")
        else:
            yield Finding("switches", Level.OK, "everything is on")

    def _guarded(self, item: str, look: Look) -> Iterator[Finding]:
        """What cannot be looked at fails by that, and the examination goes on."""
        try:
            yield from look()
        except ClientError as error:
            yield Finding(item, Level.FAIL, f"AWS refused {error.operation_name}: {error.response['Error']['Code']}")
        except BotoCoreError as error:
            yield Finding(item, Level.FAIL, f"AWS could not be asked: {error}")
        except DuebellError as error:
            yield Finding(item, Level.FAIL, str(error))

    def _access(self) -> Iterator[Finding]:
        sts = self._client("sts")
        answer = sts.get_caller_identity()
        where = f"account {answer['Account']}, {sts.meta.region_name}, {sts.meta.endpoint_url}"
        yield Finding("credentials", Level.OK, where)
        told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if told:
            skew = abs(SystemClock().now() - parsedate_to_datetime(told))
            level = Level.OK if skew < _SKEW_IS_ODD else Level.WARN if skew < _SKEW_BREAKS else Level.FAIL
            yield Finding("clock", level, f"within {max(1, round(skew.total_seconds()))} s of AWS")

    def _outputs(self) -> Iterator[Finding]:
        needed = [f"TABLE_{table.upper()}" for table in TABLES]
        needed += [f"QUEUE_{name}_URL" for line in QUEUES for name in (line, f"{line}_DEAD")]
        needed += [f"QUEUE_{name}_URL" for name in FAILURE_QUEUES]
        needed += [f"FUNCTION_{name}" for name in FUNCTIONS]
        try:
            status = self._client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"][0]["StackStatus"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code != NO_STACK and code not in NOT_ALLOWED:
                raise
            unseen = f"there is no stack {self._stack}" if code == NO_STACK else f"{self._stack} may not be looked at"
            lacking = [name for name in (*needed, *OTHERS) if not self._session.has(name)]
            level = Level.FAIL if lacking else Level.WARN
            detail = f"{unseen}; " + (
                f"the environment does not name {_listed(lacking)}" if lacking else "the environment names everything"
            )
            yield Finding("stack", level, detail)
            return
        good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        yield Finding("stack", Level.OK if good else Level.WARN, f"{self._stack} is {status}")
        if lacking := [name for name in (*needed, *OTHERS) if not self._session.has(name)]:
            yield Finding("outputs", Level.FAIL, f"missing: {_listed(lacking)}; deploy the stack again")
        else:
            yield Finding("outputs", Level.OK, f"all {len(needed) + len(OTHERS)}")

    def _table(self, table: str) -> Iterator[Finding]:
        name = self._session.value("STUB_BOOKS_TABLE" if table == "stub_books" else f"TABLE_{table.upper()}")
        found = self._client("dynamodb").describe_table(TableName=name)["Table"]
        level = Level.OK if found["TableStatus"] == "ACTIVE" else Level.FAIL
        yield Finding(f"table {table}", level, found["TableStatus"])

    def _queue(self, queue: str) -> Iterator[Finding]:
        number = "ApproximateNumberOfMessages"
        url = self._session.value(f"QUEUE_{queue}_URL")
        found = self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[number])
        waiting = int(found["Attributes"][number])
        is_dead = queue.endswith("_DEAD") or queue in FAILURE_QUEUES
        level = Level.WARN if waiting and is_dead else Level.OK
        yield Finding(f"queue {_plain(queue)}", level, f"{waiting} waiting{' for a person' * (level is Level.WARN)}")

    def _function(self, function: str) -> Iterator[Finding]:
        found = self._configuration(function)
        state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        good = state in ("Active", "Inactive") and update == "Successful"  # inactive: idle for weeks, woken by a call
        yield Finding(f"function {function.lower()}", Level.OK if good else Level.FAIL, f"{state}, update {update}")

    def _configuration(self, function: str) -> dict[str, Any]:
        name = self._session.value(f"FUNCTION_{function}")
        found: dict[str, Any] = self._client("lambda").get_function_configuration(FunctionName=name)
        return found

    @property
    def _is_production(self) -> bool:
        return self._session.value("DUEBELL_ENVIRONMENT") == "production"

    def _virtual_time(self) -> Iterator[Finding]:
        if self._session.value("VIRTUAL_TIME") != "on":
            yield Finding("virtual time", Level.OK, "off")
        elif self._is_production:
            yield Finding("virtual time", Level.FAIL, "on, in production")
        else:
            yield Finding("virtual time", Level.OK, f"on: it is {keys.instant(self._session.now())}")

    def _allowed_phones(self) -> Iterator[Finding]:
        if self._is_production:
            yield Finding("allowed phones", Level.OK, "production: every borrower may be written to")
            return
        variables = self._configuration("SEND_REMINDERS").get("Environment", {}).get("Variables", {})
        entries = parse_addresses(variables.get("ALLOWED_PHONES", ""))
        if entries:
            yield Finding("allowed phones", Level.OK, f"{len(entries)} on the list, nobody else receives anything")
        else:
            detail = "the list is empty: outside production nobody receives anything (parameter AllowedPhones)"
            yield Finding("allowed phones", Level.WARN, detail)

    def _schedules(self) -> Iterator[Finding]:
        if not self._session.has("SCHEDULE_GROUP"):
            yield Finding("schedules", Level.WARN, "the stack names no group of schedules")
            return
        group = self._session.value("SCHEDULE_GROUP")
        found = self._client("scheduler").list_schedules(GroupName=group)["Schedules"]
        off = sorted(schedule["Name"] for schedule in found if schedule["State"] != "ENABLED")
        if not found:
            yield Finding("schedules", Level.FAIL, f"there is none in group {group}")
        elif off:
            yield Finding("schedules", Level.WARN, f"disabled: {', '.join(off)}; nothing runs by itself")
        else:
            yield Finding("schedules", Level.OK, f"{len(found)} enabled")

    def _packs(self) -> Iterator[Finding]:
        """By the stack's own clock where it can be read: a stack on simulated time needs the packs of that time."""
        try:
            now = self._session.now()
        except (ClientError, BotoCoreError, InputError, StoreError):
            now = SystemClock().now()
        shelf = PolicyFiles()
        try:
            rules = read_rules()
        except PolicyError as error:
            yield Finding("policy packs", Level.FAIL, str(error))
            return
        for product in rules.products:
            try:
                shelf.policy(product, now)
                last = rules.last_day(product, now.date())
            except (PolicyError, ValueError) as error:
                yield Finding(f"policy of {product}", Level.FAIL, str(error))
                continue
            ends_soon = last is not None and datetime.combine(last, datetime.min.time(), UTC) - now < _PACKS_END_SOON
            detail = f"valid on {now.date()}, until {last or 'further notice'}"
            yield Finding(f"policy of {product}", Level.WARN if ends_soon else Level.OK, detail)


def _listed(names: list[str]) -> str:
    """The first few names."""
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


def _plain(queue: str) -> str:
    return queue.lower().replace("_", "-")
