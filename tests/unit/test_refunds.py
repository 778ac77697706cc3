"""Money given back: at most what came, once, whatever happens in between, and off the book as it was on it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.bank_file import BankRow
from shared.domain.book import AttemptState, AuditEntry, EntryKind, InstalmentState, LoanStatus, MandateStatus, Outcome
from shared.domain.changes import Insert, SaveAttempt, SaveMandate, SaveStage, TakeSeq
from shared.domain.decision import Defer, Drop, Reason
from shared.domain.money import Money
from shared.domain.repayment import Arrived, Channel, GatewayReport, GivenAgain, TakenBack
from shared.domain.switches import NEVER_WRITTEN, Switches
from shared.ports.world import DebitAnswer
from shared.workflows.passes import Summary
from shared.workflows.record_repayments import Repayments
from shared.workflows.refunding import Refunded, Refunds
from shared.workflows.reopening import Reopening
from shared.workflows.resolve_suspense import Suspense
from shared.workflows.settling import Settling
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment
from tests.unit.ordering import Dies, Gateway, Intervening, balanced, die, due_town, later, nothing, pay
from tests.unit.town import Town


def refund(town: Town, amount: str | None = None, seq: int = 1, summary: Summary | None = None) -> Refunded:
    workflow = Refunds(town.book, town.gateway, town.shelf, town.clock, town.switches)
    payment = town.book.attempt("l-1", seq)
    assert payment is not None
    return workflow.refund(payment, Money.parse(amount, "CNY") if amount else None, summary or Summary())


def paid_town(*numbers: int) -> tuple[Town, Gateway]:
    town, gateway = due_town()
    assert pay(town, *(numbers or (1, 2))).outcome is Outcome.PAID
    return town, gateway


def reopen(town: Town, seq: int = 1) -> tuple[int, ...]:
    payment = town.book.attempt("l-1", seq)
    assert payment is not None
    note = AuditEntry("l-1", f"{town.clock.now()}#reopen", town.clock.now(), "ann", "attempt.reopen", "he agreed")
    return Reopening(town.book, town.clock).reopen(payment, note).numbers


def row(minor: int, key: str = "l-1:P000002") -> Arrived:
    """A line of the bank's file."""
    return BankRow(2, key, minor, "CNY", date(2026, 3, 10), "l-1").arrived()


def book(town: Town, *news: Arrived) -> dict[str, int]:
    return dict(Repayments(town.book, town.shelf, town.clock, town.queue).work(news, "test").counts)


def given_back(town: Town) -> int:
    return sum(r.amount.minor for r in town.stub_books.refunds())


def test_a_refund_is_an_intent_of_its_own_and_opens_what_the_money_had_paid() -> None:
    town, _ = paid_town()
    done = refund(town)
    assert done.outcome is Outcome.PAID
    assert [(r.key, r.payment_key, r.amount.minor) for r in town.stub.refunded] == [
        ("l-1:P000002", "l-1:P000001", 203_000)
    ]
    entry = next(e for e in town.entries() if e.kind is EntryKind.REFUND)
    assert (entry.amount.minor, entry.undoes, entry.split) == (
        -203_000,
        "gateway#l-1:P000001",
        ((1, -101_500), (2, -101_500)),
    )
    assert [(town.instalment(n).state, town.instalment(n).paid_minor) for n in (1, 2)] == [
        (InstalmentState.OPEN, 0),
        (InstalmentState.OPEN, 0),
    ]
    assert [town.instalment(n).episode for n in (1, 2, 3)] == [1, 1, 0]
    balanced(town)


def test_a_part_leaves_the_last_paid_instalment_open_and_the_rest_paid() -> None:
    town, _ = paid_town()
    refund(town, "100.00")
    assert [town.instalment(n).paid_minor for n in (1, 2)] == [101_500, 91_500]
    balanced(town)


def test_parts_add_up_to_what_came_and_no_further() -> None:
    town, _ = paid_town()
    for amount in ("1000.00", "1000.00"):
        assert refund(town, amount).outcome is Outcome.PAID
    assert refund(town, "30.01").decision == Drop(Reason.AMOUNT_OUT_OF_RANGE)
    assert refund(town).outcome is Outcome.PAID
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)
    assert given_back(town) == 203_000
    balanced(town)


