"""Hours and channels that are learned: only among what policy allows, from counts alone, and what they are worth."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.policy_files import PolicyFiles
from shared.cli.behaviour import written
from shared.domain import keys
from shared.domain.bandit import Tally, drawn, uniform
from shared.domain.behaviour import Observed, behaviour_pack, compared, observed, tallies
from shared.domain.book import Borrower, Instalment, InstalmentState, Line, LoanFile, NoticeRecord, NoticeState, Outcome
from shared.domain.calendar import business_date
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact import plan_contact
from shared.domain.contact_caps import Contact, first_allowed
from shared.domain.contact_rules import Channel, MessageClass, merge
from shared.domain.contact_windows import opens
from shared.domain.decision import Act, Decision, Defer, Reason
from shared.domain.errors import LeafError
from shared.domain.learning import Arm, Learning, read_behaviour, tally_key
from shared.domain.money import Money
from shared.domain.notices import Notice
from shared.domain.packs import Kind, Leaf, Pack, parse_pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.workflows.learn import Behaviour
from shared.workflows.plan_work import what_of
from tests.unit.builders import (
    DUE,
    SHANGHAI,
    a_borrower,
    a_card,
    a_file,
    a_loan,
    a_mandate,
    a_policy,
    an_instalment,
    at,
    attempted,
    day,
    told_of,
)
from tests.unit.contact_builders import a_cap, a_window, open_in
from tests.unit.packs_in_hand import DAY, PACKS, stating
from tests.unit.town import Town

SMS, PUSH, EMAIL = Channel.SMS, Channel.PUSH, Channel.EMAIL
HOURS = (time(9), time(12), time(18), time(20))
ARMS = tuple(Arm(channel, hour) for channel, hour in product((SMS, PUSH, EMAIL), HOURS))
TIERS = ("REMIND_7", "REMIND_3", "REMIND_1", "OVERDUE_3", "OVERDUE_7", "OVERDUE_15")
LEARNED, HELD_OUT = "b-1", "b-2"  # under a holdout of a fifth, by their ids
KNOWN = Tally(1_000, 900)
"""So much better than an arm of which nothing is known that it wins on nearly every day."""


@cache
def wired(country: str = "CN") -> Policy:
    return a_policy(country, channels=dict.fromkeys(MessageClass, (SMS, PUSH, EMAIL)))


def learning(country: str = "CN", *, on: bool = True, holdout: int = 20, **best: Arm) -> Policy:
    """A policy that learns and knows one arm of a tier to be good, and the others to be bad."""
    known = {tally_key(tier, other): Tally(1_000, 100) for tier in best for other in ARMS}
    known |= {tally_key(tier, arm): KNOWN for tier, arm in best.items()}
    return replace(wired(country), learning=Learning(on, HOURS, holdout, 3, known, "behaviour-1"))


def reachable(**changes: Any) -> Borrower:
    return a_borrower(**{"push": "arn:push:1", "email": "wang@example.com"} | changes)


def plan(
    now: datetime,
    *files: LoanFile,
    policy: Policy,
    borrower: Borrower | None = None,
    products: dict[str, Policy] | None = None,
    **card: Any,
) -> Decision[Notice]:
    files = files or (a_file(),)
    row = replace(a_card(*(f.loan.loan_id for f in files)), **card)
    return plan_contact(borrower or reachable(), row, files, {"jiebei": policy} | (products or {}), now)


EVENING, NOON_PUSH = Arm(SMS, time(18)), Arm(PUSH, time(12))


# --- what is decided --------------------------------------------------------------------------------------------------


def test_it_is_off_until_a_lender_turns_it_on() -> None:
    assert not PolicyFiles().policy("jiebei", day(-3)).learning.is_on
    off = learning(on=False, REMIND_3=EVENING)
    assert plan(day(-3, "09:00"), policy=off) == plan(day(-3, "09:00"), policy=wired())


def test_a_reminder_waits_for_the_hour_that_was_repaid_best() -> None:
    policy = learning(REMIND_3=EVENING)
    assert plan(day(-3, "09:00"), policy=policy) == Defer(day(-3, "18:00"), Reason.LEARNED_HOUR)
    assert plan(day(-3, "17:59"), policy=policy) == Defer(day(-3, "18:00"), Reason.LEARNED_HOUR)
    told = plan(day(-3, "18:00"), policy=policy)
    assert isinstance(told, Act)
    assert (told.reason, told.do.channels) == (Reason.REMINDER_DUE, (SMS, PUSH, EMAIL))


def test_it_goes_over_the_channel_that_was_repaid_best_and_the_others_follow() -> None:
    policy = learning(REMIND_3=NOON_PUSH)
    assert plan(day(-3, "09:00"), policy=policy) == Defer(day(-3, "12:00"), Reason.LEARNED_HOUR)
    told = plan(day(-3, "12:00"), policy=policy)
    assert isinstance(told, Act)
    assert told.do.channels == told.do.ways == (PUSH, SMS, EMAIL)


def test_a_message_that_comes_after_its_hour_goes_at_once() -> None:
    assert isinstance(plan(day(-3, "19:30"), policy=learning(REMIND_3=EVENING)), Act)


def test_the_hour_is_drawn_on_its_own_day_so_that_what_is_then_due_goes_first() -> None:
    """Tomorrow the deduction has to be announced in the morning: the reminder of tonight holds nothing up."""
    mandated = a_file(mandate=a_mandate())
    policy = learning(REMIND_3=EVENING)
    morning = day(-1, "09:00")
    tonight = plan(day(-2, "23:00"), mandated, policy=policy)
    assert tonight == Defer(morning, Reason.OUTSIDE_CONTACT_HOURS)
    told = plan(morning, mandated, policy=policy)
    assert isinstance(told, Act)
    assert told.do.covers[0].tier == "PRE_DEBIT"


def test_what_was_learned_of_one_tier_says_nothing_of_another() -> None:
    on_arms = [Arm(SMS, hour) for hour in HOURS]
    policy = learning(REMIND_7=EVENING)
    won = policy.learning.chosen(LEARNED, "REMIND_3#l-1#001#0", "REMIND_3", DUE, on_arms)
    assert won is not None
    assert won.tally == Tally()


def test_a_held_out_borrower_is_told_as_if_nothing_were_learned() -> None:
    policy, borrower = learning(REMIND_3=EVENING), reachable(borrower_id=HELD_OUT)
    assert policy.learning.is_held_out(HELD_OUT)
    assert not policy.learning.is_held_out(LEARNED)
    found = plan(day(-3, "09:00"), policy=policy, borrower=borrower)
    assert isinstance(found, Act)
    assert found == plan(day(-3, "09:00"), policy=wired(), borrower=borrower)
    assert found.do.learned is None


def test_the_holdout_is_as_large_as_it_says_and_only_grows() -> None:
    ids = [f"b-{n}" for n in range(5_000)]
    some = {i for i in ids if learning(holdout=20).learning.is_held_out(i)}
    more = {i for i in ids if learning(holdout=30).learning.is_held_out(i)}
    assert len(some) / len(ids) == pytest.approx(0.2, abs=0.02)
    assert some < more


RECEIVED = attempted(
    Outcome.PAID, f"{DUE}T08:00", paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, paid_by=1
)


@pytest.mark.parametrize(
    ("file", "now"),
    [
        (a_file(attempted(Outcome.INSUFFICIENT, f"{DUE}T08:00", 3)), day(0, "10:00")),  # an outcome
        (
            a_file(RECEIVED, an_instalment(number=2, due_on=DUE + timedelta(days=31))),
            day(0, "10:00"),
        ),  # an outcome that is told only where it can be
        (a_file(), day(0, "10:00")),  # due today
        (a_file(), day(1, "10:00")),  # overdue, and M1 waits for it
        (a_file(), day(30, "10:00")),  # overdue, and M2 waits for it
        (a_file(), day(60, "10:00")),  # overdue, and a law asks for it
    ],
)
def test_what_must_be_told_waits_for_no_hour(file: LoanFile, now: datetime) -> None:
    policy = learning(DUE=EVENING, FAILED=EVENING, OVERDUE_1=EVENING, OVERDUE_30=EVENING, OVERDUE_60=EVENING)
    found = plan(now, file, policy=policy)
    assert isinstance(found, Act)
    assert found == plan(now, file, policy=wired())
    assert found.do.learned is None


def test_an_overdue_message_that_no_stage_needs_is_learned() -> None:
    told = told_of(an_instalment(), "OVERDUE_1", DUE + timedelta(days=1))
    later = Defer(day(7, "18:00"), Reason.LEARNED_HOUR)
    assert plan(day(7, "10:00"), policy=learning(OVERDUE_7=EVENING), told=told) == later


def test_one_that_must_be_told_takes_the_others_of_its_kind_along() -> None:
    """A borrower with a loan seven days late and another one day late hears of both at once, not of one at six."""
    late = a_file(an_instalment(due_on=DUE - timedelta(days=6)))
    fresh = a_file(an_instalment(loan_id="l-2"), loan=a_loan(loan_id="l-2"))
    found = plan(day(1, "10:00"), late, fresh, policy=learning(OVERDUE_7=EVENING))
    assert isinstance(found, Act)
    assert {step.tier for step in found.do.covers} == {"OVERDUE_7", "OVERDUE_1"}


def test_loans_of_two_products_stay_one_message() -> None:
    """Each has counts of its own; the one that leads decides the hour for both."""
    one, other = learning(REMIND_3=EVENING), learning(REMIND_3=Arm(SMS, time(12)))
    twin = a_file(an_instalment(loan_id="l-2"), loan=a_loan(loan_id="l-2", product="huabei"))
    others = {"huabei": replace(other, product="huabei")}
    at_noon = plan(day(-3, "12:00"), a_file(), twin, policy=one, products=others)
    assert at_noon == Defer(day(-3, "18:00"), Reason.LEARNED_HOUR)
    told = plan(day(-3, "18:00"), a_file(), twin, policy=one, products=others)
    assert isinstance(told, Act)
    assert {item.loan_id for item in told.do.items} == {"l-1", "l-2"}


def test_an_hour_at_which_the_country_is_closed_is_not_offered() -> None:
    """India's hours end at seven in the evening: eight would be the next morning."""
    zone = "Asia/Kolkata"
    policy = replace(learning("IN", REMIND_3=Arm(SMS, time(20))), business_zone=zone)
    borrower = reachable(country="IN", time_zone=zone)
    for hour in range(8, 19):
        found = plan(at(f"{DUE - timedelta(days=3)} {hour:02}:00", zone), policy=policy, borrower=borrower)
        latest = found.until if isinstance(found, Defer) else None
        assert latest is None or latest <= at(f"{DUE - timedelta(days=3)} 18:00", zone)


