"""Contact rules with literal values, and Hypothesis strategies for them."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import (
    CalendarDays,
    Cap,
    Channel,
    ContactEvent,
    ContactRules,
    HoldRule,
    Keyword,
    KeywordRule,
    MessageClass,
    Phrases,
    Reached,
    Recipient,
    Scope,
    Stops,
    Window,
    WindowGroup,
)

ALL_CLASSES, ALL_CHANNELS = frozenset(MessageClass), frozenset(Channel)
EVERY_DAY = frozenset(range(1, 8))
NEW_YORK, LOS_ANGELES = "America/New_York", "America/Los_Angeles"
ZONES = (
    *("Asia/Shanghai", "Asia/Kathmandu", NEW_YORK, LOS_ANGELES, "Pacific/Honolulu", "Europe/London", "Europe/Prague"),
    *("Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "Pacific/Kiritimati", "America/St_Johns"),
)


def a_window(start: str = "08:00", end: str = "21:00", **changes: Any) -> Window:
    fields: dict[str, Any] = {
        "id": "contact.windows.daily",
        "classes": ALL_CLASSES,
        "channels": ALL_CHANNELS,
        "weekdays": EVERY_DAY,
    }
    until = time(0) if end == "24:00" else time.fromisoformat(end)
    return Window(**(fields | changes), start=time.fromisoformat(start), end=until)


def open_in(*windows: Window, pack: str = "law-1") -> ContactRules:
    return ContactRules(groups=frozenset({WindowGroup(pack, frozenset(windows))}))


def for_borrowers(*windows: Window) -> ContactRules:
    """Windows of a pack that lets the borrower be contacted, as each of a country does."""
    return replace(open_in(*windows), recipients=frozenset({Recipient.BORROWER}))


def a_cap(limit: int = 1, **changes: Any) -> Cap:
    fields: dict[str, Any] = {
        "pack": "law-1",
        "id": "contact.caps.one",
        "channels": ALL_CHANNELS,
        "classes": ALL_CLASSES,
        "counts": Reached.ATTEMPT,
        "scope": Scope.BORROWER,
        "window": CalendarDays(1),
    }
    return Cap(**(fields | changes), limit=limit)


def a_contact(at: datetime, **changes: Any) -> Contact:
    fields: dict[str, Any] = {
        "key": f"n-{at:%m%d%H%M%S}",
        "channel": Channel.VOICE,
        "message_class": MessageClass.COLLECTION,
        "debts": ("l-1",),
        "address": "a-1",
        "outcome": Reached.ATTEMPT,
    }
    return Contact(**(fields | changes), at=at)


def some[T](values: Any) -> st.SearchStrategy[frozenset[T]]:
    return st.frozensets(st.sampled_from(list(values)), min_size=1)


_HALF_HOURS = st.integers(0, 47)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first, length = draw(_HALF_HOURS), draw(st.integers(1, 48))
    last = min(first + length, 48)
    return Window(
        draw(st.sampled_from(["contact.windows.a", "contact.windows.b"])),
        draw(some(MessageClass)),
        draw(some(Channel)),
        draw(some(range(1, 8))),
        time(first // 2, first % 2 * 30),
        time(last // 2 % 24, last % 2 * 30),
    )


@st.composite
def caps(draw: st.DrawFn) -> Cap:
    after = draw(st.sampled_from([None, None, ContactEvent.CONVERSATION]))
    return Cap(
        pack="p",
        id=draw(st.sampled_from(["contact.caps.a", "contact.caps.b", "contact.caps.c"])),
        channels=draw(some(Channel)),
        classes=draw(some(MessageClass)),
        counts=draw(st.sampled_from(Reached)),
        scope=draw(st.sampled_from(Scope)),
        limit=draw(st.integers(0 if after else 1, 3)),
        window=draw(
            st.one_of(
                st.integers(1, 8).map(CalendarDays), st.sampled_from([6, 24, 168]).map(lambda h: timedelta(hours=h))
            )
        ),
        after=after,
    )


def groups() -> st.SearchStrategy[WindowGroup]:
    return st.builds(WindowGroup, st.sampled_from("pqr"), st.frozensets(windows(), min_size=1, max_size=3))


def _maybe(top: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(0, top)


def rules() -> st.SearchStrategy[ContactRules]:
    phrases = st.builds(
        Phrases,
        st.just("p"),
        st.sampled_from(["text.a", "text.b"]),
        some(MessageClass),
        some(Channel),
        some(["arrest", "公安", "reply STOP"]),
    )
    holds = st.builds(
        HoldRule, st.sampled_from(["complaint", "dispute"]), some(Stops), st.none() | st.sampled_from([30, 60])
    )
    keywords = st.builds(
        KeywordRule, st.sampled_from(Keyword), st.sampled_from(["STOP", "T", "退订", "help"]), st.booleans()
    )
    return st.builds(
        ContactRules,
        groups=st.frozensets(groups(), max_size=2),
        caps=st.frozensets(caps(), max_size=3),
        banned=st.frozensets(phrases, max_size=2),
        required=st.frozensets(phrases, max_size=2),
        holds=st.frozensets(holds, max_size=2),
        keywords=st.frozensets(keywords, max_size=3),
        recipients=st.none() | some(Recipient),
        lead_days=_maybe(14),
        lead_days_varied=_maybe(14),
        grace_days=_maybe(3),
        retention_days=_maybe(2922),
        max_attempts=_maybe(5),
        confirm_minutes=_maybe(5),
    )
