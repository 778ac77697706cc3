"""Explaining: what a day decided and did, with the rule behind each decision."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from shared.adapters.memory.world import FixedClock
from shared.adapters.policy_files import PolicyFiles
from shared.domain import keys
from shared.domain.book import Line, LoanStatus
from shared.domain.changes import SaveCard
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.decision import Reason
from shared.domain.errors import InputError
from shared.domain.explained import LEAVES, leaves_behind
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.packs import Kind, Leaf, Pack
from shared.workflows.explain import Decided, Explaining, Explanation
from shared.workflows.set_holds import Holds
from tests.unit.builders import SHANGHAI, a_policy, at
from tests.unit.packs_in_hand import stating
from tests.unit.town import Town

POLICY = a_policy().within("CN")

WITHOUT_A_LEAF = frozenset(
    {
        Reason.LOAN_REPAID,
        Reason.PAYMENT_ORDERED,
        Reason.REFUND_ORDERED,
        Reason.RAIL_UNKNOWN,  # that a pack is missing stands in no pack
        Reason.POLICY_MISSING,
        Reason.SWITCHED_OFF,
        Reason.ALREADY_PAID,
        Reason.LOAN_CLOSED,
        Reason.NO_ACTIVE_MANDATE,
        Reason.ORDER_KNOWN,
        Reason.ATTEMPT_OPEN,
        Reason.TOO_MANY_INSTALMENTS,
        Reason.AMOUNT_OUT_OF_RANGE,
        Reason.NOTHING_TO_REFUND,
        Reason.IN_SUSPENSE,
        Reason.ATTEMPT_SETTLED,
        Reason.NOTHING_CLOSED,
        Reason.ATTEMPT_FRESH,
        Reason.EVIDENCE_CONFLICT,
        Reason.NO_OPEN_LOAN,
        Reason.UNKNOWN_KEY,
    }
)
"""What follows from the facts, or from what a person did, and from no rule that could be another one."""


def explained(town: Town, on: str, now: str | None = None, loan_id: str = "l-1") -> Explanation:
    if now:
        town.clock.set(at(now))
    return Explaining(town.book, town.shelf, town.clock, SHANGHAI).explain(loan_id, date.fromisoformat(on))


def told(found: Explanation, line: Line, unit: str | None = None) -> list[tuple[str, str, str]]:
    """(local time, decision, reason) of a line."""
    return [
        (f"{one.at.astimezone(at('2026-03-01 00:00').tzinfo):%H:%M}", one.decision, one.reason.name)
        for one in found.decisions
        if one.line is line and unit in (None, one.unit)
    ]


def only(found: Explanation, reason: Reason, line: Line = Line.CONTACT) -> Decided:
    return next(one for one in found.decisions if one.reason is reason and one.line is line)


def leaves(decided: Decided) -> list[tuple[str, str]]:
    return [(leaf.leaf, leaf.pack) for leaf in decided.behind]


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_every_reason_has_leaves_or_is_known_to_need_none(reason: Reason) -> None:
    assert (reason in LEAVES) != (reason in WITHOUT_A_LEAF)


@pytest.mark.parametrize("reason", [r for r, paths in LEAVES.items() if paths], ids=lambda reason: reason.name)
def test_every_path_of_the_table_is_a_leaf_of_a_pack(reason: Reason) -> None:
    """A path that no pack knows would explain nothing, and nobody would see it."""
    known = {path for pack in POLICY.packs for path in pack.leaves}
    for pattern in LEAVES[reason]:
        begin = pattern.partition("{")[0].partition("*")[0]
        assert any(path.startswith(begin) for path in known), pattern


def test_a_leaf_of_more_than_one_pack_is_named_for_each() -> None:
    found = leaves_behind(Reason.BUDGET_SPENT, Line.DEBIT, POLICY, "CN", "stub", {})
    assert {leaf.leaf for leaf in found} == {"debit.max_attempts", "rail.max_attempts"}
    assert len({leaf.pack for leaf in found}) >= 3  # product, rail and country
    others = leaves_behind(Reason.BUDGET_SPENT, Line.DEBIT, POLICY, "US", "ach", {})
    assert {leaf.pack for leaf in others}.isdisjoint({"stub-1", "jurisdiction-cn-1"})


def test_the_day_of_a_reminder_is_told_as_it_was_decided() -> None:
    town = Town()
    town.live_through("2026-03-01", "2026-03-20")
    found = explained(town, "2026-03-03")
    reminder = only(found, Reason.REMINDER_DUE)
    assert (reminder.decision, reminder.what["covers"]) == ("act", ["REMIND_7#l-1#001#0"])
    assert ("contact.reminder_days", "lender-1") in leaves(reminder)
    assert ("contact.channels.service-reminder", "lender-1") in leaves(reminder)
    (message,) = [event for event in found.done if event.kind == "message"]
    assert (message.key, message.policy_version) == ("REMIND_7#l-1#001#0", reminder.policy_version)
    assert (reminder.at, message.at) == (at("2026-03-03 09:00"), at("2026-03-03 12:00"))  # the next pass came then


def test_a_night_says_which_window_of_which_pack_was_closed_and_where() -> None:
    found = explained(Town(), "2026-03-03", "2026-02-20 10:00")
    night = only(found, Reason.OUTSIDE_CONTACT_HOURS)
    assert (night.at, night.until) == (at("2026-03-03 00:00"), at("2026-03-03 09:00"))
    assert ("contact.windows.daily", "jurisdiction-cn-1") in leaves(night)
    assert ("contact.send_from", "lender-1") in leaves(night)
    assert {leaf.why for leaf in night.behind} == {"closed in Asia/Shanghai"}


def test_a_full_cap_is_named() -> None:
    """The day's one SMS went to the same number already, about something else."""
    town = Town(account=None, start="2026-03-03 10:00")
    owner, now = town.store.borrower_file("b-1"), town.clock.now()
    assert owner is not None
    address = keys.address_key(owner.borrower.phone or "")
    earlier = Contact("x", at("2026-03-03 09:30"), Channel.SMS, MessageClass.COLLECTION, ("l-7",), address)
    card = replace(owner.card, contacts=(earlier,), rev=owner.card.rev + 1)
    assert town.store.commit([SaveCard(card)])
    cap = only(explained(town, "2026-03-03"), Reason.CONTACT_CAP)
    assert (cap.at, cap.until) == (now, at("2026-03-04 09:00"))
    assert leaves(cap) == [("contact.caps.sms-day", "jurisdiction-cn-1")]