def test_the_best_of_the_hours_that_are_offered_wins() -> None:
    """On Sundays Britain's hours end at six: eight in the evening would be on Monday."""
    zone = "Europe/London"
    good = learning("GB", REMIND_3=Arm(SMS, time(20))).learning
    known = {**good.tallies, "REMIND_3.sms-1200": Tally(1_000, 800)}
    policy = replace(wired("GB"), business_zone=zone, learning=replace(good, tallies=known))
    borrower = reachable(country="GB", time_zone=zone)
    sunday = plan(at("2026-03-08 10:00", zone), policy=policy, borrower=borrower)
    assert sunday == Defer(at("2026-03-08 12:00", zone), Reason.LEARNED_HOUR)
    saturday = plan(at("2026-03-07 10:00", zone), policy=policy, borrower=borrower)
    assert saturday == Defer(at("2026-03-07 20:00", zone), Reason.LEARNED_HOUR)


def test_a_loan_whose_product_is_closed_at_the_hour_is_told_on_the_day_all_the_same() -> None:
    """The lead's evening is none for the other product, which closes at three on that day: it goes as if nothing were
    learned, and not a day later."""
    one = learning(REMIND_3=EVENING)
    saturday = a_window("08:00", "15:00", weekdays=frozenset({6}))
    short = merge(one.planned, open_in(saturday, a_window(weekdays=frozenset({1, 2, 3, 4, 5, 7}))))
    twin = a_file(an_instalment(loan_id="l-2"), loan=a_loan(loan_id="l-2", product="huabei"))
    others = {"huabei": replace(one, product="huabei", planned=short)}
    found = plan(day(-3, "10:00"), a_file(), twin, policy=one, products=others)
    assert isinstance(found, Act)
    assert [item.loan_id for item in found.do.items] == ["l-2"]
    assert found.do.learned is None


