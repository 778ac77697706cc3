"""Paying now, beside everything that else wants the same instalments: one of them debits, and all money is booked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.book import (
    AttemptState,
    AuditEntry,
    InstalmentState,
    Line,
    MandateStatus,
    Outcome,
    Owner,
    Source,
    SourceKind,
)
from shared.domain.changes import SaveMandate, TakeSeq
from shared.domain.decision import Drop, Reason
from shared.domain.money import Money
from shared.domain.pay_order import PayOrder
from shared.domain.repayment import GatewayReport
from shared.domain.switches import Switches
from shared.ports.world import DebitAnswer
from shared.workflows.passes import Summary
from shared.workflows.pay_now import Paid, PayNow
from shared.workflows.record_repayments import Repayments
from tests.unit.builders import a_mandate, at
from tests.unit.ordering import Dies, Gateway, Intervening, balanced, die, due_town, later, nothing, pay
from tests.unit.town import Town

KEY = "l-1#001"
OFF = Switches(on=True, off=frozenset({"debit"}))


def states(town: Town) -> list[InstalmentState]:
    return [town.instalment(n).state for n in (1, 2, 3)]


def test_a_payoff_is_one_request_that_pays_the_whole_loan() -> None:
    town, _ = due_town()
    paid = pay(town)
    assert paid.outcome is Outcome.PAID
    assert [(r.key, r.amount.minor) for r in town.stub.presented] == [("l-1:P000001", 304_500)]
    assert states(town) == [InstalmentState.PAID] * 3
    assert town.attempts()[0].owner is Owner.BORROWER
    balanced(town)
    town.pass_now()
    assert town.loan().status == "settled"
    assert town.charged() == 304_500


@pytest.mark.parametrize(("numbers", "amount"), [((1, 2), None), ((1, 2, 3), "2150.00")])
def test_the_receipt_of_a_debit_of_several_says_what_came_and_not_a_multiple_of_it(
    numbers: tuple[int, ...], amount: str | None
) -> None:
    town, _ = due_town()
    assert pay(town, *numbers, amount=amount).outcome is Outcome.PAID
    town.work(Line.CONTACT, ["b-1"])
    assert [n.amount.minor for n in town.notices() if n.kind == "received"] == [203_000]


def test_several_named_instalments_and_nothing_else() -> None:
    town, _ = due_town()
    assert pay(town, 1, 3).outcome is Outcome.PAID
    assert states(town) == [InstalmentState.PAID, InstalmentState.OPEN, InstalmentState.PAID]
    balanced(town)


def test_a_lower_amount_pays_the_oldest_first_and_leaves_the_rest_to_the_schedule() -> None:
    town, _ = due_town()
    assert pay(town, 1, 2, amount="1100.00").outcome is Outcome.PAID
    assert [town.instalment(n).outstanding_minor for n in (1, 2, 3)] == [0, 93_000, 101_500]
    assert states(town) == [InstalmentState.PAID, InstalmentState.OPEN, InstalmentState.OPEN]
    assert town.instalment(2).step is not None
    balanced(town)


def test_other_lines_hear_of_it_at_once() -> None:
    town, _ = due_town()
    pay(town, 1)
    assert town.queue.depth(Line.CONTACT) == 1
    assert town.queue.depth(Line.STAGE) == 1


def test_a_failed_payment_counts_in_the_one_budget_and_frees_the_instalments() -> None:
    town, _ = due_town(account="insufficient-1")
    assert pay(town, 1, 2).outcome is Outcome.INSUFFICIENT
    assert [town.instalment(n).attempts for n in (1, 2, 3)] == [1, 1, 0]
    assert states(town) == [InstalmentState.OPEN] * 3
    assert town.charged() == 0


def test_orders_and_schedule_together_never_exceed_the_budget() -> None:
    town, _ = due_town(account="insufficient-1")
    most = town.shelf.policy("jiebei", town.clock.now()).max_attempts
    for _ in range(most + 3):
        town.work(Line.DEBIT, [KEY])
        pay(town, 1)
        town.clock.advance(timedelta(minutes=7))
    assert town.instalment(1).attempts == most == len(town.attempts())
    assert pay(town, 1).decision == Drop(Reason.BUDGET_SPENT)


def test_a_refused_order_claims_nothing() -> None:
    town, _ = due_town(account=None)  # type: ignore[arg-type]
    summary = Summary()
    assert pay(town, 1, summary=summary).decision == Drop(Reason.NO_ACTIVE_MANDATE)
    assert summary.counts == {"drop.NO_ACTIVE_MANDATE": 1}
    assert town.attempts() == []
    unknown = PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)
    assert unknown.pay(PayOrder("l-9"), "test", summary).decision == Drop(Reason.UNKNOWN_KEY)


def test_a_note_is_written_with_the_claim_and_only_with_it() -> None:
    town, _ = due_town()
    note = AuditEntry("l-1", "r1", town.clock.now(), "arn:a", "attempt.recharge", "why")
    workflow = PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)
    workflow.pay(PayOrder("l-1", (9,)), "test", Summary(), [note])
    assert town.book.audit("l-1") == ()
    workflow.pay(PayOrder("l-1", (1,)), "test", Summary(), [note])
    assert town.book.audit("l-1") == (note,)


def funded_town(*accounts: str) -> Town:
    """A town whose mandate debits these accounts, in this order, over a rail that takes one of them in a request."""
    town, _ = due_town()
    file = town.store.loan_file("l-1")
    assert file is not None
    funding = tuple(Source(SourceKind.DEBIT_CARD, ref) for ref in accounts)
    assert town.book.commit([SaveMandate(replace(file.mandates[0], funding=funding), file.loan.gate_rev)])
    return town


def accounts_asked(town: Town) -> list[str]:
    return [request.account_ref for request in town.stub.presented]


@pytest.mark.parametrize("owner", [Owner.BORROWER, Owner.OPERATOR])
def test_an_order_after_an_account_in_vain_takes_the_next_account(owner: Owner) -> None:
    town = funded_town("insufficient-1", "paid-1")
    assert pay(town, 1, owner=owner).outcome is Outcome.INSUFFICIENT
    paid = pay(town, 1, owner=owner)
    assert (paid.decision.reason, paid.outcome) == (Reason.NEXT_ACCOUNT, Outcome.PAID)
    assert accounts_asked(town) == ["insufficient-1", "paid-1"]
    balanced(town)


def test_a_payoff_goes_through_the_accounts_and_begins_anew_after_the_last_within_the_budget() -> None:
    town = funded_town("insufficient-1", "limit-2", "insufficient-3")
    most = town.shelf.policy("jiebei", town.clock.now()).max_attempts
    for _ in range(most):
        assert pay(town).outcome is not None
    assert accounts_asked(town) == [("insufficient-1", "limit-2", "insufficient-3")[n % 3] for n in range(most)]
    assert pay(town).decision == Drop(Reason.BUDGET_SPENT)


def test_an_order_that_is_repeated_under_its_name_goes_to_no_other_account() -> None:
    town = funded_town("insufficient-1", "paid-1")
    workflow = PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)
    order = PayOrder("l-1", (1,), order_id="app-1")
    assert workflow.pay(order, "test", Summary()).outcome is Outcome.INSUFFICIENT
    again = workflow.pay(order, "test", Summary())
    assert (again.decision, again.outcome) == (Drop(Reason.ORDER_KNOWN), Outcome.INSUFFICIENT)
    assert accounts_asked(town) == ["insufficient-1"]


def test_an_order_that_died_before_its_request_leaves_its_account_to_the_next_one() -> None:
    town = funded_town("insufficient-1", "paid-1")
    pay(town, 1)
    stub = Gateway(town)
    town.gateway = stub
    stub.before = die
    with pytest.raises(Dies):
        pay(town, 1)
    stub.before = nothing
    later(town)
    assert pay(town, 1).outcome is Outcome.PAID
    assert accounts_asked(town) == ["insufficient-1", "paid-1"]
    balanced(town)


# races


def test_the_schedule_that_comes_between_wins_and_the_order_debits_nothing() -> None:
    town, _ = due_town()
    Intervening(town, TakeSeq, lambda: town.work(Line.DEBIT, [KEY]))
    assert pay(town).lost
    assert town.charged() == 101_500
    assert [a.owner for a in town.attempts()] == [Owner.SCHEDULE]
    assert pay(town).outcome is Outcome.PAID
    assert town.charged() == 304_500
    balanced(town)


def test_an_order_that_comes_between_wins_and_the_schedule_debits_nothing() -> None:
    town, _ = due_town()
    Intervening(town, TakeSeq, lambda: pay(town))
    assert town.work(Line.DEBIT, [KEY]).counts["lost"] == 1
    assert town.charged() == 304_500
    assert [a.owner for a in town.attempts()] == [Owner.BORROWER]
    balanced(town)


def test_of_two_orders_at_once_one_debits() -> None:
    town, _ = due_town()
    Intervening(town, TakeSeq, lambda: pay(town, 2, 3))
    assert pay(town, 1, 2).lost
    assert town.charged() == 203_000
    assert town.instalment(1).state is InstalmentState.OPEN
    balanced(town)


def test_while_an_order_is_on_its_way_nothing_else_debits_its_instalments() -> None:
    town, gateway = due_town()

    def others() -> None:
        gateway.before = nothing
        assert town.work(Line.DEBIT, [KEY]).counts["drop.ATTEMPT_OPEN"] == 1
        assert pay(town, 1).decision == Drop(Reason.ATTEMPT_OPEN)
        assert pay(town).decision == Drop(Reason.ATTEMPT_OPEN)

    gateway.before = others
    assert pay(town, 1, 2).outcome is Outcome.PAID
    assert town.charged() == 203_000
    balanced(town)


def test_money_that_arrives_between_makes_the_order_lose_instead_of_taking_too_much() -> None:
    town, _ = due_town()
    Intervening(town, TakeSeq, lambda: town.repay("1015.00"))
    assert pay(town).lost
    assert town.charged() == 0
    assert pay(town).attempt is not None
    assert town.charged() == 203_000


def test_a_cancellation_before_the_claim_wins() -> None:
    town, _ = due_town()
    cancelled = a_mandate(account_ref="paid-1", status=MandateStatus.CANCELLED)
    Intervening(town, TakeSeq, lambda: town.book.commit([SaveMandate(cancelled, 0)]))
    assert pay(town).lost
    assert pay(town).decision == Drop(Reason.NO_ACTIVE_MANDATE)
    assert town.charged() == 0


def test_a_switch_that_is_turned_between_claim_and_act_makes_it_void() -> None:
    town, _ = due_town()
    town.switches.set(Switches(on=True))  # type: ignore[attr-defined]  # the one in memory
    Intervening(town, TakeSeq, lambda: town.switches.set(OFF))  # type: ignore[attr-defined]
    assert pay(town, 1).outcome is Outcome.VOID
    assert town.charged() == 0
    assert (town.instalment(1).attempts, town.instalment(1).state) == (0, InstalmentState.OPEN)


def test_an_order_whose_worker_froze_is_left_to_an_enquiry_and_never_presented_late() -> None:
    town, _ = due_town()
    Intervening(town, TakeSeq, lambda: town.clock.advance(timedelta(seconds=6)))
    paid = pay(town, 1)
    assert (paid.outcome, paid.attempt is not None) == (None, True)
    assert town.stub.presented == []
    later(town)
    assert town.attempts()[0].outcome is Outcome.VOID
    assert pay(town, 1).outcome is Outcome.PAID


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_request_leads_to_a_question_and_never_to_a_second_charge(when: str) -> None:
    town, gateway = due_town()
    setattr(gateway, when, die)
    with pytest.raises(Dies):
        pay(town)
    setattr(gateway, when, nothing)
    assert pay(town).decision == Drop(Reason.ATTEMPT_OPEN)
    later(town)
    assert [a.outcome for a in town.attempts()] == [Outcome.PAID if when == "after" else Outcome.VOID]
    assert town.charged() == (304_500 if when == "after" else 0)
    balanced(town)


def test_an_answer_that_never_came_is_enquired_about_and_settled_once() -> None:
    town, gateway = due_town(account="lost-1")
    assert pay(town).outcome is Outcome.UNKNOWN
    assert town.attempts()[0].state is AttemptState.UNKNOWN
    assert pay(town, 1).decision == Drop(Reason.ATTEMPT_OPEN)
    later(town)
    assert gateway.enquired == ["l-1:P000001"]
    assert town.charged() == 304_500
    balanced(town)


def test_a_webhook_that_is_quicker_than_the_answer_settles_it_once() -> None:
    town, gateway = due_town()

    def webhook() -> None:
        report = GatewayReport("l-1:P000001", Outcome.PAID, Money(304_500, "CNY"), "g-1")
        Repayments(town.book, town.shelf, town.clock, town.queue).work([report], "test")

    gateway.after = webhook
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    pay(town)
    assert town.attempts()[0].outcome is Outcome.PAID
    assert len(town.entries()) == 1
    balanced(town)


def by_clock(town: Town) -> None:
    town.clock.set(at("2026-03-10 12:00"))


def test_the_schedules_slot_of_that_time_is_used_by_an_order_and_the_next_is_not() -> None:
    town, _ = due_town(account="insufficient-1")
    town.clock.set(at("2026-03-10 09:30"))
    assert pay(town, 1).attempt is not None
    assert town.work(Line.DEBIT, [KEY]).counts == {"defer.SLOT_USED": 1}
    by_clock(town)
    assert town.work(Line.DEBIT, [KEY]).counts["attempt.insufficient"] == 1


def test_an_operators_order_waits_for_what_the_schedule_waits_for() -> None:
    town, _ = due_town()
    assert pay(town, 2, owner=Owner.OPERATOR).decision.reason is Reason.NOT_YET_DUE
    assert pay(town, 1, owner=Owner.OPERATOR).outcome is Outcome.PAID


def test_an_order_that_has_a_name_is_claimed_once() -> None:
    town, _ = due_town()
    workflow = PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches)
    order = PayOrder("l-1", (1,), Money(10_000, "CNY"), order_id="app-1")
    first = workflow.pay(order, "test", Summary())
    again = workflow.pay(order, "test", Summary())
    assert (first.outcome, again.outcome) == (Outcome.PAID, Outcome.PAID)
    assert again.decision == Drop(Reason.ORDER_KNOWN)
    assert town.charged() == 10_000
    note = town.book.audit("l-1")[-1]
    assert (note.what, note.actor, note.detail) == ("pay-now", "borrower", {"attempt": "l-1:P000001"})


def test_of_two_repeats_at_once_the_slower_one_is_told_what_the_quicker_one_did() -> None:
    town, _ = due_town()
    order = PayOrder("l-1", (1,), Money(10_000, "CNY"), order_id="app-1")

    def pay_it() -> Paid:
        return PayNow(town.book, town.gateway, town.shelf, town.clock, town.queue, town.switches).pay(
            order, "test", Summary()
        )

    Intervening(town, TakeSeq, pay_it)
    assert pay_it().decision == Drop(Reason.ORDER_KNOWN)
    assert town.charged() == 10_000
