"""The operators' verbs: each does its own work and no other's, within limits, with a second person above them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.book import AttemptState, EntryKind, InstalmentState, Line, Outcome, Owner
from shared.domain.changes import Insert, SaveAttempt, SaveInstalment
from shared.domain.decision import Reason
from shared.domain.errors import InputError, StoreError
from shared.domain.money import Money
from shared.domain.operations import Extent, Order, Verb, needs_second_person, read_order, request_id
from shared.domain.repayment import Channel, TakenBack
from shared.ports.world import DebitAnswer
from shared.workflows.operate import Operations, Report, Result
from shared.workflows.record_repayments import Repayments
from shared.workflows.resolve_suspense import Suspense
from shared.workflows.settling import OTHER_AMOUNT
from tests.unit.builders import a_policy, at
from tests.unit.ordering import Dies, Gateway, Intervening, balanced, die, due_town, nothing, operations, pay
from tests.unit.town import Town

ALICE, BOB = "arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/bob"
FIRST = "l-1:P000001"


def an_order(verb: Verb, *targets: str, **changes: Any) -> Order:
    order = Order(verb, targets or (FIRST,), "the borrower called")
    if verb is Verb.RERECORD:
        order = replace(order, outcome=Outcome.PAID, evidence="statement-17")
    return replace(order, **changes)


def do(town: Town, verb: Verb, *targets: str, actor: str = ALICE, **changes: Any) -> Report:
    return operations(town).order(an_order(verb, *targets, **changes), actor, "test")


def one(town: Town, verb: Verb, **changes: Any) -> Result:
    (result,) = do(town, verb, **changes).results
    return result


def lost_town() -> tuple[Town, Gateway]:
    """An attempt on the first instalment that charged, and whose answer never came."""
    town, gateway = due_town()
    gateway.after = die
    with pytest.raises(Dies):
        pay(town, 1)
    gateway.after = nothing
    return town, gateway


def unseen_town() -> tuple[Town, Gateway]:
    """An attempt that the gateway never saw."""
    town, gateway = due_town()
    gateway.before = die
    with pytest.raises(Dies):
        pay(town, 1)
    gateway.before = nothing
    return town, gateway


class Shelf:
    """The real shelf with other thresholds for a second person."""

    def __init__(self, town: Town, **changes: Any) -> None:
        self._inner, self._changes = town.shelf, changes
        town.shelf = self

    def policy(self, product: str, now: Any) -> Any:
        return replace(self._inner.policy(product, now), **self._changes)

    def today(self, now: Any) -> Any:
        return self._inner.today(now)


# recheck


def test_a_recheck_asks_once_and_settles_what_is_definite() -> None:
    town, gateway = lost_town()
    assert one(town, Verb.RECHECK) == Result(FIRST, "paid")
    assert gateway.enquired == [FIRST]
    assert town.instalment(1).state is InstalmentState.PAID
    balanced(town)


def test_a_recheck_of_what_the_gateway_never_saw_presents_nothing_and_changes_nothing() -> None:
    town, _ = unseen_town()
    before = town.attempts()
    assert one(town, Verb.RECHECK) == Result(FIRST, "not-found")
    assert town.attempts() == before
    assert town.stub.presented == []


def test_a_recheck_without_a_definite_answer_leaves_it_open() -> None:
    town, gateway = due_town(account="pending-1")
    pay(town, 1)
    gateway.enquire = lambda key: DebitAnswer(Outcome.PENDING)  # type: ignore[method-assign]
    assert one(town, Verb.RECHECK) == Result(FIRST, "pending")
    assert town.attempts()[0].state is AttemptState.UNKNOWN


def test_a_silent_gateway_is_said_and_the_next_attempt_is_asked_about() -> None:
    town, gateway = lost_town()
    gateway.silent = True
    assert one(town, Verb.RECHECK) == Result(FIRST, "gateway-silent")


def test_a_recheck_that_finds_money_against_another_outcome_goes_to_suspense() -> None:
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1)
    gateway.answer = None
    assert one(town, Verb.RECHECK) == Result(FIRST, "conflict")
    assert town.instalment(1).blocked
    assert one(town, Verb.RECHECK).word == "lost"  # the same person, the same second
    town.clock.advance(timedelta(seconds=1))
    assert one(town, Verb.RECHECK).word == "conflict"


@pytest.mark.parametrize("minor", [101_501, 1])
def test_a_recheck_that_is_told_another_amount_settles_nothing_and_the_attempt_is_stuck(minor: int) -> None:
    town, gateway = lost_town()
    gateway.enquire = lambda key: DebitAnswer(Outcome.PAID, "g-1", Money(minor, "CNY"))  # type: ignore[method-assign]
    assert one(town, Verb.RECHECK) == Result(FIRST, "other-amount")
    (attempt,) = town.attempts()
    assert (attempt.state, attempt.stuck) == (AttemptState.UNKNOWN, OTHER_AMOUNT)
    assert town.instalment(1).state is InstalmentState.CLAIMED
    assert [(e.loan_id, e.amount.minor) for e in town.entries()] == [("SUSPENSE", minor)]
    town.clock.advance(timedelta(minutes=6))
    assert one(town, Verb.RERECORD).word == "conflict"  # paid: its money is what stands there, and no other is booked
    assert [(e.loan_id, e.amount.minor) for e in town.entries()] == [("SUSPENSE", minor)]
    assert town.instalment(1).blocked


def test_a_recheck_that_is_told_another_amount_leaves_a_settled_attempt_as_it_is() -> None:
    town, gateway = due_town()
    pay(town, 1)
    before = town.attempts()
    gateway.enquire = lambda key: DebitAnswer(Outcome.PAID, "g-1", Money(203_000, "CNY"))  # type: ignore[method-assign]
    assert one(town, Verb.RECHECK) == Result(FIRST, "other-amount")
    assert town.attempts() == before
    balanced(town)


# rerecord


def test_evidence_settles_an_attempt_that_nobody_can_enquire_about() -> None:
    town, gateway = lost_town()
    gateway.silent = True
    town.clock.advance(timedelta(minutes=5))
    assert one(town, Verb.RERECORD) == Result(FIRST, "paid")
    assert gateway.enquired == []
    balanced(town)
    note = town.book.audit("l-1")[-1]
    assert (note.actor, note.what, note.reason) == (ALICE, "attempt.rerecord", "the borrower called")
    assert note.detail == {"attempt": FIRST, "outcome": "paid", "evidence": "statement-17"}


def test_evidence_of_a_refusal_frees_the_instalment() -> None:
    town, _ = unseen_town()
    town.clock.advance(timedelta(minutes=5))
    assert one(town, Verb.RERECORD, outcome=Outcome.INSUFFICIENT).word == "insufficient"
    assert town.instalment(1).state is InstalmentState.OPEN


def test_an_attempt_that_was_presented_again_meanwhile_is_not_released_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order was read while the lease was over; an enquiry claims and presents anew before its turn comes."""
    town, gateway = due_town()
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, ["l-1#001"])
    gateway.before = nothing
    gateway.answer = DebitAnswer(Outcome.UNKNOWN)
    town.clock.advance(timedelta(minutes=6))
    slow = Operations._needs_second_person

    def meanwhile(self: Operations, order: Order, extent: Extent) -> bool:
        town.reconcile()
        return slow(self, order, extent)

    monkeypatch.setattr(Operations, "_needs_second_person", meanwhile)
    result = one(town, Verb.RERECORD, outcome=Outcome.INSUFFICIENT)
    assert (result.word, result.reason) == ("refused", Reason.ATTEMPT_FRESH)
    assert town.instalment(1).state is InstalmentState.CLAIMED


