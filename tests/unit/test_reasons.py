"""Every reason of the enum is reached by a decision: none is dead, and none is missing a sentence."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from shared.adapters.memory.book import MemoryBook
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    Attempt,
    ContactCard,
    DebitCard,
    Instalment,
    InstalmentState,
    LedgerEntry,
    Line,
    LoanFile,
    LoanStatus,
    Outcome,
    Source,
    SourceKind,
    Stage,
    Told,
)
from shared.domain.business_days import Calendar
from shared.domain.contact import plan_contact
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, MessageClass, Stops
from shared.domain.debit import Presentment, plan_debit
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.holds import Hold
from shared.domain.intents import plan_pay_now, plan_refund
from shared.domain.money import Money
from shared.domain.notices import Notice
from shared.domain.operations import Order, Verb
from shared.domain.pay_order import PayOrder
from shared.domain.stage import plan_stage
from shared.domain.switches import ALL_ON, Switches
from shared.ports.world import DebitAnswer
from shared.workflows.debit_facts import DebitFacts
from shared.workflows.decisions import decision_for
from shared.workflows.passes import Summary
from shared.workflows.pay_now import PayNow
from tests.unit.builders import (
    DUE,
    a_borrower,
    a_card,
    a_file,
    a_loan,
    a_mandate,
    a_policy,
    a_policy_over,
    a_rail,
    an_instalment,
    announced,
    at,
    attempted,
    day,
    told_of,
)
from tests.unit.channels import Street, WiredShelf
from tests.unit.ordering import due_town, operations, pay

POLICY = a_policy()
KEY = "l-1#001#0"
NOON = day(0)


def contact(
    now: datetime, file: LoanFile | None = None, told: dict[str, Told] | None = None, card: ContactCard | None = None
) -> Decision[Notice]:
    return plan_contact(a_borrower(), card or a_card(told=told), [file or a_file()], {"jiebei": POLICY}, now)


def debit(instalment: Instalment | None = None, now: datetime = NOON, **changes: Any) -> Decision[Presentment]:
    facts: dict[str, Any] = {"loan": a_loan(), "mandate": a_mandate(), "told": announced(), "policy": POLICY}
    return plan_debit(instalment or an_instalment(), now=now, **(facts | changes))


def over(instalment: Instalment, now: datetime = NOON, debits: DebitCard | None = None, **rail: Any) -> Any:
    """A debit over a rail with rules of its own, with retry days left."""
    rules = a_policy_over(a_rail(**rail), max_attempts=5, retry_days=(3,), usual_paydays=(12,), partial_percent=50)
    return debit(instalment, now, policy=rules, debits=debits)


def contact_rules() -> list[Any]:
    """Reasons of holds, caps, windows and providers."""
    hold = Hold("h-1", "complaint", frozenset({Stops.CONTACT}), NOON)
    made = Contact("n-1", NOON, Channel.SMS, MessageClass.COLLECTION, ("l-1",), "a-1")
    nobody = a_policy(channels=dict.fromkeys(MessageClass, ()))
    return [
        contact(NOON, a_file(loan=a_loan(holds=(hold,)))),
        contact(NOON, card=replace(a_card(), contacts=(made,))),
        plan_contact(a_borrower(time_zone="Mars/Olympus"), a_card(), [a_file()], {"jiebei": POLICY}, NOON),
        plan_contact(a_borrower(), a_card(), [a_file()], {"jiebei": nobody}, NOON),
    ]


def refused_texts() -> set[Reason]:
    """The reason of a message whose text takes more parts than it may."""
    town = Street()
    town.shelf = WiredShelf(max_parts=dict.fromkeys(MessageClass, 0))
    counts = town.work(Line.CONTACT, ["b-1"]).counts
    return {Reason[name.removeprefix("defer.")] for name in counts if name.startswith("defer.")}


def debit_rules() -> list[Any]:
    """Reasons of rails, of retry days, of accounts and of switches."""
    short = attempted(Outcome.INSUFFICIENT, f"{DUE}T12:00")
    spent = attempted(Outcome.INSUFFICIENT, f"{DUE}T20:00", 3)
    after_payday = attempted(Outcome.INSUFFICIENT, "2026-03-12T20:00", 4)
    cards = (Source(SourceKind.DEBIT_CARD, "card-1"), Source(SourceKind.DEBIT_CARD, "card-2"))
    ordered, credit = a_mandate(funding=cards), a_mandate(funding=(Source(SourceKind.CREDIT_LINE, "c-1"),))
    ended: dict[str, Any] = {"calendar_until": DUE - timedelta(days=1)}
    nowhere = Calendar("calendar-cn", frozenset({2025}), frozenset({6, 7}), frozenset(), frozenset())
    paydays_alone = a_policy_over(a_rail(), max_attempts=5, retry_days=(), usual_paydays=(12,), calendar=nowhere)
    return [
        over(spent),
        over(spent, day(2)),
        over(spent, day(2, "20:00")),
        over(after_payday, day(2, "22:30")),
        over(after_payday, day(3)),
        over(replace(spent, attempts=4), day(9)),
        over(attempted(Outcome.LIMIT, f"{DUE}T12:00")),
        over(short),
        over(replace(short, paid_minor=1), same_amount=True),
        over(an_instalment(), closed_on=frozenset({DUE})),
        over(an_instalment(), windows=((time(1), time(2)),)),
        over(an_instalment(), **ended),
        over(an_instalment(), debits=DebitCard("b-1", open=2), failures_in_row=2),
        over(an_instalment(), debits=DebitCard("b-1", stopped_at=NOON), failures_in_row=2),
        debit(short, mandate=ordered),
        debit(spent, policy=paydays_alone),
        debit(mandate=credit),
        debit(mandate=a_mandate(rail="fax")),
        DebitFacts(a_file(mandate=a_mandate()), an_instalment(), announced(), POLICY).decide(day(0), Switches()),
    ]


def ordered_by_people() -> list[Any]:
    """Reasons of payments and refunds that somebody orders."""
    many = a_file(*(an_instalment(number=n) for n in range(1, 82)))
    paid = Attempt("l-1", 1, (1,), Money(500, "CNY"), "m-1", "stub", "a", f"{DUE}T08:00", NOON, "v")
    entry = LedgerEntry("l-1", "gateway", "l-1:P000001", Money(500, "CNY"), DUE)
    return [
        plan_pay_now(a_file(), None, None, a_mandate(), POLICY, NOON, ALL_ON),
        plan_pay_now(a_file(), None, Money(0, "CNY"), a_mandate(), POLICY, NOON, ALL_ON),
        plan_pay_now(many, None, None, a_mandate(), POLICY, NOON, ALL_ON),
        plan_refund(paid, entry, [], [], None),
        plan_refund(paid, None, [], [], None),
    ]


def by_hand() -> set[Reason | None]:
    """Reasons for which an operator's verb does nothing, whatever the rules of debits say."""
    found: set[Reason | None] = set()
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    pay(town, 1)
    refusal = Order(Verb.RERECORD, ("l-1:P000001",), "why", outcome=Outcome.LIMIT, evidence="letter-1")
    for minutes in (0, 5, 5):
        town.clock.advance(timedelta(minutes=minutes))
        found |= {r.reason for r in operations(town).order(refusal, "arn:a", "test").results}
        refusal = replace(refusal, outcome=Outcome.INSUFFICIENT) if minutes else refusal
    gateway.answer = None
    recheck, refund, reopen = (Order(v, ("l-1:P000001",), "why") for v in (Verb.RECHECK, Verb.REFUND, Verb.REOPEN))
    found |= {r.reason for r in operations(town).order(reopen, "arn:a", "test").results}
    operations(town).order(recheck, "arn:a", "test")  # it was paid after all
    return found | {r.reason for r in operations(town).order(refund, "arn:a", "test").results}


