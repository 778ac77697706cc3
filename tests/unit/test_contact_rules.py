"""Contact rules of several packs: the strictest wins, and a lender's that loosen are found by their leaf."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.contact_caps import Contact, first_allowed
from shared.domain.contact_loosening import loosens
from shared.domain.contact_rules import (
    CalendarDays,
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
    class_of,
    merge,
    merge_all,
)
from shared.domain.tiers import NoticeKind
from tests.unit.contact_builders import a_cap, a_contact, a_window, open_in, rules

COLLECTION, SMS, VOICE = MessageClass.COLLECTION, Channel.SMS, Channel.VOICE
LAW = replace(
    open_in(a_window("08:00", "21:00")),
    caps=frozenset({a_cap(3, window=CalendarDays(7), counts=Reached.SENT, channels=frozenset({SMS, VOICE}))}),
    holds=frozenset({HoldRule("dispute", frozenset({Stops.CONTACT, Stops.DEBIT}), 60)}),
    recipients=frozenset({Recipient.BORROWER, Recipient.SPOUSE}),
    lead_days=2,
    lead_days_varied=10,
    grace_days=3,
    retention_days=1096,
    max_attempts=3,
    confirm_minutes=5,
)


class TestClasses:
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (NoticeKind.REMIND, MessageClass.SERVICE_REMINDER),
            (NoticeKind.DUE, MessageClass.SERVICE_REMINDER),
            (NoticeKind.FAILED, MessageClass.SERVICE_REMINDER),
            (NoticeKind.PRE_DEBIT, MessageClass.PRE_DEBIT_NOTICE),
            (NoticeKind.OVERDUE, MessageClass.COLLECTION),
            (NoticeKind.RECEIVED, MessageClass.RECEIPT),
            (NoticeKind.SETTLED, MessageClass.RECEIPT),
        ],
    )
    def test_each_kind_of_message_has_its_class(self, kind: NoticeKind, expected: MessageClass) -> None:
        assert class_of(kind) is expected

    def test_every_kind_is_covered(self) -> None:
        assert all(class_of(kind) in MessageClass for kind in NoticeKind)

    def test_only_an_overdue_notice_becomes_a_legal_one(self) -> None:
        legal = {kind for kind in NoticeKind if class_of(kind, required_by_law=True) is MessageClass.LEGAL_NOTICE}
        assert legal == {NoticeKind.OVERDUE}


class TestMerge:
    @settings(deadline=None)
    @given(rules(), rules(), rules())
    def test_neither_order_nor_grouping_nor_repetition_matters(
        self, a: ContactRules, b: ContactRules, c: ContactRules
    ) -> None:
        assert merge(a, b) == merge(b, a)
        assert merge(merge(a, b), c) == merge(a, merge(b, c)) == merge_all([c, a, b])
        assert merge(a, a) == a == merge(a, ContactRules())

    @settings(deadline=None)
    @given(
        rules(),
        rules(),
        st.lists(
            st.tuples(st.integers(0, 400), st.sampled_from(Channel), st.sampled_from([None, *Reached])), max_size=6
        ),
        st.sampled_from(Channel),
    )
    def test_the_stricter_of_the_two_wins_everywhere(
        self,
        a: ContactRules,
        b: ContactRules,
        made: list[tuple[int, Channel, Reached | None]],
        channel: Channel,
    ) -> None:
        merged = merge(a, b)
        now = datetime(2026, 3, 10, 12, tzinfo=UTC)
        log = [
            Contact(f"n-{n}", now - timedelta(hours=h), ch, COLLECTION, ("l-1",), "a-1", o)
            for n, (h, ch, o) in enumerate(made)
        ]
        args = channel, COLLECTION, ("l-1",), "a-1", ("Asia/Shanghai",)
        allowed = [first_allowed(now, log, r.caps, *args) for r in (a, b)]
        expected = None if None in allowed else max(moment for moment in allowed if moment)
        assert first_allowed(now, log, merged.caps, *args) == expected
        for name in ("lead_days", "lead_days_varied", "grace_days", "retention_days"):
            stated = [v for v in (getattr(a, name), getattr(b, name)) if v is not None]
            assert getattr(merged, name) == max(stated, default=None)
        for name in ("max_attempts", "confirm_minutes"):
            stated = [v for v in (getattr(a, name), getattr(b, name)) if v is not None]
            assert getattr(merged, name) == min(stated, default=None)
        for recipient in Recipient:
            says = [r.may_contact(recipient) for r in (a, b) if r.recipients is not None]
            assert merged.may_contact(recipient) == (bool(says) and all(says))
        for code in ("complaint", "dispute"):
            holds = [h for h in (a.hold(code), b.hold(code)) if h]
            found = merged.hold(code)
            assert (found is None) == (not holds)
            assert found is None or found.stops == frozenset[Stops]().union(*(h.stops for h in holds))
        assert all(r.banned <= merged.banned and r.required <= merged.required for r in (a, b))
        assert all(r.keywords <= merged.keywords for r in (a, b))

    @settings(deadline=None)
    @given(rules(), rules())
    def test_what_is_merged_in_never_loosens(self, base: ContactRules, lender: ContactRules) -> None:
        merged = merge(base, lender)
        for message_class in MessageClass:
            for channel in Channel:
                assert (
                    merged.never_opens(message_class, channel)
                    or not base.groups
                    or not base.never_opens(message_class, channel)
                )

    def test_of_no_rules_nothing_goes_out(self) -> None:
        none = merge_all([])
        assert none == ContactRules()
        assert all(none.never_opens(c, ch) for c in MessageClass for ch in Channel)
        assert not none.may_contact(Recipient.BORROWER)

    def test_a_hold_lasts_as_long_as_the_longest_of_its_code(self) -> None:
        both = replace(
            LAW,
            holds=LAW.holds
            | {HoldRule("dispute", frozenset({Stops.FEES}), 90), HoldRule("other", frozenset(Stops), 1)},
        )
        assert both.hold("dispute") == HoldRule("dispute", frozenset({Stops.CONTACT, Stops.DEBIT, Stops.FEES}), 90)
        endless = replace(both, holds=both.holds | {HoldRule("dispute", frozenset({Stops.FEES}))})
        assert endless.hold("dispute") == HoldRule("dispute", frozenset({Stops.CONTACT, Stops.DEBIT, Stops.FEES}), None)
        assert LAW.hold("other") is None


SMS_ONLY = frozenset({SMS})


class TestLoosening:
    @pytest.mark.parametrize(
        ("changes", "leaf"),
        [
            ({"lead_days": 1}, "debit.lead_days"),
            ({"lead_days_varied": 9}, "debit.lead_days_varied"),
            ({"grace_days": 2}, "delinquency.grace_days"),
            ({"retention_days": 1095}, "contact.retention_days"),
            ({"max_attempts": 4}, "debit.max_attempts"),
            ({"confirm_minutes": 6}, "contact.confirm_minutes"),
            ({"recipients": frozenset({Recipient.BORROWER, Recipient.GUARANTOR})}, "contact.recipients"),
            ({"holds": frozenset({HoldRule("dispute", frozenset({Stops.CONTACT}), 60)})}, "holds.dispute"),
            ({"holds": frozenset({HoldRule("dispute", frozenset(Stops), 59)})}, "holds.dispute"),
        ],
    )
    def test_a_value_beyond_the_law_s_is_named(self, changes: dict[str, Any], leaf: str) -> None:
        assert loosens(LAW, replace(ContactRules(), **changes)) == leaf

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"lead_days": 2, "lead_days_varied": 11, "grace_days": 4, "retention_days": 1097},
            {"max_attempts": 3, "confirm_minutes": 5},
            {"max_attempts": 1, "confirm_minutes": 1},
            {"recipients": frozenset({Recipient.BORROWER})},
            {
                "holds": frozenset(
                    {HoldRule("dispute", frozenset(Stops), 61), HoldRule("own", frozenset({Stops.FEES}), 1)}
                )
            },
            {"holds": frozenset({HoldRule("dispute", frozenset(Stops))})},
            {"banned": frozenset({Phrases("lender", "text.banned.a", frozenset(), frozenset(), frozenset({"x"}))})},
            {"keywords": frozenset({KeywordRule(Keyword.STOP, "basta")})},
        ],
    )
    def test_what_tightens_or_adds_is_welcome(self, changes: dict[str, Any]) -> None:
        assert loosens(LAW, replace(ContactRules(), **changes)) is None

    @pytest.mark.parametrize(
        ("start", "end", "weekdays", "is_loose"),
        [
            ("08:00", "21:00", {1, 7}, False),
            ("09:00", "20:00", {1}, False),
            ("07:59", "20:00", {1}, True),
            ("09:00", "21:01", {7}, True),
            ("09:00", "24:00", {7}, True),
        ],
    )
    def test_a_window_must_lie_within_the_law_s(self, start: str, end: str, weekdays: set[int], is_loose: bool) -> None:
        lender = open_in(a_window(start, end, id="contact.windows.late", weekdays=frozenset(weekdays)), pack="lender")
        assert loosens(LAW, lender) == ("contact.windows.late" if is_loose else None)

    def test_a_window_for_what_the_law_does_not_admit_at_all_is_loose(self) -> None:
        law = open_in(a_window(channels=SMS_ONLY))
        assert loosens(law, open_in(a_window("10:00", "11:00"))) == "contact.windows.daily"
        assert loosens(law, open_in(a_window("10:00", "11:00", channels=SMS_ONLY))) is None
        assert loosens(ContactRules(), open_in(a_window("10:00", "11:00", channels=SMS_ONLY))) is not None

    @pytest.mark.parametrize(
        ("limit", "changes", "is_loose"),
        [
            (4, {}, True),
            (3, {}, False),
            (2, {}, False),
            (3, {"window": CalendarDays(6)}, True),
            (2, {"window": CalendarDays(6)}, False),
            (4, {"window": CalendarDays(8)}, False),
            (4, {"channels": SMS_ONLY}, True),
            (4, {"channels": frozenset({SMS, Channel.PUSH})}, False),  # about pushes the law says nothing
            (4, {"classes": frozenset({COLLECTION})}, True),
            (4, {"counts": Reached.CONNECTED}, True),
            (4, {"counts": Reached.ATTEMPT}, False),
            (4, {"scope": Scope.DEBT}, True),
            (4, {"window": timedelta(days=7)}, False),  # rolling: another clock
            (4, {"after": ContactEvent.CONVERSATION}, False),
        ],
    )
    def test_a_cap_that_can_never_bind_is_loose(self, limit: int, changes: dict[str, Any], is_loose: bool) -> None:
        same = {"window": CalendarDays(7), "counts": Reached.SENT, "channels": frozenset({SMS, VOICE})}
        lender = ContactRules(caps=frozenset({a_cap(limit, id="contact.caps.own", **(same | changes))}))
        assert loosens(LAW, lender) == ("contact.caps.own" if is_loose else None)

    def test_a_cap_by_address_does_not_replace_one_by_debt(self) -> None:
        law = ContactRules(caps=frozenset({a_cap(1, scope=Scope.DEBT)}))
        assert loosens(law, ContactRules(caps=frozenset({a_cap(2, scope=Scope.ADDRESS)}))) is None
        assert loosens(law, ContactRules(caps=frozenset({a_cap(2, scope=Scope.DEBT)}))) == "contact.caps.one"

    @settings(deadline=None)
    @given(rules())
    def test_the_law_itself_loosens_nothing(self, base: ContactRules) -> None:
        """Caps apart: one pack may hold a narrow and a wide one side by side."""
        one_each = {hold.code: hold for hold in base.holds}
        base = replace(base, caps=frozenset(), holds=frozenset(one_each.values()))
        base = replace(base, groups=frozenset(list(base.groups)[:1]))
        assert loosens(base, base) is None


def test_caps_for_a_message_come_in_a_fixed_order_whatever_the_set_s() -> None:
    made = [a_cap(n, id=f"contact.caps.{n}") for n in (3, 1, 2)] + [a_cap(9, classes=frozenset({COLLECTION}))]
    found = ContactRules(caps=frozenset(made))
    assert [cap.limit for cap in found.caps_for(MessageClass.RECEIPT, SMS)] == [1, 2, 3]
    assert [cap.limit for cap in found.caps_for(COLLECTION, SMS)] == [1, 2, 3, 9]
    assert a_contact(datetime(2026, 3, 10, tzinfo=UTC)).outcome is Reached.ATTEMPT
