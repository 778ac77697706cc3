"""Over several mandates: what today's one leaves for good waits for the one that takes over when it expires."""

import ast
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.domain.book import Instalment, LoanFile, Mandate, MandateStatus, Outcome, Source, SourceKind
from shared.domain.contact import plan_contact
from shared.domain.debit import Presentment
from shared.domain.debit_mandates import plan_under_mandates
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from tests.architecture.rules import imports, sources
from tests.unit.builders import (
    DUE,
    a_borrower,
    a_card,
    a_loan,
    a_mandate,
    a_policy,
    an_instalment,
    announced,
    day,
    told_of,
)
from tests.unit.town import Town

NOON = day(0)
LAST_DAY = DUE + timedelta(days=1)
CREDIT_ONLY = (Source(SourceKind.CREDIT_LINE, "c-1"),)
USELESS = a_mandate(funding=CREDIT_ONLY, expires_on=LAST_DAY)
OLDER = a_mandate(mandate_id="m-0", signed_on=DUE - timedelta(days=200), account_ref="paid-1")


def plan(*mandates: Mandate, now: datetime = NOON, instalment: Instalment | None = None) -> Decision[Presentment]:
    row = instalment or an_instalment()
    file = LoanFile(a_loan(), (row,), mandates)
    return plan_under_mandates(file, row, announced(), a_policy(), now)


def test_what_a_mandate_leaves_for_good_waits_for_the_one_that_takes_over() -> None:
    assert plan(USELESS, OLDER) == Defer(day(2, "00:00"), Reason.NO_FUNDING_SOURCE)
    then = plan(USELESS, OLDER, now=day(2))
    assert isinstance(then, Act)
    assert then.do.mandate_id == "m-0"


def test_it_waits_for_the_first_one_that_debits() -> None:
    newest = a_mandate(mandate_id="m-2", signed_on=DUE, funding=CREDIT_ONLY, expires_on=DUE)
    assert plan(newest, USELESS, OLDER) == Defer(day(2, "00:00"), Reason.NO_FUNDING_SOURCE)


@pytest.mark.parametrize(
    "mandates",
    [
        (USELESS,),
        (replace(USELESS, expires_on=None), OLDER),
        (USELESS, replace(OLDER, expires_on=LAST_DAY)),
        (USELESS, replace(OLDER, status=MandateStatus.SUSPENDED)),
        (USELESS, replace(OLDER, funding=CREDIT_ONLY)),
        (replace(USELESS, expires_on=DUE + timedelta(days=3)), OLDER),  # the catch-up is over by then
    ],
)
def test_it_does_not_wait_where_none_follows_that_debits(mandates: tuple[Mandate, ...]) -> None:
    assert plan(*mandates) == Drop(Reason.NO_FUNDING_SOURCE)


def test_what_stands_against_every_debit_waits_for_no_mandate() -> None:
    closed = an_instalment(blocked=True)
    assert plan(a_mandate(expires_on=LAST_DAY), OLDER, instalment=closed) == Drop(Reason.EVIDENCE_CONFLICT)


def test_the_contact_line_looks_on_the_day_on_which_another_mandate_takes_over() -> None:
    row = an_instalment(due_on=DUE + timedelta(days=60))
    file = LoanFile(a_loan(), (row,), (USELESS, OLDER))
    card = a_card(told=told_of(row, "REMIND_7", DUE - timedelta(days=9)))
    decision = plan_contact(a_borrower(), card, [file], {"jiebei": a_policy()}, NOON)
    assert decision == Defer(day(2, "09:00"), Reason.NOTHING_DUE)


def test_after_a_mandate_without_an_account_the_older_one_announces_and_debits() -> None:
    town = Town()
    town.store._rows.mandates["l-1"] = {m.mandate_id: m for m in (replace(USELESS, expires_on=DUE), OLDER)}
    town.live_through("2026-03-08", "2026-03-13")
    assert [(a.mandate_id, a.slot[:10]) for a in town.attempts()] == [("m-0", "2026-03-12")]
    assert town.instalment().is_paid


def test_an_answer_that_leaves_no_account_keeps_the_row_on_the_agenda_for_the_mandate_that_follows() -> None:
    town = Town()
    dying = (Source(SourceKind.DEBIT_CARD, "account-dead-1"), *CREDIT_ONLY)
    newer = replace(USELESS, expires_on=DUE, funding=dying)
    town.store._rows.mandates["l-1"] = {m.mandate_id: m for m in (newer, OLDER)}
    town.live_through("2026-03-09", "2026-03-10")
    assert [(a.mandate_id, a.outcome) for a in town.attempts()] == [("m-1", Outcome.ACCOUNT_DEAD)]
    assert town.instalment().step == day(1, "00:00")
    town.live_through("2026-03-11", "2026-03-12")
    assert [(a.mandate_id, a.outcome) for a in town.attempts()][1:] == [("m-0", Outcome.PAID)]


def test_nobody_else_plans_a_debit_by_today_s_mandate_alone() -> None:
    planning = {
        module
        for module, source in sources("shared", "functions").items()
        if any(name == "shared.domain.debit.plan_debit" for _, name in imports(ast.parse(source)))
    }
    assert planning == {"shared.domain.debit_mandates"}