def test_what_was_claimed_within_the_lease_may_be_on_its_way_and_is_not_settled_by_hand() -> None:
    town, _ = unseen_town()
    town.clock.advance(timedelta(minutes=4, seconds=59))
    result = one(town, Verb.RERECORD, outcome=Outcome.INSUFFICIENT)
    assert (result.word, result.reason) == ("refused", Reason.ATTEMPT_FRESH)
    assert result.until == town.clock.now() + timedelta(seconds=1)
    assert town.book.audit("l-1") == ()


def test_a_settled_attempt_is_not_rewritten_but_money_against_its_outcome_is_kept() -> None:
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1)
    result = one(town, Verb.RERECORD, outcome=Outcome.LIMIT)
    assert (result.word, result.reason) == ("refused", Reason.ATTEMPT_SETTLED)
    assert one(town, Verb.RERECORD, outcome=Outcome.INSUFFICIENT).word == "known"
    town.clock.advance(timedelta(seconds=1))
    assert one(town, Verb.RERECORD).word == "conflict"
    assert town.attempts()[0].outcome is Outcome.INSUFFICIENT
    assert town.instalment(1).blocked
    assert [e.amount.minor for e in town.entries() if e.loan_id == "SUSPENSE"] == [101_500]


# recharge


def test_a_recharge_is_a_new_attempt_of_the_operator_with_its_reason() -> None:
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.CONFIG)
    pay(town, 1)
    gateway.answer = None
    result = one(town, Verb.RECHARGE)
    assert (result.word, result.attempt) == ("paid", "l-1:P000002")
    assert [a.owner for a in town.attempts()] == [Owner.BORROWER, Owner.OPERATOR]
    (note,) = town.book.audit("l-1")
    assert (note.what, note.detail) == ("attempt.recharge", {"attempt": FIRST})


