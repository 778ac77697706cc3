"""A small stress run as people start it, on a local AWS of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import LocalAws, free_port
from infra.local.deployment import SAM
from infra.local.emulator import EMULATOR
from tests.local_aws import require

pytestmark = [pytest.mark.local_aws, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


def test_a_small_stress_run_loses_nothing_and_says_what_waited() -> None:
    require(EMULATOR, SAM)
    port = free_port()

    command = [sys.executable, "-m", "drills", "stress", "--times", "1", "--days", "4", "--json", "--port", str(port)]
    done = subprocess.run(command, env=os.environ, cwd=ROOT, capture_output=True, text=True, check=False)

    told = json.loads(done.stdout)
    assert (done.returncode, told["faults"], told["dead_letters"]) == (0, [], 0)
    assert told["still_due"] == {"contact": 0, "debit": 0, "stage": 0}
    assert told["lines"]["stage"]["due"] == told["loans"] == 59
    assert told["lines"]["contact"]["hints"] >= 43
    assert sum(told["debits"].values()) > 0
    assert {one["what"]: one["done"] for one in told["work"]}["debits on the due day"] > 0
    assert len(told["checks"]) > 20
    assert all(check["examined"] or check["name"] for check in told["checks"])
    assert not LocalAws(port).is_running()
