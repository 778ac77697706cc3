"""The local AWS starts, deploys, says what is wrong in one line, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import LocalAws, deployment, emulator, environment_of, free_port
from infra.local.__main__ import main
from infra.local.deployment import SAM
from infra.local.emulator import EMULATOR
from tests.local_aws import require
from tests.tables import create_tables, drop_tables


class TestOnePerson:
    """Without the emulator: what the runner decides by itself."""

    def test_no_key_or_profile_of_this_shell_gets_through(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "mine")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.us-east-1.amazonaws.com")
        monkeypatch.setenv("SECRET_OF_MINE", "mine")
        for environment in (
            emulator.client_environment(4566),
            emulator.emulator_environment(4566, tmp_path, enforce_iam=True),
        ):
            assert {name for name in environment if name.startswith("AWS_")} <= {
                "AWS_ENDPOINT_URL",
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_REGION",
                "AWS_DEFAULT_REGION",
                "AWS_CONFIG_FILE",
                "AWS_SHARED_CREDENTIALS_FILE",
                "AWS_EC2_METADATA_DISABLED",
            }
            assert environment["AWS_ACCESS_KEY_ID"] == "test"
            assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
        assert "SECRET_OF_MINE" not in emulator.emulator_environment(4566, tmp_path, enforce_iam=True)

    def test_rights_are_put_as_the_emulator_reads_them(self) -> None:
        """It knows a right of its own to send ten at once, and not which rows of a table a request is for."""
        sends = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "q"}
        assert deployment.eased(sends) == sends | {"Action": ["sqs:SendMessage", "sqs:SendMessageBatch"]}
        some_rows = {
            "Effect": "Allow",
            "Action": ["dynamodb:UpdateItem"],
            "Resource": "t",
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["SHARDS"]},
                "Null": {"dynamodb:LeadingKeys": False},
            },
        }
        table = {"Effect": "Allow", "Action": ["dynamodb:UpdateItem"], "Resource": "t"}
        assert deployment.eased(some_rows) == table
        by_dynamodb = {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
        assert deployment.eased(table | {"Condition": by_dynamodb}) == table | {"Condition": by_dynamodb}

    def test_a_process_that_took_over_the_pid_is_left_alone(self, tmp_path: Path) -> None:
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        emulator.CHILDREN[other.pid] = other
        try:
            began = emulator.start_time(other.pid)
            record = {"pid": other.pid, "started": f"{began}0", "port": 4566}
            emulator.record(tmp_path).write_text(json.dumps(record))
            assert emulator.stop(tmp_path) is None
            assert other.poll() is None
            emulator.record(tmp_path).write_text(json.dumps(record | {"started": began}))
            assert emulator.stop(tmp_path) is not None
            assert other.wait(5) == -signal.SIGTERM
        finally:
            other.kill()
            other.wait()

    def test_outputs_are_the_functions_own_variables(self) -> None:
        outputs = {"TableLoans": "a", "QueueContactUrl": "b", "StubBooksTable": "c", "GatewayUrl": "d"}
        assert list(environment_of(outputs)) == ["TABLE_LOANS", "QUEUE_CONTACT_URL", "STUB_BOOKS_TABLE", "GATEWAY_URL"]

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("Building\npackage: functions/x/handler.py is missing\nBuild Failed\nError: make", "package: functions/x"),
            ("Deploying\nError: Failed to create changeset\n", "Error: Failed to create changeset"),
            ("something\nodd\n", "odd"),
            ("", "it said nothing"),
        ],
    )
    def test_the_reason_is_the_first_cause(self, said: str, reason: str, tmp_path: Path) -> None:
        log = tmp_path / "deploy.log"
        log.write_text(said)
        assert deployment.reason(log).startswith(reason)

    def test_a_parameter_without_a_value(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["start", "--parameter", "Shards"]) == 1
        assert capsys.readouterr().err == "local: --parameter takes NAME=VALUE, not 'Shards'\n"

    def test_nothing_to_stop(self, capsys: pytest.CaptureFixture[str]) -> None:
        port = str(free_port())
        assert main(["stop", "--port", port]) == 0
        assert main(["status", "--port", port]) == 1
        assert capsys.readouterr().out == "local: nothing runs that was started here\nlocal: nothing runs\n"


def processes_of(home: Path) -> list[str]:
    """Every process, Lambda processes included, whose command or folder names this home."""
    shown = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in shown.splitlines() if str(home) in line]


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    yield port
    LocalAws(port).stop()


@pytest.mark.local_aws
class TestEmulator:
    @pytest.fixture(autouse=True)
    def _set_up(self) -> None:
        require(EMULATOR)

    def test_a_taken_port_is_one_line(self, port: int, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            assert main(["start", "--port", str(port)]) == 1
        assert (
            capsys.readouterr().err == f"local: port {port} is taken; name another one (make local PORT={port + 10})\n"
        )

    def test_it_stops_on_an_error_too(self, port: int) -> None:
        aws = LocalAws(port)
        with pytest.raises(KeyError), aws:
            {True: "it runs"}[not aws.is_running()]
        assert not aws.is_running()
        assert emulator.port_is_free(port)

    def test_a_client_reaches_it_whatever_the_shell_says(
        self, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "mine")
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.us-east-1.amazonaws.com")
        client = local_aws.client("dynamodb")
        names = create_tables(client, "shell-")
        for name in names.values():  # it is there: an unknown table would raise
            assert client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
        drop_tables(client, names)


@pytest.mark.local_aws
@pytest.mark.slow
class TestDeployment:
    @pytest.fixture(autouse=True)
    def _set_up(self) -> None:
        require(EMULATOR, SAM)

    def test_a_failed_one_names_its_reason_and_leaves_nothing(
        self, port: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["start", "--port", str(port), "--parameter", "Shards=0"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("local: ")
        assert "Shards" in line
        assert str(LocalAws(port).home / "deploy.log") in line
        assert processes_of(LocalAws(port).home) == []

    def test_what_it_gives_is_what_a_driver_needs(self, deployed_aws: LocalAws) -> None:
        outputs = deployed_aws.outputs()
        assert environment_of(outputs).keys() >= {"TABLE_LOANS", "QUEUE_DEBIT_URL", "STUB_BOOKS_TABLE", "GATEWAY_URL"}
        functions = deployed_aws.client("lambda").list_functions()["Functions"]
        assert {one["FunctionName"] for one in functions} == {
            value for name, value in outputs.items() if name.startswith("Function")
        }

    def test_its_schedules_are_off(self, deployed_aws: LocalAws) -> None:
        schedules = deployed_aws.client("scheduler").list_schedules(GroupName="duebell")["Schedules"]
        assert {one["Name"]: one["State"] for one in schedules} == {
            "duebell-plan_work": "DISABLED",
            "duebell-reconcile": "DISABLED",
        }

    def test_a_schedule_that_is_on_fires_and_stopping_ends_every_process(self, port: int) -> None:
        aws = LocalAws(port).start()
        aws.deploy({"Schedules": "on", "PlanEvery": "rate(1 minute)"})
        deadline = time.monotonic() + 120
        while not aws.invocations()["plan_work"] and time.monotonic() < deadline:
            time.sleep(1)
        assert aws.invocations()["plan_work"] == 1
        time.sleep(2)  # a run that fails is tried again after a second
        assert aws.queued()["duebell-failed-runs"] == aws.queued()["duebell-undelivered-schedules"] == 0
        assert [line for line in processes_of(aws.home) if "plan_work" in line]
        assert main(["stop", "--port", str(port)]) == 0
        assert processes_of(aws.home) == []
        assert emulator.port_is_free(port)