def test_an_hour_that_was_learned_is_told_with_what_was_known_and_what_was_drawn() -> None:
    """It waits for the hour under the leaves of learning, and goes with its arm, the counts and the draw."""
    counts = {f"arms.jiebei.REMIND_7.sms-{hour}": [1_000, 100] for hour in ("0900", "1200", "2000")}
    counts["arms.jiebei.REMIND_7.sms-1800"] = [1_000, 900]
    behaviour = Pack(
        *("behaviour.20260301", "behaviour", "1", date(2026, 3, 1), None),
        {path: Leaf(value, Kind.OWN_DESIGN, "a test") for path, value in counts.items()},
    )
    town = Town(account=None)
    town.shelf = PolicyFiles((*stating("lender", "contact.learning.mode", "on"), behaviour))
    found = explained(town, "2026-03-03", "2026-03-01 10:00")
    waits, goes = only(found, Reason.LEARNED_HOUR), only(found, Reason.REMINDER_DUE)
    assert (waits.until, goes.at) == (at("2026-03-03 18:00"), at("2026-03-03 18:00"))
    assert ("contact.learning.hours", "lender-1") in leaves(waits)
    learned = goes.what["learned"]
    assert isinstance(learned, dict)
    assert (learned["arm"], learned["told"], learned["repaid"]) == ("sms-1800", 1_000, 900)
    assert ("arms.jiebei.REMIND_7.sms-1800", "behaviour.20260301-1") in leaves(goes)
    assert "behaviour.20260301-1" in (goes.policy_version or "").split("+")


