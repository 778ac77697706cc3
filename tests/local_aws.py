"""The local AWS for tests: one for a session, started when the first test asks for it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local import LocalAws, free_port
from infra.local.deployment import SAM
from infra.local.emulator import EMULATOR

DEMO_PARAMETERS = {"VirtualTime": "on", "Schedules": "off", "AllowedPhones": "+447700900*"}
CLOCK = datetime(2026, 3, 1, tzinfo=UTC)


def require(*tools: Path) -> None:
    """Skip where the local AWS is not set up; in CI it has to be."""
    if missing := [tool for tool in tools if not tool.exists()]:
        reason = f"run `make setup-all` first: there is no {missing[0]}"
        if os.environ.get("DUEBELL_REQUIRE_LOCAL_AWS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """An empty local AWS: for adapters, with tables made by `tests.tables.create_tables`."""
    require(EMULATOR)
    with LocalAws(free_port()) as aws:
        yield aws


@pytest.fixture(scope="session")
def deployed_aws() -> Iterator[LocalAws]:
    """A local AWS with the stack deployed as the demo deploys it; `deployed_aws.outputs()` names what is there."""
    require(EMULATOR, SAM)
    with LocalAws(free_port()) as aws:
        aws.deploy(DEMO_PARAMETERS, CLOCK)
        yield aws
