"""The contact line under a country's rules: windows, caps, bars, holds, and the channels that are left."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import keys
from shared.domain.book import Borrower, Instalment, InstalmentState, LoanFile, Outcome
from shared.domain.calendar import zone
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact import plan_contact
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import CalendarDays, Channel, ContactRules, MessageClass, Scope, Stops, merge
from shared.domain.decision import Act, Decision, Defer, Reason
from shared.domain.holds import Hold
from shared.domain.notices import Notice
from shared.domain.policy import Policy
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
from tests.unit.contact_builders import LOS_ANGELES, NEW_YORK, a_cap, a_window, for_borrowers, open_in

SMS, PUSH, EMAIL, VOICE = Channel.SMS, Channel.PUSH, Channel.EMAIL, Channel.VOICE
REMINDER, COLLECTION = MessageClass.SERVICE_REMINDER, MessageClass.COLLECTION
PHONE, ENDPOINT, MAIL = "+447700900001", "arn:push:1", "wang@example.com"
KEY = "l-1#001#0"


def reachable(**changes: Any) -> Borrower:
    """Over SMS, push and e-mail."""
    return a_borrower(**{"push": ENDPOINT, "email": MAIL} | changes)


def wired(country: str = "CN", **changes: Any) -> Policy:
    """SMS first, then push, then e-mail, whatever the packs that ship wire."""
    order = dict.fromkeys(MessageClass, (SMS, PUSH, EMAIL))
    return a_policy(country, **{"channels": order} | changes)


def plan(
    now: datetime, *files: LoanFile, borrower: Borrower | None = None, policy: Policy | None = None, **card: Any
) -> Decision[Notice]:
    files = files or (a_file(),)
    row = replace(a_card(*(f.loan.loan_id for f in files)), **card)
    return plan_contact(borrower or reachable(), row, files, {"jiebei": policy or wired()}, now)


def notice(decision: Decision[Notice]) -> Notice:
    assert isinstance(decision, Act), decision
    return decision.do


def a_text(when: datetime, channel: Channel = SMS, **changes: Any) -> Contact:
    fields: dict[str, Any] = {"debts": ("l-1",), "address": keys.address_key(PHONE)}
    return Contact(f"n-{when:%d%H%M}", when, channel, **{"message_class": REMINDER} | fields | changes)


def a_bar(channel: Channel = SMS, address: str = PHONE, by: BarredBy = BarredBy.OPTED_OUT, **changes: Any) -> Bar:
    return Bar(channel, keys.address_key(address), by, day(-30), **changes)


# --- windows ----------------------------------------------------------------------------------------------------------

FAILED = attempted(Outcome.INSUFFICIENT, f"{DUE}T08:00", 3)
"""Told at once, so that the country's own hours show; all else waits for the lender's hour."""


@pytest.mark.parametrize(
    ("country", "zone", "opens", "closes"),
    [
        ("CN", "Asia/Shanghai", "08:00", "22:00"),
        ("CN", "Asia/Urumqi", "08:00", "22:00"),
        ("US", "America/Chicago", "08:00", "21:00"),
        ("US", "Pacific/Honolulu", "08:00", "21:00"),
        ("GB", "Europe/London", "08:00", "21:00"),
        ("FR", "Europe/Paris", "08:00", "20:00"),
        ("CZ", "Europe/Prague", "08:00", "20:00"),
        ("IN", "Asia/Kolkata", "08:00", "19:00"),
    ],
)
def test_an_outcome_waits_for_the_country_s_hours_to_the_minute(
    country: str, zone: str, opens: str, closes: str
) -> None:
    """Invariant 1, with the lender's day where the borrower is."""
    policy, borrower = wired(country, business_zone=zone), reachable(country=country, time_zone=zone)
    file = a_file(FAILED)
    first, last = at(f"{DUE} {opens}", zone), at(f"{DUE} {closes}", zone)
    before = plan(first - timedelta(minutes=1), file, borrower=borrower, policy=policy)
    assert before == Defer(first, Reason.OUTSIDE_CONTACT_HOURS)
    for now in (first, last - timedelta(minutes=1)):
        assert notice(plan(now, file, borrower=borrower, policy=policy)).covers[0].tier == "FAILED"
    after = plan(last, file, borrower=borrower, policy=policy)
    assert after == Defer(at(f"{DUE + timedelta(days=1)} {opens}", zone), Reason.OUTSIDE_CONTACT_HOURS)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-04 08:00", "2026-03-04 12:00"),
        ("2026-03-04 11:59", "2026-03-04 12:00"),
        ("2026-03-04 12:00", None),
        ("2026-03-04 20:59", None),
        ("2026-03-04 21:00", "2026-03-05 12:00"),
    ],
)
def test_vector_1_who_may_be_in_two_zones_is_reached_in_the_hours_of_both(now: str, until: str | None) -> None:
    """What is not urgent goes from nine in the west, which is twelve in the east."""
    borrower = reachable(country="US", time_zone=LOS_ANGELES, other_zones=(NEW_YORK,))
    file = a_file(an_instalment(due_on=date(2026, 3, 6)))  # tomorrow, or today by the end of it, in Shanghai
    decision = plan(at(now, NEW_YORK), file, borrower=borrower, policy=wired("US"))
    if until:
        assert decision == Defer(at(until, NEW_YORK), Reason.OUTSIDE_CONTACT_HOURS)
    else:
        assert notice(decision).covers[0].tier == "REMIND_1"