def test_a_recharge_is_refused_while_an_attempt_is_open() -> None:
    town, _ = lost_town()
    result = one(town, Verb.RECHARGE)
    assert (result.word, result.reason) == ("refused", Reason.ATTEMPT_OPEN)
    assert town.charged() == 101_500
    assert town.book.audit("l-1") == ()


def test_a_recharge_of_what_is_paid_is_refused() -> None:
    town, _ = due_town()
    pay(town, 1)
    assert one(town, Verb.RECHARGE).reason is Reason.ALREADY_PAID


def test_a_recharge_goes_no_further_than_the_budget() -> None:
    town, _ = due_town(account="insufficient-1")
    for _ in range(a_policy().max_attempts):
        pay(town, 1)
        town.clock.advance(timedelta(minutes=1))
    assert one(town, Verb.RECHARGE).reason is Reason.BUDGET_SPENT


def test_a_recharge_takes_what_is_still_owed_and_counts_it_against_its_limit() -> None:
    """The attempt was for a part; its instalment owes more."""
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1, amount="100.00")
    gateway.answer = None
    with pytest.raises(InputError, match=r"comes to 1,015.00 CNY, and --at-most-amount allows 1,014.99 CNY"):
        do(town, Verb.RECHARGE, at_most_amount=Money(101_499, "CNY"))
    assert do(town, Verb.RECHARGE, at_most_amount=Money(101_500, "CNY")).extent.minor == {"CNY": 101_500}


# refund


def test_a_refund_by_an_operator_is_noted_with_its_claim() -> None:
    town, _ = due_town()
    pay(town, 1)
    result = one(town, Verb.REFUND, amount=Money(1_500, "CNY"))
    assert (result.word, result.attempt) == ("paid", "l-1:P000002")
    (note,) = town.book.audit("l-1")
    assert (note.what, note.detail) == ("attempt.refund", {"attempt": FIRST, "amount": "1500 CNY"})
    assert town.instalment(1).outstanding_minor == 1_500
    assert one(town, Verb.REFUND, amount=Money(100_001, "CNY")).reason is Reason.AMOUNT_OUT_OF_RANGE


def test_a_refund_cannot_be_recharged() -> None:
    town, _ = due_town()
    pay(town, 1)
    do(town, Verb.REFUND)
    assert do(town, Verb.RECHARGE, "l-1:P000002").results[0].reason is Reason.ATTEMPT_SETTLED


# reopen


def charged_back_town(*numbers: int) -> tuple[Town, Gateway]:
    """An attempt that paid, and whose payer's bank took the money back: its instalments are closed to debits."""
    town, gateway = due_town()
    pay(town, *(numbers or (1,)))
    charge_back(town, 101_500 * len(numbers or (1,)))
    return town, gateway


def charge_back(town: Town, minor: int, event_id: str = "e-1") -> None:
    back = TakenBack(EntryKind.CHARGEBACK, FIRST, Money(minor, "CNY"), None, event_id, Channel.WEBHOOK)
    counts = Repayments(town.book, town.shelf, town.clock, town.queue).work([back], "test").counts
    assert counts == {"repayment.charged-back": 1}


