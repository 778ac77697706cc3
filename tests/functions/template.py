"""The template as the tests use it: a function's environment, and the queues, resolved as a deployment would."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
STACK = "duebell-test"

type Known = dict[str, Any]
"""What a reference stands for, by its name: `ContactQueue`, `Tables.Outputs.LoansName`, a parameter or a condition."""


@cache
def template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


def defaults() -> Known:
    return {name: parameter.get("Default") for name, parameter in template()["Parameters"].items()}


def logical_id(function: str) -> str:
    """`plan_work` is PlanWork in the template."""
    return "".join(word.title() for word in function.split("_"))


def environment(function: str, known: Known) -> dict[str, str]:
    """The environment that a function gets, as strings."""
    common = template()["Globals"]["Function"]["Environment"]["Variables"]
    own = template()["Resources"][logical_id(function)]["Properties"]["Environment"]["Variables"]
    return {name: str(resolve(value, known)) for name, value in (common | own).items()}


def queues(known: Known) -> dict[str, dict[str, Any]]:
    """`create_queue` arguments by logical id, dead-letter queues first, since others name them."""
    made = {}
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::SQS::Queue":
            made[name] = dict(resource["Properties"])
    return dict(sorted(made.items(), key=lambda item: "RedrivePolicy" in item[1]))


def resolve(value: Any, known: Known) -> Any:
    match value:
        case {"Ref": str(name)}:
            return known[name]
        case {"Fn::GetAtt": [str(resource), str(attribute)]}:
            return known[f"{resource}.{attribute}"]
        case {"Fn::GetAtt": str(path)}:
            return known[path]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(known[found.group(1)]), text)
        case {"Fn::If": [str(condition), then, otherwise]}:
            return resolve(then if known[condition] else otherwise, known)
        case dict():
            return {key: resolve(one, known) for key, one in value.items()}
        case _:
            return value
