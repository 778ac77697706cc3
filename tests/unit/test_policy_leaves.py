"""Every leaf of every pack is read: changing it alone changes a decision or a text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain, product

import pytest

from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import read_packs
from shared.domain.book import Attempt, Instalment, InstalmentState, Outcome, Source, SourceKind, Told
from shared.domain.contact import plan_contact
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.debit import plan_debit
from shared.domain.decision import Act, Decision
from shared.domain.errors import PolicyError
from shared.domain.mandates import Purpose
from shared.domain.messages import render, text_name
from shared.domain.money import Money
from shared.domain.notices import Notice, told_after
from shared.domain.one_time_codes import issued, standing_refusal
from shared.domain.operations import Extent, needs_second_person
from shared.domain.packs import Leaf, Pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.domain.reach import ways_to
from shared.domain.risk_notice import code_message, risk_notice
from shared.domain.settlement import allocate
from shared.domain.stage import plan_stage
from tests.unit.builders import (
    DUE,
    a_borrower,
    a_card,
    a_file,
    a_loan,
    a_mandate,
    an_instalment,
    announced,
    attempted,
    told_of,
)

ON = date(2026, 3, 1)
PACKS = read_packs()
PRODUCTS = sorted(p.id for p in PACKS if p.type == "product")
LOCALES = ("zh-CN", "en")
COUNTRIES = ("CN", "GB", "US", "IN")
BORROWER = a_borrower(push="arn:push:1", email="wang@example.com")


def days() -> list[datetime]:
    return [datetime(2026, 3, 1, 5, tzinfo=UTC) + timedelta(days=n) for n in range(110)]


def hours() -> list[datetime]:
    """Every half an hour around the days on which something begins."""
    near = (2, 3, 8, 9, 10, 11, 12, 13)
    return [datetime(2026, 3, d, tzinfo=UTC) + timedelta(minutes=30 * n) for d in near for n in range(48)]


def home(policy: Policy, country: str = "CN") -> Policy:
    """The rules for a borrower of a country to whom every channel of the lender's pack is open."""
    return replace(policy.within(country), version="", channels=policy.channels)


def contacts(product: str, policy: Policy, instants: list[datetime]) -> Iterable[Decision[Notice]]:
    """What borrowers hear, of one and of several instalments, with and without deductions."""
    failed = attempted(Outcome.INSUFFICIENT, f"{DUE}T20:00", 3)
    limited = attempted(Outcome.CONFIG, f"{DUE}T08:00")
    paid = attempted(
        Outcome.PAID, f"{DUE}T08:00", paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, paid_by=1
    )
    second = an_instalment(number=2, due_on=DUE + timedelta(days=300))
    told = {"l-1#001#0": announced()}
    books: list[tuple[tuple[Instalment, ...], bool, dict[str, Told]]] = [
        ((an_instalment(), second), False, {}),
        ((an_instalment(), second), True, {}),
        ((an_instalment(), second), True, told),
        ((failed, second), True, told),
        ((limited, second), True, told),
        ((paid, second), True, told),
        ((paid,), True, told),
        ((replace(failed, state=InstalmentState.CLAIMED), second), True, told),
    ]
    for rows, mandated, known in books:
        mandate = a_mandate() if mandated else None
        loan = a_loan(product=product)
        twin = tuple(replace(r, loan_id="l-2") for r in rows)
        pair = [a_file(*rows, mandate=mandate, loan=loan)]
        both = [*pair, a_file(*twin, mandate=mandate, loan=replace(loan, loan_id="l-2"))]
        for files in (pair, both):
            for now in instants:
                card = a_card("l-1", "l-2", told=dict(known))
                yield plan_contact(BORROWER, card, files, {product: policy}, now)


