"""The clocks and the tokens."""

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import pytest

from shared.adapters.clock import SystemClock, VirtualClock
from shared.adapters.memory.world import CountingTokens, FixedClock
from shared.adapters.tokens import RandomTokens
from shared.domain.errors import StoreError
from shared.ports.world import Clock, Tokens
from tests.contract.conftest import DYNAMODB
from tests.tables import table_shapes

_numbers = count(1)


class Control(NamedTuple):
    """A control table of its own."""

    client: Any
    table: str

    def put(self, **attributes: Any) -> None:
        self.client.put_item(TableName=self.table, Item={"name": {"S": "CLOCK"}, **attributes})


@pytest.fixture(params=DYNAMODB)
def control(request: pytest.FixtureRequest) -> Control:
    client, table = request.getfixturevalue(f"{request.param}_client"), f"control-{os.getpid()}-{next(_numbers)}"
    client.create_table(TableName=table, **table_shapes()["control"])
    return Control(client, table)


@pytest.mark.parametrize("kind", ["fixed", "system", "virtual"])
def test_a_clock_gives_an_aware_instant_in_utc(kind: str, control: Control) -> None:
    control.put(now={"S": "2026-03-01T08:00:00+08:00"})
    clocks: dict[str, Clock] = {
        "fixed": FixedClock(datetime(2026, 3, 1, tzinfo=UTC)),
        "system": SystemClock(),
        "virtual": VirtualClock(*control),
    }
    assert clocks[kind].now().tzinfo is UTC


def test_the_system_clock_is_the_machine_s() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_virtual_clock_shows_what_it_is_set_to_at_once(control: Control) -> None:
    clock = VirtualClock(*control)
    control.put(now={"S": "2026-03-01T08:00:00+08:00"})
    assert clock.now() == datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
    control.put(now={"S": "2026-03-02T12:00:00Z"})
    assert clock.now() == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_virtual_clock_reads_consistently() -> None:
    class Recording:
        def get_item(self, **arguments: Any) -> Any:
            self.arguments = arguments
            return {"Item": {"now": {"S": "2026-03-01T00:00:00Z"}}}

    client = Recording()
    VirtualClock(client, "control").now()
    assert client.arguments == {"TableName": "control", "Key": {"name": {"S": "CLOCK"}}, "ConsistentRead": True}


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({}, "missing"),
        ({"now": {"N": "5"}}, "missing"),
        ({"now": {"S": ""}}, "malformed"),
        ({"now": {"S": "tomorrow"}}, "malformed"),
        ({"now": {"S": "2026-03-01T08:00:00"}}, "malformed"),
        ({"now": {"S": "2026-03-01"}}, "malformed"),
    ],
)
def test_a_virtual_clock_that_is_not_set_stops_everything_and_says_how_to_set_it(
    control: Control, attributes: dict[str, Any], problem: str
) -> None:
    control.put(**attributes)
    with pytest.raises(StoreError) as raised:
        VirtualClock(*control).now()
    assert str(raised.value) == (
        f"the simulated instant is {problem}: put the item"
        ' {"name": "CLOCK", "now": "2026-03-01T00:00:00Z"}'
        f" into table {control.table}, or deploy with VirtualTime=off"
    )


def test_without_its_row_the_virtual_clock_stops_everything(control: Control) -> None:
    with pytest.raises(StoreError, match="is missing: put the item"):
        VirtualClock(*control).now()


def test_without_its_table_the_virtual_clock_stops_everything(control: Control) -> None:
    with pytest.raises(StoreError, match=r"could not be read: ResourceNotFoundException$"):
        VirtualClock(control.client, "gone").now()


@pytest.mark.parametrize("tokens", [RandomTokens(), CountingTokens()], ids=["random", "counting"])
def test_no_token_is_given_twice(tokens: Tokens) -> None:
    given = [tokens.fresh() for _ in range(1000)]
    assert len(set(given)) == len(given)
    assert all(0 < len(token) <= 32 for token in given)
