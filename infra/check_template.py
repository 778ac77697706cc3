"""Transform template.yaml as SAM does, lint it and the nested stacks, read every schedule: one line per finding.

Linting the raw template lets a timeout of 3,000 s, an unknown runtime and a broken cron pass; so the transformed one is
linted, and schedule expressions are read here.
"""

import copy
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from cfnlint.api import ManualArgs, lint
from samtranslator.parser.parser import Parser
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[1]
REGION = "us-east-1"
NESTED = ("infra/tables.yaml", "infra/alarms.yaml")


def read(path: str = "template.yaml") -> dict[str, Any]:
    document: dict[str, Any] = yaml_parse((ROOT / path).read_text())
    return document


def transform(template: dict[str, Any]) -> dict[str, Any]:
    """The template as CloudFormation gets it. What is still on this disk is given an address, as `sam deploy` does."""
    template = copy.deepcopy(template)
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = "s3://bucket/key"
        elif resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = "https://s3.amazonaws.com/bucket/key"
    defaults = {name: parameter.get("Default", "") for name, parameter in template["Parameters"].items()}
    translator = Translator(
        {}, Parser(), boto_session=boto3.Session(region_name=REGION)
    )  # for the region's name: nothing is called
    result: dict[str, Any] = translator.translate(template, defaults)
    return result


def findings(template: dict[str, Any]) -> Iterator[str]:
    try:
        transformed = transform(template)
    except InvalidDocumentException as error:
        yield from (f"template.yaml: {cause.message}" for cause in error.causes)
        return
    yield from lint_findings("template.yaml", json.dumps(transformed))
    for path in NESTED:
        yield from lint_findings(path, (ROOT / path).read_text())
    yield from nested_findings(template)
    for name, resource in transformed["Resources"].items():
        if resource["Type"] == "AWS::Scheduler::Schedule":
            expression = resource["Properties"]["ScheduleExpression"]
            if isinstance(expression, dict):
                expression = template["Parameters"][expression["Ref"]]["Default"]
            if problem := schedule_problem(expression):
                yield f"template.yaml: {name}: {expression}: {problem}"


@cache  # the same text has the same findings, and a look takes a second
def lint_findings(path: str, text: str) -> list[str]:
    return [
        f"{path}: {match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}"
        for match in lint(text, config=ManualArgs(regions=[REGION]))
    ]


def nested_findings(template: dict[str, Any]) -> Iterator[str]:
    """A parameter that a nested stack does not take, an output that it does not give: else the deployment finds it."""
    text = json.dumps(template)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            path = resource["Properties"]["TemplateURL"]
            nested = read(path)
            for parameter in resource["Properties"].get("Parameters", {}).keys() - nested["Parameters"].keys():
                yield f"template.yaml: {name}: {path} takes no parameter {parameter}"
            asked = re.findall(rf'\b{name}(?:\.|", ")Outputs\.(\w+)', text)
            for output in sorted(set(asked) - nested["Outputs"].keys()):
                yield f"template.yaml: {name}: {path} has no output {output}"


# --- schedule expressions, as EventBridge Scheduler reads them -------------------------------------------------------

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
FIELDS: list[tuple[str, int, int, list[str]]] = [
    ("minutes", 0, 59, []),
    ("hours", 0, 23, []),
    ("day of month", 1, 31, []),
    ("month", 1, 12, MONTHS),
    ("day of week", 1, 7, DAYS),
    ("year", 1970, 2199, []),
]


def schedule_problem(expression: str) -> str | None:
    """What is wrong with a rate(), cron() or at(), or None."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression):
        value, plural = int(rate[1]), rate[3] == "s"
        if value < 1:
            return "a rate is at least 1"
        return None if plural == (value > 1) else "1 minute, but 2 minutes"
    if cron := re.fullmatch(r"cron\((.*)\)", expression):
        return cron_problem(cron[1].split())
    if re.fullmatch(r"at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\)", expression):
        return None
    return "neither rate(), cron() nor at()"


def cron_problem(fields: list[str]) -> str | None:
    if len(fields) != len(FIELDS):
        return f"cron has {len(FIELDS)} fields, here are {len(fields)}"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "exactly one of day of month and day of week is ?"
    for text, (name, low, high, words) in zip(fields, FIELDS, strict=True):
        if not all(_fits(part, name, low, high, words) for part in text.split(",")):
            return f"{name} cannot be {text}"
    return None


def _fits(part: str, name: str, low: int, high: int, words: list[str]) -> bool:
    if part == "?":
        return name.startswith("day")
    if name == "day of month" and re.fullmatch(r"L|LW|([1-9]|[12]\d|3[01])W", part):
        return True
    if name == "day of week" and re.fullmatch(r"L|[1-7](L|#[1-5])", part):
        return True
    base, _, step = part.partition("/")
    if step and not (step.isdigit() and 1 <= int(step) <= high):
        return False
    if base == "*":
        return True
    ends = [_number(word, words, low) for word in base.split("-")]
    return len(ends) <= 2 and all(end is not None and low <= end <= high for end in ends)


def _number(word: str, words: list[str], low: int) -> int | None:
    if word.upper() in words:
        return words.index(word.upper()) + low
    return int(word) if word.isdigit() else None


def main() -> int:
    template = read()
    found = list(findings(template))
    for line in found:
        print(line)
    if not found:
        print(f"template: {len(template['Resources'])} resources and {len(NESTED)} nested stacks, nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
