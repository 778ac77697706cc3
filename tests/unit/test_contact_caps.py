"""How often a borrower may be contacted, counted on his card's log."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.policy_files import read_packs
from shared.domain.calendar import zone
from shared.domain.contact_caps import Contact, first_allowed, limit_of, logged, released, settled, trimmed
from shared.domain.contact_rules import (
    CalendarDays,
    Cap,
    Channel,
    ContactEvent,
    ContactRules,
    MessageClass,
    Reached,
    Scope,
)
from shared.domain.contact_windows import opens
from shared.domain.jurisdiction import jurisdiction_of
from tests.unit.builders import SHANGHAI, at
from tests.unit.contact_builders import LOS_ANGELES, NEW_YORK, ZONES, a_cap, a_contact, caps

COLLECTION, VOICE, SMS = MessageClass.COLLECTION, Channel.VOICE, Channel.SMS
PACKS = read_packs()
TALK = ContactEvent.CONVERSATION


def rules_of(country: str) -> ContactRules:
    return jurisdiction_of(PACKS, country, date(2026, 3, 2)).contact


def allowed(
    now: datetime,
    log: tuple[Contact, ...],
    *of: Cap,
    channel: Channel = VOICE,
    debts: tuple[str, ...] = ("l-1",),
    address: str = "a-1",
    zones: tuple[str, ...] = (SHANGHAI,),
) -> datetime | None:
    return first_allowed(now, log, of, channel, COLLECTION, debts, address, zones)


def by_pack(
    country: str,
    now: datetime,
    log: tuple[Contact, ...],
    zones: tuple[str, ...],
    channel: Channel = VOICE,
    debts: tuple[str, ...] = ("l-1",),
    address: str = "a-1",
) -> datetime | None:
    """When both the caps and the windows of a country let a message go."""
    rules = rules_of(country)
    of = rules.caps_for(COLLECTION, channel)
    moment = first_allowed(now, log, of, channel, COLLECTION, debts, address, zones)
    return moment and opens(moment, rules, COLLECTION, channel, zones)


def test_after_a_talk_on_monday_the_next_call_is_on_the_following_monday() -> None:
    """Vector 2: the day of the conversation is the first of seven."""
    talk = a_contact(at("2026-03-02 15:00", NEW_YORK), outcome=Reached.CONNECTED, event=TALK)
    for now in ("2026-03-02 15:01", "2026-03-05 12:00", "2026-03-08 20:59"):
        assert by_pack("US", at(now, NEW_YORK), (talk,), (NEW_YORK,)) == at("2026-03-09 08:00", NEW_YORK)
    later = at("2026-03-09 10:00", NEW_YORK)
    assert by_pack("US", later, (talk,), (NEW_YORK,)) == later


def test_the_borrower_s_own_call_is_a_conversation_and_no_attempt() -> None:
    talk = a_contact(at("2026-03-02 15:00", NEW_YORK), outcome=Reached.CONNECTED, event=TALK, counted=False)
    now = at("2026-03-03 12:00", NEW_YORK)
    assert by_pack("US", now, (talk,), (NEW_YORK,)) == at("2026-03-09 08:00", NEW_YORK)
    assert allowed(now, (talk,), a_cap(1, window=timedelta(days=7))) == now


def test_a_conversation_about_several_debts_counts_for_each_and_for_no_other() -> None:
    talk = a_contact(at("2026-03-02 15:00", NEW_YORK), debts=("l-1", "l-2"), outcome=Reached.CONNECTED, event=TALK)
    now = at("2026-03-03 12:00", NEW_YORK)
    for debts, free in ((("l-1",), False), (("l-2", "l-3"), False), (("l-3",), True), ((), False)):
        assert (by_pack("US", now, (talk,), (NEW_YORK,), debts=debts) == now) is free


def test_a_call_whose_end_nobody_knows_may_have_been_a_conversation() -> None:
    called = a_contact(at("2026-03-02 15:00", NEW_YORK), outcome=None)
    now = at("2026-03-03 12:00", NEW_YORK)
    assert by_pack("US", now, (called,), (NEW_YORK,)) == at("2026-03-09 08:00", NEW_YORK)
    assert by_pack("US", now, settled((called,), called.key, Reached.ATTEMPT), (NEW_YORK,)) == now


def test_texts_go_on_after_a_conversation() -> None:
    talk = a_contact(at("2026-03-02 15:00", NEW_YORK), outcome=Reached.CONNECTED, event=TALK)
    now = at("2026-03-02 16:00", NEW_YORK)
    assert by_pack("US", now, (talk,), (NEW_YORK,), channel=SMS) == now


def test_seven_calls_in_seven_days_about_a_debt() -> None:
    calls = tuple(a_contact(at(f"2026-03-{day:02} 12:00", NEW_YORK)) for day in (2, 2, 3, 4, 5, 6, 7))
    now = at("2026-03-08 12:00", NEW_YORK)
    assert by_pack("US", now, calls[:6], (NEW_YORK,)) == now
    assert by_pack("US", now, calls, (NEW_YORK,)) == at("2026-03-02 12:00", NEW_YORK) + timedelta(days=7)
    assert by_pack("US", now, calls, (NEW_YORK,), debts=("l-2",)) == now


@pytest.mark.parametrize(
    ("connected", "attempts", "address", "expected"),
    [
        (2, 3, "a-1", "2026-03-10 15:00"),
        (3, 0, "a-1", "2026-03-11 08:00"),  # three talks a day with the borrower, whatever the number
        (3, 0, "a-2", "2026-03-11 08:00"),
        (0, 6, "a-1", "2026-03-11 08:00"),  # six dials a day of one number
        (0, 6, "a-2", "2026-03-10 15:00"),
        (2, 4, "a-1", "2026-03-11 08:00"),
    ],
)
def test_three_talks_and_six_dials_a_day_in_china(connected: int, attempts: int, address: str, expected: str) -> None:
    outcomes = [Reached.CONNECTED] * connected + [Reached.ATTEMPT] * attempts
    log = tuple(a_contact(at(f"2026-03-10 {8 + n:02}:00"), outcome=o) for n, o in enumerate(outcomes))
    found = by_pack("CN", at("2026-03-10 15:00"), log, (SHANGHAI,), address=address)
    assert found == at(expected)


def test_one_text_a_day_and_five_in_seven_days_in_china() -> None:
    texts = tuple(
        a_contact(at(f"2026-03-{day:02} 09:00"), channel=SMS, outcome=Reached.SENT) for day in (9, 10, 11, 12, 13)
    )
    afternoon = at("2026-03-13 15:00")
    assert by_pack("CN", afternoon, texts[4:], (SHANGHAI,), channel=SMS) == at("2026-03-14 08:00")
    assert by_pack("CN", at("2026-03-14 09:00"), texts[1:], (SHANGHAI,), channel=SMS) == at("2026-03-14 09:00")
    assert by_pack("CN", at("2026-03-14 09:00"), texts, (SHANGHAI,), channel=SMS) == at("2026-03-16 08:00")


def test_a_definite_non_send_counts_as_no_text_and_an_unknown_one_does() -> None:
    now, cap = at("2026-03-10 12:00"), a_cap(1, channels=frozenset({SMS}), counts=Reached.SENT)
    text = a_contact(at("2026-03-10 09:00"), channel=SMS, outcome=None)
    next_day = at("2026-03-11 00:00")
    assert allowed(now, (text,), cap, channel=SMS) == next_day
    assert allowed(now, settled((text,), text.key, Reached.SENT), cap, channel=SMS) == next_day
    assert allowed(now, settled((text,), text.key, Reached.ATTEMPT), cap, channel=SMS) == now
    assert allowed(now, released((text,), text.key), cap, channel=SMS) == now
    assert allowed(now, released((text,), "another"), cap, channel=SMS) == next_day


@pytest.mark.parametrize(
    ("counts", "outcome", "is_full"),
    [
        (Reached.ATTEMPT, Reached.ATTEMPT, True),
        (Reached.ATTEMPT, Reached.SENT, True),
        (Reached.ATTEMPT, Reached.CONNECTED, True),
        (Reached.SENT, Reached.ATTEMPT, False),
        (Reached.SENT, Reached.SENT, True),
        (Reached.SENT, Reached.CONNECTED, True),
        (Reached.CONNECTED, Reached.ATTEMPT, False),
        (Reached.CONNECTED, Reached.SENT, False),
        (Reached.CONNECTED, Reached.CONNECTED, True),
        (Reached.CONNECTED, None, True),
    ],
)
def test_a_cap_counts_from_its_kind_of_outcome_on(counts: Reached, outcome: Reached | None, is_full: bool) -> None:
    now = at("2026-03-10 12:00")
    log = (a_contact(at("2026-03-10 09:00"), channel=SMS, outcome=outcome),)
    assert (allowed(now, log, a_cap(1, counts=counts)) != now) is is_full


@pytest.mark.parametrize(
    ("changes", "is_full"),
    [
        ({}, True),
        ({"channel": SMS}, False),
        ({"message_class": MessageClass.RECEIPT}, False),
        ({"counted": False}, False),
        ({"at": at("2026-03-09 23:59:59")}, False),
        ({"at": at("2026-03-10 00:00")}, True),
    ],
)
def test_a_cap_counts_its_own_channels_classes_and_days(changes: dict[str, object], is_full: bool) -> None:
    now = at("2026-03-10 12:00")
    contact = replace(a_contact(at("2026-03-10 09:00")), **changes)  # type: ignore[arg-type]
    cap = a_cap(1, channels=frozenset({VOICE}), classes=frozenset({COLLECTION}))
    assert allowed(now, (contact,), cap) == (at("2026-03-11 00:00") if is_full else now)
    assert allowed(now, (contact,), cap, channel=SMS) == now


def test_a_calendar_day_is_over_when_it_is_over_in_every_zone() -> None:
    log = (a_contact(at("2026-03-10 09:00", NEW_YORK)),)
    now = at("2026-03-10 23:00", NEW_YORK)
    assert allowed(now, log, a_cap(), zones=(NEW_YORK,)) == at("2026-03-11 00:00", NEW_YORK)
    for zones in ((NEW_YORK, LOS_ANGELES), (LOS_ANGELES, NEW_YORK)):
        assert allowed(now, log, a_cap(), zones=zones) == at("2026-03-11 00:00", LOS_ANGELES)


def test_a_rolling_window_is_over_to_the_second() -> None:
    log = (a_contact(at("2026-03-10 09:00:30")),)
    cap = a_cap(1, window=timedelta(hours=24))
    assert allowed(at("2026-03-11 09:00:29"), log, cap) == at("2026-03-11 09:00:30")
    assert allowed(at("2026-03-11 09:00:30"), log, cap) == at("2026-03-11 09:00:30")


def test_a_cap_of_none_allows_nothing_ever() -> None:
    now = at("2026-03-10 12:00")
    assert allowed(now, (), a_cap(0)) is None
    assert allowed(now, (), a_cap(0, channels=frozenset({SMS}))) == now


def test_where_no_zone_is_known_nothing_is_allowed() -> None:
    now = at("2026-03-10 12:00")
    assert allowed(now, (), a_cap(), zones=()) is None
    assert allowed(now, (), zones=("Mars/Olympus",)) is None
    assert allowed(now, ()) == now


def test_the_cap_that_stands_longest_is_named() -> None:
    log = tuple(a_contact(at(f"2026-03-{day:02} 09:00")) for day in (9, 10))
    day, week = a_cap(1, id="contact.caps.day"), a_cap(2, id="contact.caps.week", window=CalendarDays(7))
    found = limit_of(at("2026-03-10 12:00"), log, (day, week), VOICE, COLLECTION, ("l-1",), "a-1", (SHANGHAI,))
    assert (found.until, found.cap) == (at("2026-03-16 00:00"), week)
    found = limit_of(at("2026-03-11 12:00"), log, (day,), VOICE, COLLECTION, ("l-1",), "a-1", (SHANGHAI,))
    assert (found.until, found.cap) == (at("2026-03-11 12:00"), None)


def test_some_contacts_may_follow_an_event_when_its_cap_allows_them() -> None:
    cap = a_cap(1, window=CalendarDays(3), after=TALK, channels=frozenset({VOICE}))
    talk = a_contact(at("2026-03-10 09:00"), outcome=Reached.CONNECTED, event=TALK)
    call = a_contact(at("2026-03-10 10:00"))
    now = at("2026-03-10 12:00")
    assert allowed(now, (call,), cap) == now
    assert allowed(now, (talk,), cap) == now  # the conversation itself is not one of those after it
    assert allowed(now, (talk, call), cap) == at("2026-03-13 00:00")


def test_the_log_keeps_what_can_still_count() -> None:
    now = at("2026-03-10 12:00")
    old, young = a_contact(at("2026-03-02 12:00")), a_contact(at("2026-03-02 12:00:01"))
    week = a_cap(window=CalendarDays(7))
    assert trimmed((old, young), (week, a_cap()), now) == (young,)
    assert trimmed((old, young), (a_cap(window=timedelta(days=9)),), now) == (old, young)
    assert trimmed((old, young), (), now) == ()
    new = a_contact(now)
    assert logged((old, young), new, (week,)) == (young, new)


OUTCOMES = st.sampled_from([None, *Reached])
STEPS = st.lists(
    st.tuples(
        st.integers(0, 40),  # hours since the one before
        st.sampled_from([VOICE, SMS]),
        st.sampled_from([("l-1",), ("l-2",), ("l-1", "l-2"), ()]),
        st.sampled_from(["a-1", "a-2"]),
        OUTCOMES,
        st.booleans(),
    ),
    max_size=14,
)


def reaches(contact: Contact, cap: Cap) -> bool:
    order = list(Reached)
    is_far_enough = contact.outcome is None or order.index(contact.outcome) >= order.index(cap.counts)
    return contact.channel in cap.channels and contact.message_class in cap.classes and is_far_enough


def within(cap: Cap, first: datetime, last: datetime, name: str) -> bool:
    if isinstance(cap.window, timedelta):
        return last - first < cap.window
    days = [moment.astimezone(zone(name)).date() for moment in (first, last)]
    return (days[1] - days[0]).days < cap.window.count


def breaches(cap: Cap, history: list[Contact], names: tuple[str, ...]) -> list[Contact]:
    """The contacts that were one too many when they were made, counted one by one."""
    found = []
    for place, contact in enumerate(history):
        before = history[:place]
        if not (contact.channel in cap.channels and contact.message_class in cap.classes):
            continue
        for name in names:
            for debt in contact.debts or ("l-1", "l-2"):
                alike = [
                    c
                    for c in before
                    if cap.scope is not Scope.DEBT or debt in c.debts or not c.debts
                    if cap.scope is not Scope.ADDRESS or c.address == contact.address
                ]
                if cap.after is None:
                    last = [c for c in alike if reaches(c, cap) and within(cap, c.at, contact.at, name)]
                    if len(last) >= cap.limit:
                        found.append(contact)
                    continue
                events = [c for c in alike if c.event is cap.after and within(cap, c.at, contact.at, name)]
                if any(sum(reaches(c, cap) and c.at > event.at for c in alike) >= cap.limit for event in events):
                    found.append(contact)
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(caps(), min_size=1, max_size=3), STEPS, st.lists(st.sampled_from(ZONES), min_size=1, max_size=2))
def test_who_always_waits_never_exceeds_a_cap(some_caps: list[Cap], steps: list[tuple], names: list[str]) -> None:  # type: ignore[type-arg]
    now = datetime(2026, 3, 27, 5, tzinfo=UTC)
    log: tuple[Contact, ...] = ()
    history: list[Contact] = []
    zones = tuple(names)
    for number, (hours, channel, debts, address, outcome, talks) in enumerate(steps):
        now += timedelta(hours=hours, minutes=number)
        moment = first_allowed(now, log, some_caps, channel, COLLECTION, debts, address, zones)
        assert moment == first_allowed(
            now, trimmed(log, some_caps, now), some_caps, channel, COLLECTION, debts, address, zones
        )
        assert moment is not None
        assert moment >= now
        if moment > now:  # it was not allowed a moment earlier, and stays allowed
            earlier = moment - timedelta(microseconds=1)
            assert first_allowed(earlier, log, some_caps, channel, COLLECTION, debts, address, zones) == moment
            later = moment + timedelta(hours=3)
            assert first_allowed(later, log, some_caps, channel, COLLECTION, debts, address, zones) == later
        now = moment
        event = TALK if talks and channel is VOICE and outcome is Reached.CONNECTED else None
        contact = Contact(f"n-{number}", now, channel, COLLECTION, debts, address, outcome, event)
        log = logged(log, contact, some_caps)
        history.append(contact)
    for cap in some_caps:
        assert breaches(cap, history, zones) == []