def test_credit_goes_back_before_anything_that_was_paid() -> None:
    town, gateway = due_town()

    def paid_otherwise() -> None:
        gateway.before = nothing
        town.repay("1015.00")

    gateway.before = paid_otherwise
    assert pay(town, 1).outcome is Outcome.PAID
    before = [town.instalment(n).paid_minor for n in (1, 2, 3)]
    assert refund(town).outcome is Outcome.PAID
    assert [town.instalment(n).paid_minor for n in (1, 2, 3)] == before
    assert town.instalment(1).state is InstalmentState.PAID


def test_a_repaid_loan_is_open_again() -> None:
    town, _ = paid_town(1, 2, 3)
    town.pass_now()
    assert town.loan().status is LoanStatus.SETTLED
    assert refund(town, "1.00").outcome is Outcome.PAID
    assert town.loan().status is LoanStatus.OPEN
    assert town.loan().step is not None
    assert town.instalment(3).outstanding_minor == 100
    balanced(town)


def test_an_instalment_below_the_first_open_one_is_reached_too() -> None:
    town, _ = paid_town(1)
    loan = town.loan()
    assert town.book.commit([SaveStage(replace(loan, first_open=2, stage_rev=loan.stage_rev + 1))])
    assert refund(town).outcome is Outcome.PAID
    assert (town.loan().first_open, town.instalment(1).paid_minor) == (1, 0)
    balanced(town)


def test_what_brought_no_money_gives_none_back() -> None:
    town, _ = due_town(account="insufficient-1")
    pay(town, 1)
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)
    assert town.stub.refunded == []


def test_of_two_refunds_at_once_one_goes_through() -> None:
    town, _ = paid_town()
    Intervening(town, TakeSeq, lambda: refund(town))
    assert refund(town, "500.00").lost
    assert given_back(town) == 203_000
    balanced(town)


def test_beside_a_refund_of_which_nobody_knows_the_end_only_the_rest_is_given_back() -> None:
    town, gateway = paid_town()
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    refund(town, "1500.00")
    gateway.answer = None
    assert refund(town, "600.00").decision == Drop(Reason.AMOUNT_OUT_OF_RANGE)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_request_is_enquired_about_and_never_repeated_blindly(when: str) -> None:
    town, gateway = paid_town()
    setattr(gateway, when, die)
    with pytest.raises(Dies):
        refund(town)
    setattr(gateway, when, nothing)
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)
    later(town)
    assert gateway.enquired == ["l-1:P000002"]
    found = town.attempts()[1]
    assert (found.state, found.outcome) == (
        AttemptState.SETTLED,
        Outcome.PAID if when == "after" else Outcome.VOID,
    )
    assert given_back(town) == (203_000 if when == "after" else 0)
    assert town.instalment(1).state is (InstalmentState.OPEN if when == "after" else InstalmentState.PAID)
    balanced(town)
    assert refund(town).decision.reason is (Reason.NOTHING_TO_REFUND if when == "after" else Reason.REFUND_ORDERED)


def test_an_answer_that_never_came_is_unknown_and_holds_the_money() -> None:
    town, gateway = paid_town()
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    assert refund(town).outcome is Outcome.UNKNOWN
    assert town.instalment(1).state is InstalmentState.PAID  # nothing is known yet
    gateway.answer = None
    later(town)
    assert town.instalment(1).state is InstalmentState.OPEN
    balanced(town)


def test_a_refusal_books_nothing_and_leaves_the_instalments_as_they_are() -> None:
    town, gateway = paid_town()
    gateway.answer = DebitAnswer(Outcome.CONFIG)
    before = town.instalment(1)
    assert refund(town).outcome is Outcome.CONFIG
    assert town.instalment(1) == before
    assert [e.kind for e in town.entries()] == [EntryKind.PAYMENT]


def test_a_refund_settles_beside_a_debit_on_the_same_instalments() -> None:
    """The refund's answer must not free what another attempt has claimed."""
    town, gateway = paid_town(1)
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    refund(town, "15.00")
    gateway.answer = None
    later(town)
    assert town.instalment(1).outstanding_minor == 1_500
    reopen(town)
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    pay(town, 1)
    gateway.answer = DebitAnswer(Outcome.CONFIG)
    refund(town, "1.00")
    assert town.instalment(1).state is InstalmentState.CLAIMED


