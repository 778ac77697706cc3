"""What changed between packs, leaf by leaf; tighter only where everything allowed after was allowed before."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.jurisdiction import read_whole_jurisdiction
from shared.domain.packs import Kind, Pack
from shared.domain.policy_changes import LEAVES, Change, Direction, changes, pack_changes
from shared.domain.weeks import covers
from tests.unit.packs_in_hand import EVERY_DAY, PACKS, lacking, stating, the

TIGHTER, LOOSER, OTHER = Direction.TIGHTER, Direction.LOOSER, Direction.OTHER
REMINDERS = {**EVERY_DAY, "classes": ["service-reminder"]}
WHOLE = {**EVERY_DAY, "from": "08:00", "to": "22:00"}
CAP = {"channels": ["voice"], "classes": "all", "counts": "attempt", "scope": "borrower", "max": 2, "days": 1}
WORDS = {"classes": "all", "channels": "all", "phrases": ["jail", "arrest"]}


def only(rows: Sequence[Change]) -> Change:
    (row,) = rows
    return row


@pytest.mark.parametrize(
    ("pack_id", "path", "before", "after", "direction"),
    [
        ("lender", "debit.catch_up_days", 3, 2, TIGHTER),
        ("jurisdiction-eu", "debit.max_attempts", 2, "none", LOOSER),
        ("lender", "debit.notice_lead_days", 1, 2, TIGHTER),
        ("lender", "debit.notice_required", True, False, LOOSER),
        ("lender", "contact.send_from", "09:00", "10:00", TIGHTER),
        ("lender", "debit.window_end", "22:00", "21:00", TIGHTER),
        ("lender", "debit.slots", ["08:00", "12:00"], ["12:00"], TIGHTER),
        ("lender", "debit.slots", ["08:00", "12:00"], ["09:00"], OTHER),
        ("lender", "operator.approve_above_minor.USD", 700_000, 600_000, TIGHTER),
        ("lender", "operator.approve_above_minor.USD", 700_000, "none", LOOSER),
        ("lender", "debit.funding_deny", [], ["credit-card"], TIGHTER),
        ("lender", "contact.channels.collection", ["sms"], ["sms", "voice"], LOOSER),
        ("lender", "contact.channels.collection", ["sms", "push"], ["push", "sms"], OTHER),
        ("lender", "debit.retry_outcomes", ["limit"], ["limit", "window"], LOOSER),
        ("lender", "allocation.late_from_dpd", 91, 61, OTHER),
        ("wechat", "rail.partial", False, True, LOOSER),
        ("wechat", "rail.same_amount", False, True, TIGHTER),
        ("wechat", "rail.windows", [["07:00", "22:00"]], [["08:00", "12:00"], ["13:00", "22:00"]], TIGHTER),
        ("wechat", "rail.windows", [["07:00", "22:00"]], [], LOOSER),
        ("wechat", "rail.windows", [["07:00", "22:00"]], [["06:00", "12:00"]], OTHER),
        ("jurisdiction-cn", "contact.caps.x", CAP, {**CAP, "max": 1}, TIGHTER),
        ("jurisdiction-cn", "contact.caps.x", CAP, {**CAP, "days": 2}, TIGHTER),
        ("jurisdiction-cn", "contact.caps.x", CAP, {**CAP, "channels": "all"}, TIGHTER),
        ("jurisdiction-cn", "contact.caps.x", CAP, {**CAP, "counts": "connected"}, LOOSER),
        ("jurisdiction-cn", "contact.caps.x", CAP, {**CAP, "scope": "debt"}, LOOSER),
        ("jurisdiction-cn", "contact.caps.x", CAP, {**CAP, "max": 5, "days": 7}, OTHER),
        ("jurisdiction-cn", "text.banned.x", WORDS, {**WORDS, "phrases": ["jail"]}, LOOSER),
        ("jurisdiction-cn", "text.required.x", WORDS, {**WORDS, "phrases": ["jail"]}, TIGHTER),
        (
            "jurisdiction-cn",
            "holds.complaint",
            {"stops": ["contact"], "days": 5},
            {"stops": ["contact"], "days": "none"},
            TIGHTER,
        ),
        ("jurisdiction-cn", "keywords.stop", ["STOP"], ["STOP", "T"], TIGHTER),
        ("jurisdiction-cn", "contact.recipients", ["borrower"], ["borrower", "spouse"], LOOSER),
        ("jurisdiction-eu", "contact.windows.daily", WHOLE, {**WHOLE, "to": "20:00"}, TIGHTER),
        ("jurisdiction-eu", "contact.windows.daily", WHOLE, {**WHOLE, "from": "07:00"}, LOOSER),
        ("jurisdiction-eu", "contact.windows.daily", WHOLE, {**WHOLE, "from": "07:00", "to": "21:00"}, OTHER),
        ("jurisdiction-eu", "contact.windows.daily", WHOLE, "all day", OTHER),
    ],
)
def test_a_change_is_tighter_or_looser_where_that_can_be_said(
    pack_id: str, path: str, before: object, after: object, direction: Direction
) -> None:
    one, other = stating(pack_id, path, before), stating(pack_id, path, after)
    there, back = only(changes(one, other)), only(changes(other, one))
    assert (there.pack, there.path, there.direction) == (pack_id, path, direction)
    assert there.before
    assert there.after
    assert (there.before.value, there.after.value) == (before, after)
    assert back.direction == {TIGHTER: LOOSER, LOOSER: TIGHTER}.get(direction, direction)


@pytest.mark.parametrize(
    ("pack_id", "path", "value", "direction"),
    [
        ("jurisdiction-cn", "contact.caps.x", CAP, TIGHTER),
        ("jurisdiction-cn", "text.banned.x", WORDS, TIGHTER),
        ("jurisdiction-cn", "holds.x", {"stops": ["contact"], "days": "none"}, TIGHTER),
        ("jurisdiction-cn", "contact.windows.x", {**REMINDERS, "from": "06:00", "to": "09:00"}, LOOSER),
        ("lender", "contact.windows.x", WHOLE, TIGHTER),  # the first window of a pack closes what it does not name
        ("jiebei", "name.fr", "Jiebei", OTHER),
        ("lender", "operator.approve_above_minor.KWD", 100_000, LOOSER),  # without it every amount is too much
    ],
)
def test_a_new_leaf_is_compared_with_what_held_without_it(
    pack_id: str, path: str, value: object, direction: Direction
) -> None:
    more = stating(pack_id, path, value)
    assert only(changes(PACKS, more)).direction is direction
    gone = only(changes(more, PACKS))
    assert gone.after is None
    assert gone.direction == {TIGHTER: LOOSER, LOOSER: TIGHTER}.get(direction, direction)


def test_another_source_is_no_other_rule() -> None:
    cap = the("jurisdiction-us").leaves["contact.caps.voice-week"]
    law = replace(
        the("jurisdiction-us"),
        leaves={**the("jurisdiction-us").leaves, "contact.caps.voice-week": replace(cap, kind=Kind.LAW)},
    )
    assert only(tuple(pack_changes(the("jurisdiction-us"), law))).direction is Direction.RESTATED


def test_a_pack_that_goes_is_all_its_leaves_and_no_judgement() -> None:
    rows = changes(PACKS, [pack for pack in PACKS if pack.id != "jurisdiction-cn"])
    assert {row.path for row in rows} == set(the("jurisdiction-cn").leaves)
    assert {(row.pack, row.after, row.direction) for row in rows} == {("jurisdiction-cn", None, OTHER)}


def test_the_same_packs_do_not_differ() -> None:
    assert changes(PACKS, tuple(reversed(PACKS))) == ()
    assert changes(PACKS, lacking("lender")) == ()


def test_each_leaf_of_which_a_direction_is_known_is_one_that_packs_have() -> None:
    assert set(LEAVES) <= {path for pack in PACKS for path in pack.leaves}


HOURS = st.integers(0, 24 * 60 - 1)
DAYS = st.sets(st.integers(1, 7), min_size=1).map(sorted)


@st.composite
def windows(draw: st.DrawFn) -> dict[str, object]:
    start, end = sorted(draw(st.tuples(HOURS, HOURS).filter(lambda pair: pair[0] != pair[1])))
    classes = draw(st.sets(st.sampled_from(MessageClass), min_size=1).map(sorted))
    clocks = {"from": f"{start // 60:02}:{start % 60:02}", "to": f"{end // 60:02}:{end % 60:02}"}
    return {"classes": list(map(str, classes)), "channels": "all", "weekdays": draw(DAYS), **clocks}


@given(windows(), windows())
def test_a_tighter_window_admits_nothing_that_was_not_admitted(
    before: dict[str, object], after: dict[str, object]
) -> None:
    one, other = (
        the("jurisdiction-eu", stating("jurisdiction-eu", "contact.windows.daily", of)) for of in (before, after)
    )
    found = tuple(pack_changes(one, other))
    if not found:
        assert before == after
        return
    was, now = read_whole_jurisdiction(one).contact, read_whole_jurisdiction(other).contact
    pairs = list(product(MessageClass, Channel))
    is_tighter = all(covers(was.week(*pair), now.week(*pair)) for pair in pairs)
    is_looser = all(covers(now.week(*pair), was.week(*pair)) for pair in pairs)
    expected = {(True, False): TIGHTER, (False, True): LOOSER}.get((is_tighter, is_looser), OTHER)
    assert only(found).direction is expected


def with_cap(cap: dict[str, object]) -> Pack:
    return the("jurisdiction-cn", stating("jurisdiction-cn", "contact.caps.x", cap))


@given(st.integers(0, 3), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
def test_fewer_contacts_in_more_days_are_tighter(limit: int, days: int, other: int, longer: int) -> None:
    found = tuple(
        pack_changes(with_cap({**CAP, "max": limit, "days": days}), with_cap({**CAP, "max": other, "days": longer}))
    )
    if (limit, days) == (other, longer):
        assert found == ()
    elif other <= limit and longer >= days:
        assert only(found).direction is TIGHTER
    elif other >= limit and longer <= days:
        assert only(found).direction is LOOSER
    else:
        assert only(found).direction is OTHER