def test_vector_1_an_outcome_goes_from_eleven_in_the_east() -> None:
    policy = wired("US", business_zone=NEW_YORK)
    borrower = reachable(country="US", time_zone=NEW_YORK, other_zones=(LOS_ANGELES,))
    early = plan(at(f"{DUE} 10:59", NEW_YORK), a_file(FAILED), borrower=borrower, policy=policy)
    assert early == Defer(at(f"{DUE} 11:00", NEW_YORK), Reason.OUTSIDE_CONTACT_HOURS)
    assert isinstance(plan(at(f"{DUE} 11:00", NEW_YORK), a_file(FAILED), borrower=borrower, policy=policy), Act)


@given(
    st.integers(0, 48 * 60),
    st.lists(st.sampled_from(["Asia/Shanghai", NEW_YORK, LOS_ANGELES, "Europe/London", "Asia/Kathmandu"]), max_size=3),
)
def test_invariant_1_nothing_goes_out_while_a_known_zone_sleeps(minutes: int, others: list[str]) -> None:
    now = day(-1, "00:00") + timedelta(minutes=minutes)
    borrower = reachable(other_zones=tuple(others))
    decision = plan(now, a_file(an_instalment(due_on=DUE - timedelta(days=20))), borrower=borrower)
    local = [now.astimezone(zone(name)).time() for name in borrower.zones]
    assert isinstance(decision, Act) is all(time(9) <= moment < time(22) for moment in local)


@pytest.mark.parametrize(
    "changes",
    [
        {"time_zone": "Mars/Olympus"},
        {"other_zones": ("Mars/Olympus",)},
        {"other_zones": ("",)},
        {"time_zone": "Asia/Shanghai", "other_zones": ("America/Argentina/Buenos_Aires",)},  # never awake together
    ],
)
def test_where_no_hour_is_known_nothing_goes_out_and_the_reason_alarms(changes: dict[str, Any]) -> None:
    for offset in (-1, 1, 60):
        decision = plan(
            day(offset), borrower=reachable(**changes), policy=wired(planned=open_in(a_window("09:00", "15:00")))
        )
        assert isinstance(decision, Defer)
        assert decision.reason is Reason.NO_CONTACT_WINDOW
        assert decision.until > day(offset)


def test_packs_without_a_common_hour_leave_nobody_to_be_contacted() -> None:
    closed = merge(open_in(a_window("08:00", "12:00")), open_in(a_window("12:00", "20:00"), pack="lender-1"))
    for rules in (closed, ContactRules()):
        decision = plan(day(0), policy=wired(contact=rules, planned=rules))
        assert (isinstance(decision, Defer), decision.reason) == (True, Reason.NO_CONTACT_WINDOW)


def test_the_first_channel_that_ever_opens_decides_when() -> None:
    """A channel that no pack ever opens is passed over; one that is closed by now is waited for."""
    mail_only = for_borrowers(a_window("08:00", "22:00", channels=frozenset({EMAIL})))
    found = notice(plan(day(0), policy=wired(contact=mail_only, planned=mail_only)))
    assert (found.channels, found.ways) == ((EMAIL,), (EMAIL,))
    later = for_borrowers(
        a_window("15:00", "22:00", channels=frozenset({SMS})),
        a_window("08:00", "22:00", channels=frozenset({PUSH, EMAIL}), id="contact.windows.more"),
    )
    waits = plan(day(0), policy=wired(contact=later, planned=later))
    assert waits == Defer(day(0, "15:00"), Reason.OUTSIDE_CONTACT_HOURS)
    sooner = for_borrowers(
        a_window("08:00", "22:00", channels=frozenset({SMS, EMAIL})),
        a_window("15:00", "22:00", channels=frozenset({PUSH}), id="contact.windows.more"),
    )
    found = notice(plan(day(0), policy=wired(contact=sooner, planned=sooner)))
    assert (found.channels, found.ways) == ((SMS, EMAIL), (SMS, PUSH, EMAIL))