def test_a_cap_that_is_full_holds_the_best_arm_too() -> None:
    cap = a_cap(channels=frozenset({SMS}), window=timedelta(hours=24))
    one = learning(REMIND_3=Arm(SMS, time(9)))
    policy = replace(one, planned=replace(one.planned, caps=frozenset({cap})))
    yesterday = day(-4, "15:00")
    last = Contact("n-1", yesterday, SMS, MessageClass.COLLECTION, ("l-1",), keys.address_key("+447700900001"))
    found = plan(day(-3, "10:00"), policy=policy, contacts=(last,))
    assert found == Defer(day(-3, "15:00"), Reason.CONTACT_CAP)


def test_where_the_first_channel_waits_for_another_day_nothing_is_drawn() -> None:
    cap = a_cap(channels=frozenset({SMS}), window=timedelta(hours=36))
    one = learning(REMIND_3=NOON_PUSH)
    policy = replace(one, planned=replace(one.planned, caps=frozenset({cap})))
    last = Contact("n-1", day(-4, "15:00"), SMS, MessageClass.COLLECTION, ("l-1",), keys.address_key("+447700900001"))
    found = plan(day(-3, "13:00"), policy=policy, contacts=(last,))
    assert found == Defer(day(-2, "09:00"), Reason.CONTACT_CAP)