def late_money_town() -> tuple[Town, Gateway]:
    """An attempt that was declined, and whose money came all the same."""
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1)
    gateway.answer = None
    assert one(town, Verb.RECHECK).word == "conflict"
    town.clock.advance(timedelta(seconds=1))
    return town, gateway


def closed(town: Town) -> list[int]:
    return [n for n in (1, 2, 3) if town.instalment(n).blocked]


def test_what_a_chargeback_closed_is_opened_with_its_reason_under_the_budget_that_it_had() -> None:
    town, _ = charged_back_town(1, 2)
    assert one(town, Verb.RECHARGE).reason is Reason.EVIDENCE_CONFLICT
    before = [town.instalment(n) for n in (1, 2)]
    assert closed(town) == [1, 2]
    assert one(town, Verb.REOPEN) == Result(FIRST, "opened")
    now = town.clock.now()
    assert [town.instalment(n) for n in (1, 2)] == [replace(i, blocked=False, step=now, rev=i.rev + 1) for i in before]
    assert [i.attempts for i in before] == [1, 1]
    note = town.book.audit("l-1")[-1]
    assert (note.actor, note.what, note.reason) == (ALICE, "attempt.reopen", "the borrower called")
    assert note.detail == {"attempt": FIRST, "instalments": "1 2"}
    owner = town.book.borrower_file("b-1")
    assert owner is not None
    assert owner.card.step == now
    assert town.loan().step == now
    assert len(town.attempts()) == 1, "it debits nobody itself"


def test_what_was_opened_is_debited_again_and_the_budget_goes_on() -> None:
    town, _ = charged_back_town()
    do(town, Verb.REOPEN)
    assert one(town, Verb.RECHARGE).reason is Reason.NOTICE_NOT_SENT, "it is due anew, and announced anew"
    assert pay(town, 1).outcome is Outcome.PAID
    assert town.instalment(1).attempts == 2


def test_where_nothing_is_closed_there_is_nothing_to_open() -> None:
    town, _ = due_town()
    pay(town, 1)
    assert one(town, Verb.REOPEN) == Result(FIRST, "refused", Reason.NOTHING_CLOSED)
    charge_back(town, 101_500)
    pay(town, 2)
    assert do(town, Verb.REOPEN, "l-1:P000002").results[0].reason is Reason.NOTHING_CLOSED, "another one's instalment"
    assert town.book.audit("l-1") == ()


def test_while_late_money_stands_in_suspense_its_instalments_stay_closed() -> None:
    town, _ = late_money_town()
    audited = town.book.audit("l-1")
    assert one(town, Verb.REOPEN) == Result(FIRST, "refused", Reason.IN_SUSPENSE)
    assert closed(town) == [1]
    assert town.book.audit("l-1") == audited


def test_late_money_of_another_attempt_on_the_same_instalment_keeps_it_closed_too() -> None:
    town, gateway = late_money_town()
    suspense = Suspense(town.book, town.shelf, town.clock, town.queue)
    suspense.resolve(f"gateway#{FIRST}", None, reason="given back", actor=BOB)
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1)
    gateway.answer = None
    assert do(town, Verb.RECHECK, "l-1:P000002").results[0].word == "conflict"
    assert one(town, Verb.REOPEN).reason is Reason.IN_SUSPENSE


def test_a_disputed_instalment_that_resolving_leaves_closed_is_opened_by_hand() -> None:
    """Late money came for one that was disputed before: its resolution does not say that the dispute is over."""
    town, gateway = charged_back_town()
    do(town, Verb.REOPEN)
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1)
    gateway.answer = None
    assert do(town, Verb.RECHECK, "l-1:P000002").results[0].word == "conflict"
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "gateway#l-1:P000002", None, reason="given back", actor=BOB
    )
    assert closed(town) == [1]
    town.clock.advance(timedelta(seconds=1))
    assert do(town, Verb.REOPEN, "l-1:P000002").results[0].word == "opened"
    assert closed(town) == []


def test_instalments_that_late_money_paid_out_of_suspense_are_opened_after_their_chargeback() -> None:
    """A person moved it to another instalment than the attempt was for; then the bank took it back."""
    town, _ = late_money_town()
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        f"gateway#{FIRST}", "l-1", numbers=(3,), reason="his slip", actor=BOB
    )
    paid = [n for n in (1, 2, 3) if town.instalment(n).paid_minor]
    charge_back(town, 101_500)
    assert closed(town) == paid
    assert one(town, Verb.REOPEN).word == "opened"
    assert closed(town) == []