def test_a_capped_message_that_tomorrow_is_one_without_any_hour_is_looked_at_tomorrow() -> None:
    """So that a person hears on that day of the packs that leave it none (life 22442 of contact-check, seed 2)."""
    hours = for_borrowers(a_window("08:00", "22:00", classes=frozenset({REMINDER})))
    capped = replace(hours, caps=frozenset({a_cap(limit=1, window=CalendarDays(5))}))
    policy = wired(contact=capped, planned=capped)
    found = plan(day(0), policy=policy, contacts=(a_text(day(-1)),))
    assert found == Defer(day(1, "08:00"), Reason.CONTACT_CAP)
    assert plan(day(1), policy=policy, contacts=(a_text(day(-1)),)).reason is Reason.NO_CONTACT_WINDOW


def test_held_for_the_night_it_is_decided_anew_in_the_morning() -> None:
    night = plan(day(-1, "23:00"))
    assert night == Defer(day(0, "09:00"), Reason.OUTSIDE_CONTACT_HOURS)
    assert notice(plan(day(0, "09:00"))).covers[0].tier == "DUE"
    paid = an_instalment(paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE)
    following = an_instalment(number=2, due_on=DUE + timedelta(days=31))
    morning = plan(day(0, "09:00"), a_file(paid, following))
    assert isinstance(morning, Defer)
    assert morning.reason is Reason.NOTHING_DUE


# --- caps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([day(0, "09:30")], Defer(day(1, "09:00"), Reason.CONTACT_CAP)),
        ([day(-1, "21:59")], None),
        ([day(0, "00:00")], Defer(day(1, "09:00"), Reason.CONTACT_CAP)),
        ([day(n) for n in (-5, -4, -3, -2, -1)], Defer(day(2, "09:00"), Reason.CONTACT_CAP)),
        ([day(n) for n in (-6, -5, -4, -3, -2)], Defer(day(1, "09:00"), Reason.CONTACT_CAP)),
        ([day(n) for n in (-7, -5, -4, -3, -2)], None),
    ],
)
def test_in_china_one_text_a_day_and_five_in_seven_days(made: list[datetime], expected: Defer | None) -> None:
    """Invariant 2, on the calendar: the day of the oldest of five is the first of seven."""
    decision = plan(day(0), contacts=tuple(a_text(when) for when in made))
    assert decision == expected if expected else isinstance(decision, Act)


def test_a_reminder_under_a_full_cap_does_not_sleep_through_the_notice_before_the_debit() -> None:
    """The notice counts under no cap of texts, and a debit depends on it."""
    texts = tuple(a_text(day(n)) for n in (-6, -5, -4, -3, -2))
    mandated = a_file(mandate=a_mandate())
    assert plan(day(-2), mandated, contacts=texts) == Defer(day(-1, "09:00"), Reason.CONTACT_CAP)
    assert notice(plan(day(-1, "09:00"), mandated, contacts=texts)).covers[0].tier == "PRE_DEBIT"
    assert plan(day(-2), a_file(), contacts=texts) == Defer(day(1, "09:00"), Reason.CONTACT_CAP)


def test_a_cap_of_one_channel_leaves_the_message_waiting_for_that_channel() -> None:
    """The first way decides when: a full cap is no definite non-send, and no other channel evades it."""
    decision = plan(day(0), contacts=(a_text(day(0, "09:30")),))
    assert decision == Defer(day(1, "09:00"), Reason.CONTACT_CAP)


@pytest.mark.parametrize(
    ("offset", "told", "capped"),
    [(0, None, True), (1, None, True), (59, None, True), (60, None, False)],
)
def test_notices_that_a_law_asks_for_are_not_counted_and_not_held_back(offset: int, told: None, capped: bool) -> None:
    decision = plan(day(offset), contacts=(a_text(day(offset, "09:30"), message_class=COLLECTION),))
    assert (decision.reason is Reason.CONTACT_CAP) is capped


def test_a_cap_of_none_is_never_waited_for_and_the_next_channel_goes() -> None:
    never = replace(a_cap(0), channels=frozenset({SMS}))
    rules = replace(wired().planned, caps=frozenset({never}))
    found = notice(plan(day(0), policy=wired(planned=rules)))
    assert (found.channels, found.ways) == ((PUSH, EMAIL), (PUSH, EMAIL))


