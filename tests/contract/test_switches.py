"""The switch board: what a worker plans on, what it acts on, and that whatever is not certain is off."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.deployment import open_switches
from shared.adapters.dynamodb.switches import CACHED_SECONDS, DynamoSwitches, DynamoSwitchWriter, stored
from shared.adapters.memory.world import CountingTokens, FixedClock, MemorySwitches
from shared.domain import keys
from shared.domain.book import AuditEntry
from shared.domain.errors import BookError, IdentifierError, InputError, StoreError
from shared.domain.switches import ALL_ON, NEVER_WRITTEN, Switches, checked_name
from shared.ports.world import SwitchBoard, SwitchWriter
from shared.workflows.turn_switches import SwitchTurning
from tests.contract.conftest import DYNAMODB
from tests.tables import table_shapes

NOW = datetime(2026, 3, 10, 8, tzinfo=UTC)
RAIL_OFF = Switches(on=True, off=frozenset({"rail:ach"}))
_numbers = count(1)


@dataclass
class Board:
    reader: SwitchBoard
    writer: SwitchWriter
    client: Any = None
    control: str = ""
    audit: str = ""
    seconds: float = 0.0

    def notes(self) -> list[str]:
        if isinstance(self.writer, MemorySwitches):
            return [note.revision for note in self.writer.notes]
        return [item["revision"]["S"] for item in self.client.scan(TableName=self.audit)["Items"]]


@pytest.fixture(params=DYNAMODB)
def dynamo(request: pytest.FixtureRequest) -> Board:
    return dynamo_board(request.getfixturevalue(f"{request.param}_client"))


def dynamo_board(client: Any) -> Board:
    """A new stack's tables."""
    suffix = f"{os.getpid()}-{next(_numbers)}"
    names = {short: f"switches-{short}-{suffix}" for short in ("control", "audit")}
    for short, name in names.items():
        client.create_table(TableName=name, **table_shapes()[short])
    writer = DynamoSwitchWriter(client, names["control"], names["audit"], CountingTokens(f"{suffix}-"))
    board = Board(NoBoard(), writer, client, names["control"], names["audit"])
    board.reader = DynamoSwitches(client, names["control"], lambda: board.seconds)
    return board


class NoBoard:
    def read(self, *, fresh: bool = False) -> Switches:
        raise AssertionError(fresh)


@pytest.fixture(params=["memory", *DYNAMODB])
def board(request: pytest.FixtureRequest) -> Board:
    if request.param == "memory":
        memory = MemorySwitches(NEVER_WRITTEN)
        return Board(memory, memory)
    return dynamo_board(request.getfixturevalue(f"{request.param}_client"))


def a_note(revision: str = "r1") -> AuditEntry:
    return AuditEntry(keys.SWITCHES, revision, NOW, "arn:a", "switch.off", "why", {"name": "rail:ach"})


def test_a_board_that_was_never_written_is_off(board: Board) -> None:
    assert board.reader.read() == board.reader.read(fresh=True) == board.writer.stored() == NEVER_WRITTEN
    assert NEVER_WRITTEN.stops("rail:ach") == "all"


def test_a_written_board_is_read_with_who_wrote_it(board: Board) -> None:
    assert board.writer.write(RAIL_OFF, NEVER_WRITTEN, a_note())
    assert board.reader.read(fresh=True) == board.writer.stored() == RAIL_OFF
    assert board.notes() == ["r1"]


def test_of_two_who_turn_at_once_one_wins_and_only_his_note_stands(board: Board) -> None:
    assert board.writer.write(ALL_ON, NEVER_WRITTEN, a_note("r1"))
    assert board.writer.write(RAIL_OFF, ALL_ON, a_note("r2"))
    assert not board.writer.write(Switches(on=True, off=frozenset({"debit"})), ALL_ON, a_note("r3"))
    assert not board.writer.write(ALL_ON, NEVER_WRITTEN, a_note("r4"))
    assert board.writer.stored() == RAIL_OFF
    assert sorted(board.notes()) == ["r1", "r2"]


def test_planning_may_be_ten_seconds_late_and_an_act_never(dynamo: Board) -> None:
    assert dynamo.writer.write(ALL_ON, NEVER_WRITTEN, a_note("r1"))
    assert dynamo.reader.read() == ALL_ON
    assert dynamo.writer.write(RAIL_OFF, ALL_ON, a_note("r2"))
    dynamo.seconds = CACHED_SECONDS - 0.1
    assert dynamo.reader.read() == ALL_ON
    assert dynamo.reader.read(fresh=True) == RAIL_OFF
    assert dynamo.reader.read() == RAIL_OFF  # what was read afresh is remembered


def test_after_ten_seconds_the_board_is_read_again(dynamo: Board) -> None:
    assert dynamo.reader.read() == NEVER_WRITTEN
    assert dynamo.writer.write(ALL_ON, NEVER_WRITTEN, a_note())
    dynamo.seconds = CACHED_SECONDS
    assert dynamo.reader.read() == ALL_ON