def test_money_that_was_given_back_and_stands_in_suspense_closes_nothing() -> None:
    """A refund that a chargeback overtook: it left, and its lack is nobody's reason to close an instalment."""
    town, _ = due_town()
    pay(town, 1)
    Intervening(town, SaveAttempt, lambda: charge_back(town, 101_500))
    do(town, Verb.REFUND)
    suspense = Suspense(town.book, town.shelf, town.clock, town.queue)
    (left,) = suspense.open()
    assert left.left.minor == -101_500
    suspense.resolve(left.key, None, reason="the bank gives it back", actor=BOB)
    assert closed(town) == [1]
    assert one(town, Verb.REOPEN).word == "opened"


def test_a_chargeback_between_look_and_act_wins() -> None:
    town, _ = charged_back_town()
    do(town, Verb.REOPEN)
    pay(town, 1)
    again = TakenBack(EntryKind.CHARGEBACK, "l-1:P000002", Money(100, "CNY"), None, "e-2", Channel.WEBHOOK)
    more = replace(again, event_id="e-3")
    booking = Repayments(town.book, town.shelf, town.clock, town.queue)
    booking.work([again], "test")
    Intervening(town, SaveInstalment, lambda: booking.work([more], "test"))
    assert do(town, Verb.REOPEN, "l-1:P000002").results[0].word == "lost"
    assert closed(town) == [1]


def test_what_opening_exposes_to_debits_counts_against_the_limits_and_asks_for_a_second_person() -> None:
    town, _ = charged_back_town()
    with pytest.raises(InputError, match=r"comes to 1,015.00 CNY, and --at-most-amount allows 1,014.99 CNY"):
        do(town, Verb.REOPEN, at_most_amount=Money(101_499, "CNY"))
    Shelf(town, approve_above_minor={"CNY": 101_499})
    request = do(town, Verb.REOPEN).request
    assert request is not None
    assert closed(town) == [1]
    assert [r.word for r in operations(town).approve(request, BOB, "test").results] == ["opened"]
    assert town.book.audit("l-1")[-1].detail == {"attempt": FIRST, "instalments": "1", "approved_by": BOB}


# limits and orders


def test_an_order_that_reaches_further_than_it_says_does_nothing_at_all() -> None:
    town, _ = due_town()
    pay(town, 1)
    with pytest.raises(InputError, match=r"there is no attempt l-1:P000009"):
        do(town, Verb.REFUND, FIRST, "l-1:P000009")
    with pytest.raises(InputError, match=r"the selection has 1 loan, and --at-most allows 0"):
        do(town, Verb.REFUND, at_most=0)
    with pytest.raises(InputError, match=r"comes to 1,015.00 CNY, and --at-most-amount allows 10.00 CNY"):
        do(town, Verb.REFUND, at_most_amount=Money(1_000, "CNY"))
    with pytest.raises(InputError, match=r"comes to 1,015.00 CNY, and --at-most-amount allows 9,000.00 USD"):
        do(town, Verb.REFUND, at_most_amount=Money(900_000, "USD"))
    assert town.stub.refunded == []
    assert town.book.audit("l-1") == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": ()}, "at least one attempt"),
        ({"targets": (FIRST, FIRST)}, "each once"),
        ({"targets": tuple(f"l-1:P{n:06d}" for n in range(101))}, "at most 100 attempts"),
        ({"reason": " "}, "its reason"),
        ({"outcome": Outcome.PAID}, "what a rerecord needs"),
        ({"evidence": "x"}, "what a rerecord needs"),
        ({"verb": Verb.RERECORD}, "what a rerecord needs"),
        ({"verb": Verb.RERECORD, "evidence": "x", "outcome": Outcome.UNKNOWN}, "no outcome that evidence can show"),
        ({"verb": Verb.RECHECK, "amount": Money(1, "CNY")}, "for recharge and refund"),
        ({"verb": Verb.REOPEN, "amount": Money(1, "CNY")}, "for recharge and refund"),
        ({"targets": (FIRST, "l-1:P000002"), "amount": Money(1, "CNY")}, "for one attempt alone"),
    ],
)
def test_an_order_that_says_too_little_or_too_much_is_refused(changes: dict[str, Any], said: str) -> None:
    town, _ = due_town()
    with pytest.raises(InputError, match=said):
        operations(town).order(replace(an_order(Verb.REFUND), **changes), ALICE, "test")