def test_a_channel_that_is_barred_is_not_offered_however_good_it_was() -> None:
    bar = Bar(PUSH, keys.address_key("arn:push:1"), BarredBy.OPTED_OUT, day(-30))
    found = plan(day(-3, "20:30"), policy=learning(REMIND_3=NOON_PUSH), bars=(bar,))
    assert isinstance(found, Act)
    assert PUSH not in found.do.ways


def test_a_choice_says_what_was_known_and_what_was_drawn() -> None:
    told = plan(day(-3, "18:00"), policy=learning(REMIND_3=EVENING))
    assert isinstance(told, Act)
    won = told.do.learned
    assert won is not None
    assert (won.arm, won.tally) == (EVENING, KNOWN)
    assert 0.85 < won.share < 0.95
    said = what_of(told.do)["learned"]
    assert said == {"arm": "sms-1800", "told": 1_000, "repaid": 900, "drawn": won.share}


def test_a_replay_draws_the_same_and_another_day_may_draw_another() -> None:
    policy = learning()
    key, arms = "REMIND_3#l-1#001#0", ARMS[:4]
    days = [DUE + timedelta(days=n) for n in range(40)]
    first = [policy.learning.chosen(LEARNED, key, "REMIND_3", on, arms) for on in days]
    assert first == [learning().learning.chosen(LEARNED, key, "REMIND_3", on, arms) for on in days]
    assert {won.arm for won in first if won} == set(arms)
    assert policy.learning.chosen(LEARNED, key, "REMIND_3", DUE, ()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Anna Brown"},
        {"locale": "en"},
        {"phone": "+447700900002"},
        {"email": "someone@example.com"},
        {"push": "arn:push:2"},
        {"payday": 15},
        {"time_zone": "Asia/Hong_Kong"},  # the same clock
        {"other_zones": (SHANGHAI,)},
        {"country": "CN", "name": "", "locale": "cs-CZ", "payday": 1},
    ],
)
def test_of_the_borrower_nothing_enters_but_the_id(changes: dict[str, Any]) -> None:
    now, policy = day(-3, "20:00"), learning()
    chosen = [plan(now, policy=policy, borrower=reachable(**fields)) for fields in ({}, changes)]
    assert all(isinstance(found, Act) for found in chosen)
    ours, theirs = (found.do.learned for found in chosen if isinstance(found, Act))
    assert ours is not None
    assert ours == theirs


def test_the_id_enters() -> None:
    won = [learning().learning.chosen(f"b-{n}", "REMIND_3#l-1#001#0", "REMIND_3", DUE, ARMS) for n in range(30)]
    assert len({one.arm for one in won if one}) > 5


COUNTS = st.integers(0, 400).flatmap(lambda told: st.integers(0, told).map(lambda repaid: Tally(told, repaid)))


PLACES = (
    ("CN", (SHANGHAI,)),
    ("IN", ("Asia/Kolkata",)),
    ("GB", ("Europe/London",)),
    ("CZ", ("Europe/Prague",)),
    ("US", ("America/New_York", "America/Los_Angeles")),
)
CHANNELS = (SMS, PUSH, EMAIL)
LOGS = st.lists(
    st.tuples(
        st.integers(1, 9 * 1440),  # minutes ago
        st.sampled_from(CHANNELS),
        st.sampled_from((MessageClass.COLLECTION, MessageClass.SERVICE_REMINDER)),
    ),
    max_size=9,
)
INSTANTS = st.integers(-8 * 1440, 20 * 1440).map(lambda minutes: day(0, "00:00") + timedelta(minutes=minutes))
TALLIES = st.dictionaries(st.builds(tally_key, st.sampled_from(TIERS), st.sampled_from(ARMS)), COUNTS)


