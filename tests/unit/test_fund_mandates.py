"""Naming a mandate's accounts anew: by the lender, with a reason, once, for every debit that is claimed after it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from shared.domain.book import Attempt, AttemptState, Line, Mandate, MandateStatus, Outcome, Source, SourceKind
from shared.domain.changes import SaveMandate
from shared.domain.errors import InputError
from shared.domain.funding import MOST_SOURCES, funding_before, read_sources
from shared.domain.mandate_requests import Changed, FundMandate, Refused
from shared.domain.mandates import Refusal
from shared.domain.past_mandates import mandates_before
from shared.domain.settlement import mandates_after
from shared.workflows.change_mandates import MandateChanges
from tests.unit.builders import a_mandate
from tests.unit.office import NOW, Office, an_office
from tests.unit.ordering import due_town, pay
from tests.unit.town import Town

S = MandateStatus
DEAD = Source(SourceKind.BALANCE, "balance-1", is_dead=True)
CARD, BALANCE = Source(SourceKind.DEBIT_CARD, "card-2"), Source(SourceKind.BALANCE, "balance-1")
CREDIT = Source(SourceKind.CREDIT_CARD, "credit-3")


def fund(office: Office, *sources: Source, mandate_id: str = "m-1", loan_id: str = "l-1") -> Changed | Refused:
    return office.changes.fund(FundMandate(loan_id, mandate_id, sources, "arn:ops/li", "a new card"))


def mandate_of(office: Office) -> Mandate:
    return office.file.mandates[0]


@pytest.mark.parametrize("status", [S.ACTIVE, S.SIGNED, S.SUSPENDED, S.CANCELLED])
def test_the_accounts_stand_in_the_order_given_and_the_status_stays(status: S) -> None:
    office = an_office(mandates=[a_mandate(funding=(DEAD,), status=status)])
    assert fund(office, CARD, BALANCE) == Changed((("m-1", status),), NOW)
    found = mandate_of(office)
    assert (found.funding, found.status) == ((CARD, BALANCE), status)
    assert office.file.loan.gate_rev == 1


@pytest.mark.parametrize(("status", "woken"), [(S.ACTIVE, True), (S.SUSPENDED, False)])
def test_what_may_be_debited_again_is_looked_at_at_once(status: S, woken: bool) -> None:
    office = an_office(mandates=[a_mandate(funding=(DEAD,), status=status)])
    fund(office, CARD)
    assert set(office.debit_steps().values()) == ({NOW} if woken else {None})
    assert office.store.agenda(Line.CONTACT, "S000", NOW, 10).keys == ("b-1",)


def test_the_history_says_who_why_from_what_to_what() -> None:
    office = an_office(mandates=[a_mandate(funding=(DEAD, CARD))])
    fund(office, CARD, BALANCE)
    (entry,) = office.store.audit("l-1")
    assert (entry.what, entry.actor, entry.reason) == ("mandate.fund", "arn:ops/li", "a new card")
    assert entry.detail == {
        "funding": "debit-card:card-2 balance:balance-1",
        "funding_before": "balance:balance-1 debit-card:card-2",
        "dead_before": "balance-1",
        "was.m-1": "active",
        "now.m-1": "active",
        "gate_rev": "1",
    }
    assert funding_before(entry) == (DEAD, CARD)


@pytest.mark.parametrize(
    ("mandate", "sources", "refusal"),
    [
        ({"funding": (CARD, BALANCE)}, (CARD, BALANCE), Refusal.STANDS_SO),
        ({"account_ref": "balance-1"}, (Source(SourceKind.ACCOUNT, "balance-1"),), Refusal.STANDS_SO),
        ({"funding": (BALANCE, CARD)}, (CARD, BALANCE), None),
        ({"funding": (DEAD,)}, (BALANCE,), None),
        ({}, (CARD, CREDIT), Refusal.SOURCE_DENIED),
        ({"status": S.REVOKED}, (CARD,), Refusal.NOT_ALLOWED),
        ({"status": S.EXPIRED}, (CARD,), Refusal.NOT_ALLOWED),
        ({"expires_on": date(2026, 3, 12)}, (CARD,), None),
        ({"expires_on": date(2026, 3, 11)}, (CARD,), Refusal.NOT_ALLOWED),
    ],
)
def test_what_stands_so_what_ended_and_credit_are_refused(
    mandate: dict[str, Any], sources: tuple[Source, ...], refusal: Refusal | None
) -> None:
    before = a_mandate(**mandate)
    office = an_office(mandates=[before])
    answer = fund(office, *sources)
    if refusal is None:
        assert isinstance(answer, Changed)
        return
    assert isinstance(answer, Refused)
    assert answer == Refused(refusal, source=CREDIT if refusal is Refusal.SOURCE_DENIED else None)
    assert (mandate_of(office), office.store.audit("l-1")) == (before, ())


def test_run_twice_it_changes_once() -> None:
    office = an_office(mandates=[a_mandate(funding=(DEAD,))])
    assert isinstance(fund(office, CARD), Changed)
    assert fund(office, CARD) == Refused(Refusal.STANDS_SO)
    assert office.told() == ["mandate.fund"]


def test_a_loan_or_a_mandate_that_does_not_exist_is_refused() -> None:
    assert fund(an_office(), CARD, loan_id="l-9") == Refused(Refusal.NO_LOAN)
    assert fund(an_office(), CARD, mandate_id="m-9") == Refused(Refusal.NO_MANDATE)


def test_a_debit_that_was_decided_on_the_accounts_of_before_loses_and_one_that_was_claimed_stands() -> None:
    office = an_office()
    read = office.file
    fund(office, CARD)
    assert not office.store.commit(office.claiming(read))
    assert office.claim()


def test_a_claim_in_between_is_not_overwritten() -> None:
    office = an_office()
    commit, raced = office.store.commit, list[bool]()

    def claims_first(changes: Any) -> bool:
        if any(isinstance(change, SaveMandate) for change in changes) and not raced:
            raced.append(office.store.commit is not commit)
            office.store.commit = commit  # type: ignore[method-assign]
            assert office.claim()
        return commit(changes)

    office.store.commit = claims_first  # type: ignore[method-assign]
    assert isinstance(fund(office, CARD), Changed)
    assert raced
    assert mandate_of(office).funding == (CARD,)
    assert office.debit_steps() == {1: None, 2: NOW}  # the claimed one is left to its answer


def test_a_suspension_is_not_lifted_while_every_account_is_dead() -> None:
    office = an_office(mandates=[a_mandate(funding=(DEAD,), status=S.SUSPENDED)])
    said = office.changes.lender_says("l-1", "m-1", S.ACTIVE, "arn:ops/li", "looked at")
    assert said == Refused(Refusal.ALL_DEAD)
    assert isinstance(fund(office, CARD), Changed)
    assert isinstance(office.changes.lender_says("l-1", "m-1", S.ACTIVE, "arn:ops/li", "looked at"), Changed)


def desk(town: Town) -> MandateChanges:
    return replace(an_office().changes, book=town.book, clock=town.clock)


def funded(town: Town, *sources: Source) -> None:
    answer = desk(town).fund(FundMandate("l-1", "m-1", sources, "arn:ops/li", "a new card"))
    assert isinstance(answer, Changed)


def test_accounts_that_died_one_after_the_other_are_followed_by_new_ones_and_the_debt_is_paid() -> None:
    town, _ = due_town()
    file = town.store.loan_file("l-1")
    assert file is not None
    dying = (Source(SourceKind.BALANCE, "account-dead-1"), Source(SourceKind.DEBIT_CARD, "account-dead-2"))
    assert town.book.commit([SaveMandate(replace(file.mandates[0], funding=dying), file.loan.gate_rev)])
    assert [pay(town, 1).outcome for _ in dying] == [Outcome.ACCOUNT_DEAD] * 2
    assert pay(town, 1).decision.reason.name == "NO_ACTIVE_MANDATE"
    funded(town, Source(SourceKind.DEBIT_CARD, "paid-3"))
    desk(town).lender_says("l-1", "m-1", S.ACTIVE, "arn:ops/li", "looked at")
    assert pay(town, 1).outcome is Outcome.PAID
    assert [r.account_ref for r in town.stub.presented] == ["account-dead-1", "account-dead-2", "paid-3"]


def test_after_a_change_an_order_begins_with_the_first_of_the_new_accounts() -> None:
    town, _ = due_town(account="insufficient-1")
    pay(town, 1)
    town.clock.advance(timedelta(minutes=1))
    funded(town, Source(SourceKind.DEBIT_CARD, "paid-2"), Source(SourceKind.DEBIT_CARD, "paid-3"))
    assert pay(town, 1).outcome is Outcome.PAID
    assert town.stub.presented[-1].account_ref == "paid-2"


def test_a_late_answer_from_an_account_that_is_named_no_more_ends_nothing() -> None:
    office = an_office(mandates=[a_mandate(funding=(BALANCE,))])
    office.claim()
    (attempt,) = office.store.attempts("l-1")
    fund(office, CARD)
    after = mandates_after(attempt, office.file.mandates, Outcome.ACCOUNT_DEAD, NOW)
    assert after == office.file.mandates


def test_a_mandate_is_rewound_to_the_accounts_and_the_status_of_then() -> None:
    office = an_office(mandates=[a_mandate(funding=(DEAD, CARD))])
    before = office.file.mandates
    office.clock.advance(timedelta(hours=1))
    fund(office, CARD, BALANCE)
    between, then = office.file.mandates, office.clock.now() + timedelta(minutes=30)
    office.clock.advance(timedelta(hours=1))
    office.changes.lender_says("l-1", "m-1", S.SUSPENDED, "arn:ops/li", "why")
    now, audit = office.file.mandates, office.store.audit("l-1")
    assert mandates_before(now, audit, [], NOW) == before
    assert mandates_before(now, audit, [], then) == between


def test_an_account_that_died_after_the_change_was_dead_before_it_if_it_was() -> None:
    died = Attempt(
        *("l-1", 1, (1,), an_office().file.instalments[0].outstanding, "m-1", "stub", "balance-1", "2026-03-12T12:00"),
        claimed_at=NOW,
        policy_version="v",
        outcome=Outcome.ACCOUNT_DEAD,
    )
    office = an_office(mandates=[a_mandate(funding=(DEAD, CARD))])
    office.clock.advance(timedelta(hours=1))
    fund(office, CARD, BALANCE)
    after = replace(died, state=AttemptState.SETTLED, settled_at=office.clock.now() + timedelta(hours=1))
    rewound = mandates_before(office.file.mandates, office.store.audit("l-1"), [after], NOW)
    assert rewound[0].funding == (DEAD, CARD)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ([], "1 to 10 sources, and here are 0"),
        ([f"balance:a-{n}" for n in range(MOST_SOURCES + 1)], "1 to 10 sources, and here are 11"),
        (["cheque:a-1"], "KIND is account, balance, money-fund, debit-card, credit-card, credit-line"),
        (["balance"], "KIND:ACCOUNT"),
        (["balance:"], "KIND:ACCOUNT"),
        (["balance:a b"], "KIND:ACCOUNT"),
        (["balance:a", "debit-card:a"], "an account twice"),
    ],
)
def test_what_is_no_list_of_accounts_is_refused(texts: list[str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_sources(texts)


def test_accounts_are_read_as_they_are_written() -> None:
    assert read_sources(["balance:balance-1", "debit-card:card-2"]) == (BALANCE, CARD)
    assert read_sources(["account:a:b"]) == (Source(SourceKind.ACCOUNT, "a:b"),)
