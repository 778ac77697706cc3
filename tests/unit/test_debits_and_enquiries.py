"""The debit line under lost answers, crashes and contradictions: one charge at most, and every charge on the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.book import AttemptState, InstalmentState, Line, MandateStatus, Outcome
from shared.domain.changes import Change, SaveAttempt, SaveMandate, TakeSeq
from shared.domain.errors import GatewayError
from shared.domain.money import Money
from shared.domain.repayment import GatewayReport
from shared.ports.book import Book, Page
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest
from shared.workflows.attempt_deductions import Deductions
from shared.workflows.reconcile import Reconciliation
from shared.workflows.record_repayments import Repayments
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import Town

KEY = "l-1#001"


class Dies(BaseException):
    """The process is gone: no handler of ours sees this."""


class Gateway:
    """The stub, with something happening before or after a presentment, or in place of an answer."""

    def __init__(self, town: Town) -> None:
        self._stub = town.stub
        self.not_found_is_final = True
        self.key_life = timedelta(days=365)
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.answer: DebitAnswer | None = None
        self.silent = False
        self.enquiries = 0

    def present(self, request: DebitRequest) -> DebitAnswer:
        self.before()
        answer = self._stub.present(request)
        self.after()
        return self.answer or answer

    def refund(self, request: RefundRequest) -> DebitAnswer:
        return self._stub.refund(request)

    def enquire(self, key: str) -> DebitAnswer | None:
        self.enquiries += 1
        if self.silent:
            raise GatewayError("the gateway did not answer")
        return self._stub.enquire(key)


def ready(account: str = "paid-1") -> tuple[Town, Gateway]:
    """On the due day at 08:00, announced the day before."""
    town = Town(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), account=account)
    town.live_through("2026-03-01", "2026-03-09")
    town.clock.set(at("2026-03-10 08:00"))
    gateway = Gateway(town)
    town.gateway = gateway
    return town, gateway


def die() -> None:
    raise Dies


def later(town: Town, minutes: int = 6) -> None:
    town.clock.advance(timedelta(minutes=minutes))
    town.pass_now()


def settled_once(town: Town) -> None:
    assert town.charged() == sum(e.amount.minor for e in town.entries())
    assert all(a.state is AttemptState.SETTLED for a in town.attempts())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_presentment_leads_to_a_question(when: str) -> None:
    town, gateway = ready()
    setattr(gateway, when, die)
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    setattr(gateway, when, lambda: None)
    assert town.work(Line.DEBIT, [KEY]).counts == {"drop.ATTEMPT_OPEN": 1}
    later(town)
    assert town.charged() == 101_500
    assert [a.seq for a in town.attempts()] == [1]
    settled_once(town)
    assert town.instalment().state is InstalmentState.PAID


def test_within_its_lease_a_claim_is_not_even_asked_about() -> None:
    town, gateway = ready()
    gateway.after = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    town.clock.advance(timedelta(minutes=4))
    town.reconcile()
    assert gateway.enquiries == 0


def test_what_the_gateway_never_saw_is_presented_again_under_the_same_key() -> None:
    town, gateway = ready()
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    gateway.before = lambda: None
    later(town)
    assert [r.key for r in town.stub.presented] == ["l-1:P000001"]
    assert town.attempts()[0].presented == 2
    settled_once(town)


def test_what_the_gateway_never_saw_is_not_presented_again_in_a_later_slot_beside_that_slots_own() -> None:
    """Its instalment counts slots and days by the first claim: the later slot would debit once more."""
    town, gateway = ready()
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    gateway.before = lambda: None
    town.clock.set(at("2026-03-10 12:10"))
    town.reconcile()
    assert [(a.outcome, a.presented) for a in town.attempts()] == [(Outcome.VOID, 1)]
    town.work(Line.DEBIT, [KEY])
    assert [r.key for r in town.stub.presented] == ["l-1:P000002"]
    assert town.attempts()[1].slot == "2026-03-10T12:00"


@pytest.mark.parametrize("why", ["paid", "mandate", "late", "amount"])
def test_what_is_no_longer_right_to_present_is_void(why: str) -> None:
    town, gateway = ready()
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    gateway.before = lambda: None
    if why == "paid":
        town.repay("1015.00")
    elif why == "mandate":
        cancelled = replace(a_mandate(), status=MandateStatus.CANCELLED)
        assert town.book.commit([SaveMandate(cancelled, 0)])
    elif why == "late":
        town.clock.set(at("2026-03-14 09:00"))
    else:
        town.repay("5.00")
    later(town)
    assert town.attempts()[0].outcome is Outcome.VOID
    if why == "amount":  # a lower amount is a new intent, and this slot was not used
        assert town.attempts()[1].amount == Money(101_000, "CNY")
        return
    assert town.instalment().state is (InstalmentState.PAID if why == "paid" else InstalmentState.OPEN)
    assert town.charged() == 0


class Around:
    """A book that lets something happen once, before the first commit of a kind; `lags`: its index of open attempts
    shows what was claimed only just now, as a stale one shows what was claimed again."""

    def __init__(self, book: Book, kind: type, *, before: Callable[[], object] = lambda: None) -> None:
        self._book, self._kind, self._before = book, kind, before
        self.lags = False

    def commit(self, changes: Sequence[Change]) -> bool:
        if not any(isinstance(c, self._kind) for c in changes):
            return self._book.commit(changes)
        self._kind = Around  # once
        self._before()
        return self._book.commit(changes)

    def open_attempts(self, *asked: object) -> Page:
        return Page(("l-1:P000001",), None) if self.lags else self._book.open_attempts(*asked)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._book, name)


def claimed_and_dead(account: str = "paid-1") -> tuple[Town, Gateway]:
    town, gateway = ready(account)
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    gateway.before = lambda: None
    return town, gateway


@pytest.mark.parametrize("amount", ["1015.00", "5.00"])
def test_a_payment_between_the_enquiry_and_the_new_claim_wins(amount: str) -> None:
    town, _ = claimed_and_dead()
    town.clock.advance(timedelta(minutes=6))
    town.book = Around(town.store, SaveAttempt, before=lambda: town.repay(amount))  # type: ignore[assignment]
    assert town.reconcile().counts["lost"] == 1
    assert town.charged() == 0
    later(town)
    assert town.attempts()[0].outcome is Outcome.VOID
    assert town.charged() == (101_000 if amount == "5.00" else 0)
    assert town.instalment().is_paid


def test_what_is_on_the_wire_is_not_presented_a_second_time_because_an_index_lags() -> None:
    town, gateway = ready()
    book = Around(town.store, TakeSeq)
    book.lags = True
    town.book = book  # type: ignore[assignment]
    gateway.before = town.reconcile
    town.work(Line.DEBIT, [KEY])
    assert gateway.enquiries == 0
    assert [r.key for r in town.stub.presented] == ["l-1:P000001"]


def test_of_two_enquiries_at_once_one_does_not_void_what_the_other_presents() -> None:
    town, gateway = claimed_and_dead("lost-1")
    town.clock.set(at("2026-03-10 11:59"))
    asked = gateway.enquire

    def slow_enquiry(key: str) -> DebitAnswer | None:
        answer = asked(key)
        gateway.enquire = asked  # type: ignore[method-assign]
        town.reconcile()  # another one finds the same, claims and presents
        town.clock.set(at("2026-03-10 12:00"))  # and now it is too late to
        return answer

    gateway.enquire = slow_enquiry  # type: ignore[method-assign]
    town.reconcile()
    assert town.charged() == 101_500
    assert [a.outcome for a in town.attempts()] == [Outcome.UNKNOWN]
    later(town)
    settled_once(town)


def test_messages_are_looked_after_before_a_gateway_that_takes_all_the_time() -> None:
    town, gateway = claimed_and_dead()
    town.inbox.script(RuntimeError("the process died"))
    town.take_on(
        a_borrower(borrower_id="b-2"),
        a_loan(loan_id="l-2", borrower_id="b-2"),
        [an_instalment(loan_id="l-2", due_on=date(2026, 3, 9))],
    )
    town.clock.set(at("2026-03-10 12:00"))
    town.work(Line.CONTACT, ["b-2"])
    town.clock.advance(timedelta(minutes=6))
    time = iter([True, False, False])
    worker = Reconciliation(town.book, gateway, town.shelf, town.clock, town.queue, town.switches)
    assert worker.work("test", lambda: next(time)).counts == {"notice.unknown": 1, "left": 1}
    assert gateway.enquiries == 0


def test_a_claim_whose_slot_ended_before_it_was_presented_is_void() -> None:
    town, _ = ready("insufficient-1")
    town.clock.set(at("2026-03-10 11:59"))
    ticks = iter([0, 2, 2, 2, 2])

    class Ticking:
        def now(self):  # type: ignore[no-untyped-def]
            return at("2026-03-10 11:59") + timedelta(seconds=58 + next(ticks))

    Deductions(town.book, town.gateway, town.shelf, Ticking(), town.queue, town.switches).work([KEY], "test")
    assert [a.outcome for a in town.attempts()] == [Outcome.VOID]
    later(town)
    assert [a.slot[11:] for a in town.attempts()] == ["08:00", "12:00"]


def test_a_void_attempt_does_not_count_against_the_budget() -> None:
    town, gateway = ready("insufficient-1")
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    gateway.before = lambda: None
    town.repay("5.00")
    later(town)
    town.live_through("2026-03-10", "2026-03-11")
    assert [a.outcome for a in town.attempts()] == [Outcome.VOID] + [Outcome.INSUFFICIENT] * 3


def test_where_a_lookup_is_not_final_a_person_has_to_look() -> None:
    town, gateway = ready()
    gateway.not_found_is_final = False
    gateway.before = die
    with pytest.raises(Dies):
        town.work(Line.DEBIT, [KEY])
    gateway.before = lambda: None
    for _ in range(3):
        later(town)
    assert town.attempts()[0].state is AttemptState.UNKNOWN
    assert town.charged() == 0


def test_a_silent_gateway_is_asked_again_at_the_next_pass() -> None:
    town, gateway = ready("lost-1")
    gateway.silent = True
    later(town, 0)
    later(town)
    assert town.total.counts["gateway-silent"] == 1
    assert town.attempts()[0].state is AttemptState.UNKNOWN
    gateway.silent = False
    later(town)
    settled_once(town)


def test_while_an_attempt_is_unknown_nothing_else_debits_the_instalment() -> None:
    town, gateway = ready("lost-1")
    gateway.silent = True
    town.live_through("2026-03-10", "2026-03-16")
    assert len(town.attempts()) == 1
    assert ("2026-03-11", "OVERDUE_1") in town.told()


def test_a_worker_that_was_frozen_after_its_claim_presents_nothing() -> None:
    town, _ = ready()
    ticks = iter([0, 0, 6, 6, 6])

    class Frozen:
        def now(self):  # type: ignore[no-untyped-def]
            return town.clock.at + timedelta(seconds=next(ticks))

    worker = Deductions(town.book, town.gateway, town.shelf, Frozen(), town.queue, town.switches)
    next(ticks)
    summary = worker.work([KEY], "test")
    assert summary.counts["stale"] == 1
    assert town.stub.presented == []
    assert town.attempts()[0].state is AttemptState.CLAIMED


def report(town: Town, outcome: Outcome, minor: int = 101_500, key: str = "l-1:P000001") -> dict[str, int]:
    arrived = GatewayReport(key, outcome, Money(minor, "CNY"), "ref")
    return dict(Repayments(town.book, town.shelf, town.clock, town.queue).work([arrived], "test").counts)


def test_a_webhook_after_the_answer_changes_nothing() -> None:
    town, _ = ready()
    later(town, 0)
    before = town.entries()
    assert report(town, Outcome.PAID) == {"repayment.known": 1}
    assert town.entries() == before


def test_a_webhook_before_the_enquiry_settles_and_is_told() -> None:
    town, _ = ready("lost-1")
    town.work(Line.DEBIT, [KEY])
    assert report(town, Outcome.PAID) == {"repayment.settled": 1}
    town.pass_now()
    assert town.told()[-1] == ("2026-03-10", "RECEIVED")
    later(town)
    settled_once(town)


def test_money_after_another_outcome_goes_to_suspense_once_and_stops_further_debits() -> None:
    town, gateway = ready()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    town.work(Line.DEBIT, [KEY])
    assert town.attempts()[0].outcome is Outcome.INSUFFICIENT
    assert report(town, Outcome.PAID)["repayment.conflict"] == 1
    assert report(town, Outcome.PAID)["repayment.conflict"] == 1
    assert [(e.loan_id, e.amount.minor, e.split) for e in town.entries()] == [("SUSPENSE", 101_500, ())]
    town.live_through("2026-03-10", "2026-03-12")
    assert len(town.attempts()) == 1
    assert town.charged() == sum(e.amount.minor for e in town.entries())


def test_a_failure_reported_after_the_payment_does_not_undo_it() -> None:
    town, _ = ready()
    later(town, 0)
    assert report(town, Outcome.INSUFFICIENT) == {"repayment.conflict": 1, "conflict": 1}  # two stories: it pages
    assert town.instalment().is_paid
    assert len(town.entries()) == 1


@pytest.mark.parametrize(
    ("key", "minor", "reason", "detail"),
    [
        ("l-1:P000009", 101_500, "NO_SUCH_ATTEMPT", "no such attempt"),
        ("elsewhere", 101_500, "NO_KEY_OF_OURS", "no key of ours"),
        ("l-1:P000001", 5, "BELOW_ATTEMPT", "the attempt was for 1015.00 CNY"),
    ],
)
def test_a_report_of_money_that_matches_nothing_is_kept_in_suspense(
    key: str, minor: int, reason: str, detail: str
) -> None:
    town, _ = ready("lost-1")
    town.work(Line.DEBIT, [KEY])
    assert report(town, Outcome.LIMIT, minor, key) == {"repayment.unmatched": 1, f"quarantine.{reason}": 1}
    pages = {"conflict": 1} if reason == "BELOW_ATTEMPT" else {}
    assert report(town, Outcome.PAID, minor, key) == {"repayment.suspense": 1, f"quarantine.{reason}": 1} | pages
    assert report(town, Outcome.PAID, minor, key) == {"repayment.known": 1}
    assert [(e.loan_id, e.detail) for e in town.entries()] == [("SUSPENSE", detail)]


# --- repayments by hand ---------------------------------------------------------------------------------------------


def test_the_same_money_books_once() -> None:
    town, _ = ready()
    town.repay("10.00")
    assert town.repay("10.00").counts == {"repayment.known": 1}
    assert town.instalment().paid_minor == 1_000


def test_money_pays_the_oldest_due_first_and_the_rest_is_credit() -> None:
    town, _ = ready()
    town.repay("1020.00")
    town.repay("2000.00", "r-2")
    assert [e.split for e in town.entries()] == [((1, 101_500), (2, 500)), ((2, 101_000),)]
    assert town.entries()[1].credit_minor == 99_000


@pytest.mark.parametrize(
    ("loan_id", "currency", "detail"),
    [("l-9", "CNY", "no such loan: l-9"), ("l-1", "CZK", "loan l-1 is in CNY")],
)
def test_money_that_fits_no_loan_is_kept_in_suspense(loan_id: str, currency: str, detail: str) -> None:
    town, _ = ready()
    assert town.repay("10.00", loan_id=loan_id, currency=currency).counts["repayment.suspense"] == 1
    assert town.repay("10.00", loan_id=loan_id, currency=currency).counts == {"repayment.known": 1}
    assert [(e.loan_id, e.detail) for e in town.entries()] == [("SUSPENSE", detail)]


def test_money_by_hand_while_a_debit_is_open_makes_the_debit_credit() -> None:
    town, _ = ready("lost-1")
    town.work(Line.DEBIT, [KEY])
    town.repay("1015.00")
    assert town.instalment().state is InstalmentState.CLAIMED
    later(town)
    assert town.instalment().state is InstalmentState.PAID
    gateway = next(e for e in town.entries() if e.source == "gateway")
    assert (gateway.credit_minor, gateway.split) == (101_500, ())
    assert town.charged() == gateway.amount.minor


def test_more_instalments_than_one_transaction_pays_go_in_front_of_a_person() -> None:
    rows = [an_instalment(number=n, principal_minor=100, interest_minor=0) for n in range(1, 93)]
    town = Town(*rows, account=None)
    assert town.repay("92.00").counts == {"repayment.suspense": 1, "quarantine.TOO_MANY_INSTALMENTS": 1}
    assert town.repay("90.00", "r-2").counts == {"repayment.booked": 1}


def test_nobody_is_asked_again_for_money_that_may_have_come() -> None:
    town, gateway = ready()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    town.work(Line.DEBIT, [KEY])
    report(town, Outcome.PAID)
    town.live_through("2026-03-10", "2026-03-20")
    assert town.told()[-1] == ("2026-03-09", "PRE_DEBIT")
    assert town.escalations() == []


def test_a_contradiction_is_counted_when_it_is_new_and_not_again() -> None:
    town, gateway = ready()
    gateway.answer = DebitAnswer(Outcome.INSUFFICIENT)
    town.work(Line.DEBIT, [KEY])
    assert report(town, Outcome.PAID)["conflict"] == 1
    assert "conflict" not in report(town, Outcome.PAID)


def test_an_answer_of_the_rail_does_not_overwrite_the_borrowers_cancellation() -> None:
    town, gateway = ready("mandate-dead-1")

    def cancel() -> None:
        assert town.book.commit([SaveMandate(replace(a_mandate(), status=MandateStatus.CANCELLED), 0)])

    gateway.before = cancel
    town.work(Line.DEBIT, [KEY])
    file = town.book.loan_file("l-1")
    assert file is not None
    assert [m.status for m in file.mandates] == [MandateStatus.CANCELLED]