@pytest.mark.parametrize("item", [{}, {"on": {"S": "yes"}, "off": {"L": []}}, {"on": {"BOOL": True}}])
def test_a_board_that_makes_no_sense_is_off(dynamo: Board, item: dict[str, Any]) -> None:
    dynamo.client.put_item(TableName=dynamo.control, Item={"name": {"S": keys.SWITCHES}, **item})
    assert dynamo.reader.read(fresh=True) == NEVER_WRITTEN
    with pytest.raises(BookError, match="malformed"):
        dynamo.writer.stored()


class Broken:
    """A table that answers with an error until it is mended."""

    def __init__(self) -> None:
        self.broken, self.consistent = True, True

    def get_item(self, **arguments: Any) -> Any:
        self.consistent = self.consistent and arguments["ConsistentRead"]
        if self.broken:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "GetItem")
        return {"Item": {"on": {"BOOL": True}, "off": {"L": []}}}


def test_a_board_that_cannot_be_read_is_off_until_it_can() -> None:
    client, now = Broken(), 0.0
    reader = DynamoSwitches(client, "control", lambda: now)
    assert reader.read() == NEVER_WRITTEN
    client.broken = False
    assert reader.read() == ALL_ON
    client.broken = True
    assert reader.read(fresh=True) == NEVER_WRITTEN
    assert reader.read() == NEVER_WRITTEN  # what was known before is not trusted any more
    assert client.consistent
    with pytest.raises(StoreError):
        stored(client, "control")


def test_a_local_stack_is_opened_once_and_a_later_deployment_turns_nothing_on(dynamo: Board) -> None:
    open_switches(dynamo.client, dynamo.control)
    assert dynamo.writer.stored() == ALL_ON
    assert dynamo.writer.write(RAIL_OFF, ALL_ON, a_note())
    open_switches(dynamo.client, dynamo.control)
    assert dynamo.writer.stored() == RAIL_OFF


# turning


def turning(board: Board) -> SwitchTurning:
    return SwitchTurning(board.writer, FixedClock(NOW))


def test_a_fresh_board_is_opened_and_single_switches_are_turned(board: Board) -> None:
    desk = turning(board)
    with pytest.raises(IdentifierError, match="nobody has opened this board yet"):
        desk.turn("debit", on=True, reason="why", actor="arn:a")
    assert desk.turn("all", on=True, reason="why", actor="arn:a") == ALL_ON
    assert desk.turn("rail:ach", on=False, reason="why", actor="arn:a") == RAIL_OFF
    assert desk.turn("debit", on=False, reason="why", actor="arn:a").off == {"rail:ach", "debit"}
    assert desk.turn("rail:ach", on=True, reason="why", actor="arn:a").off == {"debit"}
    assert desk.turn("all", on=True, reason="why", actor="arn:a").stops("debit") is None
    assert len(board.notes()) == 5


@pytest.mark.parametrize(("name", "on"), [("all", False), ("sms", False), ("rail:", True), ("rail:a b", True)])
def test_what_cannot_be_turned_is_refused_and_changes_nothing(board: Board, name: str, on: bool) -> None:
    turning(board).turn("all", on=True, reason="why", actor="arn:a")
    with pytest.raises(IdentifierError):
        turning(board).turn(name, on=on, reason="why", actor="arn:a")
    with pytest.raises(InputError, match="needs a reason"):
        turning(board).turn("debit", on=False, reason=" ", actor="arn:a")
    assert board.writer.stored() == ALL_ON


def test_somebody_elses_turn_in_between_is_kept(board: Board) -> None:
    turning(board).turn("all", on=True, reason="why", actor="arn:a")

    class Late:
        """Reads the board, and another one turns a switch before it writes."""

        def __init__(self) -> None:
            self.first = True

        def stored(self) -> Switches:
            return board.writer.stored()

        def write(self, switches: Switches, was: Switches, note: AuditEntry) -> bool:
            if self.first:
                self.first = False
                board.writer.write(RAIL_OFF, was, a_note("between"))
            return board.writer.write(switches, was, note)

    found = SwitchTurning(Late(), FixedClock(NOW)).turn("product:huabei", on=False, reason="why", actor="arn:b")
    assert found.off == {"rail:ach", "product:huabei"}
    assert board.writer.stored() == found


@pytest.mark.parametrize("name", ["debit", "all", "rail:ach", "product:jie-bei.2"])
def test_names_of_switches(name: str) -> None:
    assert checked_name(name) == name


def test_a_debit_is_stopped_by_its_rail_its_product_or_all_debiting() -> None:
    for name in ("debit", "rail:ach", "product:huabei"):
        assert Switches(on=True, off=frozenset({name})).stops_debits("ach", "huabei")
    assert not Switches(on=True, off=frozenset({"rail:sepa", "product:jiebei"})).stops_debits("ach", "huabei")
    assert NEVER_WRITTEN.stops_debits("ach", "huabei")
