"""What a country's pack changes in the three lines, leaf by leaf, and what a lender's pack may add to it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from shared.adapters.policy_files import read_packs
from shared.domain import keys
from shared.domain.book import Outcome, Stage, Told
from shared.domain.contact import plan_contact
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, ContactEvent, MessageClass, Reached, Stops
from shared.domain.debit import plan_debit
from shared.domain.decision import Act, Defer, Drop, Reason
from shared.domain.errors import PolicyError
from shared.domain.hold_orders import HoldAdd, new_hold
from shared.domain.holds import Hold
from shared.domain.packs import Kind, Leaf, Pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.domain.stage import plan_stage
from tests.unit.builders import (
    DUE,
    a_borrower,
    a_card,
    a_file,
    a_loan,
    a_mandate,
    a_policy,
    an_instalment,
    announced,
    at,
    attempted,
    day,
    told_of,
)

ON = date(2026, 3, 1)
PACKS = read_packs()
HOMES = {"cn": ("CN", "Asia/Shanghai"), "us": ("US", "America/Chicago"), "uk": ("GB", "Europe/London")}
HOMES |= {"eu": ("FR", "Europe/Paris"), "in": ("IN", "Asia/Kolkata")}
COUNTRIES = {p.id.removeprefix("jurisdiction-"): p for p in PACKS if p.type == "jurisdiction"}
READ_BY_LINES = (
    *("contact.windows.", "contact.caps.", "contact.recipients"),
    *("holds.", "debit.lead_days", "debit.max_attempts"),
)
"""The other leaves are read by texts, answers to STOP, retention and reports: test_jurisdictions.py changes them."""
NOT_OF_A_LINE = {
    ("cn", "contact.windows.marketing"),  # no line sends marketing
    ("in", "contact.windows.marketing"),
}
LEAVES = [
    (name, path)
    for name, pack in COUNTRIES.items()
    for path in pack.leaves
    if path.startswith(READ_BY_LINES) and (name, path) not in NOT_OF_A_LINE
]


def changed(path: str, value: Any) -> object:
    """The least other value that a line can notice."""
    if path.startswith("contact.windows."):
        return {**value, "to": "16:30"}
    if path.startswith("contact.caps."):
        return {**value, "max": value["max"] + 1}
    if path.startswith("holds."):
        return {**value, "days": 7 if value["days"] == "none" else value["days"] + 1}
    if path == "contact.recipients":
        return ["guarantor"]
    return 1 if path == "debit.max_attempts" else value + 1


def with_leaf(pack_id: str, path: str, value: object, *, kind: Kind | None = None) -> list[Pack]:
    """The packs that ship, one leaf of one of them changed or added."""

    def edited(pack: Pack) -> Pack:
        leaf = pack.leaves.get(path) or Leaf(value, Kind.OWN_DESIGN, "a test")
        return replace(pack, leaves={**pack.leaves, path: replace(leaf, value=value, kind=kind or leaf.kind)})

    return [edited(pack) if pack.id == pack_id else pack for pack in PACKS]


def lines(packs: list[Pack], name: str) -> Iterator[object]:
    """What the lines do for a borrower at home, over every channel alone, hour by hour."""
    country, zone = HOMES[name]
    rules = replace(assemble(packs, "jiebei", ON).within(country), version="", business_zone=zone)
    who = a_borrower(country=country, time_zone=zone, push="arn:push:1", email="wang@example.com")
    failed = a_file(attempted(Outcome.INSUFFICIENT, f"{DUE}T08:00", 3))
    late = a_file(an_instalment(due_on=DUE - timedelta(days=3)))
    sunday = a_file(attempted(Outcome.INSUFFICIENT, "2026-03-15T08:00", 3, due_on=date(2026, 3, 15)))
    for channel in Channel:
        policy = replace(rules, channels=dict.fromkeys(MessageClass, (channel,)))
        for file, hour in product((failed, late, sunday), range(48)):
            on = date(2026, 3, 15) if file is sunday else DUE
            now = at(f"{on} 00:00", zone) + timedelta(minutes=30 * hour)
            yield plan_contact(who, a_card(), [file], {"jiebei": policy}, now)
        for log in logs(channel, at(f"{DUE} 11:00", zone)):
            card = replace(a_card(), contacts=log)
            yield plan_contact(who, card, [late], {"jiebei": policy}, at(f"{DUE} 12:00", zone))
    yield from debits(rules, zone)
    yield from holds(rules, zone)


def logs(channel: Channel, last: datetime) -> Iterator[tuple[Contact, ...]]:
    """Some contacts of the last hours, or of the last days, that came this far; the first perhaps a conversation."""
    for made, hours, outcome in product(range(1, 9), (0, 24), (Reached.ATTEMPT, Reached.CONNECTED)):
        talk = ContactEvent.CONVERSATION if outcome is Reached.CONNECTED else None
        yield tuple(
            Contact(
                f"n-{n}",
                last - timedelta(hours=hours * n, minutes=n),
                channel,
                MessageClass.COLLECTION,
                ("l-1",),
                "other" if outcome is Reached.CONNECTED else address_of(channel),
                outcome,
                talk if n == made else None,
            )
            for n in range(made, 0, -1)
        )


def address_of(channel: Channel) -> str:
    return keys.address_key(a_borrower(push="arn:push:1", email="wang@example.com").address(channel) or "")


def debits(policy: Policy, zone: str) -> Iterator[object]:
    for before, attempts in product(range(1, 15), range(3)):
        row = attempted(Outcome.INSUFFICIENT, f"{DUE}T08:00", attempts) if attempts else an_instalment()
        told = announced(on=DUE - timedelta(days=before - 1))
        for one in (row, replace(row, varies=True)):
            yield plan_debit(one, a_loan(), a_mandate(), told, policy, at(f"{DUE} 12:30", zone))


def holds(policy: Policy, zone: str) -> Iterator[object]:
    """What each hold stops, set as an operator sets it: today, and a while later."""
    now = at(f"{DUE} 12:30", zone)
    late = an_instalment(due_on=DUE - timedelta(days=3))
    told = told_of(late, "OVERDUE_3", DUE)["l-1#001#0"]
    for code in sorted({rule.code for rule in policy.contact.holds}):
        hold = new_hold(HoldAdd(code, "l-1", None, None, "test"), policy.contact, (), (), now, DUE)
        loan = a_loan(holds=(hold,))
        for days in (0, 1, 8, 61, 62):
            then, file = now + timedelta(days=days), a_file(late, mandate=a_mandate(), loan=loan)
            yield plan_contact(a_borrower(time_zone=zone), a_card(), [file], {"jiebei": policy}, then)
            yield plan_debit(an_instalment(due_on=then.date()), loan, a_mandate(), announced(), policy, then)
            yield plan_stage(file, told, policy, then)
        yield hold.stops, hold.until  # interest and fees are the lender's own books'


BEFORE: dict[str, list[object]] = {}


@pytest.mark.parametrize(("name", "path"), LEAVES)
def test_a_changed_leaf_of_a_country_changes_what_the_lines_do(name: str, path: str) -> None:
    if name not in BEFORE:
        BEFORE[name] = list(lines(list(PACKS), name))
    pack = COUNTRIES[name]
    packs = with_leaf(pack.id, path, changed(path, pack.leaves[path].value))
    assert any(now != then for now, then in zip(lines(packs, name), BEFORE[name], strict=True))


# --- what a lender's pack may add -------------------------------------------------------------------------------------

EVERY = {"classes": "all", "channels": "all"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("contact.windows.late", EVERY | {"weekdays": "all", "from": "07:59", "to": "18:00"}),
        ("contact.windows.late", EVERY | {"weekdays": "all", "from": "10:00", "to": "21:01"}),
        (
            "contact.caps.more",
            EVERY
            | {
                "channels": ["sms"],
                "classes": ["collection"],
                "counts": "sent",
                "scope": "borrower",
                "max": 9,
                "days": 1,
            },
        ),
        ("holds.dispute", {"stops": ["contact"], "days": "none"}),
        ("contact.recipients", ["borrower", "guarantor"]),
        ("debit.lead_days", 0),
        ("contact.retention_days", 30),
        ("contact.confirm_minutes", 30),
    ],
)
def test_invariant_10_a_lender_pack_that_loosens_is_refused_by_the_name_of_its_leaf(path: str, value: object) -> None:
    with pytest.raises(PolicyError, match=rf"^{path} allows more than jurisdiction-\w\w-1 does$"):
        assemble(with_leaf("lender", path, value), "jiebei", ON)


def within(path: str, value: object) -> Policy:
    return assemble(with_leaf("lender", path, value), "jiebei", ON).within("CN")


def test_a_lender_pack_that_narrows_the_hours_moves_the_message() -> None:
    window = EVERY | {"weekdays": [1, 2, 3, 4, 5], "from": "10:30", "to": "17:00"}
    policies = {"jiebei": within("contact.windows.office", window)}
    found = plan_contact(a_borrower(), a_card(), [a_file()], policies, day(0, "09:00"))
    assert found == Defer(day(0, "10:30"), Reason.OUTSIDE_CONTACT_HOURS)
    late = a_file(an_instalment(due_on=DUE - timedelta(days=3)))
    saturday = plan_contact(a_borrower(), a_card(), [late], policies, at("2026-03-13 17:00"))
    assert saturday == Defer(at("2026-03-16 10:30"), Reason.OUTSIDE_CONTACT_HOURS)


def test_a_lender_pack_that_caps_harder_holds_the_message() -> None:
    cap = EVERY | {"counts": "attempt", "scope": "borrower", "max": 1, "days": 4}
    made = Contact("n-1", day(-2), Channel.SMS, MessageClass.RECEIPT, ("l-1",), "a", None)
    card = replace(a_card(), contacts=(made,))
    policies = {"jiebei": within("contact.caps.four_days", cap)}
    found = plan_contact(a_borrower(), card, [a_file()], policies, day(0))
    assert found == Defer(day(2, "09:00"), Reason.CONTACT_CAP)
    without = plan_contact(a_borrower(), card, [a_file()], {"jiebei": a_policy()}, day(0))
    assert isinstance(without, Act)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(1, "NOTHING_DUE"), (3, "NOTHING_DUE"), (4, "OVERDUE_4"), (6, "OVERDUE_4"), (7, "OVERDUE_7")],
)
def test_within_the_grace_nobody_is_called_overdue(offset: int, expected: str) -> None:
    policies = {"jiebei": within("delinquency.grace_days", 3)}
    found = plan_contact(a_borrower(), a_card(), [a_file()], policies, day(offset))
    tier = found.do.covers[0].tier if isinstance(found, Act) else found.reason.name
    assert tier == expected


@pytest.mark.parametrize(("origin", "offset", "expected"), [(0, 1, "FAILED"), (0, 3, "FAILED"), (1, 3, "FAILED")])
def test_within_the_grace_a_failed_deduction_is_told_at_once(origin: int, offset: int, expected: str) -> None:
    policies = {"jiebei": replace(lender_graced(3, origin), catch_up_days=5)}
    failed = attempted(Outcome.INSUFFICIENT, f"{DUE + timedelta(days=offset)}T20:00", 3)
    found = plan_contact(a_borrower(), a_card(), [a_file(failed, mandate=a_mandate())], policies, day(offset, "20:30"))
    assert isinstance(found, Act)
    assert found.do.covers[0].tier == expected


@pytest.mark.parametrize(
    ("offset", "expected"), [(-1, "REMIND_1"), (0, "DUE"), (3, "NOTHING_DUE"), (4, "OVERDUE_5"), (5, "OVERDUE_5")]
)
def test_the_grace_is_as_long_where_the_due_date_counts_itself(offset: int, expected: str) -> None:
    found = plan_contact(a_borrower(), a_card(), [a_file()], {"jiebei": lender_graced(3, 1)}, day(offset))
    tier = found.do.covers[0].tier if isinstance(found, Act) else found.reason.name
    assert tier == expected


def lender_graced(days: int, origin: int) -> Policy:
    """Under a lender's pack with a grace, which counts past due days from this origin."""
    lender = assemble(with_leaf("lender", "delinquency.grace_days", days), "jiebei", ON)
    return replace(lender, dpd_origin=origin).within("CN")


