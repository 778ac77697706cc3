"""The jurisdictions' packs: seed values, each leaf read, and one clear error for a malformed one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from shared.adapters.policy_files import read_packs
from shared.domain.contact_caps import Contact, limit_of
from shared.domain.contact_rules import (
    CalendarDays,
    Channel,
    ContactEvent,
    MessageClass,
    Reached,
    Recipient,
    Stops,
    merge,
)
from shared.domain.contact_windows import opens
from shared.domain.delinquency import Delinquency
from shared.domain.errors import CurrencyMismatchError, PolicyError
from shared.domain.jurisdiction import (
    Jurisdiction,
    jurisdiction_of,
    read_whole_jurisdiction,
    take_contact_rules,
)
from shared.domain.money import Money
from shared.domain.opt_out import keyword_in
from shared.domain.packs import Kind, Leaf, Pack, Reader
from shared.domain.policy_assembly import assemble
from shared.domain.wording_rules import WordingFault, wording_faults
from tests.unit.builders import at

ALL_PACKS = read_packs()
PACKS = {pack.id.removeprefix("jurisdiction-"): pack for pack in ALL_PACKS if pack.type == "jurisdiction"}
RULES = {name: read_whole_jurisdiction(pack) for name, pack in PACKS.items()}
ON = date(2026, 3, 10)
COLLECTION, SMS, VOICE = MessageClass.COLLECTION, Channel.SMS, Channel.VOICE


def test_there_are_five() -> None:
    assert set(PACKS) == {"cn", "us", "uk", "eu", "in"}


@pytest.mark.parametrize(
    ("country", "zone", "first", "last"),
    [
        ("CN", "Asia/Shanghai", "08:00", "21:59"),
        ("US", "America/Chicago", "08:00", "20:59"),
        ("GB", "Europe/London", "08:00", "20:59"),
        ("FR", "Europe/Paris", "08:00", "19:59"),
        ("IN", "Asia/Kolkata", "08:00", "18:59"),
    ],
)
@pytest.mark.parametrize("channel", Channel)
def test_the_hours_of_each(country: str, zone: str, first: str, last: str, channel: Channel) -> None:
    rules = jurisdiction_of(ALL_PACKS, country, ON).contact
    start, end = at(f"2026-03-10 {first}", zone), at(f"2026-03-10 {last}", zone)
    for now, expected in (
        (start - timedelta(minutes=1), start),
        (start, start),
        (end, end),
        (end + timedelta(minutes=1), start + timedelta(days=1)),
    ):
        assert opens(now, rules, COLLECTION, channel, (zone,)) == expected


def test_sundays_in_the_united_kingdom_begin_late() -> None:
    rules = jurisdiction_of(ALL_PACKS, "GB", ON).contact
    saturday_night, london = at("2026-03-14 21:00", "Europe/London"), ("Europe/London",)
    assert opens(saturday_night, rules, COLLECTION, SMS, london) == at("2026-03-15 10:00", "Europe/London")
    assert opens(at("2026-03-15 18:00", "Europe/London"), rules, COLLECTION, SMS, london) == at(
        "2026-03-16 08:00", "Europe/London"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cn", {"sms-day": (1, CalendarDays(1)), "sms-week": (5, CalendarDays(7))}),
        ("us", {"sms-day": (1, CalendarDays(1)), "sms-week": (7, timedelta(days=7))}),
        ("uk", {"sms-day": (1, CalendarDays(1)), "sms-week": (3, CalendarDays(7))}),
        ("eu", {"sms-day": (1, CalendarDays(1)), "sms-week": (3, CalendarDays(7))}),
        ("in", {"sms-day": (1, CalendarDays(1))}),
    ],
)
def test_the_texts_that_each_allows(name: str, expected: dict[str, object]) -> None:
    caps = RULES[name].contact.caps_for(COLLECTION, SMS)
    assert {cap.id.removeprefix("contact.caps."): (cap.limit, cap.window) for cap in caps} == expected
    assert not RULES[name].contact.caps_for(MessageClass.LEGAL_NOTICE, SMS)
    assert not RULES[name].contact.caps_for(MessageClass.RECEIPT, SMS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cn", {"voice-attempts": (6, "address"), "voice-connected": (3, "borrower")}),
        ("us", {"voice-after-conversation": (0, "debt"), "voice-week": (7, "debt")}),
        ("uk", {"voice-day": (1, "borrower"), "voice-week": (3, "borrower")}),
        ("eu", {"voice-day": (1, "borrower"), "voice-week": (3, "borrower")}),
        ("in", {"voice-day": (1, "borrower")}),
    ],
)
def test_the_calls_that_each_allows(name: str, expected: dict[str, object]) -> None:
    caps = RULES[name].contact.caps_for(COLLECTION, VOICE)
    assert {cap.id.removeprefix("contact.caps."): (cap.limit, cap.scope) for cap in caps} == expected


def test_a_breathing_space_stops_everything_for_sixty_days() -> None:
    hold = RULES["uk"].contact.hold("breathing-space")
    assert hold
    assert (hold.stops, hold.days) == (frozenset(Stops), 60)


@pytest.mark.parametrize("name", PACKS)
def test_the_holds_that_an_operator_can_place_are_known_everywhere(name: str) -> None:
    known = {hold.code for hold in RULES[name].contact.holds}
    assert {"complaint", "dispute", "hardship", "bereavement", "incapacity"} <= known


class TestDelinquency:
    @pytest.mark.parametrize(
        ("today", "bucket"),
        [
            (date(2026, 3, 30), None),
            (date(2026, 3, 31), "SMA-0"),  # overdue at the end of the due date itself
            (date(2026, 4, 29), "SMA-0"),
            (date(2026, 4, 30), "SMA-1"),
            (date(2026, 5, 30), "SMA-2"),
            (date(2026, 6, 28), "SMA-2"),
            (date(2026, 6, 29), "NPA"),
        ],
    )
    def test_india(self, today: date, bucket: str | None) -> None:
        """Vector 3."""
        rules = RULES["in"].delinquency
        assert rules.bucket(rules.dpd(date(2026, 3, 31), today)) == bucket

    @pytest.mark.parametrize(
        ("today", "dpd", "bucket"),
        [
            (date(2026, 3, 31), 0, None),
            (date(2026, 4, 1), 1, "M1"),
            (date(2026, 4, 30), 30, "M1"),
            (date(2026, 5, 1), 31, "M2"),
            (date(2026, 5, 30), 60, "M2"),
            (date(2026, 5, 31), 61, "M3"),
            (date(2026, 6, 30), 91, "M4"),
            (date(2026, 9, 28), 181, "M7"),
        ],
    )
    def test_china(self, today: date, dpd: int, bucket: str | None) -> None:
        """Vector 4."""
        rules = RULES["cn"].delinquency
        assert rules.dpd(date(2026, 3, 31), today) == dpd
        assert rules.bucket(dpd) == bucket

    @pytest.mark.parametrize(
        ("dpd", "arrears", "exposure", "is_default"),
        [
            (95, 9_000, 100_000, False),  # vector 14: 90 euro on 1,000
            (95, 10_000, 100_000, False),
            (95, 10_001, 100_000, True),
            (91, 10_001, 1_000_000, True),
            (90, 10_001, 1_000_000, False),
            (95, 10_001, 1_000_100, False),  # exactly one percent
            (95, 10_001, 1_000_099, True),
        ],
    )
    def test_europe_counts_only_material_arrears(self, dpd: int, arrears: int, exposure: int, is_default: bool) -> None:
        rules = RULES["eu"].delinquency
        assert rules.is_default(dpd, Money(arrears, "EUR"), Money(exposure, "EUR")) is is_default

    def test_other_currencies_are_not_compared(self) -> None:
        with pytest.raises(CurrencyMismatchError):
            RULES["eu"].delinquency.is_default(95, Money(20_000, "SEK"), Money(100_000, "SEK"))

    def test_without_a_threshold_any_arrears_count(self) -> None:
        assert RULES["in"].delinquency.is_default(91, Money(1, "INR"), Money(100_000, "INR"))


class TestWording:
    @staticmethod
    def leaves(name: str, text: str, of: MessageClass = COLLECTION, channel: Channel = SMS, **fields: str) -> set[str]:
        return {fault.leaf for fault in wording_faults(text, RULES[name].contact, of, channel, fields)}

    def test_a_chinese_service_notice_may_not_carry_an_opt_out_line_and_a_commercial_one_must(self) -> None:
        line = "您的账单已出，拒收请回复R"
        assert self.leaves("cn", line, MessageClass.SERVICE_REMINDER) == {"text.banned.opt-out-line"}
        assert self.leaves("cn", line, MessageClass.MARKETING) == set()
        assert self.leaves("cn", "新活动", MessageClass.MARKETING) == {"text.required.opt-out"}
        assert self.leaves("cn", "新活动", MessageClass.MARKETING, Channel.PUSH) == set()

    def test_a_collection_names_lender_and_line(self) -> None:
        complete = self.leaves("cn", "【借呗】您已逾期，客服95188", signature="【借呗】", hotline="95188")
        assert complete == set()
        lacking = self.leaves("cn", "【借呗】您已逾期", signature="【借呗】", hotline="95188")
        assert lacking == {"text.required.complaint-line"}
        assert self.leaves("cn", "您已逾期") == {"text.required.complaint-line", "text.required.lender"}

    def test_a_threat_is_found_however_it_is_spaced(self) -> None:
        found = wording_faults("将移交公 安 机关", RULES["cn"].contact, MessageClass.RECEIPT, SMS, {})
        assert found == (WordingFault("jurisdiction-cn-1", "text.banned.authorities", "公安", is_missing=False),)
        assert self.leaves("cn", "法院", MessageClass.LEGAL_NOTICE, signature="法", hotline="院") == set()
        assert self.leaves("us", "or we SUE  YOU. Reply stop.", MessageClass.RECEIPT) == {"text.banned.legal-steps"}

    def test_an_american_text_says_how_to_opt_out(self) -> None:
        assert self.leaves("us", "You owe 5 dollars") == {"text.required.opt-out"}
        assert self.leaves("us", "You owe 5 dollars. Reply STOP to end") == set()
        assert self.leaves("us", "应还5美元，回复STOP退订") == set()


class TestChoice:
    def test_each_country_has_one_jurisdiction_on_each_day(self) -> None:
        assert jurisdiction_of(ALL_PACKS, "SE", ON).name == "jurisdiction-eu"
        covered = [country for rules in RULES.values() for country in rules.countries]
        assert len(covered) == len(set(covered)) == 31

    @pytest.mark.parametrize(("country", "day"), [("CH", ON), ("CN", date(2024, 12, 31)), ("CN", date(2028, 1, 1))])
    def test_where_no_pack_is_valid_there_are_no_rules(self, country: str, day: date) -> None:
        with pytest.raises(PolicyError) as raised:
            jurisdiction_of(ALL_PACKS, country, day)
        assert str(raised.value) == f"no jurisdiction pack covers {country} on {day}; exactly one must"

    def test_two_packs_for_a_country_are_one_too_many(self) -> None:
        twin = replace(PACKS["cn"], id="jurisdiction-cn-new")
        with pytest.raises(PolicyError, match=r"^jurisdiction-cn, jurisdiction-cn-new covers CN on 2026-03-10"):
            jurisdiction_of([*ALL_PACKS, twin], "CN", ON)

    def test_the_lender_s_policy_does_not_read_them(self) -> None:
        others = [pack for pack in ALL_PACKS if pack.type not in ("jurisdiction", "calendar")]
        assert len(others) < len(ALL_PACKS)
        whole, without = (replace(assemble(packs, "jiebei", ON), packs=()) for packs in (ALL_PACKS, others))
        assert whole == without


def lender_pack(**leaves: object) -> Pack:
    made = {path.replace("__", "."): Leaf(value, Kind.OWN_DESIGN, "a test") for path, value in leaves.items()}
    return Pack("lender", "lender", "1", date(2025, 1, 1), None, made)


class TestAnotherPackOfTheSameTree:
    def test_a_lender_states_only_what_it_tightens(self) -> None:
        window = {"classes": "all", "channels": "all", "weekdays": [1, 2, 3, 4, 5], "from": "09:00", "to": "20:00"}
        pack = lender_pack(contact__windows__office=window, debit__lead_days=3)
        reader = Reader(pack.leaves)
        rules = take_contact_rules(pack, reader)
        reader.refuse_rest()
        merged = merge(RULES["cn"].contact, rules)
        assert (merged.lead_days, merged.grace_days, rules.grace_days) == (3, 0, None)
        friday_night = at("2026-03-13 20:00")
        assert opens(friday_night, merged, COLLECTION, SMS, ("Asia/Shanghai",)) == at("2026-03-16 09:00")

    def test_of_no_leaf_no_rule(self) -> None:
        pack = lender_pack()
        rules = take_contact_rules(pack, Reader(pack.leaves))
        assert merge(RULES["cn"].contact, rules) == RULES["cn"].contact


WINDOW = {"classes": "all", "channels": "all", "weekdays": "all", "from": "08:00", "to": "22:00"}
CAP = {"channels": "all", "classes": "all", "counts": "sent", "scope": "debt", "max": 1, "days": 1}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("countries", []),
        ("countries", ["CN", "CN"]),
        ("countries", ["XX"]),
        ("contact.windows.daily", {**WINDOW, "to": "08:00"}),
        ("contact.windows.daily", {**WINDOW, "from": "08:00:30"}),
        ("contact.windows.daily", {**WINDOW, "from": "24:00"}),
        ("contact.windows.daily", {**WINDOW, "weekdays": [0]}),
        ("contact.windows.daily", {**WINDOW, "classes": []}),
        ("contact.windows.daily", {**WINDOW, "channels": ["pigeon"]}),
        ("contact.windows.daily", {**WINDOW, "note": "x"}),
        ("contact.windows.daily", "08:00"),
        ("contact.caps.sms-day", {**CAP, "hours": 24}),
        ("contact.caps.sms-day", {k: v for k, v in CAP.items() if k != "days"}),
        ("contact.caps.sms-day", {**CAP, "days": 0}),
        ("contact.caps.sms-day", {**CAP, "max": -1}),
        ("contact.caps.sms-day", {**CAP, "counts": "seen"}),
        ("contact.caps.sms-day", {**CAP, "scope": "loan"}),
        ("contact.caps.sms-day", {**CAP, "after": "sneeze"}),
        ("contact.caps.sms-day", 1),
        ("contact.recipients", ["mother"]),
        ("contact.retention_days", "none"),
        ("text.banned.threats", {"classes": "all", "channels": "all", "phrases": []}),
        ("text.banned.threats", {"classes": "all", "channels": "all", "phrases": ["!"]}),
        ("text.required.lender", {"classes": "all", "channels": "all", "phrases": ["{mother}"]}),
        ("keywords.stop", ["。"]),
        ("holds.complaint", {"stops": [], "days": "none"}),
        ("holds.complaint", {"stops": ["contact"]}),
        ("holds.complaint", {"stops": ["contact"], "days": "long"}),
        ("debit.lead_days", -1),
        ("delinquency.dpd_origin", 2),
        ("delinquency.buckets", []),
        ("delinquency.buckets", [["M1", 1], ["M2", 1]]),
        ("delinquency.buckets", [["M1", 1], ["M1", 31]]),
        ("delinquency.buckets", [["M1"]]),
        ("delinquency.materiality", {"minor": 1, "currency": "XXX", "basis_points": 1}),
    ],
)
def test_a_malformed_leaf_is_one_clear_error(path: str, value: object) -> None:
    with pytest.raises(PolicyError) as raised:
        read_whole_jurisdiction(with_leaf(PACKS["cn"], path, value))
    assert str(raised.value).startswith(f"jurisdiction-cn: {path}: {value!r} is not ")


def test_leaves_that_are_missing_or_that_no_rule_reads_are_refused() -> None:
    cn = PACKS["cn"]
    for path in cn.leaves:
        if path.count(".") < 2 and not path.startswith(("keywords.", "holds.")):
            with pytest.raises(PolicyError, match=rf"^jurisdiction-cn: {path} is missing$"):
                read_whole_jurisdiction(replace(cn, leaves={k: v for k, v in cn.leaves.items() if k != path}))
    for tree in ("contact.windows", "contact.caps", "text.banned", "text.required", "keywords", "holds"):
        with pytest.raises(PolicyError, match=rf"^jurisdiction-cn: {tree} is missing$"):
            read_whole_jurisdiction(
                replace(cn, leaves={k: v for k, v in cn.leaves.items() if not k.startswith(tree + ".")})
            )
    leaf = cn.leaves["countries"]
    with pytest.raises(PolicyError, match=r"^jurisdiction-cn: other is not a leaf that any rule reads$"):
        read_whole_jurisdiction(replace(cn, leaves={**cn.leaves, "other": leaf}))
    with pytest.raises(
        PolicyError, match=r"^jurisdiction-cn: keywords.pause is none of stop, stop_anywhere, help, start$"
    ):
        read_whole_jurisdiction(replace(cn, leaves={**cn.leaves, "keywords.pause": replace(leaf, value=["PAUSE"])}))


def with_leaf(pack: Pack, path: str, value: object) -> Pack:
    return replace(pack, leaves={**pack.leaves, path: replace(pack.leaves[path], value=value)})


def changed(path: str, value: Any) -> object:
    """Another lawful value of a leaf: the least other one that there is."""
    if path == "countries":
        return ["CH"]
    if path.startswith("contact.windows."):
        return {**value, "to": "16:30"}
    if path.startswith("contact.caps."):
        return {**value, "max": value["max"] + 1}
    if path.startswith(("text.", "holds.")):
        other = value["phrases"][:-1] or ["qqq"] if "phrases" in value else None
        return {**value, "phrases": other} if other else {**value, "stops": ["fees"], "days": 7}
    if path.startswith("keywords."):
        return [word for word in value if word != value[1]]
    if path == "contact.recipients":
        return ["guarantor", "spouse"] if "guarantor" not in value else ["attorney"]
    if path == "delinquency.buckets":
        return [["late", 2]]
    if path == "delinquency.dpd_origin":
        return 1 - value
    if path == "delinquency.materiality":
        return {"minor": 500, "currency": "EUR", "basis_points": 50}
    return 77 if value == "none" else value + 1


def decisions(of: Jurisdiction) -> Iterator[object]:
    """What the rules decide over a grid of questions."""
    rules, counts = of.contact, of.delinquency
    yield sorted(of.countries)
    start = datetime(2026, 3, 7, tzinfo=UTC)
    night, pairs = start + timedelta(hours=23), list(product(MessageClass, Channel))
    for (of_class, channel), hour in product(pairs, range(48)):
        yield opens(start + timedelta(hours=hour), rules, of_class, channel, ("Etc/UTC",))
    for (of_class, channel), made in product(pairs, range(9)):
        for hours, outcome in product((1, 25), (Reached.ATTEMPT, Reached.CONNECTED)):
            log = [
                Contact(f"n-{n}", night - timedelta(hours=hours * n), channel, of_class, ("l-1",), "a-1", outcome)
                for n in range(made, 0, -1)
            ]
            if outcome is Reached.CONNECTED and made:
                log[0] = replace(log[0], event=ContactEvent.CONVERSATION)
            caps = rules.caps_for(of_class, channel)
            limit = limit_of(night, log, caps, channel, of_class, ("l-1",), "a-1", ("Etc/UTC",))
            yield limit.until, limit.cap and limit.cap.id
    words = {word for name in PACKS for word in phrases_of(PACKS[name])}
    for word in sorted(words):
        yield keyword_in(word, rules), keyword_in(f"please {word} now", rules)
        yield [wording_faults(word, rules, of_class, channel, {}) for of_class, channel in pairs]
    yield [wording_faults("SIG LINE 5 DAY", rules, c, ch, FIELDS) for c, ch in pairs]
    yield [rules.hold(code) for code in sorted({hold.code for hold in rules.holds})]
    yield [rules.may_contact(recipient) for recipient in Recipient]
    yield from numbers(of)
    yield from dues(counts)


FIELDS = {"signature": "sig", "hotline": "line", "amount": "5", "date": "day"}


def phrases_of(pack: Pack) -> Iterator[str]:
    for path, leaf in pack.leaves.items():
        value: Any = leaf.value
        if path.startswith(("text.", "keywords.")):
            yield from value["phrases"] if isinstance(value, dict) else value


def numbers(of: Jurisdiction) -> Iterator[object]:
    """Read by the debit line, the retention of the log and the answer to a STOP."""
    rules = of.contact
    yield rules.lead_days, rules.lead_days_varied, rules.grace_days
    yield rules.retention_days, rules.max_attempts, rules.confirm_minutes


def dues(rules: Delinquency) -> Iterator[object]:
    for offset in range(-1, 200):
        dpd = rules.dpd(date(2026, 3, 10), date(2026, 3, 10) + timedelta(days=offset))
        yield dpd, rules.bucket(dpd)
        for minor in (1, 600, 20_000):
            yield rules.is_default(dpd, Money(minor, "EUR"), Money(100_000, "EUR"))


BEFORE = {name: list(decisions(rules)) for name, rules in RULES.items()}
LEAVES = [(name, path) for name, pack in PACKS.items() for path in pack.leaves]


@pytest.mark.parametrize(("name", "path"), LEAVES)
def test_a_changed_leaf_changes_a_decision(name: str, path: str) -> None:
    pack = PACKS[name]
    after = read_whole_jurisdiction(with_leaf(pack, path, changed(path, pack.leaves[path].value)))
    assert list(decisions(after)) != BEFORE[name]


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_decides_the_same_each_time_that_it_is_read(name: str) -> None:
    assert list(decisions(read_whole_jurisdiction(PACKS[name]))) == BEFORE[name]
