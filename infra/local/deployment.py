"""Build and deploy the real template with the real SAM CLI, to the emulator only."""

import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.local.emulator import ROOT, LocalAwsError, client_environment
from shared.domain import keys

SAM = ROOT / ".venv-sam" / "bin" / "sam"
STACK = "duebell"
BUCKET = "duebell-artefacts"
# A stack for one machine: nothing to protect, no borrower to reach, a gateway that is ours.
LOCAL_PARAMETERS = {
    "WithStub": "on",
    "DeletionProtection": "off",
    "ContactConcurrency": "2",
    "DebitConcurrency": "2",
    "StageConcurrency": "2",
    "RepaymentsConcurrency": "2",
}


def machine() -> str:
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def deploy(port: int, home: Path, parameters: Mapping[str, str]) -> None:
    """`sam build`, then `sam deploy`. Raises LocalAwsError with the reason that SAM gives."""
    if not SAM.exists():
        raise LocalAwsError("there is no .venv-sam: run `make setup-all` first")
    (home / "deploy.log").unlink(missing_ok=True)
    chosen = {"Architecture": machine()} | LOCAL_PARAMETERS | dict(parameters)
    overrides = ["--parameter-overrides", *(f'{name}="{value}"' for name, value in chosen.items())]
    built = home / "build"
    sam("build", "--template-file", ROOT / "template.yaml", "--build-dir", built, *overrides, port=port, home=home)
    flags = ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"]
    flags += [
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_AUTO_EXPAND",
        "--s3-bucket",
        BUCKET,
        "--stack-name",
        STACK,
    ]
    sam("deploy", "--template-file", built / "template.yaml", *flags, *overrides, port=port, home=home)


def open_switches(dynamodb: Any, control: str) -> None:
    """Lets a new stack debit; elsewhere a person does, by `duebell switch on all`.

    A board that stands is left alone: somebody may have turned something off.
    """
    board = {"name": {"S": keys.SWITCHES}, "on": {"BOOL": True}, "off": {"L": []}}
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(
            TableName=control,
            Item=board,
            ConditionExpression="attribute_not_exists(#name)",
            ExpressionAttributeNames={"#name": "name"},
        )


def eased(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A role's statement as the emulator needs it.

    Who may send a message to a queue may send ten at once: on AWS that is one right, here it is two. And the emulator
    does not see which rows of a table a request is for: a right to some of them is one to all here.
    """
    actions = statement["Action"]
    actions = [actions] if isinstance(actions, str) else list(actions)
    if "sqs:SendMessage" in actions:
        actions.append("sqs:SendMessageBatch")
    asked = {
        operator: kept
        for operator, wanted in statement.get("Condition", {}).items()
        if (kept := {key: value for key, value in wanted.items() if key != "dynamodb:LeadingKeys"})
    }
    plain = {name: value for name, value in statement.items() if name != "Condition"}
    return plain | {"Action": actions} | ({"Condition": asked} if asked else {})


def set_clock(dynamodb: Any, control: str, now: datetime) -> None:
    """The simulated instant of a stack with virtual time, for all functions at once."""
    item = {"name": {"S": keys.CLOCK}, "now": {"S": keys.instant(now)}}
    dynamodb.put_item(TableName=control, Item=item)


def sam(command: str, *arguments: str | Path, port: int, home: Path) -> None:
    log = home / "deploy.log"
    environment = client_environment(port) | {
        "ARCHITECTURE": machine(),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.3",
    }
    with log.open("ab") as sink:
        done = subprocess.run(
            [SAM, command, "--region", "us-east-1", "--config-env", "local", *arguments],
            env=environment,
            cwd=home,  # SAM keeps a folder of its own where it stands
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise LocalAwsError(f"sam {command} failed: {reason(log)} (see {log})")


def reason(log: Path) -> str:
    """SAM says why in a table of events or in a line that begins with Error; whichever comes first is the cause."""
    text = log.read_text(errors="replace")
    for pattern in (r"^package: .*$", r"^Error: .*$", r"^.*\b(?:CREATE|UPDATE)_FAILED\b.*$"):
        if said := re.search(pattern, text, re.MULTILINE):
            return re.sub(r"\s+", " ", said.group()).strip()
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def failed_events(cloudformation: Any) -> Iterator[str]:
    """The stack's own reasons, oldest first, those of nested stacks included."""
    stacks = cloudformation.describe_stacks()["Stacks"]
    for stack in reversed(stacks):
        events = cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        for event in reversed(events):
            why = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and why and "cancelled" not in why.lower():
                yield f"{event['LogicalResourceId']}: {why}"


def environment_of(outputs: Mapping[str, str]) -> dict[str, str]:
    """The stack's outputs as the environment variables that the functions have: TableLoans is TABLE_LOANS."""
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value for name, value in outputs.items()}