@pytest.mark.parametrize(("offset", "stage"), [(3, None), (4, Stage.M1), (31, Stage.M2)])
def test_no_stage_begins_within_the_grace(offset: int, stage: Stage | None) -> None:
    told = Told("OVERDUE_30", DUE + timedelta(days=offset))
    found = plan_stage(a_file(), told, within("delinquency.grace_days", 3), day(offset))
    assert (found.do.enter[-1].stage if isinstance(found, Act) else None) == stage


def test_a_lender_pack_that_stops_more_under_a_hold_is_obeyed() -> None:
    rules = within("holds.complaint", {"stops": ["contact", "escalation", "debit"], "days": "none"})
    order = HoldAdd("complaint", "l-1", None, None, "test")
    hold = new_hold(order, rules.contact, (), (), day(-5), DUE)
    found = plan_debit(an_instalment(), a_loan(holds=(hold,)), a_mandate(), announced(), rules, day(0))
    assert isinstance(found, Defer)
    assert found.reason is Reason.ON_HOLD
    assert Stops.DEBIT in hold.stops


@pytest.mark.parametrize("country", ["CH", "JP", "", "cn"])
def test_a_country_in_no_pack_has_no_rules(country: str) -> None:
    with pytest.raises(PolicyError, match="no jurisdiction pack covers"):
        assemble(PACKS, "jiebei", ON).within(country)