def test_a_late_word_that_the_money_went_is_booked_and_pages() -> None:
    town, gateway = paid_town()
    gateway.before = die
    with pytest.raises(Dies):
        refund(town)
    gateway.before = nothing
    later(town)
    voided = town.attempts()[1]
    assert voided.outcome is Outcome.VOID
    summary = Summary()
    settling = Settling(town.book, town.shelf, town.clock, summary)
    assert settling.settle(voided, Outcome.PAID, "g-9") == "conflict"
    assert settling.settle(voided, Outcome.PAID, "g-9") == "known"
    assert summary.counts["conflict"] == 1
    assert [e.amount.minor for e in town.entries()] == [203_000, -203_000]
    assert settling.settle(voided, Outcome.CONFIG, None) == "known"


def test_a_refund_that_fails_after_it_went_gives_the_loan_its_money_again_once() -> None:
    town, _ = paid_town(1)
    refund(town)
    assert town.instalment(1).outstanding_minor == 101_500
    failed = GatewayReport("l-1:P000002", Outcome.CONFIG, Money(101_500, "CNY"), "g-9")
    told_otherwise = GivenAgain(EntryKind.REFUND, "l-1:P000002", Money(101_500, "CNY"), "re_1", Channel.FILE)
    assert book(town, failed, failed, told_otherwise) == {"repayment.reinstated": 1, "repayment.known": 2}
    assert town.instalment(1).outstanding_minor == 0
    assert sum(e.amount.minor for e in town.entries()) == 101_500


def test_an_enquiry_that_says_that_a_refund_failed_after_it_went_pages() -> None:
    town, _ = paid_town(1)
    refund(town)
    summary = Summary()
    settling = Settling(town.book, town.shelf, town.clock, summary)
    assert settling.settle(town.attempts()[1], Outcome.CONFIG, None) == "conflict"
    assert summary.counts == {"conflict": 1}
    assert town.instalment(1).outstanding_minor == 101_500


def test_a_settlement_that_loses_a_race_reads_again() -> None:
    town, _ = paid_town()
    Intervening(town, SaveAttempt, lambda: town.repay("10.00"))
    assert refund(town).outcome is Outcome.PAID
    assert town.attempts()[1].state is AttemptState.SETTLED
    assert given_back(town) == 203_000


def test_the_gate_guards_refunds_too() -> None:
    town, _ = paid_town()
    cancelled = a_mandate(account_ref="paid-1", status=MandateStatus.CANCELLED)
    Intervening(town, TakeSeq, lambda: town.book.commit([SaveMandate(cancelled, 0)]))
    assert refund(town).lost
    assert refund(town).outcome is Outcome.PAID  # the money of a cancelled mandate may still be given back


@pytest.mark.parametrize(
    ("board", "reason"),
    [
        (Switches(on=True, off=frozenset({"rail:stub"})), Reason.SWITCHED_OFF),
        (NEVER_WRITTEN, Reason.SWITCHED_OFF),
        (Switches(on=True, off=frozenset({"debit"})), Reason.REFUND_ORDERED),
    ],
)
def test_the_switch_of_all_debiting_stops_no_refund_and_that_of_the_rail_does(board: Switches, reason: Reason) -> None:
    town, _ = paid_town()
    town.switches.set(board)  # type: ignore[attr-defined]  # the one in memory
    assert refund(town).decision.reason is reason


def test_a_switch_that_is_turned_between_claim_and_act_makes_it_void() -> None:
    town, _ = paid_town()
    off = Switches(on=True, off=frozenset({"rail:stub"}))
    Intervening(town, TakeSeq, lambda: town.switches.set(off))  # type: ignore[attr-defined]
    assert refund(town).outcome is Outcome.VOID
    assert given_back(town) == 0


def test_a_refund_whose_worker_froze_is_not_sent_late() -> None:
    town, _ = paid_town()
    Intervening(town, TakeSeq, lambda: town.clock.advance(timedelta(seconds=6)))
    assert refund(town).outcome is None
    assert town.stub.refunded == []