def test_one_attempt_that_fails_does_not_stop_the_others() -> None:
    town, gateway = due_town(account="insufficient-1")
    for number in (1, 2):
        pay(town, number)
    asked = gateway.enquire
    gateway.enquire = lambda key: (_ for _ in ()).throw(StoreError("x")) if key == FIRST else asked(key)  # type: ignore[method-assign]
    report = do(town, Verb.RECHECK, FIRST, "l-1:P000002")
    assert [r.word for r in report.results] == ["unsure", "known"]
    assert report.summary.counts == {"recheck.unsure": 1, "recheck.known": 1}


def test_what_there_is_no_time_for_is_left_and_said() -> None:
    town, gateway = lost_town()
    report = operations(town).order(an_order(Verb.RECHECK), ALICE, "test", lambda: False)
    assert report.results == (Result(FIRST, "left"),)
    assert gateway.enquired == []


# a second person


def test_above_the_threshold_the_first_run_only_asks() -> None:
    town, _ = due_town()
    pay(town, 1)
    Shelf(town, approve_above_minor={"CNY": 101_499})
    report = do(town, Verb.REFUND)
    assert report.results == ()
    assert report.request is not None
    assert town.stub.refunded == []
    (asked,) = town.book.audit(report.request)
    assert (asked.actor, asked.what, asked.reason) == (ALICE, "requested", "the borrower called")
    assert asked.detail == {
        "verb": "refund", "targets": FIRST, "at_most": "1", "loans": "1", "minor.CNY": "101500",
    }  # fmt: skip
    assert read_order(asked) == an_order(Verb.REFUND)


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"approve_above_minor": {"CNY": 101_500}}, False),
        ({"approve_above_minor": {"CNY": 101_499}}, True),
        ({"approve_above_minor": {"CNY": None}, "approve_above_loans": None}, False),
        ({"approve_above_loans": 1}, False),
        ({"approve_above_loans": 0}, True),
    ],
)
def test_the_policy_says_from_where_on_a_second_person_is_needed(changes: dict[str, Any], asks: bool) -> None:
    town, _ = due_town()
    pay(town, 1)
    Shelf(town, **changes)
    assert (do(town, Verb.REFUND).request is not None) is asks


@pytest.mark.parametrize(
    ("minor", "asks"),
    [
        ({"CNY": 5_000_000}, False),
        ({"CNY": 5_000_001}, True),
        ({"USD": 700_000}, False),
        ({"USD": 700_001}, True),  # far below as many minor units of yuan
        ({"JPY": 1_000_000}, False),
        ({"JPY": 1_000_001}, True),
        ({"CNY": 5_000_000, "USD": 700_000}, False),
        ({"CNY": 1, "USD": 700_001}, True),
        ({"KWD": 1}, True),  # a currency without a threshold
        ({}, False),
    ],
)
def test_each_currency_has_its_own_threshold_and_one_without_any_needs_a_second_person(
    minor: dict[str, int], asks: bool
) -> None:
    assert needs_second_person(Extent(1, minor), [a_policy()]) is asks


def test_an_enquiry_moves_no_money_and_counts_loans_only() -> None:
    town, _ = lost_town()
    Shelf(town, approve_above_minor={"CNY": 0})
    assert one(town, Verb.RECHECK).word == "paid"


def test_without_a_valid_policy_a_second_person_is_always_needed() -> None:
    town, _ = lost_town()
    town.clock.advance(timedelta(days=1000))
    assert do(town, Verb.RECHECK).request is not None


def asked_town() -> tuple[Town, str]:
    town, _ = due_town()
    pay(town, 1)
    Shelf(town, approve_above_loans=0)
    request = do(town, Verb.REFUND).request
    assert request is not None
    return town, request


