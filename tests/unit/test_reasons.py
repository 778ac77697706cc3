"""Every reason of the enum is reached by a decision: none is dead, and none is missing a sentence."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.memory.book import MemoryBook
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    ContactCard,
    Instalment,
    InstalmentState,
    Line,
    LoanFile,
    LoanStatus,
    Outcome,
    Stage,
    Told,
)
from shared.domain.contact import Notice, plan_contact
from shared.domain.debit import Presentment, plan_debit
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.stage import plan_stage
from shared.workflows.decisions import DebitFacts, decision_for
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
        debit(),
        debit(now=day(-3)),
        debit(now=at(f"{DUE} 06:00")),
        debit(attempted(Outcome.LIMIT, f"{DUE}T12:00")),
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
    ]
    assert {d.reason for d in decisions} == set(Reason)
    assert all(isinstance(d, Act | Defer | Drop) for d in decisions)
    sentences = [reason.value for reason in Reason]
    assert len(set(sentences)) == len(sentences)
    assert all(s[0].islower() and not s.endswith(".") for s in sentences)


def test_stages_are_ranked_in_the_order_of_escalation() -> None:
    assert [s.rank for s in (Stage.CURRENT, Stage.M1, Stage.M2, Stage.M3, Stage.LEGAL)] == [0, 1, 2, 3, 4]
