"""Each function may do to the book's tables what its workflows ask of the book, and nothing else.

What a call or a change takes is found out from the adapter itself; what a function may call, from the source of all
workflows that its wiring can reach.
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from shared.adapters.dynamodb.attributes import KEY_NAMES
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.writes import writes_of
from shared.adapters.memory.world import CountingTokens
from shared.domain.changes import Insert
from tests.contract.test_commit import HOLD

ROOT = Path(__file__).parents[2]

type Right = tuple[str, str]
"""An action and the short name of a table: ("PutItem", "ledger")."""

READS: Mapping[str, tuple[object, ...]] = {
    "loan_file": ("l-1",),
    "borrower_file": ("b-1",),
    "attempt": ("l-1", 1),
    "attempts": ("l-1",),
    "notice": ("b-1", "n"),
    "notices": ("b-1",),
    "entry": ("l-1", "s", "e"),
    "entries": ("l-1",),
    "money": ("s", "e"),
    "debit_card": ("b-1",),
    "code": ("l-1", "p"),
    "audit": ("l-1",),
    "escalations": ("l-1",),
}
"""Every read but those of indexes, with arguments."""

NOT_ASKED: Mapping[tuple[str, Right], str] = {
    ("attempt_deductions", ("Query", "ledger")): "it settles what it presented, and that is no refund",
    ("pay_now", ("Query", "ledger")): "it settles what it presented, and that is no refund",
}
"""Calls in reach that a function never makes, and why."""

READY_MADE: Mapping[tuple[str, Right], str] = {
    ("record_escalations", ("PutItem", "loans")): "the domain gives the escalation to insert",
    ("attempt_deductions", ("PutItem", "attempts")): "the domain gives the intent to insert",
    ("attempt_deductions", ("PutItem", "audit")): "the domain gives the note of a mandate that an answer ended",
    ("reconcile", ("PutItem", "audit")): "the domain gives the note of a mandate that an answer ended",
    ("pay_now", ("PutItem", "attempts")): "the domain gives the intent to insert",
}
"""Rows that a workflow inserts without making them itself."""


class Recorder:
    """A client that notes what it is asked, and finds nothing."""

    def __init__(self) -> None:
        self.asked: set[Right] = set()

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        self.asked.add(("GetItem", arguments["TableName"]))
        return {}

    def query(self, **arguments: Any) -> dict[str, Any]:
        self.asked.add(("Query", arguments["TableName"]))
        return {"Items": []}


@cache
def rights() -> Mapping[str, set[Right]]:
    """What each read, each change, and the insertion of each kind of row takes, by its name."""
    found: dict[str, set[Right]] = {}
    for name, arguments in READS.items():
        client = Recorder()
        book = DynamoBook(client, {table: table for table in KEY_NAMES}, CountingTokens())
        call: Callable[..., object] = getattr(book, name)
        call(*arguments)
        found[name] = client.asked
    for change in HOLD.values():
        name = type(change.row if isinstance(change, Insert) else change).__name__
        operations = ((write.operation(), write.row.table) for write in writes_of([change], 1))
        found.setdefault(name, set()).update((_action(operation), table) for operation, table in operations)
    return found


def _action(operation: str) -> str:
    return "ConditionCheckItem" if operation == "ConditionCheck" else f"{operation}Item"


def reachable(function: str) -> dict[Right, list[str]]:
    """The rights that some line of a function's own code or of a workflow in its reach takes, with these lines."""
    todo, seen = [f"functions.{function}.handler", f"functions.{function}.bootstrap"], set[str]()
    found: dict[Right, list[str]] = defaultdict(list)
    while todo:
        module = todo.pop()
        path = ROOT / f"{module.replace('.', '/')}.py"
        if module in seen or not path.is_file():
            continue
        seen.add(module)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, line in _used(tree):
            for right in rights()[name]:
                found[right].append(f"{module}:{line} {name}")
        todo += [name for name in _imported(tree) if name.startswith((f"functions.{function}", "shared.workflows"))]
    return found


def _used(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names of changes and rows that are made, and of what is asked of a book."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in rights() and name not in READS:
                yield name, node.lineno
            case ast.Attribute(value=ast.Name(id="book") | ast.Attribute(attr="book"), attr=name) if name in READS:
                yield name, node.lineno
            case _:
                pass


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def granted() -> Mapping[str, set[Right]]:
    """What the template lets each function do to whole tables of the book."""
    functions: dict[str, set[Right]] = {}
    for resource in yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            name = resource["Properties"]["Handler"].split(".")[1]
            policies = resource["Properties"]["Policies"]
            functions[name] = {right for policy in policies for right in _rights_in(policy["Statement"])}
    return functions


def _rights_in(statements: Iterable[Mapping[str, Any]]) -> Iterator[Right]:
    for statement in statements:
        for action in _many(statement.get("Action", [])):
            for resource in _many(statement["Resource"]):
                service, _, name = action.partition(":")
                table = _table(resource)
                if service == "dynamodb" and table in KEY_NAMES:
                    yield name, table


def _table(resource: object) -> str | None:
    """The short name of the table that is meant, None for an index of one and for anything else."""
    match resource:
        case {"Fn::GetAtt": ["Tables", str(output)]} | {"Fn::GetAtt": ["Tables", "Outputs", str(output)]}:
            return output.removeprefix("Outputs.").removesuffix("Arn").lower()
        case _:
            return None


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


WITH_A_BOOK = sorted(name for name in granted() if reachable(name))


def test_the_functions_with_a_book_are_looked_at() -> None:
    lines = {"send_reminders", "attempt_deductions", "record_escalations"}
    assert lines | {"plan_work", "reconcile", "record_repayments"} <= set(WITH_A_BOOK)


@pytest.mark.parametrize("function", WITH_A_BOOK)
def test_a_function_may_do_what_its_workflows_ask(function: str) -> None:
    asked = reachable(function)
    missing = {right: lines for right, lines in asked.items() if right not in granted()[function]}
    assert {right: lines for right, lines in missing.items() if (function, right) not in NOT_ASKED} == {}


@pytest.mark.parametrize("function", WITH_A_BOOK)
def test_a_function_may_do_nothing_that_its_workflows_never_ask(function: str) -> None:
    idle = granted()[function] - reachable(function).keys()
    assert {right for right in idle if (function, right) not in READY_MADE} == set()


def test_no_excuse_is_out_of_date() -> None:
    needless = [key for key in NOT_ASKED if key[1] in granted()[key[0]] or key[1] not in reachable(key[0])]
    needless += [key for key in READY_MADE if key[1] not in granted()[key[0]] or key[1] in reachable(key[0])]
    assert needless == []


def test_the_adapter_says_what_a_call_takes() -> None:
    assert rights()["money"] == {("GetItem", "ledger")}
    assert rights()["SaveMandate"] == {("UpdateItem", "loans")}
    assert rights()["NoticeRecord"] == {("UpdateItem", "notices")}
    assert rights()["HoldGate"] == {("ConditionCheckItem", "loans")}