def test_without_a_policy_nothing_is_given_back() -> None:
    town, _ = paid_town()
    town.clock.advance(timedelta(days=1000))
    assert isinstance(refund(town).decision, Defer)
    assert refund(town).decision.reason is Reason.POLICY_MISSING


def test_money_in_suspense_is_resolved_before_it_is_given_back() -> None:
    town, gateway = due_town()
    gateway.before = die
    with pytest.raises(Dies):
        pay(town, 1)
    gateway.before = nothing
    later(town)  # void: the gateway never saw it
    voided = town.attempts()[0]
    Settling(town.book, town.shelf, town.clock, Summary()).settle(voided, Outcome.PAID, "g-1")
    assert refund(town).decision == Drop(Reason.IN_SUSPENSE)
    suspense = Suspense(town.book, town.shelf, town.clock, town.queue)
    suspense.resolve("gateway#l-1:P000001", "l-1", reason="paid twice", actor="arn:a")
    decision = refund(town).decision
    assert decision.reason is Reason.REFUND_ORDERED


def test_what_was_taken_back_before_it_was_booked_is_not_given_back_as_well() -> None:
    """The chargeback's news came while the worker was about to book the payment: a person puts the two together."""
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    pay(town, 1)
    gateway.answer = None
    taken_by_bank(town, kind=EntryKind.CHARGEBACK)
    Settling(town.book, town.shelf, town.clock, Summary()).settle(town.attempts()[0], Outcome.PAID, "g-1")
    assert town.instalment(1).state is InstalmentState.PAID
    assert refund(town).decision == Drop(Reason.IN_SUSPENSE)
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "gateway#l-1:P000001:webhook:e-1", None, reason="the dispute was withdrawn", actor="arn:a"
    )
    assert refund(town).decision.reason is Reason.REFUND_ORDERED


def late_money() -> Town:
    """Money of a debit that was void, in suspense."""
    town, gateway = due_town()
    gateway.before = die
    with pytest.raises(Dies):
        pay(town, 1)
    gateway.before = nothing
    later(town)
    Settling(town.book, town.shelf, town.clock, Summary()).settle(town.attempts()[0], Outcome.PAID, "g-1")
    return town


def test_money_that_was_resolved_onto_another_loan_is_given_back_from_there() -> None:
    town = late_money()
    gateway = town.gateway
    assert isinstance(gateway, Gateway)
    gateway.answer = DebitAnswer(Outcome.PAID, "g-2")
    other = an_instalment(loan_id="l-2", number=9)
    town.take_on(a_borrower(borrower_id="b-2"), a_loan(loan_id="l-2", borrower_id="b-2", first_open=9), [other])
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "gateway#l-1:P000001", "l-2", reason="hers", actor="arn:a"
    )
    assert town.instalment(9).is_paid
    assert refund(town).outcome is Outcome.PAID
    assert (town.instalment(9).paid_minor, town.instalment(9).blocked) == (0, False)
    refunds = [e for e in town.entries() if e.kind is EntryKind.REFUND]
    assert [(e.loan_id, e.amount.minor) for e in refunds] == [("l-2", -101_500)]
    settling = Settling(town.book, town.shelf, town.clock, Summary())
    assert settling.settle(town.attempts()[-1], Outcome.PAID, "g-2") == "known"
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)


def test_late_word_of_a_refund_from_another_loan_is_booked_there_once() -> None:
    town = late_money()
    gateway = town.gateway
    assert isinstance(gateway, Gateway)
    gateway.answer = DebitAnswer(Outcome.CONFIG)
    other = an_instalment(loan_id="l-2", number=9)
    town.take_on(a_borrower(borrower_id="b-2"), a_loan(loan_id="l-2", borrower_id="b-2", first_open=9), [other])
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "gateway#l-1:P000001", "l-2", reason="hers", actor="arn:a"
    )
    assert refund(town, "10.00").outcome is Outcome.CONFIG
    settling = Settling(town.book, town.shelf, town.clock, Summary())
    refused = town.attempts()[-1]
    assert [settling.settle(refused, Outcome.PAID, "g-2") for _ in range(2)] == ["conflict", "known"]
    assert [e.amount.minor for e in town.entries() if e.kind is EntryKind.REFUND] == [-1_000]