def debits(policy: Policy) -> Iterable[object]:
    for last in (None, *(o for o in Outcome if o.is_failure)):
        for told in (None, announced(), announced(on=DUE)):
            for attempts in (0, 1, 2, 3):
                row = an_instalment() if last is None else attempted(last, f"{DUE}T08:00", attempts)
                for now in [*days(), *hours()]:
                    yield plan_debit(row, a_loan(), a_mandate(), told, policy, now)
    card, credit = Source(SourceKind.DEBIT_CARD, "card-1"), Source(SourceKind.CREDIT_CARD, "credit-1")
    for mandate in (a_mandate(), a_mandate(funding=(credit, card))):
        for attempts in (1, 2):
            row = attempted(Outcome.INSUFFICIENT, f"{DUE}T20:00", attempts)
            for now in (*days(), datetime(2026, 3, 10, 13, tzinfo=UTC)):
                yield plan_debit(row, a_loan(), mandate, announced(), policy, now)


def money(policy: Policy) -> Iterable[object]:
    """How payments are shared out: too little for everything, in time and late."""
    row = an_instalment(fee_minor=500, penalty_minor=300)
    for paid_on in (DUE, *(DUE + timedelta(days=n) for n in range(85, 95))):
        for minor in (400, 1_000, 2_000, 50_000):
            yield allocate(Money(minor, "CNY"), [row], paid_on, policy.waterfall)


def stages(policy: Policy) -> Iterable[object]:
    for tier in (None, "OVERDUE_1", "OVERDUE_30", "OVERDUE_60"):
        told = told_of(an_instalment(), tier, DUE)["l-1#001#0"] if tier else None
        for loan in (a_loan(), a_loan(entered=("000#M1",))):
            for now in [*days(), *hours()]:
                yield plan_stage(a_file(loan=loan), told, policy, now)


def decisions(policy: Policy) -> Iterator[object]:
    plain = home(policy)
    yield from stages(plain)
    yield from debits(plain)
    yield from money(plain)
    yield from contacts("jiebei", plain, hours())
    yield from contacts("jiebei", plain, days())
    yield from ways(policy)
    yield from codes(plain)
    yield from second_persons(plain)


def ways(policy: Policy) -> Iterator[object]:
    """By which channels a borrower hears: those that are wired, and those that would be."""
    for rules, message_class in product((policy.within("CN"), home(policy)), MessageClass):
        yield ways_to(BORROWER, (), rules, message_class)
    yield sorted(policy.wired.items())


def second_persons(policy: Policy) -> Iterator[object]:
    """Operators' orders of so many loans, or of so much money."""
    for loans in range(15, 25):
        yield needs_second_person(Extent(loans), [policy])
    for (currency, most), more in product(APPROVED_IN.items(), range(-2, 4)):
        yield needs_second_person(Extent(1, {currency: most + more}), [policy])


def notices(policy: Policy) -> list[Notice]:
    """One of each text, class and number of loans; and one of the class that no line sends."""
    found: dict[tuple[str, str, int], Notice] = {}
    for decision in chain(contacts("jiebei", home(policy), days()), contacts("jiebei", home(policy), hours())):
        if isinstance(decision, Act):
            notice = decision.do
            found.setdefault((text_name(notice), notice.message_class, len(notice.items)), notice)
    some = next(iter(found.values()))
    return [*found.values(), replace(some, message_class=MessageClass.MARKETING)]


def texts(policy: Policy, told: Iterable[Notice]) -> Iterator[object]:
    """Each text in each language, those of each class for each country, and one for who speaks neither language."""
    one_of_each = {notice.message_class: notice for notice in told}.values()
    asked = chain(
        product(told, LOCALES, COUNTRIES[:1]),
        product(one_of_each, LOCALES, COUNTRIES[1:]),
        product(list(one_of_each)[:1], ("cs-CZ",), COUNTRIES[:1]),
    )
    rules = {country: home(policy, country) for country in COUNTRIES}
    for (notice, locale, country), channel in product(asked, Channel):
        borrower = replace(BORROWER, locale=locale, country=country)
        yield render(notice, channel, borrower, rules[country], fill, link="https://s.example/1")
    yield from mandate_texts(rules["CN"])
    yield [(locale, sorted(policy.answers[locale].items())) for locale in sorted(policy.answers)]


