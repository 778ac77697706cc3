"""Duebell's tables on any DynamoDB client, made from the template's own resources: no test types a key again."""

from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[1] / "infra" / "tables.yaml"
_PREFIX = "${Prefix}-"
_CREATE = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")


@cache
def table_shapes() -> dict[str, dict[str, Any]]:
    """`create_table` arguments without the name, by short name: `loans`, `borrowers`, ... `stub_books`."""
    shapes = {}
    for resource in yaml_parse(TEMPLATE.read_text())["Resources"].values():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        properties = resource["Properties"]
        short = properties["TableName"]["Fn::Sub"].removeprefix(_PREFIX)
        shapes[short] = {key: properties[key] for key in _CREATE if key in properties}
    return shapes


def create_tables(client: Any, prefix: str = "") -> dict[str, str]:
    """Create every table, the stub's included, on `client` (a low-level DynamoDB client); give short name -> real name.

    `prefix` goes in front of each name as it is. A table that exists is an error: two tests share none by chance.
    """
    names = {short: f"{prefix}{short}" for short in table_shapes()}
    for short, shape in table_shapes().items():
        made = client.create_table(TableName=names[short], **shape)
        if made["TableDescription"]["TableStatus"] != "ACTIVE":
            client.get_waiter("table_exists").wait(TableName=names[short], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return names


def drop_tables(client: Any, names: dict[str, str]) -> None:
    """Drop what `create_tables` gave, for a client that outlives the test."""
    for name in names.values():
        client.delete_table(TableName=name)


def table_environment(names: dict[str, str]) -> dict[str, str]:
    """The environment variables by which the functions find these tables (see `template.yaml`)."""
    variables = {f"TABLE_{short.upper()}": name for short, name in names.items() if short != "stub_books"}
    return variables | {"STUB_BOOKS_TABLE": names["stub_books"]}
