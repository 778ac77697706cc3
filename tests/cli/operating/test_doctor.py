"""`duebell doctor`: each thing that it looks at, well and unwell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

import shared.cli.doctor
from shared.adapters.clock import SystemClock
from shared.cli.doctor import FUNCTIONS, Doctor, Finding, Level
from shared.cli.session import Session
from shared.domain.errors import InputError
from tests.cli.conftest import set_clock
from tests.cli.operating import lived
from tests.cli.operating.conftest import Ask, Book
from tests.functions import template

type Answer = Callable[..., Any]


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


@dataclass
class Fake:
    """The services that moto does not have here, each answering as it is told; all others are moto's."""

    stack: str | Exception = "UPDATE_COMPLETE"
    configuration: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=lambda: {"ALLOWED_PHONES": "+447700900*,+15005550001"})
    missing: str = ""
    date: datetime | None = None
    access: Exception | None = None

    def client(self, service: str) -> Any:
        match service:
            case "cloudformation" | "lambda":
                return self
            case "sts":
                return self if self.access or self.date else boto3.client("sts")
            case _:
                return boto3.client(service)

    @property
    def meta(self) -> Any:
        return boto3.client("sts").meta

    def get_caller_identity(self) -> Any:
        if self.access:
            raise self.access
        answer = boto3.client("sts").get_caller_identity()
        assert self.date
        answer["ResponseMetadata"]["HTTPHeaders"]["date"] = format_datetime(self.date, usegmt=True)
        return answer

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 - boto3's name
        if isinstance(self.stack, Exception):
            raise self.stack
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.stack}]}

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's name
        if FunctionName == self.missing:
            raise refused("ResourceNotFoundException", "GetFunctionConfiguration")
        whole = {"State": "Active", "LastUpdateStatus": "Successful", "Environment": {"Variables": self.variables}}
        return whole | self.configuration


class Named(Session):
    """A session of a stack whose parts the environment names, all or most."""

    def __init__(self, stack: str, environment: dict[str, str], *, has_stack: bool) -> None:
        super().__init__(stack, environment)
        self._has_stack = has_stack

    @property
    def _outputs(self) -> dict[str, str]:
        if not self._has_stack:
            raise InputError("there is no stack duebell here")
        return {}


@dataclass(frozen=True, slots=True)
class Practice:
    environment: dict[str, str]

    def look(self, fake: Fake | None = None, **changed: str) -> dict[str, Finding]:
        """Findings by item; `changed` are other values of the environment, empty for none."""
        fake = fake or Fake()
        session = Named("duebell", self.environment | changed, has_stack=isinstance(fake.stack, str))
        return {finding.item: finding for finding in Doctor(session, "duebell", fake.client).findings()}


@pytest.fixture
def practice(environment: dict[str, str]) -> Iterator[Practice]:
    """A stack in which all is well, and its schedules run."""
    scheduler = boto3.client("scheduler")
    scheduler.create_schedule_group(Name="operating")
    for name in ("plan_work", "reconcile"):
        schedule(name, "ENABLED")
    names = {f"FUNCTION_{name}": f"duebell-{name.lower()}" for name in FUNCTIONS}
    others = {"DUEBELL_ENVIRONMENT": "test", "GATEWAY_URL": "http://gateway", "SCHEDULE_GROUP": "operating"}
    yield Practice(environment | names | others)
    for name in ("plan_work", "reconcile"):
        scheduler.delete_schedule(Name=name, GroupName="operating")
    scheduler.delete_schedule_group(Name="operating")


def schedule(name: str, state: str, change: bool = False) -> None:
    scheduler = boto3.client("scheduler")
    (scheduler.update_schedule if change else scheduler.create_schedule)(
        Name=name,
        GroupName="operating",
        ScheduleExpression="rate(10 minutes)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State=state,
        Target={
            "Arn": "arn:aws:lambda:us-east-1:123456789012:function:x",
            "RoleArn": "arn:aws:iam::123456789012:role/x",
        },
    )


@contextmanager
def clock_at(book: Book, moment: str) -> Iterator[None]:
    set_clock(book.client, dict(book.tables), moment)
    try:
        yield
    finally:
        set_clock(book.client, dict(book.tables), lived.LAST_SLOT.isoformat())


def unwell(found: dict[str, Finding]) -> dict[str, tuple[Level, str]]:
    return {item: (finding.level, finding.detail) for item, finding in found.items() if finding.level is not Level.OK}


