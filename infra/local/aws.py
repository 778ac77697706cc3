"""`LocalAws`: start, deploy, use, stop."""

import json
import os
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
from botocore.config import Config

from infra.local import deployment, emulator
from infra.local.emulator import HOME, LocalAwsError

ACCOUNT = "000000000000"
REGION = "us-east-1"
# Name in a file, variable, default, conversion: so a profile that this shell names is neither looked for nor used.
NOTHING_OF_THIS_SHELL = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
LOGS = f"/aws/lambda/{deployment.STACK}-"


@dataclass(slots=True)
class LocalAws:
    """One emulator on 127.0.0.1. As a context it starts on entry and stops on every way out, Ctrl-C included.

    With `enforce_iam` a function may do what the template lets it do and nothing else, as on AWS, but that a right to
    some rows of a table is one to all of them.
    """

    port: int = 4566
    enforce_iam: bool = True
    home: Path = field(init=False)

    def __post_init__(self) -> None:
        self.home = HOME / str(self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to use this AWS."""
        return emulator.client_environment(self.port)

    def start(self) -> Self:
        emulator.start(self.port, self.home, enforce_iam=self.enforce_iam)
        return self

    def is_running(self) -> bool:
        return emulator.found(self.home) is not None

    def deploy(self, parameters: Mapping[str, str] | None = None, clock: datetime | None = None) -> dict[str, str]:
        """Build and deploy the stack; give its outputs. Raises LocalAwsError, and leaves the emulator as it is.

        `clock` is where simulated time starts. It stands before any queue is polled: S3 tries the queue of repayments
        when the bucket is made, and a function without a time would fail on that message and let it wait.
        """
        self.make_bucket()
        try:
            deployment.deploy(self.port, self.home, parameters or {})
        except LocalAwsError as error:
            why = next(deployment.failed_events(self.client("cloudformation")), None)
            if why is None:
                raise
            raise LocalAwsError(f"the deployment failed at {why} (see {self.home / 'deploy.log'})") from error
        outputs = self.outputs()
        if clock:
            deployment.set_clock(self.client("dynamodb"), outputs["TableControl"], clock)
        self.type_concurrency()
        self.ease_rights()
        deployment.open_switches(self.client("dynamodb"), outputs["TableControl"])
        return outputs

    def type_concurrency(self) -> None:
        """Say each queue's concurrency as a number: the emulator takes a parameter for text, and then polls nothing."""
        functions = self.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            limit = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": limit})

    def ease_rights(self) -> None:
        """Put each role's rights so that the emulator reads them as AWS would, or as near to it as it can."""
        iam = self.client("iam")
        for role in iam.list_roles()["Roles"]:
            for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                place = {"RoleName": role["RoleName"], "PolicyName": policy}
                document = iam.get_role_policy(**place)["PolicyDocument"]
                eased = document | {"Statement": [deployment.eased(one) for one in document["Statement"]]}
                iam.put_role_policy(**place, PolicyDocument=json.dumps(eased))

    def make_bucket(self) -> None:
        """SAM makes one with a stack of its own where none is named; this takes two seconds less."""
        self.client("s3").create_bucket(Bucket=deployment.BUCKET)

    def outputs(self) -> dict[str, str]:
        stack = self.client("cloudformation").describe_stacks(StackName=deployment.STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def client(self, service: str, **options: Any) -> Any:
        """A low-level client that can reach this emulator only."""
        return boto3.Session(botocore_session=botocore.session.Session(session_vars=NOTHING_OF_THIS_SHELL)).client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator's made-up key
            config=Config(
                proxies={}, ignore_configured_endpoint_urls=True, read_timeout=400, retries={"total_max_attempts": 1}
            ).merge(Config(**options)),
        )

    def sms(self) -> dict[str, list[str]]:
        """The texts that left, by phone number, in order of sending."""
        inbox = self._read("/_ministack/sns/sms-messages")["sms_messages"]
        return {phone: [sent["Message"] for sent in messages] for phone, messages in sorted(inbox.items())}

    def queued(self) -> dict[str, int]:
        """Messages by queue, those in a worker's hands included: one look at all queues at once."""
        held = self._read("/_ministack/sqs/messages")["messages"].get(ACCOUNT, {}).get(REGION, {})
        return {url.rpartition("/")[2]: len(messages) for url, messages in sorted(held.items())}

    def invocations(self) -> dict[str, int]:
        """How often each function ran. The emulator's metric counts direct calls only, its logs every trigger."""
        logs = self.client("logs")
        counts = {}
        for group in logs.describe_log_groups(logGroupNamePrefix=LOGS)["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"], filterPattern='"START RequestId"'
            )
            counts[group["logGroupName"].removeprefix(LOGS)] = sum(len(page["events"]) for page in pages)
        return counts

    def warm(self, function: str, event: Mapping[str, Any], processes: int) -> None:
        """Have `processes` of one function started, by as many calls at once: a cold start eats a client's patience.

        `event` has to be one that the function answers without an error: an error ends its process here.
        """
        payload = json.dumps(event)
        functions = self.client("lambda", max_pool_connections=processes)
        with ThreadPoolExecutor(processes) as at_once:
            calls = [at_once.submit(functions.invoke, FunctionName=function, Payload=payload) for _ in range(processes)]
        for call in calls:
            if "FunctionError" in (answer := call.result()):
                raise LocalAwsError(f"{function}: {answer['Payload'].read().decode()}")

    def _read(self, path: str) -> Any:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{self.url}{path}", timeout=30
        ) as reply:
            return json.load(reply)

    def stop(self) -> bool:
        """True where one ran."""
        return emulator.stop(self.home) is not None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
