"""All that is wrong with packs is told at once, each thing once, with its pack, its leaf and the way out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.adapters.policy_files import PolicyFiles
from shared.domain.errors import LeafError
from shared.domain.pack_problems import Problem, ends_soon, from_memory, problems
from shared.domain.packs import Pack, Sure
from shared.domain.policy_assembly import assemble
from tests.unit.builders import at
from tests.unit.packs_in_hand import DAY, EVERY_DAY, PACKS, lacking, stating, the

NIGHT = {**EVERY_DAY, "from": "06:00", "to": "23:00"}


def found(packs: Sequence[Pack], day: date = DAY) -> list[Problem]:
    return list(problems(packs, day, PACKS))


def places(rows: Sequence[Problem]) -> list[tuple[str, str]]:
    return [(row.pack, row.leaf) for row in rows]


@pytest.mark.parametrize("day", [date(2025, 1, 1), DAY, date(2026, 11, 22), date(2027, 12, 31)])
def test_the_packs_that_ship_have_none(day: date) -> None:
    assert found(PACKS, day) == []


@pytest.mark.parametrize(
    ("packs", "pack", "leaf", "problem", "way_out"),
    [
        (
            stating("lender", "contact.max_sends", -1),
            *("lender-1", "contact.max_sends", "contact.max_sends: -1 is not a whole number of at least 0"),
            "write a whole number of at least 0",
        ),
        (
            lacking("lender", "debit.slots"),
            *("lender-1", "debit.slots", "debit.slots is missing", "add it: a list of times of day such as 08:00"),
        ),
        (
            stating("lender", "contact.colour", "red"),
            *("lender-1", "contact.colour", "contact.colour is not a leaf that any rule reads"),
            "mend its name, or remove it: no rule reads it in a lender pack",
        ),
        (
            stating("lender", "contact.windows.night", NIGHT),
            *("lender-1", "contact.windows.night", "contact.windows.night allows more than jurisdiction-cn-1 does"),
            "make it as strict as that pack's, or leave it out",
        ),
        (
            stating("jiebei", "hotline", 3),
            *("jiebei-1", "hotline", "hotline: 3 is not a non-empty text", "write a non-empty text"),
        ),
        (
            lacking("ach", "rail.max_attempts"),
            *("ach-1", "rail.max_attempts", "rail.max_attempts is missing"),
            'add it: a whole number of at least 0, or "none"',
        ),
        (
            stating("lender", "business_zone", "Asia/Nowhere"),
            *("lender-1", "business_zone", "business_zone: 'Asia/Nowhere' is not an IANA time zone"),
            "write an IANA time zone",
        ),
        (
            stating("lender", "operator.approve_above_minor.RMB", 5_000_000),
            *("lender-1", "operator.approve_above_minor.RMB"),
            *("operator.approve_above_minor.RMB: RMB is no ISO 4217 currency", "mend it, or leave it out"),
        ),
        (
            lacking("calendar-cn", "calendar.years"),
            *("calendar-cn-1", "calendar.years", "calendar.years is missing"),
            "add it: a list of different whole numbers",
        ),
    ],
)
def test_a_wrong_leaf_is_told_once(packs: tuple[Pack, ...], pack: str, leaf: str, problem: str, way_out: str) -> None:
    assert found(packs) == [Problem(pack, leaf, problem, way_out)]


def test_one_fault_does_not_hide_the_others() -> None:
    packs = stating("lender", "contact.max_sends", -1)
    packs = stating("lender", "contact.windows.night", NIGHT, packs)
    packs = stating("lender", "contact.caps.own", 4, packs)
    packs = lacking("lender", "debit.slots", "hotline", packs=packs)
    packs = stating("jiebei", "hotline", 3, packs)
    packs = stating("huabei", "debit.retry_days", "soon", packs)
    packs = stating("jurisdiction-us", "contact.confirm_minutes", "x", packs)
    packs = lacking("ach", "rail.max_attempts", "rail.partial", packs=packs)
    assert sorted(places(found(packs))) == [
        ("ach-1", "rail.max_attempts"),
        ("ach-1", "rail.partial"),
        ("huabei-1", "debit.retry_days"),
        ("jiebei-1", "hotline"),
        ("jurisdiction-us-1", "contact.confirm_minutes"),
        ("lender-1", "contact.caps.own"),
        ("lender-1", "contact.max_sends"),
        ("lender-1", "contact.windows.night"),
        ("lender-1", "debit.slots"),
    ]


def test_a_tree_without_leaves_is_told_and_what_follows_it_too() -> None:
    keywords = [path for path in the("jurisdiction-cn").leaves if path.startswith("keywords.")]
    packs = stating("jurisdiction-cn", "debit.lead_days", -1, lacking("jurisdiction-cn", *keywords))
    assert places(found(packs)) == [("jurisdiction-cn-1", "keywords.*"), ("jurisdiction-cn-1", "debit.lead_days")]


@pytest.mark.parametrize("kind", ["lender", "product", "wording", "jurisdiction"])
def test_without_any_pack_of_a_kind_nothing_goes_out(kind: str) -> None:
    rows = found([pack for pack in PACKS if pack.type != kind])
    assert Problem("", "", f"no {kind} pack is valid on {DAY}: nothing goes out", "add one") in rows


@pytest.mark.parametrize("pack_id", ["lender", "jiebei", "wording-en", "jurisdiction-cn", "wechat", "calendar-cn"])
def test_a_pack_that_has_ended_is_told(pack_id: str) -> None:
    packs = [replace(p, valid_to=DAY - timedelta(days=1)) if p.id == pack_id else p for p in PACKS]
    told = Problem(
        f"{pack_id}-1", "", f"ended with {DAY - timedelta(days=1)}", "add a version with later dates, or remove it"
    )
    assert told in found(packs)
    successor = replace(the(pack_id), version="2", valid_from=DAY)
    assert found([*packs, successor]) == []


def test_two_versions_on_one_day_and_two_packs_of_one_country_are_told() -> None:
    twice = [*PACKS, replace(the("wechat"), version="2", valid_from=date(2027, 1, 1))]
    assert places(found(twice)) == [("wechat-2", "")]
    shared = stating("jurisdiction-us", "countries", ["US", "CN"])
    assert [(row.pack, row.leaf, row.problem) for row in found(shared)] == [
        ("jurisdiction-us-1", "countries", "CN stands in jurisdiction-cn-1 too")
    ]


def test_an_unknown_type_of_pack_is_told() -> None:
    (row,) = found([*PACKS, replace(the("wechat"), id="x", type="rails")])
    assert row.problem.startswith("x: type 'rails' is none of behaviour, calendar, jurisdiction")


def test_hours_that_the_packs_leave_to_nobody_are_told_by_country() -> None:
    late = stating("lender", "contact.send_from", "19:30")
    (row,) = found(late)
    assert (row.pack, row.leaf) == ("jurisdiction-in-1 and lender", "contact.send_from")
    assert row.problem.endswith("in jurisdiction-in-1")
    reminders = {**EVERY_DAY, "classes": ["service-reminder"], "from": "10:00", "to": "17:00"}
    rows = found(stating("lender", "contact.windows.reminders", reminders))
    assert {row.leaf for row in rows} == {"contact.windows"}
    assert len(rows) == 5
    assert all("service-reminder" not in row.problem and "collection over sms" in row.problem for row in rows)


def test_a_rail_that_no_slot_can_use_is_told() -> None:
    (row,) = found(stating("wechat", "rail.windows", [["22:30", "23:30"]]))
    assert (row.pack, row.leaf) == ("wechat-1", "rail.windows")


def test_a_channel_whose_provider_has_no_pack_is_told() -> None:
    (row,) = found(stating("lender", "provider.email", "nobody-knows"))
    assert (row.leaf, row.problem) == ("provider.email", f"no pack of provider 'nobody-knows' is valid on {DAY}")


def test_a_lender_that_loosens_is_refused_when_the_workers_load_it_with_the_leaf_s_name() -> None:
    for path, value in (
        ("contact.windows.night", NIGHT),
        ("contact.retention_days", 10),
        ("delinquency.grace_days", 0),
        ("holds.complaint", {"stops": ["contact"], "days": 5}),
        ("contact.recipients", ["borrower", "spouse"]),
    ):
        packs = stating("lender", path, value, stating("jurisdiction-uk", "delinquency.grace_days", 3))
        with pytest.raises(LeafError, match=f"^{path} allows more than ") as raised:
            PolicyFiles(packs).policy("jiebei", at(f"{DAY} 12:00"))
        assert raised.value.leaf == path
        assert ("lender-1", path) in places(found(packs))


def test_what_ends_within_sixty_days_and_has_no_successor_is_warned_of() -> None:
    packs = [replace(p, valid_to=DAY + timedelta(days=59)) if p.id == "wechat" else p for p in PACKS]
    assert places(ends_soon(packs, DAY)) == [("wechat-1", "")]
    assert places(ends_soon(packs, DAY - timedelta(days=1))) == []
    successor = replace(the("wechat"), version="2", valid_from=DAY + timedelta(days=60))
    assert ends_soon([*packs, successor], DAY) == ()
    assert places(ends_soon(PACKS, date(2026, 11, 1))) == []
    assert places(ends_soon(PACKS, date(2026, 11, 2))) == [("calendar-cn-1", "calendar.years")]
    assert ("sepa-1", "rail.calendar_until") in places(ends_soon(PACKS, date(2027, 12, 1)))


def test_leaves_from_memory_are_those_that_say_so() -> None:
    rows = from_memory(PACKS)
    assert ("jurisdiction-us-1", "holds.bankruptcy") in rows
    assert ("jurisdiction-us-1", "contact.windows.daily") not in rows
    assert len(rows) == sum(leaf.sure is Sure.MEMORY for pack in PACKS for leaf in pack.leaves.values())


def test_the_packs_are_left_as_they_were() -> None:
    packs = stating("lender", "contact.max_sends", -1)
    found(packs)
    with pytest.raises(LeafError):
        assemble(packs, "jiebei", DAY)