def mandate_texts(policy: Policy) -> Iterator[object]:
    """What a borrower reads who turns deduction on or off, with something overdue and a debit that is under way."""
    claim = Attempt("l-1", 1, (1,), Money(1, "CNY"), "m-1", "stub", "a", f"{DUE}T08:00", days()[0], "v")
    file = a_file(an_instalment(), an_instalment(number=2, due_on=DUE + timedelta(days=31)))
    for locale, purpose in product(LOCALES, Purpose):
        borrower = a_borrower(locale=locale)
        yield risk_notice(purpose, file, [claim], borrower, policy, DUE + timedelta(days=1)).text
        yield code_message(purpose, "012345", borrower, policy)


def codes(policy: Policy) -> Iterator[object]:
    now = days()[0]
    code = issued("l-1", Purpose.CANCEL, "012345", None, policy, now)
    for minutes, tries in product(range(10), range(6)):
        yield standing_refusal(replace(code, tries=tries), policy, now + timedelta(minutes=minutes))


APPROVED_IN = {
    "CNY": 5_000_000,
    "USD": 700_000,
    "EUR": 650_000,
    "GBP": 550_000,
    "INR": 60_000_000,
    "JPY": 1_000_000,
}
CHANGES: dict[str, Callable[[object], object]] = {
    "operator.approve_above_loans": lambda v: v + 1,  # type: ignore[operator]
    **{f"operator.approve_above_minor.{c}": lambda v: v + 1 for c in APPROVED_IN},  # type: ignore[operator]
    "mandate.code_minutes": lambda v: v + 1,  # type: ignore[operator]
    "mandate.code_tries": lambda v: v + 1,  # type: ignore[operator]
    "business_zone": lambda _: "Asia/Tokyo",
    "notice_wait_minutes": lambda v: v + 1,  # type: ignore[operator]
    "contact.max_parts.marketing": lambda _: 2,
    "provider.sms": lambda _: "none",
    "provider.push": lambda _: "push",
    "provider.voice": lambda _: "voice",
    "provider.email": lambda _: "ses",
    "text.links": lambda _: ["example.com"],
    "contact.learning.mode": lambda _: "on",
    "contact.send_from": lambda _: "10:00",
    "contact.reminder_days": lambda _: [7, 2, 1],
    "contact.overdue_from_dpd": lambda _: [1, 3, 8, 15, 30, 60],
    "contact.received_valid_days": lambda _: 2,
    "contact.default_locale": lambda _: "zh-CN",
    "debit.slots": lambda _: ["08:00", "12:00", "19:00"],
    "debit.window_end": lambda _: "21:00",
    "debit.max_attempts": lambda _: 2,
    "debit.catch_up_days": lambda _: 2,
    "debit.notice_required": lambda _: False,
    "debit.notice_lead_days": lambda _: 2,
    "debit.outcome_grace_minutes": lambda _: 45,
    "debit.due_day_attempts": lambda _: 2,
    "debit.retry_days": lambda _: [2],
    "debit.usual_paydays": lambda _: [12],
    "debit.payday_within_days": lambda _: 2,
    "debit.partial_percent": lambda _: 50,
    "debit.funding_deny": lambda _: ["credit-line"],
    "allocation.order": lambda _: ["interest", "fee", "penalty", "principal"],
    "allocation.late_order": lambda _: ["interest", "principal", "penalty", "fee"],
    "allocation.late_from_dpd": lambda _: 90,
    "debit.retry_outcomes": lambda _: ["insufficient", "limit"],
    "stage.dpd_origin": lambda _: 1,
    "stage.M1.from_dpd": lambda _: 2,
    "stage.M2.from_dpd": lambda _: 32,
    "stage.M2.notice_from_dpd": lambda _: 15,
    "stage.M3.from_dpd": lambda _: 62,
    "stage.M3.notice_from_dpd": lambda _: 30,
    "stage.legal.from_dpd": lambda _: 92,
    "stage.legal.notice_from_dpd": lambda _: 30,
}
IN_THE_WORKER = {
    "contact.send_retry_minutes",
    "contact.max_sends",
    "contact.link_days",
    "contact.learning.hours",
    "contact.learning.holdout_percent",
    "contact.learning.repaid_within_days",
    "mandate.codes_per_hour",
    "allocation.borrower_may_choose",
}
"""Read when a send is settled, a link is made, a code is claimed, a payment is booked, or once learning is on:
test_send_reminders.py, test_record_receipts.py, test_change_mandates.py, test_record_repayments.py and
test_behaviour.py change them."""