def test_an_instalment_that_late_money_paid_and_a_bank_took_back_is_opened_by_that_attempt() -> None:
    """The attempt was for the first instalment, its money paid the second."""
    town = late_money()
    town.repay("1015.00")
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "gateway#l-1:P000001", "l-1", reason="his", actor="arn:a"
    )
    assert town.instalment(2).is_paid
    taken_by_bank(town)
    assert [town.instalment(n).blocked for n in (1, 2)] == [False, True]
    assert reopen(town) == (2,)


def test_money_that_went_elsewhere_is_not_here_to_be_given_back() -> None:
    town = late_money()
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "gateway#l-1:P000001", None, reason="given back at the branch", actor="arn:a"
    )
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)


def test_a_refund_is_never_refunded() -> None:
    town, _ = paid_town()
    refund(town)
    assert refund(town, seq=2).decision == Drop(Reason.NOTHING_TO_REFUND)


def test_what_was_given_back_is_not_debited_again_before_a_person_has_looked() -> None:
    town, _ = paid_town(1)
    refund(town)
    assert (town.instalment(1).blocked, town.instalment(1).step) == (True, None)
    town.live_through("2026-03-10", "2026-03-12")
    assert [a.refunds for a in town.attempts()] == [None, 1]
    assert reopen(town) == (1,)
    assert not town.instalment(1).blocked


# beside what a bank tells of it


def unknown_refund() -> Town:
    """A refund whose request was lost on the way: nobody knows whether it went."""
    town, gateway = paid_town(1)
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    assert refund(town).outcome is Outcome.UNKNOWN
    return town


def test_a_bank_row_of_money_that_left_under_a_refunds_key_is_evidence_that_it_went() -> None:
    town = unknown_refund()
    assert book(town, row(-101_500), row(-101_500)) == {"repayment.settled": 1, "repayment.known": 1}
    assert town.attempts()[1].outcome is Outcome.PAID
    assert off_the_payment(town) == [(EntryKind.REFUND, -101_500)]
    assert in_suspense(town) == []


def test_a_bank_row_of_a_refund_that_is_settled_books_nothing() -> None:
    town, _ = paid_town(1)
    refund(town)
    before = town.entries()
    assert book(town, row(-101_500)) == {"repayment.known": 1}
    assert town.entries() == before


def test_a_refund_of_another_amount_by_the_banks_word_is_kept_as_money_that_left() -> None:
    town = unknown_refund()
    assert book(town, row(-101_499))["quarantine.BELOW_ATTEMPT"] == 1
    assert in_suspense(town) == [(EntryKind.REFUND, -101_499)]
    assert town.attempts()[1].state is AttemptState.UNKNOWN
    report = GatewayReport("l-1:P000002", Outcome.PAID, Money(101_501, "CNY"), "g")
    assert book(town, report)["quarantine.OTHER_AMOUNT"] == 1


def test_money_that_comes_in_under_a_refunds_key_settles_nothing() -> None:
    town = unknown_refund()
    assert book(town, row(101_500), row(101_500)) == {
        "repayment.suspense": 1,
        "quarantine.REFUND_CAME_BACK": 1,
        "repayment.known": 1,
    }
    assert town.attempts()[1].state is AttemptState.UNKNOWN
    assert town.instalment(1).state is InstalmentState.PAID
    assert in_suspense(town) == [(EntryKind.PAYMENT, 101_500)]
    assert book(town, row(-101_500)) == {"repayment.settled": 1}  # its own money is still to be booked
    assert off_the_payment(town) == [(EntryKind.REFUND, -101_500)]


def failed(minor: int = 101_500) -> GivenAgain:
    return GivenAgain(EntryKind.REFUND, "l-1:P000002", Money(minor, "CNY"), "re_1", Channel.WEBHOOK)


def test_a_refund_that_failed_after_it_went_gives_the_loan_its_money_again() -> None:
    town, _ = paid_town(1)
    refund(town)
    assert book(town, failed(), failed()) == {"repayment.reinstated": 1, "repayment.known": 1}
    assert town.instalment(1).state is InstalmentState.PAID
    assert sum(e.amount.minor for e in town.entries()) == 101_500