def test_the_day_of_a_deduction_shows_slot_claim_and_money() -> None:
    town = Town()
    town.live_through("2026-03-01", "2026-03-12")
    found = explained(town, "2026-03-10")
    debit = [(d, r) for _, d, r in told(found, Line.DEBIT, "l-1#001")]
    assert debit == [("defer", "BEFORE_SLOT"), ("act", "SLOT_OPEN"), ("drop", "ALREADY_PAID")]
    opened = only(found, Reason.SLOT_OPEN, Line.DEBIT)
    assert (opened.at, opened.what["slot"]) == (at("2026-03-10 08:00"), "2026-03-10T08:00")
    assert {"debit.slots", "debit.window_end"} <= {leaf.leaf for leaf in opened.behind}
    assert [event.kind for event in found.done] == ["answer", "attempt", "message", "money"]
    (attempt,) = town.attempts()
    assert next(event for event in found.done if event.kind == "attempt").policy_version == attempt.policy_version


def test_a_hold_is_named_with_its_code_on_every_line_that_it_stops() -> None:
    town = Town()
    town.live_through("2026-03-01", "2026-03-09")
    town.clock.set(at("2026-03-09 22:00"))
    holds = Holds(town.book, town.shelf, town.clock)
    (held,) = holds.add(HoldAdd("dispute", "l-1", None, None, "t"), "arn:a")
    town.live_through("2026-03-10", "2026-03-11")
    town.clock.set(at("2026-03-11 22:00"))
    holds.end(HoldEnd("l-1", held.hold_id, "t"), "arn:a")
    found = explained(town, "2026-03-10", "2026-03-20 10:00")
    for line in (Line.CONTACT, Line.DEBIT):
        assert leaves(only(found, Reason.ON_HOLD, line)) == [("holds.dispute", "jurisdiction-cn-1")]
    assert found.done == ()
    ended = explained(town, "2026-03-11")
    assert [event.what["what"] for event in ended.done if event.kind == "change"] == ["hold.end"]


def test_a_stage_is_explained_by_its_own_leaves() -> None:
    town = Town(account=None)
    town.live_through("2026-03-01", "2026-03-15")
    found = explained(town, "2026-03-11")
    reached = only(found, Reason.STAGE_REACHED, Line.STAGE)
    assert {leaf.leaf for leaf in reached.behind} == {
        "stage.M1.from_dpd",
        "stage.M1.notice_from_dpd",
        "stage.M1.consequences",
        "stage.dpd_origin",
    }
    assert [event.what["stage"] for event in found.done if event.kind == "stage-entered"] == ["M1"]
    assert found.doubts == ("stage M1 of this day is counted from the next day on",)


def test_a_day_ahead_is_told_on_the_facts_as_they_stand() -> None:
    found = explained(Town(), "2026-03-10", "2026-03-09 12:00")
    assert (found.done, found.doubts) == ((), ())
    assert told(found, Line.DEBIT)[0][1:] == ("defer", "NOTICE_NOT_SENT")
    assert [reason for _, _, reason in told(found, Line.STAGE)] == ["STAGE_UNCHANGED"]


def test_without_a_valid_policy_the_day_says_so() -> None:
    found = explained(Town(), "2036-03-10", "2026-03-09 12:00")
    assert {one.reason for one in found.decisions} == {Reason.POLICY_MISSING}
    assert {(one.policy_version, one.behind) for one in found.decisions} == {(None, ())}


def test_explaining_twice_gives_the_same_and_writes_nothing() -> None:
    town = Town()
    town.live_through("2026-03-01", "2026-03-12")
    before = (town.store.loan_file("l-1", whole=True), town.store.borrower_file("b-1"))
    assert explained(town, "2026-03-10") == explained(town, "2026-03-10")
    assert (town.store.loan_file("l-1", whole=True), town.store.borrower_file("b-1")) == before
    assert town.loan().status is LoanStatus.SETTLED


def test_today_is_the_day_where_none_is_named_and_a_loan_must_exist() -> None:
    town = Town()
    ports: Any = Explaining(town.book, town.shelf, FixedClock(at("2026-03-05 23:30")), SHANGHAI)
    assert ports.explain("l-1").on == date(2026, 3, 5)
    with pytest.raises(InputError, match="there is no loan l-9"):
        ports.explain("l-9")