def two_in_arrears() -> tuple[LoanFile, LoanFile]:
    """l-1 was told of yesterday and asks for nothing; l-2 asks for its next notice."""
    one = a_file(an_instalment(due_on=DUE - timedelta(days=4)))
    other = an_instalment(loan_id="l-2", due_on=DUE - timedelta(days=3))
    return one, a_file(other, loan=a_loan(loan_id="l-2"))


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("debt", ["l-1", "l-2"])
def test_an_overdue_message_counts_for_every_debt_of_which_it_speaks(scope: Scope, debt: str) -> None:
    """It tells all arrears, so that the cap of each loan in them holds it, also of one that asks for nothing."""
    one, other = two_in_arrears()
    told = told_of(one.instalments[0], "OVERDUE_3", DUE - timedelta(days=1))
    caps = frozenset({a_cap(1, scope=scope, window=CalendarDays(1))})
    policy = wired(planned=replace(wired().planned, caps=caps))
    made = (a_text(day(0, "09:30"), message_class=COLLECTION, debts=(debt,)),)
    decision = plan(day(0), one, other, policy=policy, told=told, contacts=made)
    assert decision == Defer(day(1, "09:00"), Reason.CONTACT_CAP)
    assert notice(plan(day(0), one, other, policy=policy, told=told)).covers[0].loan_id == "l-2"


def test_the_cap_of_a_debt_holds_no_message_about_another() -> None:
    caps = frozenset({a_cap(1, scope=Scope.DEBT)})
    policy = wired(planned=replace(wired().planned, caps=caps))
    made = (a_text(day(0, "09:30"), debts=("l-9",)),)
    assert notice(plan(day(0), policy=policy, contacts=made)).covers[0].loan_id == "l-1"


# --- one message ------------------------------------------------------------------------------------------------------

_PARTS = st.lists(
    st.tuples(st.sampled_from(["l-1", "l-2", "l-3"]), st.integers(-70, 8), st.integers(1, 10**7)),
    min_size=1,
    max_size=6,
)


@given(_PARTS)
def test_the_items_by_loan_are_together_the_amount(rows: list[tuple[str, int, int]]) -> None:
    by_loan: dict[str, list[Instalment]] = {}
    for number, (loan_id, offset, minor) in enumerate(sorted(rows, key=lambda r: r[1]), start=1):
        row = an_instalment(loan_id=loan_id, number=number, due_on=DUE + timedelta(days=offset), principal_minor=minor)
        by_loan.setdefault(loan_id, []).append(row)
    files = [a_file(*found, loan=a_loan(loan_id=loan_id)) for loan_id, found in by_loan.items()]
    decision = plan(day(0), *files)
    if not isinstance(decision, Act):
        return
    found = decision.do
    assert sum(item.amount.minor for item in found.items) == found.amount.minor
    assert len({item.loan_id for item in found.items}) == len(found.items)
    assert {step.loan_id for step in found.covers} <= {item.loan_id for item in found.items}
    assert min(item.date for item in found.items) == found.date
    assert all(item.product == "jiebei" for item in found.items)


def test_a_legal_notice_tells_the_lesser_arrears_too() -> None:
    old, recent = (
        an_instalment(due_on=DUE - timedelta(days=60)),
        an_instalment(number=2, due_on=DUE - timedelta(days=3)),
    )
    found = notice(plan(day(0), a_file(old, recent)))
    assert found.message_class is MessageClass.LEGAL_NOTICE
    assert [step.tier for step in found.covers] == ["OVERDUE_60", "OVERDUE_3"]


def test_a_legal_notice_covers_nothing_that_may_not_go_where_it_goes() -> None:
    """Reminders of arrears are barred on the telephone, the notice that a law asks for is not."""
    old, recent = (
        an_instalment(due_on=DUE - timedelta(days=60)),
        an_instalment(number=2, due_on=DUE - timedelta(days=3)),
    )
    found = notice(plan(day(0), a_file(old, recent), bars=(a_bar(classes=frozenset({COLLECTION})),)))
    assert [step.tier for step in found.covers] == ["OVERDUE_60"]


def test_what_a_person_looks_at_is_not_counted_among_the_arrears() -> None:
    late, closed = (
        an_instalment(due_on=DUE - timedelta(days=3)),
        an_instalment(number=2, due_on=DUE - timedelta(days=3), blocked=True),
    )
    found = notice(plan(day(0), a_file(late, closed)))
    assert (found.count, found.amount.minor) == (1, 101_500)