@given(
    now=INSTANTS,
    place=st.sampled_from(PLACES),
    lender=st.sampled_from((SHANGHAI, None)),
    hours=st.sampled_from((HOURS, HOURS[1:], HOURS[:2])),
    known=TALLIES,
    log=LOGS,
    barred=st.sets(st.sampled_from(CHANNELS), max_size=2),
)
def test_with_any_counts_the_decision_is_one_that_policy_allows(
    now: datetime,
    place: tuple[str, tuple[str, ...]],
    lender: str | None,
    hours: tuple[time, ...],
    known: dict[str, Tally],
    log: list[tuple[int, Channel, MessageClass]],
    barred: set[Channel],
) -> None:
    """Caps, windows, bars and zones win; and nobody hears a message less, or of what would not be told without."""
    country, zones = place
    borrower = reachable(country=country, time_zone=zones[0], other_zones=zones[1:])
    off = replace(wired(country), business_zone=lender or zones[0])
    policy = replace(
        off, learning=Learning(is_on=True, hours=hours, holdout_percent=1, repaid_within_days=3, tallies=known)
    )
    assert not policy.learning.is_held_out(LEARNED)
    phone = keys.address_key("+447700900001")
    contacts = [Contact(f"n-{ago}", now - timedelta(minutes=ago), ch, c, ("l-1",), phone) for ago, ch, c in log]
    bars = [Bar(ch, keys.address_key(borrower.address(ch) or ""), BarredBy.DEAD, now) for ch in barred]
    card: dict[str, Any] = {"contacts": tuple(sorted(contacts, key=lambda one: one.at)), "bars": tuple(bars)}

    def on(moment: datetime) -> date:
        return business_date(moment, policy.business_zone)

    plain, decided = (plan(now, policy=rules, borrower=borrower, **card) for rules in (off, policy))
    if not isinstance(decided, Act) and decided != plain:
        assert isinstance(decided, Defer)
        assert decided.reason in (Reason.LEARNED_HOUR, Reason.CONTACT_CAP, Reason.OUTSIDE_CONTACT_HOURS)
        assert on(decided.until) == on(now) == on(plain.until if isinstance(plain, Defer) else now)
        now = decided.until
        plain, decided = (plan(now, policy=rules, borrower=borrower, **card) for rules in (off, policy))
        assert isinstance(decided, Act), "the hour that was drawn is the hour at which it goes"
    if isinstance(decided, Act):
        _is_allowed(decided.do, policy, borrower, card, now)
        if isinstance(plain, Act):
            assert decided.do.covers == plain.do.covers
            assert set(decided.do.ways) == set(plain.do.ways)
        else:  # over its own first channel it would have had to wait for a cap
            assert isinstance(plain, Defer)
            assert (plain.reason, on(plain.until)) == (Reason.CONTACT_CAP, on(now))


def _is_allowed(notice: Notice, policy: Policy, borrower: Borrower, card: dict[str, Any], now: datetime) -> None:
    for channel in notice.channels:
        rules = policy.contact if notice.kind.at_once else policy.planned
        address = borrower.address(channel)
        assert address is not None
        assert not any(bar.channel is channel for bar in card["bars"])
        assert opens(now, rules, notice.message_class, channel, borrower.zones) == now
        caps = rules.caps_for(notice.message_class, channel)
        where = keys.address_key(address)
        log = card["contacts"]
        assert first_allowed(now, log, caps, channel, notice.message_class, ("l-1",), where, borrower.zones) == now


# --- the leaves -------------------------------------------------------------------------------------------------------


def counted(leaves: Mapping[str, object], day_from: date = DAY) -> Pack:
    found = {path: Leaf(value, Kind.OWN_DESIGN, "a test") for path, value in leaves.items()}
    return Pack(f"behaviour.{day_from:%Y%m%d}", "behaviour", "1", day_from, None, found)


def turned_on(*more: Pack, **leaves: object) -> Policy:
    packs = stating("lender", "contact.learning.mode", "on")
    for path, value in leaves.items():
        packs = stating("lender", f"contact.learning.{path}", value, packs)
    return assemble((*packs, *more), "jiebei", DAY)