def test_a_refund_that_failed_before_it_was_settled_is_settled_so() -> None:
    town = unknown_refund()
    assert book(town, failed()) == {"repayment.settled": 1, "settled.config": 1}
    assert town.attempts()[1].outcome is Outcome.CONFIG
    assert book(town, failed())["quarantine.NEVER_TAKEN"] == 1  # nothing of it had been booked
    assert sum(e.amount.minor for e in town.entries()) == 101_500


# beside a bank that takes the same money back


def credited_town() -> tuple[Town, Gateway]:
    """A debit whose money became credit: the instalment was paid otherwise meanwhile."""
    town, gateway = due_town()

    def paid_otherwise() -> None:
        gateway.before = nothing
        town.repay("3045.00")

    gateway.before = paid_otherwise
    assert pay(town, 1).outcome is Outcome.PAID
    return town, gateway


def taken_by_bank(town: Town, minor: int = 101_500, kind: EntryKind = EntryKind.REVERSAL) -> Summary:
    back = TakenBack(kind, "l-1:P000001", Money(minor, "CNY"), None, "e-1", Channel.WEBHOOK)
    return Repayments(town.book, town.shelf, town.clock, town.queue).work([back], "test")


def off_the_payment(town: Town) -> list[tuple[EntryKind, int]]:
    return [(e.kind, e.amount.minor) for e in town.entries() if e.undoes == "gateway#l-1:P000001"]


def in_suspense(town: Town) -> list[tuple[EntryKind, int]]:
    return [(e.kind, e.amount.minor) for e in town.entries() if e.loan_id == "SUSPENSE"]


@pytest.mark.parametrize("kind", [EntryKind.REVERSAL, EntryKind.CHARGEBACK])
def test_a_refund_that_a_bank_overtakes_stands_in_suspense_and_pages(kind: EntryKind) -> None:
    town, _ = credited_town()
    summary = Summary()
    Intervening(town, SaveAttempt, lambda: taken_by_bank(town, kind=kind))
    assert refund(town, "600.00", summary=summary).outcome is Outcome.PAID
    assert off_the_payment(town) == [(kind, -101_500)]
    assert in_suspense(town) == [(EntryKind.REFUND, -60_000)]
    assert summary.counts["conflict"] == 1
    assert town.attempts()[1].outcome is Outcome.PAID
    settling = Settling(town.book, town.shelf, town.clock, summary)
    assert settling.settle(town.attempts()[1], Outcome.PAID, "g-9") == "known"
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)


def test_a_bank_that_a_refund_overtakes_finds_its_part_in_suspense() -> None:
    town, _ = credited_town()
    Intervening(town, Insert, lambda: refund(town, "600.00"))
    counts = taken_by_bank(town).counts
    assert counts["quarantine.TAKES_TOO_MUCH"] == 1
    assert off_the_payment(town) == [(EntryKind.REFUND, -60_000)]
    assert in_suspense(town) == [(EntryKind.REVERSAL, -101_500)]


def test_what_went_and_stands_in_suspense_is_not_given_back_a_second_time() -> None:
    town, _ = credited_town()
    Intervening(town, SaveAttempt, lambda: taken_by_bank(town, 60_000))
    assert refund(town, "600.00").outcome is Outcome.PAID
    assert in_suspense(town) == [(EntryKind.REFUND, -60_000)]
    assert refund(town).decision == Drop(Reason.NOTHING_TO_REFUND)


def test_late_word_of_a_refund_whose_money_a_bank_took_is_kept_once() -> None:
    town, gateway = credited_town()
    gateway.before = die
    with pytest.raises(Dies):
        refund(town, "600.00")
    gateway.before = nothing
    later(town)
    taken_by_bank(town)
    voided, summary = town.attempts()[1], Summary()
    settling = Settling(town.book, town.shelf, town.clock, summary)
    assert [settling.settle(voided, Outcome.PAID, "g-9") for _ in range(2)] == ["conflict", "known"]
    assert in_suspense(town) == [(EntryKind.REFUND, -60_000)]
    assert summary.counts["conflict"] == 1