def test_a_stack_in_which_all_is_well(practice: Practice) -> None:
    found = practice.look()
    assert unwell(found) == {}
    assert found["credentials"].detail == "account 123456789012, us-east-1, https://sts.us-east-1.amazonaws.com"
    assert found["stack"].detail == "duebell is UPDATE_COMPLETE"
    assert found["outputs"].detail == "all 34"
    assert found["table loans"].detail == "ACTIVE"
    assert found["table stub_books"].detail == "ACTIVE"
    assert found["queue contact-dead"].detail == "0 waiting"
    assert found["function plan_work"].detail == "Active, update Successful"
    assert found["virtual time"].detail == "on: it is 2026-04-09T12:00:00Z"
    assert found["allowed phones"].detail == "2 on the list, nobody else receives anything"
    assert found["schedules"].detail == "2 enabled"
    assert found["policy of jiebei"].detail == "valid on 2026-04-09, until 2027-12-31"
    assert {item for item in found if item.startswith("policy")} == {
        f"policy of {product}" for product in ("baitiao", "huabei", "jiebei", "wangshangdai")
    }


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (NoCredentialsError(), "Unable to locate credentials"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"), "http://127.0.0.1:4566"),
        (refused("ExpiredToken", "GetCallerIdentity"), "AWS refused GetCallerIdentity: ExpiredToken"),
    ],
)
def test_without_access_only_what_is_here_is_looked_at(practice: Practice, access: Exception, said: str) -> None:
    found = practice.look(Fake(access=access))
    assert found["credentials"].level is Level.FAIL
    assert said in found["credentials"].detail
    assert all(item == "credentials" or item.startswith("policy") for item in found)


@pytest.mark.parametrize(("minutes", "level"), [(0, Level.OK), (1, Level.WARN), (-1, Level.WARN), (10, Level.FAIL)])
def test_a_clock_that_is_off(practice: Practice, minutes: int, level: Level) -> None:
    now = SystemClock().now()
    assert practice.look(Fake(date=now + timedelta(minutes=minutes)))["clock"].level is level


def test_a_stack_that_is_not_there_while_the_environment_names_everything(practice: Practice) -> None:
    found = practice.look(Fake(stack=refused("ValidationError", "DescribeStacks")), STUB_BOOKS_TABLE="")
    assert unwell(found) == {
        "stack": (Level.WARN, "there is no stack duebell; the environment names everything"),
    }
    assert "table loans" in found
    assert "table stub_books" not in found


def test_a_stack_that_may_not_be_looked_at_while_the_environment_names_everything(practice: Practice) -> None:
    found = practice.look(Fake(stack=refused("AccessDenied", "DescribeStacks")), STUB_BOOKS_TABLE="")
    detail = "duebell may not be looked at; the environment names everything"
    assert unwell(found) == {"stack": (Level.WARN, detail)}
    assert "function explain" in found


def test_a_stack_about_which_nothing_can_be_learned_ends_the_examination(practice: Practice) -> None:
    found = practice.look(Fake(stack=refused("Throttling", "DescribeStacks")))
    assert unwell(found) == {"stack": (Level.FAIL, "AWS refused DescribeStacks: Throttling")}
    assert "table loans" not in found


def test_every_function_that_every_stack_has_is_looked_at() -> None:
    outputs = template.template()["Outputs"].items()
    always = {name for name, output in outputs if name.startswith("Function") and "Condition" not in output}
    assert {f"Function{template.logical_id(name)}" for name in FUNCTIONS} == always


def test_a_stack_that_is_not_there(practice: Practice) -> None:
    found = practice.look(Fake(stack=refused("ValidationError", "DescribeStacks")), TABLE_LOANS="", SHARDS="")
    detail = "there is no stack duebell; the environment does not name TABLE_LOANS, SHARDS"
    assert unwell(found) == {"stack": (Level.FAIL, detail)}
    assert "table loans" not in found


def test_a_stack_that_is_not_there_is_told_in_a_line_that_can_be_read(practice: Practice) -> None:
    nothing = dict.fromkeys(practice.environment, "")
    found = practice.look(Fake(stack=refused("ValidationError", "DescribeStacks")), **nothing)
    assert found["stack"].detail.endswith("TABLE_LOANS, TABLE_BORROWERS, TABLE_ATTEMPTS, TABLE_NOTICES and 30 more")


def test_a_stack_in_the_middle_of_something(practice: Practice) -> None:
    found = practice.look(Fake(stack="UPDATE_ROLLBACK_COMPLETE"))
    assert unwell(found) == {"stack": (Level.WARN, "duebell is UPDATE_ROLLBACK_COMPLETE")}


def test_an_output_that_is_missing(practice: Practice) -> None:
    found = practice.look(QUEUE_STAGE_DEAD_URL="")
    assert found["outputs"] == Finding("outputs", Level.FAIL, "missing: QUEUE_STAGE_DEAD_URL; deploy the stack again")


def test_a_table_a_queue_and_a_function_that_are_not_there(practice: Practice, environment: dict[str, str]) -> None:
    gone = environment["QUEUE_DEBIT_URL"].replace("debit", "nowhere")
    found = practice.look(Fake(missing="duebell-reconcile"), TABLE_LEDGER="nowhere", QUEUE_DEBIT_URL=gone)
    assert {item: level for item, (level, _) in unwell(found).items()} == dict.fromkeys(
        ("table ledger", "queue debit", "function reconcile"), Level.FAIL
    )
    assert found["table ledger"].detail == "AWS refused DescribeTable: ResourceNotFoundException"