def test_each_leaf_of_learning_changes_what_is_decided() -> None:
    """Beside the one that turns it on, which test_policy_leaves.py changes too."""
    policy = turned_on()
    assert policy.learning.is_on
    assert policy.learning.hours == HOURS
    assert turned_on(hours=["10:00"]).learning.hours == (time(10),)
    some = [f"b-{n}" for n in range(200)]
    held = [sum(turned_on(holdout_percent=n).learning.is_held_out(i) for i in some) for n in (20, 50)]
    assert held[0] < held[1]
    row, paid = a_record(), an_instalment(paid_minor=101_500, paid_on=DUE + timedelta(days=1))
    found = [look(row, paid, policy=turned_on(repaid_within_days=n)) for n in (3, 4)]
    assert [one.repaid for one in found if one] == [False, True]


def test_no_hour_is_before_the_lender_s_own() -> None:
    assert turned_on(hours=["07:00", "08:30", "12:00"]).learning.hours == (time(9), time(12))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mode", "perhaps"),
        ("mode", True),
        ("hours", []),
        ("hours", ["9"]),
        ("holdout_percent", 0),
        ("holdout_percent", 100),
        ("repaid_within_days", -1),
    ],
)
def test_a_wrong_leaf_is_refused_by_its_name(path: str, value: object) -> None:
    with pytest.raises(LeafError, match=f"contact.learning.{path}"):
        turned_on(**{path: value})


def test_counts_come_from_the_newest_valid_pack_and_the_policy_s_version_names_it() -> None:
    arm = "arms.jiebei.REMIND_3.sms-1800"
    old, new = (counted({arm: [n, 1]}, DAY - timedelta(days=ago)) for ago, n in ((7, 10), (1, 20)))
    ahead = counted({arm: [30, 1]}, DAY + timedelta(days=1))
    policy = turned_on(old, ahead, new)
    assert policy.learning.tally("REMIND_3", EVENING) == Tally(20, 1)
    assert f"{new.id}-1" in policy.version.split("+")
    assert assemble((*PACKS, new), "jiebei", DAY).version == assemble(PACKS, "jiebei", DAY).version
    assert assemble((*stating("lender", "contact.learning.mode", "on"), new), "huabei", DAY).learning.tallies == {}


@pytest.mark.parametrize(
    "path",
    [
        "arms.jiebei.sms-0900",
        "arms.jiebei.PRE_DEBIT.sms-0900",
        "arms.jiebei.REMIND_x.sms-0900",
        "arms.jiebei.REMIND_3.pigeon-0900",
        "arms.jiebei.REMIND_3.sms-9",
        "arms.jiebei.REMIND_3.sms-2500",
        "more.jiebei.REMIND_3.sms-0900",
    ],
)
def test_a_leaf_that_names_no_arm_is_refused(path: str) -> None:
    with pytest.raises(LeafError):
        read_behaviour(counted({"arms.jiebei.REMIND_3.sms-0900": [1, 1], path: [1, 1]}))


@pytest.mark.parametrize("value", [[1], [1, 2], [2, -1], ["2", "1"], 3, [True, False], [1, 1, 1]])
def test_a_tally_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(LeafError, match="told"):
        read_behaviour(counted({"arms.jiebei.REMIND_3.sms-0900": value}))


# --- what followed ----------------------------------------------------------------------------------------------------


def a_record(**changes: Any) -> NoticeRecord:
    """The reminder of three days ahead, at six in the evening."""
    on = DUE - timedelta(days=3)
    key = "REMIND_3#l-1#001#0"
    record = NoticeRecord("b-1", key, "remind", (key,), Money(101_500, "CNY"), "sms", on, at(f"{on} 18:00"), "v")
    return replace(record, **{"state": NoticeState.SENT, "message_class": "service-reminder"} | changes)


def look(
    record: NoticeRecord,
    *instalments: Instalment,
    policy: Policy | None = None,
    today: date = DUE + timedelta(days=30),
    **borrower: Any,
) -> Observed | None:
    rows = {(row.loan_id, row.number): row for row in instalments or (an_instalment(),)}
    return observed(record, reachable(**borrower), policy or learning(), rows, today)


@pytest.mark.parametrize(
    ("paid_on", "today", "repaid"),
    [
        (None, DUE - timedelta(days=3), None),
        (None, DUE, None),
        (None, DUE + timedelta(days=1), False),
        (DUE - timedelta(days=3), DUE - timedelta(days=2), True),
        (DUE, DUE, True),
        (DUE + timedelta(days=1), DUE + timedelta(days=1), False),
    ],
)
def test_repaid_means_within_its_days(paid_on: date | None, today: date, repaid: bool | None) -> None:
    row = an_instalment(paid_minor=101_500, paid_on=paid_on) if paid_on else an_instalment(paid_minor=1_000)
    found = look(a_record(), row, today=today)
    assert found is not None
    assert found.repaid is repaid