def changed(leaf: Leaf, path: str) -> Leaf:
    if path in CHANGES:
        return replace(leaf, value=CHANGES[path](leaf.value))
    if path.endswith(".consequences"):
        return replace(leaf, value=["another"])
    if path.startswith("contact.channels."):
        return replace(
            leaf, value=list(reversed(leaf.value)) if isinstance(leaf.value, list) and leaf.value else ["sms"]
        )
    if path.startswith("contact.max_parts."):
        return replace(leaf, value=1)
    if isinstance(leaf.value, dict) and "text" in leaf.value:
        return replace(leaf, value={**leaf.value, "text": f"{leaf.value['text']}·"})
    if isinstance(leaf.value, str):
        return replace(leaf, value=leaf.value + "·")
    raise AssertionError(f"say in CHANGES how {path} changes")


def with_leaf(packs: Iterable[Pack], pack_id: str, path: str) -> list[Pack]:
    return [
        replace(p, leaves={**p.leaves, path: changed(p.leaves[path], path)}) if p.id == pack_id else p for p in packs
    ]


LEAVES = [
    (pack.id, path)
    for pack in PACKS
    if pack.type in ("lender", "product", "wording")
    for path in pack.leaves
    if path not in IN_THE_WORKER and path != "stage.M1.notice_from_dpd"
]


@dataclass(frozen=True)
class Before:
    """What is decided and told under the packs as they ship."""

    decisions: list[object]
    notices: list[Notice]
    texts: list[object]


@cache
def before(product: str) -> Before:
    policy = assemble(PACKS, product, ON)
    told = notices(policy)
    return Before(list(decisions(policy)), told, list(texts(policy, told)))


@pytest.mark.parametrize(("pack_id", "path"), LEAVES)
def test_a_changed_leaf_changes_a_decision_or_a_text(pack_id: str, path: str) -> None:
    product = pack_id if pack_id in PRODUCTS else "jiebei"
    policy, then = assemble(with_leaf(PACKS, pack_id, path), product, ON), before(product)
    told = zip(texts(policy, then.notices), then.texts, strict=True)
    decided = zip(decisions(policy), then.decisions, strict=True) if pack_id in ("lender", *PRODUCTS) else ()
    assert any(now != old for now, old in chain(decided, told))


def test_the_first_stages_notice_is_read_too() -> None:
    """The one leaf that has no other lawful value beside these packs: a later notice than its stage is refused."""
    packs = [
        replace(
            p, leaves={**p.leaves, "stage.M1.notice_from_dpd": replace(p.leaves["stage.M1.notice_from_dpd"], value=3)}
        )
        if p.id == "lender"
        else p
        for p in PACKS
    ]
    with pytest.raises(PolicyError, match="notice_from_dpd"):
        assemble(packs, "jiebei", ON)


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_differ_in_what_their_packs_hold(product: str) -> None:
    own = assemble(PACKS, product, ON)
    assert {own.signature["zh-CN"], own.product_name["en"], own.hotline} & {
        text
        for other in PRODUCTS
        if other != product
        for text in (assemble(PACKS, other, ON).signature["zh-CN"], assemble(PACKS, other, ON).product_name["en"])
    } == set()


def test_an_expired_or_missing_pack_is_no_policy() -> None:
    with pytest.raises(PolicyError, match="no lender pack"):
        assemble(PACKS, "jiebei", date(2031, 1, 1))
    with pytest.raises(PolicyError, match="no pack of product"):
        assemble([p for p in PACKS if p.id != "jiebei"], "jiebei", ON)


def test_told_after_needs_no_policy() -> None:
    """The card remembers what was told, whatever the policy says later."""
    policy = assemble(PACKS, "jiebei", ON)
    decision = plan_contact(
        a_borrower(), a_card(), [a_file()], {"jiebei": policy.within("CN")}, datetime(2026, 3, 10, 4, tzinfo=UTC)
    )
    assert isinstance(decision, Act)
    notice: Notice = decision.do
    assert told_after(a_card(), notice, [a_file()], DUE).told["l-1#001#0"].tier == "DUE"