def test_a_function_whose_update_failed(practice: Practice) -> None:
    found = practice.look(Fake(configuration={"LastUpdateStatus": "Failed"}))
    assert found["function plan_work"] == Finding("function plan_work", Level.FAIL, "Active, update Failed")


def test_dead_work_is_a_warning_and_waiting_work_is_not(practice: Practice, environment: dict[str, str]) -> None:
    sqs = boto3.client("sqs")
    urls = [environment[f"QUEUE_{name}_URL"] for name in ("DEBIT", "DEBIT_DEAD", "FAILED_RUNS")]
    for url in urls:
        sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        found = practice.look()
    finally:
        for url in urls:
            sqs.purge_queue(QueueUrl=url)
    assert unwell(found) == {
        "queue debit-dead": (Level.WARN, "1 waiting for a person"),
        "queue failed-runs": (Level.WARN, "1 waiting for a person"),
    }


def test_simulated_time_is_for_tests(practice: Practice, book: Book) -> None:
    found = practice.look(DUEBELL_ENVIRONMENT="production")
    assert found["virtual time"] == Finding("virtual time", Level.FAIL, "on, in production")
    assert practice.look(VIRTUAL_TIME="off")["virtual time"].detail == "off"
    with book.changed("control", {"name": "CLOCK"}, None):
        found = practice.look()
    assert found["virtual time"].level is Level.FAIL
    assert "the simulated instant is missing" in found["virtual time"].detail


def test_an_allow_list_outside_production(practice: Practice) -> None:
    assert practice.look(Fake(variables={"ALLOWED_PHONES": ""}))["allowed phones"].level is Level.WARN
    assert practice.look(Fake(variables={"ALLOWED_PHONES": "everybody"}))["allowed phones"].level is Level.FAIL
    in_production = practice.look(Fake(variables={}), DUEBELL_ENVIRONMENT="production", VIRTUAL_TIME="off")
    assert unwell(in_production) == {}


def test_schedules_that_do_not_run(practice: Practice) -> None:
    schedule("reconcile", "DISABLED", change=True)
    assert practice.look()["schedules"] == Finding(
        "schedules", Level.WARN, "disabled: reconcile; nothing runs by itself"
    )
    assert practice.look(SCHEDULE_GROUP="nothing")["schedules"].level is Level.FAIL
    assert practice.look(SCHEDULE_GROUP="")["schedules"].level is Level.WARN


def test_switches_that_are_off_and_a_board_that_nobody_opened(practice: Practice, book: Book) -> None:
    with book.changed("control", {"name": "SWITCHES"}, {"off": {"L": [{"S": "rail:ach"}]}}):
        assert practice.look()["switches"] == Finding("switches", Level.WARN, "off: rail:ach")
    with book.changed("control", {"name": "SWITCHES"}, None):
        assert practice.look()["switches"].detail.startswith("never opened: nothing is debited")
    with book.changed("control", {"name": "SWITCHES"}, {"on": None}):
        assert practice.look()["switches"] == Finding("switches", Level.FAIL, "the stored switch board is malformed")
    assert practice.look()["switches"] == Finding("switches", Level.OK, "everything is on")


def test_policy_packs_that_end(practice: Practice, book: Book) -> None:
    with clock_at(book, "2027-12-10T00:00:00Z"):
        found = practice.look()
    assert unwell(found)["policy of huabei"] == (Level.WARN, "valid on 2027-12-10, until 2027-12-31")
    with clock_at(book, "2028-01-01T00:00:00Z"):
        found = practice.look()
    assert unwell(found)["policy of huabei"] == (Level.FAIL, "no lender pack is valid on 2028-01-01")


def test_the_command_lists_a_line_for_each_and_fails_with_1(
    ask: Ask, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in practice.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(shared.cli.doctor, "_client", Fake().client)
    well = ask("doctor")
    assert (well.code, well.err) == (0, "")
    assert "ok    table loans: ACTIVE" in well.out.splitlines()
    monkeypatch.setattr(shared.cli.doctor, "_client", Fake(missing="duebell-reconcile").client)
    ill = ask("doctor")
    assert ill.code == 1
    assert "fail  function reconcile: AWS refused GetFunctionConfiguration: ResourceNotFoundException" in ill.out
    told = ask("doctor", "--json")
    assert (told.code, told.json["healthy"]) == (1, False)
    assert {"item": "table loans", "level": "ok", "detail": "ACTIVE"} in told.json["findings"]


def test_wrong_use_is_2(ask: Ask) -> None:
    assert ask("doctor", "--frob").code == 2