def test_all_that_a_message_covers_has_to_be_repaid() -> None:
    both = a_record(covers=("REMIND_3#l-1#001#0", "REMIND_3#l-2#001#0"))
    paid = an_instalment(paid_minor=101_500, paid_on=DUE)
    for other, repaid in ((replace(paid, loan_id="l-2"), True), (an_instalment(loan_id="l-2"), False)):
        found = look(both, paid, other)
        assert found is not None
        assert found.repaid is repaid
    assert look(both, paid) is None  # a loan that is gone tells nothing


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"state": NoticeState.UNKNOWN}, True),
        ({"state": NoticeState.UNDELIVERABLE}, True),
        ({"state": NoticeState.CLAIMED}, False),
        ({"state": NoticeState.RELEASED}, False),
        ({"channel": "none", "state": NoticeState.UNDELIVERABLE}, False),
        ({"kind": "pre-debit", "covers": ("PRE_DEBIT#l-1#001#0",)}, False),
        ({"kind": "overdue", "covers": ("OVERDUE_7#l-1#001#0",)}, True),
        ({"kind": "overdue", "covers": ("OVERDUE_30#l-1#001#0",)}, False),
        ({"kind": "overdue", "covers": ("OVERDUE_7#l-1#001#0", "OVERDUE_1#l-1#001#0")}, False),
    ],
)
def test_only_messages_that_are_learned_are_looked_at(changes: dict[str, Any], counts: bool) -> None:
    assert (look(a_record(**changes)) is not None) is counts


@pytest.mark.parametrize(
    ("clock", "hour"), [("08:59", 9), ("09:00", 9), ("11:59", 9), ("12:00", 12), ("19:59", 18), ("23:00", 20)]
)
def test_a_message_counts_for_the_last_hour_that_had_begun(clock: str, hour: int) -> None:
    found = look(a_record(claimed_at=at(f"{DUE} {clock}")))
    assert found is not None
    assert found.arm == Arm(SMS, time(hour))


def test_who_may_be_in_two_zones_was_told_at_the_hour_of_the_earlier_one() -> None:
    """As the windows are: nine in the west is noon in the east."""
    nine = a_record(claimed_at=at(f"{DUE} 09:00", "America/Los_Angeles"))
    found = look(nine, time_zone="America/New_York", other_zones=("America/Los_Angeles",))
    assert found is not None
    assert found.arm.hour == time(9)


def test_what_is_opened_was_delivered() -> None:
    for changes, facts in (
        ({}, (False, False, False)),
        ({"delivery": "delivered"}, (True, False, False)),
        ({"delivery": "failed-for-good"}, (False, False, False)),
        ({"opened_at": day(-3)}, (True, True, False)),
        ({"delivery": "delivered", "opened_at": day(-3), "clicked_at": day(-3)}, (True, True, True)),
    ):
        found = look(a_record(**changes))
        assert found is not None
        assert (found.delivered, found.opened, found.clicked) == facts


def seen(borrower: str, *, repaid: bool | None, held: bool = False, **changes: Any) -> Observed:
    row = Observed(
        borrower, "jiebei", "REMIND_3", EVENING, DUE, held, delivered=True, opened=False, clicked=False, repaid=repaid
    )
    return replace(row, **changes)


def test_each_borrower_counts_once_in_a_row_by_the_first_message() -> None:
    rows = compared(
        [
            seen("b-1", repaid=True, on=DUE + timedelta(days=31)),
            seen("b-1", repaid=False),
            seen("b-1", repaid=True, tier="REMIND_1", on=DUE + timedelta(days=2)),
            seen("b-2", repaid=True),
            seen("b-3", repaid=None),
            seen("b-4", repaid=True, held=True),
            seen("b-5", repaid=False, held=True, product="huabei"),
        ]
    )
    named = {(row.product, row.tier): (row.learned.tally, row.held_out.tally) for row in rows}
    assert list(named) == [("all", "all"), ("huabei", "REMIND_3"), ("jiebei", "REMIND_3"), ("jiebei", "REMIND_1")]
    assert named["all", "all"] == (Tally(2, 1), Tally(2, 1))
    assert named["jiebei", "REMIND_3"] == (Tally(2, 1), Tally(1, 1))
    assert named["jiebei", "REMIND_1"] == (Tally(1, 1), Tally())