# --- bars -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", BarredBy)
def test_a_barred_address_gets_nothing_of_any_class_and_the_other_channels_go_on(by: BarredBy) -> None:
    for offset in (-3, 0, 1, 30, 60):
        found = notice(plan(day(offset), bars=(a_bar(by=by),)))
        assert (found.channels, found.ways) == ((PUSH, EMAIL), (PUSH, EMAIL))
    receipt = a_file(PAID, an_instalment(number=2, due_on=DUE + timedelta(days=31)))
    assert notice(plan(day(0), receipt, bars=(a_bar(by=by),), told={KEY: announced()})).channels == (PUSH, EMAIL)


PAID = attempted(Outcome.PAID, f"{DUE}T08:00", paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, paid_by=1)


def test_a_bar_is_of_one_channel_and_one_address() -> None:
    for bars in (
        (a_bar(VOICE),),
        (a_bar(address="+447700900002"),),
        (a_bar(classes=frozenset({MessageClass.MARKETING})),),
    ):
        assert notice(plan(day(0), bars=bars)).channels == (SMS, PUSH, EMAIL)


def test_with_every_way_barred_reminders_are_left_out_and_mandatory_notices_recorded() -> None:
    bars = (a_bar(), a_bar(PUSH, ENDPOINT), a_bar(EMAIL, MAIL, BarredBy.DEAD))
    assert plan(day(-3), bars=bars).reason is Reason.NOTHING_DUE
    found = notice(plan(day(1), bars=bars))
    assert (found.channels, found.ways) == ((), ())


# --- holds ------------------------------------------------------------------------------------------------------------


def on_hold(until: date | None, *stops: Stops) -> LoanFile:
    hold = Hold("complaint-1", "complaint", frozenset(stops or (Stops.CONTACT,)), day(-20), until)
    return a_file(loan=a_loan(holds=(hold,)))


@pytest.mark.parametrize(
    ("until", "now", "expected"),
    [
        (DUE, day(0), Defer(day(1, "09:00"), Reason.ON_HOLD)),
        (DUE, day(0, "23:59"), Defer(day(1, "09:00"), Reason.ON_HOLD)),
        (DUE - timedelta(days=1), day(0), None),
        (DUE + timedelta(days=5), day(0), Defer(day(6, "09:00"), Reason.ON_HOLD)),
        (None, day(0), Defer(day(7), Reason.ON_HOLD)),
        (None, day(60), Defer(day(67), Reason.ON_HOLD)),
    ],
)
def test_invariant_8_a_hold_on_contact_wins_until_its_last_day_is_over(
    until: date | None, now: datetime, expected: Defer | None
) -> None:
    decision = plan(now, on_hold(until))
    assert decision == expected if expected else isinstance(decision, Act)


def test_a_hold_of_something_else_stops_no_message() -> None:
    assert isinstance(plan(day(0), on_hold(None, Stops.DEBIT, Stops.ESCALATION, Stops.FEES, Stops.INTEREST)), Act)


def test_a_held_loan_is_neither_told_nor_counted_and_the_others_are() -> None:
    late = an_instalment(loan_id="l-2", due_on=DUE - timedelta(days=1))
    held = replace(on_hold(None), instalments=(an_instalment(due_on=DUE - timedelta(days=1)),))
    found = notice(plan(day(0), held, a_file(late, loan=a_loan(loan_id="l-2"))))
    assert ([item.loan_id for item in found.items], found.amount.minor) == (["l-2"], 101_500)


def test_nobody_hears_that_a_held_loan_is_repaid_or_of_a_receipt() -> None:
    hold = on_hold(None).loan
    for rows in ((PAID,), (PAID, an_instalment(number=2, due_on=DUE + timedelta(days=31)))):
        assert plan(day(0), a_file(*rows, loan=hold), told={KEY: announced()}).reason is Reason.ON_HOLD


def test_of_two_holds_the_later_end_counts_and_one_without_an_end_outlasts_all() -> None:
    first, second = on_hold(DUE + timedelta(days=2)).loan.holds[0], on_hold(DUE + timedelta(days=4)).loan.holds[0]
    both = a_file(loan=a_loan(holds=(first, replace(second, hold_id="complaint-2"))))
    assert plan(day(0), both) == Defer(day(5, "09:00"), Reason.ON_HOLD)
    endless = a_file(loan=a_loan(holds=(first, replace(second, hold_id="complaint-2", until=None))))
    assert plan(day(0), endless) == Defer(day(7), Reason.ON_HOLD)
