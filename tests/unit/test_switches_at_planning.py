"""What is switched off as a whole is not queued: it stays on its agenda, as due as it is."""

import pytest

from shared.adapters.memory.world import MemorySwitches
from shared.domain.book import Line
from shared.domain.errors import IdentifierError
from shared.domain.switches import ALL_ON, NEVER_WRITTEN, Switches, checked_name
from tests.unit.builders import at
from tests.unit.town import Town


def off(*names: str) -> Switches:
    return Switches(on=True, off=frozenset(names))


@pytest.mark.parametrize(
    ("board", "held"),
    [
        (ALL_ON, set()),
        (off("send"), {Line.CONTACT}),
        (off("debit"), {Line.DEBIT}),
        (off("send", "debit"), {Line.CONTACT, Line.DEBIT}),
        (off("channel:sms", "provider:sns", "rail:stub", "product:jiebei"), set()),
        (NEVER_WRITTEN, {Line.CONTACT, Line.DEBIT}),
    ],
)
def test_a_line_that_is_off_as_a_whole_gets_no_hints(board: Switches, held: set[Line]) -> None:
    town = Town()
    town.switches = MemorySwitches(board)
    town.clock.set(at("2026-03-01 10:00"))
    assert town.planner().held() == held
    given = town.planner().plan("test")
    assert {line for line, hints in given.items() if hints == 0} == held
    town.switches = MemorySwitches(ALL_ON)
    assert all(hints > 0 for line, hints in town.planner().plan("test").items() if line in held)


@pytest.mark.parametrize("name", ["send", "debit", "all", "channel:sms", "provider:eum", "rail:ach", "product:jiebei"])
def test_a_switch_has_a_name(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "sms", "channel:", "channel:a b", "provider", "Send", "send:sms", "channel:sms\n"]
)
def test_what_is_no_name_of_a_switch_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(IdentifierError, match="a switch is debit, send, rail:NAME, channel:NAME, provider:NAME"):
        checked_name(name)


def test_a_switch_stops_messages_by_channel_provider_product_or_all() -> None:
    names = ("send", "channel:sms", "provider:sns", "product:jiebei", "debit", "rail:sns", "channel:email")
    stopped = [name for name in names if off(name).stops_sending("sms", "sns", "jiebei")]
    assert stopped == ["send", "channel:sms", "provider:sns", "product:jiebei"]
