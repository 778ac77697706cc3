"""Where a command finds the stack: its tables, queues and functions, by the names that the functions themselves use.

A value comes from the environment variable of its name (`TABLE_LOANS`, `FUNCTION_PLAN_WORK`), else from the outputs of
the CloudFormation stack (`TableLoans`, `FunctionPlanWork`). Region, credentials and `AWS_ENDPOINT_URL` are boto3's.
"""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import ClientError

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.dynamodb.client import dynamodb_client
from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.tokens import RandomTokens
from shared.domain.errors import DuebellError, InputError
from shared.ports.world import Clock
from shared.runtime.settings import Store

Stack = Annotated[
    str,
    typer.Option(
        envvar="DUEBELL_STACK", help="The CloudFormation stack, where the environment names no tables.", metavar="NAME"
    ),
]
"""The option that every command takes which needs the stack."""

NO_STACK = "ValidationError"
NOT_ALLOWED = frozenset({"AccessDenied", "AccessDeniedException"})
"""How CloudFormation says that a stack is not there, and that whoever asks may not ask."""

PORTFOLIO_TABLES = ("loans", "borrowers", "attempts", "notices", "ledger", "audit")


class FunctionFailedError(DuebellError):
    """A function answered with an error; the message is the function's own."""


class Session:
    """One stack. Nothing is asked of AWS before it is needed."""

    def __init__(self, stack: str, environment: Mapping[str, str] = os.environ) -> None:
        self._stack = stack
        self._environment = environment

    def value(self, name: str) -> str:
        """An environment variable, or the stack's output of the same name; raises InputError without either."""
        found = self._environment.get(name) or self._outputs.get(name)
        if not found:
            raise InputError(f"stack {self._stack} has no output for {name}: deploy it again, or set {name}")
        return found

    def has(self, name: str) -> bool:
        """Whether the stack has a part that not every stack has.

        A variable that is set decides, also one that is set to nothing. Without it, a stack that is not there or may
        not be asked has no such part: who needs its tables asks for them by `value`, and hears of it there.
        """
        if name in self._environment:
            return bool(self._environment[name])
        try:
            return bool(self._outputs.get(name))
        except InputError:
            return False
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_ALLOWED:
                raise
            return False

    @cached_property
    def _outputs(self) -> Mapping[str, str]:
        try:
            stacks = boto3.client("cloudformation").describe_stacks(StackName=self._stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == NO_STACK:
                raise InputError(
                    f"there is no stack {self._stack} here: deploy it, or name yours with --stack"
                ) from error
            raise
        outputs = {item["OutputKey"]: item["OutputValue"] for stack in stacks for item in stack.get("Outputs", ())}
        return {_variable(name): value for name, value in outputs.items()}

    @cached_property
    def dynamodb(self) -> Any:
        return dynamodb_client()

    @cached_property
    def clock(self) -> Clock:
        """The stack's clock: a simulated instant where it runs on one."""
        if self.value("VIRTUAL_TIME") == "on":
            return VirtualClock(self.dynamodb, self.value("TABLE_CONTROL"))
        return SystemClock()

    def now(self) -> datetime:
        return self.clock.now()

    def store(self, *tables: str) -> Store:
        """Real table names by short name, and the number of shards."""
        names = [*(f"TABLE_{table.upper()}" for table in tables), "SHARDS"]
        return Store.from_env(*tables, env={name: self.value(name) for name in names})

    @cached_property
    def portfolio(self) -> DynamoPortfolio:
        store = self.store(*PORTFOLIO_TABLES)
        return DynamoPortfolio(self.dynamodb, store.tables, RandomTokens(), store.shards)

    def invoke(self, function: str, event: object) -> Any:
        """What a function answers, by the name of its variable: `FUNCTION_PLAN_WORK`.

        One request: a repeat after a lost answer would be a second run. Raises FunctionFailedError.
        """
        once = Config(retries={"total_max_attempts": 1}, read_timeout=400)
        client = boto3.client("lambda", config=once)
        answer = client.invoke(FunctionName=self.value(function), Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or "null")
        if "FunctionError" in answer:
            said = payload.get("errorMessage") if isinstance(payload, dict) else None
            raise FunctionFailedError(said or "the function failed and said nothing: see its log")
        return payload


def _variable(output: str) -> str:
    """The variable of an output's name: TableLoans is TABLE_LOANS."""
    return "".join(
        f"_{letter}" if letter.isupper() and place else letter for place, letter in enumerate(output)
    ).upper()