@pytest.mark.parametrize("valid_to", [date(2026, 2, 28), None])
def test_invariant_12_an_expired_or_missing_country_pack_leaves_its_borrowers_alone(valid_to: date | None) -> None:
    packs = [replace(p, valid_to=valid_to) if p.id == "jurisdiction-cn" else p for p in PACKS]
    packs = packs if valid_to else [p for p in PACKS if p.id != "jurisdiction-cn"]
    policy = assemble(packs, "jiebei", ON)
    with pytest.raises(PolicyError, match="no jurisdiction pack covers CN on 2026-03-01"):
        policy.within("CN")
    assert policy.within("GB").contact.groups


def test_two_valid_packs_of_one_country_are_none() -> None:
    twin = replace(COUNTRIES["cn"], id="jurisdiction-cn-2")
    with pytest.raises(PolicyError, match="jurisdiction-cn, jurisdiction-cn-2 covers CN"):
        assemble([*PACKS, twin], "jiebei", ON).within("CN")


# --- holds on the other lines -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "now", "expected"),
    [
        (DUE, day(0), Defer(day(1, "00:00"), Reason.ON_HOLD)),
        (DUE - timedelta(days=1), day(0), None),
        (None, day(0), Defer(day(7), Reason.ON_HOLD)),
    ],
)
def test_invariant_8_a_hold_wins_over_debits_and_stages(
    until: date | None, now: datetime, expected: Defer | None
) -> None:
    hold = Hold("h-1", "dispute", frozenset({Stops.DEBIT, Stops.ESCALATION}), day(-9), until)
    debit = plan_debit(an_instalment(), a_loan(holds=(hold,)), a_mandate(), announced(), a_policy(), now)
    assert debit == expected if expected else isinstance(debit, Act)
    late = an_instalment(due_on=DUE - timedelta(days=1))
    told = told_of(late, "OVERDUE_1", DUE)["l-1#001#0"]
    stage = plan_stage(a_file(late, loan=a_loan(holds=(hold,))), told, a_policy(), now)
    assert stage == expected if expected else isinstance(stage, Act)


def test_a_hold_keeps_nobody_in_a_stage_and_closes_no_repaid_loan_later() -> None:
    loan = a_loan(holds=(Hold("h-1", "dispute", frozenset(Stops), day(-9)),), entered=("000#M1",))
    current = an_instalment(due_on=DUE + timedelta(days=1))
    cured = plan_stage(a_file(current, loan=loan), None, a_policy(), day(0))
    assert isinstance(cured, Act)
    paid = attempted(Outcome.PAID, f"{DUE}T08:00", paid_minor=101_500)
    closed = plan_stage(a_file(paid, loan=loan), None, a_policy(), day(0))
    assert isinstance(closed, Act)
    assert closed.do.close


def test_what_needs_no_waiting_is_dropped_also_under_a_hold() -> None:
    loan = a_loan(holds=(Hold("h-1", "dispute", frozenset(Stops), day(-9)),))
    paid = an_instalment(paid_minor=101_500)
    assert plan_debit(paid, loan, a_mandate(), announced(), a_policy(), day(0)) == Drop(Reason.ALREADY_PAID)
