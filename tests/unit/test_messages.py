"""What a borrower reads: every kind, tone, channel and language, from the packs that ship."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Borrower, Stage
from shared.domain.contact_rules import Channel, MessageClass, class_of
from shared.domain.errors import PolicyError
from shared.domain.messages import LONGEST_NAME, Rendered, render, text_name
from shared.domain.money import Money
from shared.domain.notices import Item, Notice
from shared.domain.policy import Policy
from shared.domain.text_faults import TextFault
from shared.domain.text_templates import Addition, Template
from shared.domain.tiers import NoticeKind
from shared.domain.wording import spoken_amount

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHELF = PolicyFiles()
CHINA = SHELF.policy("jiebei", NOW).within("CN")
BRITAIN = SHELF.policy("jiebei", NOW).within("GB")
ZHANG = Borrower("b1", "张三", "+8613800000001", "zh-CN", "Asia/Shanghai", "CN")
ANNA = Borrower("b2", "Anna Brown", "+447700900001", "en", "Europe/London", "GB")
COUNTRIES = {"CN": "CNY", "GB": "GBP", "US": "USD", "IN": "INR", "DE": "EUR"}
PRODUCTS = ("jiebei", "huabei", "wangshangdai", "baitiao")
TONES = {kind: [Stage.M1, Stage.M2, Stage.M3] if kind is NoticeKind.OVERDUE else [Stage.CURRENT] for kind in NoticeKind}
EVERY = [(kind, tone, count) for kind in NoticeKind for tone in TONES[kind] for count in (1, 3)]
SMS = Channel.SMS


def notice(kind: NoticeKind = NoticeKind.REMIND, **changes: object) -> Notice:
    values: dict[str, object] = {
        "kind": kind,
        "borrower_id": "b1",
        "covers": (),
        "amount": Money(123_450, "CNY"),
        "date": date(2026, 3, 5),
        "count": 1,
        "product": "jiebei",
        "tone": Stage.CURRENT,
        "policy_version": "v",
        "message_class": class_of(kind),
        "channels": (SMS,),
        "ways": (SMS,),
    }
    return Notice(**(values | changes))  # type: ignore[arg-type]  # keyword overrides of a builder


def items(count: int, currency: str = "CNY", minor: int = 100_000) -> tuple[Item, ...]:
    return tuple(
        Item(f"L-{n}", PRODUCTS[n % 4], Money(minor, currency), date(2026, 3, 5 + n % 20)) for n in range(count)
    )


def said(
    what: Notice, to: Borrower = ANNA, policy: Policy = BRITAIN, channel: Channel = SMS, link: str = ""
) -> Rendered:
    return render(what, channel, to, policy, fill, link)


def worded(policy: Policy, text: str, locale: str = "en", title: str | None = None) -> Policy:
    """The policy with one text for reminders, and nothing that follows it."""
    named = {f"{channel}.remind": Template(text, title) for channel in Channel}
    return replace(
        policy,
        wording={**policy.wording, locale: named},
        signature={**policy.signature, locale: "S "},
        product_name={**policy.product_name, locale: "Jiebei"},
        payment_name={**policy.payment_name, locale: "payment"},
        additions={},
    )


def test_every_text_of_the_packs_is_reached_by_a_message() -> None:
    names = {text_name(notice(kind, tone=tone, count=count)) for kind, tone, count in EVERY}
    assert len(names) == len(EVERY)
    reached = {f"{channel}.{name}" for channel in Channel for name in names} | {"sms.item", "email.item"}
    for locale in ("zh-CN", "en"):
        assert set(CHINA.wording[locale]) == reached


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_no_text_breaks_a_rule_of_a_country_in_which_it_is_used(product: str, country: str) -> None:
    policy = SHELF.policy(product, NOW).within(country)
    long_names = {"zh-CN": "买买提·吐尔逊江", "en": "W" * LONGEST_NAME}
    for locale, name in long_names.items():
        borrower = Borrower("b1", name, "+8613800000001", locale, "Asia/Shanghai", country)
        for kind, tone, count in EVERY:
            is_late = kind is NoticeKind.OVERDUE
            for of in (class_of(kind), MessageClass.LEGAL_NOTICE) if is_late else (class_of(kind),):
                what = notice(
                    kind,
                    tone=tone,
                    count=count,
                    amount=Money(9_999_999, COUNTRIES[country]),
                    date=date(2026, 9, 30),
                    product=product,
                    message_class=of,
                    items=items(count, COUNTRIES[country], 3_333_333),
                )
                for channel in Channel:
                    made = said(what, borrower, policy, channel)
                    assert made.faults == (), made.text
                    assert made.parts <= policy.max_parts[of]
                    assert channel is Channel.EMAIL or "\n" not in made.text
                    assert (made.title is None) == (channel in (SMS, Channel.VOICE))


@pytest.mark.parametrize(("tone", "speaks_as"), [(Stage.CURRENT, Stage.M1), (Stage.LEGAL, Stage.M3)])
def test_a_tone_without_its_own_text_speaks_with_its_neighbour_s(tone: Stage, speaks_as: Stage) -> None:
    spoken = [said(notice(NoticeKind.OVERDUE, tone=t), ZHANG, CHINA) for t in (tone, speaks_as)]
    assert spoken[0] == spoken[1]


# Beyond what the packs ban: what a first-party lender has no business saying.
_BANNED = re.compile(
    "公安|法院|传票|起诉|拘留|坐牢|上门|通缉|冻结|失信|老赖|家人|单位|通讯录|曝光|最后警告|骗"
    "|police|court|arrest|jail|garnish|lawsuit|final|employer|family|fraud"
)
_LATE = re.compile("逾期|拖欠|overdue|past due|late")
_DEBT = re.compile("款|债|逾期|额度|信用|法律|pay|loan|debt|owe|overdue|credit|legal")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_no_text_threatens_shames_or_names_third_parties(product: str, locale: str) -> None:
    for name, template in SHELF.policy(product, NOW).wording[locale].items():
        words = f"{template.title} {template.text}".lower()
        assert not _BANNED.search(words), name
        assert "overdue" in name or not _LATE.search(words), name


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_a_call_about_arrears_tells_whoever_picks_up_nothing_of_a_debt(locale: str) -> None:
    for country in COUNTRIES:
        policy = SHELF.policy("jiebei", NOW).within(country)
        for tone in TONES[NoticeKind.OVERDUE]:
            for count in (1, 3):
                what = notice(NoticeKind.OVERDUE, tone=tone, count=count, items=items(count))
                spoken = said(what, replace(ANNA, locale=locale, country=country), policy, Channel.VOICE).text
                assert not _DEBT.search(spoken.lower()), spoken
                assert not re.search(r"[\d,]+\.\d\d", spoken)


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_a_push_message_about_arrears_names_no_amount_and_no_name(locale: str) -> None:
    for tone in TONES[NoticeKind.OVERDUE]:
        made = said(notice(NoticeKind.OVERDUE, tone=tone), replace(ZHANG, locale=locale), CHINA, Channel.PUSH)
        assert "1,234.50" not in f"{made.title} {made.text}"
        assert "张三" not in f"{made.title} {made.text}"


def test_the_tone_hardens_from_stage_to_stage() -> None:
    soft, firm, last = (said(notice(NoticeKind.OVERDUE, tone=t), ZHANG, CHINA).text for t in TONES[NoticeKind.OVERDUE])
    assert ("商量" in soft, "额度" in soft, "征信" in soft) == (True, False, False)
    assert ("商量" in firm, "额度" in firm, "征信" in firm) == (False, True, False)
    assert ("立即" in last, "征信" in last, "法律" in last) == (True, True, True)


@pytest.mark.parametrize(
    ("product", "locale", "words"),
    [
        ("huabei", "zh-CN", "账单已出"),
        ("baitiao", "en", "Baitiao bill"),
        ("wangshangdai", "zh-CN", "经营资金"),
        ("wangshangdai", "en", "cash flow"),
    ],
)
def test_a_product_that_speaks_differently_has_texts_of_its_own(product: str, locale: str, words: str) -> None:
    policy = SHELF.policy(product, NOW).within("CN")
    assert words in said(notice(product=product), replace(ZHANG, locale=locale), policy).text
    assert words not in said(notice(), replace(ZHANG, locale=locale), CHINA).text


class TestWhatACountryAdds:
    @pytest.mark.parametrize("locale", ["zh-CN", "en"])
    def test_the_united_states_ask_for_a_way_out_of_texts_and_china_forbids_it_in_notices(self, locale: str) -> None:
        policy = SHELF.policy("jiebei", NOW).within("US")
        assert "STOP" in said(notice(), replace(ANNA, locale=locale, country="US"), policy).text
        assert "STOP" not in said(notice(), replace(ANNA, locale=locale, country="CN"), CHINA).text

    def test_the_united_kingdom_asks_for_debt_advice_in_arrears_only(self) -> None:
        assert "MoneyHelper" in said(notice(NoticeKind.OVERDUE, tone=Stage.M1)).text
        assert "MoneyHelper" not in said(notice()).text

    def test_india_asks_a_pre_debit_notice_for_payee_amount_day_reason_reference_and_way_out(self) -> None:
        policy = SHELF.policy("jiebei", NOW).within("IN")
        what = notice(
            NoticeKind.PRE_DEBIT, items=(Item("L-2026-77", "jiebei", Money(123_450, "INR"), date(2026, 3, 5)),)
        )
        made = said(what, replace(ANNA, country="IN"), policy)
        for part in ("Jiebei", "1,234.50", "5 March", "loan repayment", "L-2026-77", "opt out of this debit"):
            assert part in made.text
        bare = replace(policy, additions={})
        assert {fault.leaf.partition(": ")[2] for fault in said(what, replace(ANNA, country="IN"), bare).faults} == {
            "text.required.notice-reason",
            "text.required.notice-reference",
            "text.required.notice-way-out",
        }

    def test_the_loan_s_own_number_stands_in_no_other_class(self) -> None:
        policy = replace(worded(BRITAIN, "{{ reference }}"))
        with pytest.raises(PolicyError, match=r"^wording\.en\.sms\.remind: 'reference' is undefined$"):
            said(notice(items=items(1)), policy=policy)

    def test_an_english_signature_costs_a_chinese_phone_its_brackets_and_no_other(self) -> None:
        assert said(notice(), replace(ANNA, country="CN"), CHINA).text.startswith("【Jiebei】Dear")
        assert said(notice()).text.startswith("Jiebei: Dear")


class TestAListOfLoans:
    def test_each_loan_is_listed_by_its_own_name_when_it_fits(self) -> None:
        what = notice(count=2, amount=Money(200_000, "CNY"), items=items(2))
        assert "（3月5日借呗1,000.00元、3月6日花呗1,000.00元）" in said(what, ZHANG, CHINA).text

    def test_it_is_left_out_when_the_text_would_take_more_parts_than_allowed(self) -> None:
        for count in range(2, 40):
            made = said(notice(count=count, amount=Money(100_000 * count, "CNY"), items=items(count)), ZHANG, CHINA)
            assert made.faults == ()
            is_listed = "花呗" in made.text
            assert is_listed == (count <= 7)
            assert (made.parts, "共" in made.text) == ({2: 2, 3: 2}.get(count, 3 if is_listed else 2), True)

    def test_several_instalments_of_one_loan_are_no_list(self) -> None:
        assert "(" not in said(notice(count=2, items=items(1))).text

    def test_an_e_mail_has_a_line_for_each(self) -> None:
        made = said(notice(count=3, items=items(3, "GBP")), channel=Channel.EMAIL)
        lines = made.text.splitlines()
        assert [line for line in lines if line.startswith("- ")] == [
            "- Jiebei: £1,000.00, 5 March",
            "- Huabei: £1,000.00, 6 March",
            "- Wangshangdai: £1,000.00, 7 March",
        ]
        assert made.title == "3 payments are coming up"

    @pytest.mark.parametrize("channel", [Channel.PUSH, Channel.VOICE])
    def test_a_lock_screen_and_a_call_list_nothing(self, channel: Channel) -> None:
        assert "Huabei" not in said(notice(count=2, items=items(2)), channel=channel).text


class TestTooLong:
    def test_a_name_whose_letters_cost_another_part_is_left_out(self) -> None:
        text = "{{ signature }}Dear {{ name }}, " + "x" * 120
        policy = replace(worded(BRITAIN, text), max_parts=dict.fromkeys(MessageClass, 1))
        assert "Łukasz" not in said(notice(), replace(ANNA, name="Łukasz"), policy).text
        assert "Dear customer," in said(notice(), replace(ANNA, name="Łukasz"), policy).text
        assert "Dear Lukas," in said(notice(), replace(ANNA, name="Lukas"), policy).text

    @pytest.mark.parametrize(("length", "faults"), [(160, 0), (161, 1)])
    def test_what_is_too_long_even_so_says_why(self, length: int, faults: int) -> None:
        policy = replace(worded(BRITAIN, "x" * length), max_parts=dict.fromkeys(MessageClass, 1))
        found = said(notice(), policy=policy).faults
        assert found == (TextFault("contact.max_parts.service-reminder", "takes 2 parts of 1"),) * faults

    def test_a_provider_that_carries_fewer_parts_is_obeyed(self) -> None:
        provider = CHINA.providers[SMS]
        policy = replace(CHINA, providers={SMS: replace(provider, max_parts=1)})
        assert said(notice(), ZHANG, policy).faults[-1].says == "takes 2 parts of 1"

    def test_parts_are_of_an_sms_only(self) -> None:
        made = said(notice(), policy=worded(BRITAIN, "x" * 2_000, title="t"), channel=Channel.EMAIL)
        assert (made.parts, made.faults) == (1, ())


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("text", "leaf", "says"),
        [
            ("We will have you arrested: arrest!", "text.banned.threats", "says arrest"),
            ("See www.evil.example/x", "text.links", "leads to www.evil.example"),
            ("See https://evil.example/x", "text.links", "leads to evil.example"),
            ("See http://10.0.0.1/x", "text.links", "leads to 10.0.0.1"),
            ("See moneyhelper.org.uk.evil.example", "text.links", "leads to moneyhelper.org.uk.evil.example"),
            ("See notmoneyhelper.org.uk", "text.links", "leads to notmoneyhelper.org.uk"),
            ("See ｅｖｉｌ．example", "text.links", "leads to evil.example"),
            ("Account 6222 0202 0000 1", "text", "holds a long number that is no amount, day, hotline or reference"),
            ("ID 110101-199003-07", "text", "holds a long number that is no amount, day, hotline or reference"),
            ("Phone １３８００００", "text", "holds a long number that is no amount, day, hotline or reference"),
            ("Write to a@b", "text", "holds an e-mail address"),
        ],
    )
    def test_a_text_with_what_it_may_not_hold_has_a_fault(self, text: str, leaf: str, says: str) -> None:
        assert any(
            (fault.leaf.rpartition(": ")[2], fault.says) == (leaf, says)
            for fault in said(notice(), policy=worded(BRITAIN, text)).faults
        )

    @pytest.mark.parametrize(
        "text",
        [
            "{{ amount }} on {{ date }}, {{ hotline }}",
            "See https://www.moneyhelper.org.uk/x",
            "See moneyhelper.org.uk.",
            "12345, i.e. five figures, e.g. at 9 a.m.",
        ],
    )
    def test_a_text_with_its_own_numbers_and_allowed_links_has_none(self, text: str) -> None:
        assert said(notice(), policy=worded(BRITAIN, text)).faults == ()

    def test_a_title_is_read_too(self) -> None:
        policy = worded(BRITAIN, "Fine", title="Final warning")
        assert [fault.says for fault in said(notice(), policy=policy, channel=Channel.PUSH).faults] == [
            "says final warning"
        ]

    def test_no_name_can_make_a_text_faulty(self) -> None:
        for name in ("Jail Arrest", "https://evil.example/x", "evil.example", "a@b.example", "13800000001"):
            made = said(notice(), replace(ANNA, name=name))
            assert made.faults == ()
            assert not re.search(r"evil\.example|://|a@b|13800000001", made.text)

    def test_a_short_link_stands_behind_the_words_for_it_and_on_allowed_hosts_only(self) -> None:
        made = said(notice(), link="https://d.example/AB12345678")
        assert made.text.endswith("Details: https://d.example/AB12345678")
        assert [fault.says for fault in made.faults] == ["leads to d.example"]
        allowed = replace(BRITAIN, links=frozenset({"d.example"}))
        assert said(notice(), policy=allowed, link="https://d.example/AB12345678").faults == ()


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("en", "en"), ("en-GB", "en"), ("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("ZH-cn", "zh-CN"), ("cs-CZ", "en")],
)
def test_the_wording_is_of_the_locale_else_of_its_language_else_the_default(wanted: str, chosen: str) -> None:
    expected = said(notice(), replace(ZHANG, locale=chosen), CHINA)
    assert said(notice(), replace(ZHANG, locale=wanted), CHINA) == expected
    assert expected.language == chosen


def test_an_exact_locale_goes_before_another_of_the_same_language() -> None:
    policy = worded(CHINA, "{{ signature }}港", "zh-HK")
    assert said(notice(), replace(ZHANG, locale="zh-HK"), policy).text == "S 港"
    assert said(notice(), replace(ZHANG, locale="zh-TW"), policy).text.startswith("【借呗】")


@pytest.mark.parametrize(
    ("locale", "amount", "written"),
    [
        ("zh-CN", Money(123450, "CNY"), "1,234.50元"),
        ("zh-CN", Money(123450, "CZK"), "1,234.50 CZK"),
        ("zh-CN", Money(1234, "JPY"), "1,234 JPY"),
        ("en", Money(123450, "CNY"), "CNY 1,234.50"),
        ("en", Money(123450, "GBP"), "£1,234.50"),
        ("en", Money(5, "KWD"), "KWD 0.005"),
        ("cs-CZ", Money(123450, "CZK"), "1,234.50 CZK"),
    ],
)
def test_amounts_are_written_as_the_language_does(locale: str, amount: Money, written: str) -> None:
    policy = worded(BRITAIN, "{{ amount }}", locale)
    assert said(notice(amount=amount), replace(ANNA, locale=locale), policy).text == written


@pytest.mark.parametrize(
    ("language", "amount", "spoken"),
    [
        ("zh", Money(123450, "CNY"), "1,234.50元"),
        ("zh", Money(123450, "USD"), "1,234.50美元"),
        ("en", Money(123450, "CNY"), "1,234.50 yuan"),
        ("en", Money(123450, "CZK"), "CZK 1,234.50"),
        ("cs", Money(123450, "CZK"), "1,234.50 CZK"),
    ],
)
def test_a_call_says_the_currency_s_name(language: str, amount: Money, spoken: str) -> None:
    assert spoken_amount(amount, language) == spoken


@pytest.mark.parametrize(
    ("locale", "country", "day", "written"),
    [
        ("zh-CN", "CN", date(2026, 3, 5), "3月5日"),
        ("en", "GB", date(2026, 3, 5), "5 March"),
        ("en", "US", date(2026, 3, 5), "March 5"),
        ("en", "GB", date(2028, 2, 29), "29 February"),
        ("cs-CZ", "GB", date(2026, 12, 31), "2026-12-31"),
    ],
)
def test_dates_are_written_as_the_language_does(locale: str, country: str, day: date, written: str) -> None:
    policy = worded(BRITAIN, "{{ date }}", locale)
    made = said(notice(date=day), replace(ANNA, locale=locale, country=country), policy)
    assert (made.text, made.faults) == (written, ())


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
        ("{{ amount }}", "{{ amount }}"),
        ("{% if x %} %s }{", "{% if x %} %s }{"),
        ("Anna【Bank】Brown", "AnnaBankBrown"),
        ("Anna\ue000Brown", "AnnaBrown"),
        ("A. Brown", "A. Brown"),
        ("A.Brown", "A. Brown"),
        ("Ram S/O Shyam", "Ram S/O Shyam"),
        ("X Æ A-12", "X Æ A-12"),
        ("张三 138 0000 0001", "customer"),
        ("A" * LONGEST_NAME, "A" * LONGEST_NAME),
        ("A" * (LONGEST_NAME + 1), "A" * (LONGEST_NAME - 1) + "…"),
        ("Anna Maria Louise Brown Smith", "Anna Maria Louise Brown…"),
        (" \n", "customer"),
    ],
)
def test_no_name_breaks_the_line_the_text_or_the_length(name: str, written: str) -> None:
    assert said(notice(), replace(ANNA, name=name), worded(BRITAIN, "{{ name }}")).text == written


@given(name=st.text(max_size=40))
def test_whatever_the_name_the_text_stands_and_has_no_fault(name: str) -> None:
    made = said(notice(), replace(ANNA, name=name))
    assert made.faults == ()
    assert made.text.startswith("Jiebei: Dear ")
    assert made.text.endswith(", your Jiebei payment of CNY 1,234.50 is due on 5 March. "
                              "Please have it ready in time. Questions? 400-000-0101.")  # fmt: skip


def test_a_text_that_the_policy_lacks_is_a_policy_error() -> None:
    policy = replace(BRITAIN, wording={"en": {}, "zh-CN": {}})
    with pytest.raises(PolicyError, match=r"^wording\.en\.sms\.remind_many is missing$"):
        said(notice(count=2), policy=policy)


def test_a_text_that_cannot_be_filled_is_named() -> None:
    def broken(template: str, fields: Mapping[str, object]) -> str:
        raise PolicyError("no")

    with pytest.raises(PolicyError, match=r"^wording\.en\.sms\.remind: no$"):
        render(notice(), SMS, ANNA, BRITAIN, broken)
    extra = Addition("addition.en.x", None, frozenset(MessageClass), frozenset(Channel), "{{ reference }}")
    policy = replace(worded(BRITAIN, "x"), additions={"en": (extra,)})
    with pytest.raises(PolicyError, match=r"^addition\.en\.x: 'reference' is undefined$"):
        said(notice(), policy=policy)