def in_the_evening() -> Decision[Notice]:
    """Policy learns, and there is one hour to choose."""
    learning = replace(POLICY.learning, is_on=True, hours=(time(18),))
    return plan_contact(a_borrower(), a_card(), [a_file()], {"jiebei": a_policy(learning=learning)}, day(-7))


def order_repeated() -> Any:
    town, _ = due_town()
    workflow = PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)
    order = PayOrder("l-1", (1,), order_id="app-1")
    workflow.pay(order, "test", Summary())
    return workflow.pay(order, "test", Summary()).decision


def test_every_reason_is_reached_and_has_a_sentence() -> None:
    paid = attempted(
        Outcome.PAID, f"{DUE}T08:00", paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, paid_by=1
    )
    mandated = a_file(mandate=a_mandate())
    following = an_instalment(number=2, due_on=DUE + timedelta(days=31))
    in_m1 = a_loan(entered=("000#M1",))
    overdue = told_of(an_instalment(), "OVERDUE_1", DUE)[KEY]
    failed = attempted(Outcome.INSUFFICIENT, f"{DUE}T20:00", 3)
    config = attempted(Outcome.CONFIG, f"{DUE}T08:00")
    decisions = [
        contact(day(-7)),
        contact(day(-1), mandated),
        contact(day(0)),
        contact(at(f"{DUE} 20:01"), a_file(failed), {KEY: announced()}),
        contact(day(1)),
        contact(day(0), a_file(paid, following), {KEY: announced()}),
        contact(day(0), a_file(paid)),
        contact(day(-30)),
        contact(at(f"{DUE} 23:00")),
        contact(day(0), mandated, {KEY: announced()}),
        contact(day(0), card=replace(a_card(), loan_ids=())),
        *contact_rules(),
        in_the_evening(),
        debit(),
        debit(now=day(-3)),
        debit(now=at(f"{DUE} 06:00")),
        debit(attempted(Outcome.INSUFFICIENT, f"{DUE}T12:00")),
        debit(told=None),
        debit(paid),
        debit(loan=a_loan(status=LoanStatus.SETTLED)),
        debit(mandate=None),
        debit(an_instalment(state=InstalmentState.CLAIMED)),
        debit(an_instalment(blocked=True)),
        debit(attempted(Outcome.LIMIT, f"{DUE}T12:00", 3)),
        debit(config, policy=a_policy(retry_outcomes=frozenset[Outcome]())),
        debit(now=day(4)),
        DebitFacts(mandated, an_instalment(), None, None).decide(day(0)),
        plan_stage(a_file(), overdue, POLICY, day(1)),
        plan_stage(a_file(loan=in_m1), overdue, POLICY, day(1)),
        plan_stage(a_file(following, loan=in_m1), None, POLICY, day(1)),
        decision_for(Line.STAGE, MemoryBook(), PolicyFiles(), "nobody", day(0)),
        *debit_rules(),
        order_repeated(),
        *ordered_by_people(),
    ]
    assert {d.reason for d in decisions} | (by_hand() - {None}) | refused_texts() == set(Reason)
    assert all(isinstance(d, Act | Defer | Drop) for d in decisions)
    sentences = [reason.value for reason in Reason]
    assert len(set(sentences)) == len(sentences)
    assert all(s[0].islower() and not s.endswith(".") for s in sentences)


def test_stages_are_ranked_in_the_order_of_escalation() -> None:
    assert [s.rank for s in (Stage.CURRENT, Stage.M1, Stage.M2, Stage.M3, Stage.LEGAL)] == [0, 1, 2, 3, 4]