def test_another_person_approves_and_then_it_is_done_once() -> None:
    town, request = asked_town()
    report = operations(town).approve(request, BOB, "test")
    assert [r.word for r in report.results] == ["paid"]
    assert [(e.actor, e.what) for e in town.book.audit(request)] == [(ALICE, "requested"), (BOB, "approved")]
    (note,) = town.book.audit("l-1")
    assert (note.actor, note.detail["approved_by"]) == (ALICE, BOB)
    for person in (ALICE, BOB, "arn:aws:iam::123456789012:user/carol"):
        with pytest.raises(InputError, match="was used already"):
            operations(town).approve(request, person, "test")
    assert len(town.stub.refunded) == 1


def test_nobody_approves_his_own_request() -> None:
    town, request = asked_town()
    with pytest.raises(InputError, match="another person approves it"):
        operations(town).approve(request, ALICE, "test")
    assert town.stub.refunded == []
    operations(town).approve(request, BOB, "test")
    assert len(town.stub.refunded) == 1


def test_a_request_that_nobody_made_or_that_is_too_old_is_not_approved() -> None:
    town, request = asked_town()
    with pytest.raises(InputError, match="there is no request R-0"):
        operations(town).approve("R-0", BOB, "test")
    town.clock.advance(timedelta(hours=24, seconds=1))
    with pytest.raises(InputError, match="older than 24 hours"):
        operations(town).approve(request, BOB, "test")


def test_a_request_that_reaches_further_by_now_is_not_approved() -> None:
    town, gateway = due_town()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    pay(town, 1)
    gateway.answer = None
    town.repay("100.00")
    Shelf(town, approve_above_loans=0)
    request = do(town, Verb.RECHARGE).request
    assert request is not None
    grown = replace(town.instalment(1), penalty_minor=50, rev=town.instalment(1).rev + 1)

    assert town.book.commit([SaveInstalment(grown)])
    with pytest.raises(InputError, match="reaches further than when it was made"):
        operations(town).approve(request, BOB, "test")
    assert town.charged() == 101_500  # the stub charged; our test lost that answer


def test_asked_for_twice_it_is_one_request() -> None:
    town, request = asked_town()
    town.clock.advance(timedelta(minutes=1))
    assert do(town, Verb.REFUND).request == request
    assert len(town.book.audit(request)) == 1
    assert do(town, Verb.REFUND, actor=BOB).request == request  # the first who asked stays the one who asked
    with pytest.raises(InputError, match="another person"):
        operations(town).approve(request, ALICE, "test")


def test_the_same_order_is_one_request_through_the_lenders_day_and_another_on_his_next_one() -> None:
    town, _ = asked_town()
    requests = []
    for clock in ("2026-04-12 07:59", "2026-04-12 08:01", "2026-04-12 23:59", "2026-04-13 00:01"):  # 08:00 is 0:00 UTC
        town.clock.set(at(clock))
        requests.append(do(town, Verb.REFUND).request)
    assert requests[0] == requests[1] == requests[2] != requests[3]


def test_an_order_that_was_approved_today_is_not_asked_for_again_under_the_same_reason() -> None:
    town, request = asked_town()
    operations(town).approve(request, BOB, "test")
    with pytest.raises(InputError, match=f"{request} was used already: give another reason"):
        do(town, Verb.REFUND)
    assert do(town, Verb.REFUND, reason="once more").request != request


def test_of_two_who_approve_at_once_one_does_it() -> None:
    town, request = asked_town()
    taken = operations(town)

    Intervening(town, Insert, lambda: taken.approve(request, BOB, "test"))
    with pytest.raises(InputError, match="was used already"):
        operations(town).approve(request, "arn:aws:iam::123456789012:user/carol", "test")
    assert len(town.stub.refunded) == 1


def test_a_request_is_its_order_on_its_day() -> None:
    order, day = an_order(Verb.REFUND), due_town()[0].clock.now().date()
    ids = {
        request_id(order, day),
        request_id(order, day + timedelta(days=1)),
        request_id(replace(order, reason="another"), day),
        request_id(replace(order, targets=("l-2:P000001",)), day),
        request_id(replace(order, verb=Verb.RECHECK), day),
        request_id(replace(order, amount=Money(1, "CNY")), day),
        request_id(replace(order, at_most=2), day),
        request_id(replace(order, at_most_amount=Money(2, "CNY")), day),
    }
    assert len(ids) == 8
