"""What a borrower reads: every kind, tone and language, word for word, from the packs that ship."""

import re
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Borrower, Stage
from shared.domain.contact import Notice
from shared.domain.errors import PolicyError
from shared.domain.messages import LONGEST_NAME, render, text_name
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind

NOW = datetime(2026, 3, 1, tzinfo=UTC)
JIEBEI = PolicyFiles().policy("jiebei", NOW)
ZHANG = Borrower("b1", "张三", "+8613800000001", "zh-CN", "Asia/Shanghai", "CN")
ANNA = Borrower("b2", "Anna Brown", "+447700900001", "en", "Europe/London", "GB")


def notice(kind: NoticeKind = NoticeKind.REMIND, **changes: object) -> Notice:
    values: dict[str, object] = {
        "kind": kind,
        "borrower_id": "b1",
        "covers": (),
        "amount": Money(123450, "CNY"),
        "date": date(2026, 3, 5),
        "count": 1,
        "product": "jiebei",
        "tone": Stage.CURRENT,
        "policy_version": JIEBEI.version,
        "has_address": True,
    }
    return Notice(**(values | changes))  # type: ignore[arg-type]  # keyword overrides of a builder


GOLDEN: dict[str, dict[str, str]] = tomllib.loads(
    (Path(__file__).parent / "golden_messages.toml").read_text(encoding="utf-8")
)
"""Locale -> name of the text -> the message."""

TONES = {kind: [Stage.M1, Stage.M2, Stage.M3] if kind is NoticeKind.OVERDUE else [Stage.CURRENT] for kind in NoticeKind}
EVERY = [(kind, tone, count) for kind in NoticeKind for tone in TONES[kind] for count in (1, 3)]


@pytest.mark.parametrize(("kind", "tone", "count"), EVERY)
def test_every_message_reads_as_it_was_approved(kind: NoticeKind, tone: Stage, count: int) -> None:
    message = notice(kind, tone=tone, count=count)
    assert render(message, ZHANG, JIEBEI) == GOLDEN["zh-CN"][text_name(message)]
    assert render(message, ANNA, JIEBEI) == GOLDEN["en"][text_name(message)]


def test_every_text_of_the_packs_is_reached_by_a_message() -> None:
    reached = {text_name(notice(kind, tone=tone, count=count)) for kind, tone, count in EVERY}
    assert len(reached) == len(EVERY)
    for locale in ("zh-CN", "en"):
        assert set(JIEBEI.wording[locale]) == set(GOLDEN[locale]) == reached


@pytest.mark.parametrize(("tone", "speaks_as"), [(Stage.CURRENT, Stage.M1), (Stage.LEGAL, Stage.M3)])
def test_a_tone_without_its_own_text_speaks_with_its_neighbour_s(tone: Stage, speaks_as: Stage) -> None:
    spoken = [render(notice(NoticeKind.OVERDUE, tone=t), ZHANG, JIEBEI) for t in (tone, speaks_as)]
    assert spoken[0] == spoken[1]


@pytest.mark.parametrize("product", ["jiebei", "huabei", "wangshangdai", "baitiao"])
def test_no_message_costs_more_parts_than_planned_and_each_starts_with_its_signature(product: str) -> None:
    policy = PolicyFiles().policy(product, NOW)
    for locale, most in (("zh-CN", 134), ("en", 201)):  # UCS-2: two and three parts of 67
        borrower = replace(ANNA, name="W" * LONGEST_NAME if locale == "en" else "买买提·吐尔逊江", locale=locale)
        for kind, tone, count in EVERY:
            message = notice(kind, tone=tone, count=count, amount=Money(9_999_999, "CNY"), date=date(2026, 9, 30))
            text = render(message, borrower, policy)
            assert text.startswith(policy.signature[locale])
            assert len(text) <= most, text