def test_of_no_messages_there_is_an_empty_row() -> None:
    (row,) = compared([])
    assert (row.learned.told, row.lift.low, row.lift.high) == (0, -1.0, 1.0)


def test_arms_are_counted_over_every_message_of_those_who_are_not_held_out() -> None:
    rows = [
        seen("b-1", repaid=True),
        seen("b-1", repaid=False),
        seen("b-2", repaid=None),
        seen("b-3", repaid=True, held=True),
    ]
    assert tallies([*rows, seen("b-1", repaid=True, arm=NOON_PUSH)]) == {
        "jiebei": {"REMIND_3.sms-1800": Tally(2, 1), "REMIND_3.push-1200": Tally(1, 1)}
    }


def test_what_was_counted_is_read_back_from_the_pack_that_is_written() -> None:
    rows = [
        seen("b-1", repaid=True),
        seen("b-2", repaid=False, tier="OVERDUE_7"),
        seen("b-3", repaid=True, product="huabei", arm=NOON_PUSH),
    ]
    pack = behaviour_pack(rows, DUE, DUE + timedelta(days=6), DUE + timedelta(days=7))
    back = parse_pack(tomllib.loads(written(pack)))
    assert back == pack
    assert read_behaviour(back) == tallies(rows)


# --- the whole circle -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_book_that_answers_better_in_the_evening_is_found_out(seed: int) -> None:
    """Packs counted each week, decisions drawn from them: the lift of those learned on ends above nothing."""
    true = {time(9): 0.25, time(12): 0.25, time(18): 0.55, time(20): 0.25}
    arms = [Arm(SMS, hour) for hour in HOURS]
    every: list[Observed] = []
    for week in range(8):
        on = DUE + timedelta(days=7 * week)
        known = read_behaviour(behaviour_pack(every, DUE, on, on)) if tallies(every) else {}
        rules = replace(learning().learning, tallies=known.get("jiebei", {}))
        for n in range(400):
            name = f"{seed}-{week}-{n}"
            held, won = rules.is_held_out(name), rules.chosen(name, "k", "REMIND_3", on, arms)
            assert won is not None
            arm = arms[0] if held else won.arm
            is_repaid = uniform("fate", name) < true[arm.hour]
            every.append(seen(name, repaid=is_repaid, held=held, arm=arm, on=on))
    last = [one for one in every if not one.is_held_out and one.on > DUE + timedelta(days=28)]
    assert sum(one.arm.hour == time(18) for one in last) / len(last) > 0.8
    lift = compared(every)[0].lift
    assert 0.1 < lift.low < lift.value < lift.high < 0.35


def test_drawing_an_arm_asks_for_names_and_counts_only() -> None:
    """What a caller could hand in: no borrower, no loan, no amount."""
    assert drawn({EVENING: KNOWN}, LEARNED, "k", "2026-03-10").arm == EVENING
    names = Learning.chosen.__annotations__
    assert {name: names[name] for name in names if name != "return"} == {
        "borrower_id": str,
        "notice_key": str,
        "tier": str,
        "day": date,
        "arms": names["arms"],
    }


def test_the_worker_waits_for_the_hour_and_the_message_names_the_counts_it_was_drawn_from() -> None:
    """From the hour on the agenda to the text on the wire, and back into what is counted."""
    counts: dict[str, object] = {f"arms.jiebei.REMIND_7.sms-{hour}": [1_000, 100] for hour in ("0900", "1200", "2000")}
    behaviour = counted({**counts, "arms.jiebei.REMIND_7.sms-1800": [1_000, 900]}, date(2026, 3, 1))
    town = Town(account=None, start="2026-03-03 10:00")
    town.shelf = PolicyFiles((*stating("lender", "contact.learning.mode", "on"), behaviour))
    town.work(Line.CONTACT, ["b-1"])
    card = town.book.borrower_file("b-1")
    assert card is not None
    assert (card.card.step, town.inbox.sent) == (at("2026-03-03 18:00"), [])
    town.clock.set(at("2026-03-03 18:00"))
    town.work(Line.CONTACT, ["b-1"])
    assert len(town.inbox.sent) == 1
    (record,) = town.book.notices("b-1")
    assert "behaviour.20260301-1" in record.policy_version.split("+")
    town.clock.set(at("2026-03-20 10:00"))
    (one,) = Behaviour(town.shelf, town.clock).of_borrower(town.book, "b-1")
    assert (one.tier, one.arm, one.repaid) == ("REMIND_7", EVENING, False)
