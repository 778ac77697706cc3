"""A local AWS: the emulator as a process of its own, with the real template deployed to it by the real SAM CLI.

    with LocalAws(port=free_port()) as aws:
        outputs = aws.deploy({"VirtualTime": "on", "Schedules": "off"})
        aws.client("lambda").invoke(FunctionName=outputs["FunctionPlanWork"], Payload=b"{}")

Nothing here can reach a real account: every process that it starts gets an environment of its own, with made-up keys
and an endpoint on 127.0.0.1.
"""

from infra.local.aws import LocalAws
from infra.local.deployment import environment_of
from infra.local.emulator import LocalAwsError, free_port

__all__ = ["LocalAws", "LocalAwsError", "environment_of", "free_port"]