# Of what Chinese self-regulation bans in collection, and what a first-party lender has no business saying.
_BANNED = re.compile(
    "公安|法院|传票|起诉|拘留|坐牢|上门|通缉|冻结|失信|老赖|家人|单位|通讯录|曝光|最后警告|骗"
    "|police|court|arrest|jail|garnish|lawsuit|final|employer|family|fraud"
)
_LATE = re.compile("逾期|拖欠|overdue|past due|late")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_no_text_threatens_shames_or_names_third_parties(locale: str) -> None:
    for name, text in JIEBEI.wording[locale].items():
        assert not _BANNED.search(text.lower()), name


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_only_overdue_notices_speak_of_being_overdue(locale: str) -> None:
    for name, text in JIEBEI.wording[locale].items():
        if not name.startswith("overdue"):
            assert not _LATE.search(text.lower()), name


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("en", "en"), ("en-GB", "en"), ("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("ZH-cn", "zh-CN"), ("cs-CZ", "en")],
)
def test_the_wording_is_of_the_locale_else_of_its_language_else_the_default(wanted: str, chosen: str) -> None:
    expected = render(notice(), replace(ZHANG, locale=chosen), JIEBEI)
    assert render(notice(), replace(ZHANG, locale=wanted), JIEBEI) == expected


def test_an_exact_locale_goes_before_another_of_the_same_language() -> None:
    policy = with_locale(JIEBEI, "zh-HK", "{signature}港")
    assert render(notice(), replace(ZHANG, locale="zh-HK"), policy) == "【借呗】港"
    assert render(notice(), replace(ZHANG, locale="zh-TW"), policy) != "【借呗】港"


def with_locale(policy: Policy, locale: str, text: str) -> Policy:
    return replace(
        policy,
        wording={**policy.wording, locale: {"remind": text}},
        signature={**policy.signature, locale: "【借呗】"},
        product_name={**policy.product_name, locale: "借呗"},
    )


@pytest.mark.parametrize(
    ("locale", "amount", "written"),
    [
        ("zh-CN", Money(123450, "CNY"), "1,234.50元"),
        ("zh-CN", Money(123450, "CZK"), "1,234.50 CZK"),
        ("zh-CN", Money(1234, "JPY"), "1,234 JPY"),
        ("en", Money(123450, "CNY"), "CNY 1,234.50"),
        ("en", Money(5, "KWD"), "KWD 0.005"),
        ("cs-CZ", Money(123450, "CZK"), "1,234.50 CZK"),
    ],
)
def test_amounts_are_written_as_the_language_does(locale: str, amount: Money, written: str) -> None:
    policy = with_locale(with_locale(with_locale(JIEBEI, "en", "{amount}"), "zh-CN", "{amount}"), "cs-CZ", "{amount}")
    assert render(notice(amount=amount), replace(ANNA, locale=locale), policy) == written


@pytest.mark.parametrize(
    ("locale", "day", "written"),
    [
        ("zh-CN", date(2026, 3, 5), "3月5日"),
        ("en", date(2026, 3, 5), "5 March"),
        ("en", date(2028, 2, 29), "29 February"),
        ("cs-CZ", date(2026, 12, 31), "2026-12-31"),
    ],
)
def test_dates_are_written_as_the_language_does(locale: str, day: date, written: str) -> None:
    policy = with_locale(with_locale(with_locale(JIEBEI, "en", "{date}"), "zh-CN", "{date}"), "cs-CZ", "{date}")
    assert render(notice(date=day), replace(ANNA, locale=locale), policy) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Anna Brown", "Anna Brown"),
        ("  Anna\r\n\tBrown ", "Anna Brown"),
        ("Anna\u2028Brown", "Anna Brown"),
        ("An\x00na\x1b Brown\x7f", "Anna Brown"),
        ("\u202eAnna\u200b Brown\ufeff", "Anna Brown"),
        ("فرهاد\u200cپور", "فرهاد\u200cپور"),
        ("{amount}", "{amount}"),
        ("{0.__class__} %s }{", "{0.__class__} %s }{"),
        ("Anna【Bank】Brown", "AnnaBankBrown"),
        ("A" * LONGEST_NAME, "A" * LONGEST_NAME),
        ("A" * (LONGEST_NAME + 1), "A" * (LONGEST_NAME - 1) + "…"),
        ("Anna Maria Louise Brown Smith", "Anna Maria Louise Brown…"),
        (" \n", "customer"),
    ],
)
def test_no_name_breaks_the_line_the_text_or_the_length(name: str, written: str) -> None:
    policy = with_locale(JIEBEI, "en", "{name}")
    assert render(notice(), replace(ANNA, name=name), policy) == written


def test_a_text_that_the_policy_lacks_is_a_policy_error() -> None:
    policy = replace(JIEBEI, wording={"en": {}, "zh-CN": {}})
    with pytest.raises(PolicyError, match=r"^wording\.en\.remind_many is missing$"):
        render(notice(count=2), ANNA, policy)
