"""Money books once whichever way the news of it comes, and what is taken back is undone to the minor unit."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.adapters.policy_files import PolicyFiles
from shared.domain import keys
from shared.domain.book import (
    AttemptState,
    AuditEntry,
    Component,
    EntryKind,
    Instalment,
    InstalmentState,
    LedgerEntry,
    Line,
    LoanStatus,
    Mandate,
    MandateStatus,
    MoneyMark,
    Outcome,
    Source,
    SourceKind,
)
from shared.domain.changes import Change, Insert, SaveInstalment, SaveMandate
from shared.domain.errors import BookError, PolicyError
from shared.domain.mandates import CHANGED
from shared.domain.money import Money
from shared.domain.past_mandates import mandates_before
from shared.domain.policy import Policy
from shared.domain.repayment import (
    TRANSFER,
    Arrived,
    Channel,
    GatewayReport,
    GivenAgain,
    Misfit,
    Repayment,
    TakenBack,
    arrived,
    source_of,
)
from shared.workflows.passes import Summary
from shared.workflows.record_escalations import Escalations
from shared.workflows.record_repayments import Repayments
from shared.workflows.reopening import Reopening
from shared.workflows.resolve_suspense import Suspense
from shared.workflows.settling import Settling
from shared.workflows.verdicts import Verdict
from tests.unit.builders import DUE, a_loan, an_instalment, at
from tests.unit.due_day import Shelf
from tests.unit.test_debits_and_enquiries import Dies, die
from tests.unit.test_send_reminders import Between
from tests.unit.town import Town

KEY = "l-1:P000001"


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def transfer(minor: int = 1_000, reference: str = "BANK-1", loan_id: str = "l-1", **changes: Any) -> Repayment:
    return replace(Repayment(TRANSFER, reference, loan_id, cny(minor), date(2026, 3, 10)), **changes)


def taken(
    minor: int,
    reference: str = "BANK-1",
    event_id: str = "e-1",
    kind: EntryKind = EntryKind.REVERSAL,
    channel: Channel = Channel.WEBHOOK,
    outcome: Outcome | None = None,
) -> TakenBack:
    return TakenBack(kind, reference, cny(minor), date(2026, 3, 12), event_id, channel, outcome)


def booker(town: Town) -> Repayments:
    return Repayments(town.book, town.shelf, town.clock, town.queue)


def book(town: Town, *news: Arrived) -> dict[str, int]:
    return dict(booker(town).work(news, "test").counts)


def two_instalments(**changes: Any) -> Town:
    second = an_instalment(number=2, due_on=DUE + timedelta(days=31), principal_minor=100_000, interest_minor=1_000)
    town = Town(an_instalment(), second, account=None, **changes)
    town.clock.set(at("2026-03-10 12:00"))
    return town


def balance(town: Town, number: int = 1) -> tuple[int, InstalmentState]:
    instalment = town.instalment(number)
    return instalment.paid_minor, instalment.state


def adds_up(town: Town) -> None:
    """The ledger's parts are what the instalments say, component by component."""
    for instalment in town._rows(Instalment):
        entries = [e for e in town.entries() if e.loan_id == instalment.loan_id]
        assert instalment.paid_minor == sum(m for e in entries for n, m in e.split if n == instalment.number)
        parts = [(c, m) for e in entries for n, c, m in e.parts if n == instalment.number]
        assert instalment.fee_paid_minor == sum(m for c, m in parts if c is Component.FEE)
        assert instalment.interest_paid_minor == sum(m for c, m in parts if c is Component.INTEREST)
        assert 0 <= instalment.paid_minor <= instalment.due_minor


# --- one money, many ways -----------------------------------------------------------------------------------------


def test_money_is_known_by_its_reference_whichever_way_it_came() -> None:
    """By webhook, bank file and hand, in any order: booked once."""
    ways = [transfer(), transfer(loan_id=""), transfer(paid_on=date(2026, 3, 11))]
    for order in permutations(ways):
        town = two_instalments()
        for news in order:
            book(town, news)
        assert sum(e.amount.minor for e in town.entries()) == 1_000
        assert len(town.entries()) == 1


def test_a_reference_that_is_a_key_of_ours_is_evidence_of_that_attempt() -> None:
    town = Town(account="lost-1")
    town.clock.set(at("2026-03-09 12:00"))
    town.pass_now()
    town.clock.set(at("2026-03-10 08:00"))
    town.work(Line.DEBIT, ["l-1#001"])
    assert source_of(KEY) == "gateway"
    assert source_of("l-1:PX") == source_of("BANK-1") == "transfer"
    row = arrived(KEY, "l-1", cny(101_500), date(2026, 3, 10))
    assert book(town, row) == {"repayment.settled": 1}
    assert book(town, row) == {"repayment.known": 1}
    assert [(e.source, e.external_id, e.amount.minor) for e in town.entries()] == [("gateway", KEY, 101_500)]


@pytest.mark.parametrize("where", ["l-1", ""])
def test_two_at_once_book_one_money_once(where: str) -> None:
    """The second one commits between the first one's look and its booking."""
    town = two_instalments()
    other = booker(town)
    racing = Between(town.store, Insert, lambda: other.work([transfer(loan_id=where)], "test"))
    town.book = racing  # type: ignore[assignment]
    assert book(town, transfer()) == {"repayment.known": 1}
    assert sum(e.amount.minor for e in town.entries()) == 1_000


def test_where_it_was_booked_stands_in_the_same_transaction() -> None:
    town = two_instalments()
    book(town, transfer())
    book(town, transfer(reference="BANK-2", loan_id="l-9"))
    assert town.book.money("transfer", "BANK-1") == MoneyMark("transfer", "BANK-1", "l-1")
    assert town.book.money("transfer", "BANK-2") == MoneyMark("transfer", "BANK-2", "SUSPENSE")


def test_a_book_that_never_takes_it_is_an_error_and_changes_nothing() -> None:
    town = two_instalments()

    class Full:
        def commit(self, changes: list[Change]) -> bool:
            return False

        def __getattr__(self, name: str) -> object:
            return getattr(town.store, name)

    town.book = Full()  # type: ignore[assignment]
    for news in (transfer(), transfer(loan_id="")):
        with pytest.raises(BookError, match="BANK-1"):
            book(town, news)
    assert town.entries() == []


def test_a_mark_without_its_entry_is_an_error() -> None:
    town = two_instalments()
    assert town.book.commit([Insert(MoneyMark("transfer", "BANK-1", "l-1"))])
    with pytest.raises(BookError, match="marked as booked"):
        book(town, transfer())


@pytest.mark.parametrize(
    ("news", "reason"),
    [
        (transfer(1_001), Misfit.OTHER_AMOUNT),
        (transfer(999), Misfit.OTHER_AMOUNT),
        (transfer(loan_id="l-2"), Misfit.OTHER_LOAN),
    ],
)
def test_a_reference_that_comes_again_with_another_story_is_quarantined(news: Repayment, reason: Misfit) -> None:
    town = two_instalments()
    book(town, transfer())
    before = town.entries()
    assert book(town, news) == {"repayment.unmatched": 1, f"quarantine.{reason.name}": 1}
    book(town, news)
    (noted,) = town.store.audit(keys.MONEY_NEWS)
    assert noted.detail["reference"] == news.external_id
    assert noted.detail["amount_minor"] == str(news.amount.minor)
    assert noted.what == f"unmatched.{reason.name}"
    assert town.entries() == before


# --- what fits nothing ----------------------------------------------------------------------------------------------

MISFITS: list[tuple[Arrived, Misfit]] = [
    (transfer(loan_id="l-9"), Misfit.NO_SUCH_LOAN),
    (transfer(amount=Money(5, "CZK")), Misfit.OTHER_CURRENCY),
    (GatewayReport("elsewhere", Outcome.PAID, cny(5), None), Misfit.NO_KEY_OF_OURS),
    (GatewayReport("l-1:P000009", Outcome.PAID, cny(5), None), Misfit.NO_SUCH_ATTEMPT),
    (GatewayReport(KEY, Outcome.PAID, Money(5, "CZK"), None), Misfit.ATTEMPT_CURRENCY),
    (GatewayReport(KEY, Outcome.PAID, cny(101_501), None), Misfit.ABOVE_ATTEMPT),
    (GatewayReport(KEY, Outcome.PAID, cny(101_499), None), Misfit.BELOW_ATTEMPT),
    (taken(5, "BANK-9"), Misfit.NO_SUCH_PAYMENT),
    (taken(5, "l-1:P000009"), Misfit.NO_SUCH_PAYMENT),
]


def in_doubt() -> Town:
    """An attempt whose answer was lost."""
    town = Town(account="lost-1")
    town.clock.set(at("2026-03-09 12:00"))
    town.pass_now()
    town.clock.set(at("2026-03-10 08:00"))
    town.work(Line.DEBIT, ["l-1#001"])
    return town


@pytest.mark.parametrize(("news", "misfit"), MISFITS)
def test_money_that_fits_nothing_is_kept_once_with_its_reason(news: Arrived, misfit: Misfit) -> None:
    town = in_doubt()
    is_of_an_attempt = misfit in (Misfit.ATTEMPT_CURRENCY, Misfit.ABOVE_ATTEMPT, Misfit.BELOW_ATTEMPT)
    pages = {"conflict": 1} if is_of_an_attempt else {}
    assert book(town, news) == {"repayment.suspense": 1, f"quarantine.{misfit.name}": 1} | pages
    assert book(town, news) == {"repayment.known": 1}
    assert town.instalment().blocked is is_of_an_attempt
    (entry,) = town.entries()
    sign = -1 if isinstance(news, TakenBack) else 1
    assert (entry.loan_id, entry.amount) == ("SUSPENSE", Money(sign * news.amount.minor, news.amount.currency))
    assert entry.detail
    assert town.instalment().paid_minor == 0


def test_every_reason_is_reached_and_has_a_sentence() -> None:
    reached = {misfit for _, misfit in MISFITS} | {
        Misfit.TOO_MANY_INSTALMENTS,  # test_debits_and_enquiries
        Misfit.OTHER_AMOUNT,
        Misfit.OTHER_LOAN,
        Misfit.TAKES_TOO_MUCH,
        Misfit.TWO_STORIES,
        Misfit.REFUND_CAME_BACK,  # test_refunds
        Misfit.NEVER_TAKEN,
    }
    assert reached == set(Misfit)
    assert len({misfit.value for misfit in Misfit}) == len(Misfit)


@pytest.mark.parametrize("minor", [60_000, 120_000])
def test_money_of_another_amount_after_a_refusal_stops_every_further_debit_of_it(minor: int) -> None:
    town = Town(account="insufficient-1")
    town.clock.set(at("2026-03-09 12:00"))
    town.pass_now()
    town.clock.set(at("2026-03-10 08:00"))
    town.work(Line.DEBIT, ["l-1#001"])
    attempt = town.attempts()[0]
    assert attempt.outcome is Outcome.INSUFFICIENT
    report = GatewayReport(KEY, Outcome.PAID, cny(minor), None)
    assert book(town, report)["conflict"] == 1
    assert (town.instalment().blocked, town.instalment().step) == (True, None)
    town.live_through("2026-03-11", "2026-03-12")
    assert len(town.attempts()) == 1
    assert "conflict" not in book(town, report)
    whole = book(town, GatewayReport(KEY, Outcome.PAID, attempt.amount, None))
    assert (whole["repayment.conflict"], [e.amount.minor for e in town.entries()]) == (1, [minor])
    assert Misfit.TWO_STORIES.name in town.store.audit(keys.MONEY_NEWS)[-1].what
    suspense = Suspense(town.store, town.shelf, town.clock, town.queue)
    suspense.resolve(f"gateway#{KEY}", None, reason="went back", actor="ops")
    assert (town.instalment().blocked, town.instalment().step is not None) == (False, True)
    assert "conflict" not in book(town, report)
    assert not town.instalment().blocked
    assert book(town, GatewayReport(KEY, Outcome.PAID, attempt.amount, None))["conflict"] == 1
    assert town.instalment().blocked  # it was resolved as another sum: this one is news


@pytest.mark.parametrize("minor", [0, -5])
def test_nothing_is_no_money_of_another_amount(minor: int) -> None:
    town = in_doubt()
    counts = book(town, GatewayReport(KEY, Outcome.PAID, cny(minor), None))
    assert counts == {"repayment.unmatched": 1, "quarantine.BELOW_ATTEMPT": 1}
    assert (town.entries(), town.instalment().blocked) == ([], False)


def test_money_of_another_amount_stays_evidence_when_the_attempt_fails_after_all() -> None:
    town = in_doubt()
    book(town, GatewayReport(KEY, Outcome.PAID, cny(60_000), None))
    assert town.attempts()[0].state is not AttemptState.SETTLED
    book(town, GatewayReport(KEY, Outcome.INSUFFICIENT, cny(101_500), None))
    after = town.instalment()
    assert (town.attempts()[0].outcome, after.state) == (Outcome.INSUFFICIENT, InstalmentState.OPEN)
    assert (after.blocked, after.step) == (True, None)


def test_a_contradiction_about_money_that_is_booked_is_no_other_money() -> None:
    town = in_doubt()
    book(town, GatewayReport(KEY, Outcome.PAID, cny(101_500), None))
    counts = book(town, GatewayReport(KEY, Outcome.PAID, cny(101_501), None))
    assert counts == {"repayment.unmatched": 1, "quarantine.ABOVE_ATTEMPT": 1}
    assert [e.loan_id for e in town.entries()] == ["l-1"]


def test_two_amounts_under_a_key_that_is_none_of_ours_are_one_money_and_a_contradiction() -> None:
    town = in_doubt()
    book(town, GatewayReport("elsewhere", Outcome.PAID, cny(5), None))
    counts = book(town, GatewayReport("elsewhere", Outcome.PAID, cny(6), None))
    assert counts == {"repayment.unmatched": 1, "quarantine.OTHER_AMOUNT": 1}
    assert [e.amount.minor for e in town.entries()] == [5]


def test_what_became_of_each_is_told_with_its_problem() -> None:
    town = in_doubt()
    news = [transfer(), transfer(reference="BANK-2", loan_id="l-9"), transfer()]
    verdicts = booker(town).judge(news, "test", Summary())
    assert verdicts == [
        Verdict("booked"),
        Verdict("suspense", Misfit.NO_SUCH_LOAN, "no such loan: l-9"),
        Verdict("known"),
    ]
    again = booker(town).judge([transfer(reference="BANK-2", loan_id="l-9")], "test", Summary())
    assert again == [Verdict("known", problem="no such loan: l-9")]


# --- whose day, whose order -----------------------------------------------------------------------------------------


class NoPack:
    """A shelf on which nothing is valid."""

    def policy(self, product: str, now: datetime) -> Policy:
        raise PolicyError("none")

    def today(self, now: datetime) -> date:
        raise PolicyError("none")


@pytest.mark.parametrize(("shelf", "day"), [(PolicyFiles(), date(2026, 3, 11)), (NoPack(), date(2026, 3, 10))])
def test_suspense_is_dated_by_the_lenders_day(shelf: Any, day: date) -> None:
    """01:00 in Shanghai is still the day before in UTC, which counts only where no pack says where the lender is."""
    town = two_instalments()
    town.shelf = shelf
    town.clock.set(at("2026-03-11 01:00"))
    book(town, GatewayReport("elsewhere", Outcome.PAID, cny(5), None))
    assert [e.booked_on for e in town.entries()] == [day]


def test_without_a_policy_money_is_booked_all_the_same() -> None:
    town = two_instalments()
    town.shelf = NoPack()
    book(town, transfer(500, numbers=(2,)))
    assert [e.split for e in town.entries()] == [((1, 500),)]


class Choosing:
    """The packs, with or without the borrower's choice."""

    def __init__(self, may_choose: bool) -> None:
        self.may_choose = may_choose

    def policy(self, product: str, now: datetime) -> Policy:
        return replace(PolicyFiles().policy(product, now), borrower_may_choose=self.may_choose)

    def today(self, now: datetime) -> date:
        return PolicyFiles().today(now)


@pytest.mark.parametrize(("may_choose", "split"), [(True, ((2, 500),)), (False, ((1, 500),))])
def test_the_borrower_chooses_what_he_pays_where_the_law_lets_him(
    may_choose: bool, split: tuple[tuple[int, int], ...]
) -> None:
    town = two_instalments()
    town.shelf = Choosing(may_choose)
    book(town, transfer(500, numbers=(2,)))
    assert [e.split for e in town.entries()] == [split]


def test_money_pays_by_the_waterfall_and_the_ledger_says_which_component() -> None:
    town = Town(an_instalment(fee_minor=300), account=None)
    book(town, transfer(1_000))
    assert town.entries()[0].parts == ((1, Component.FEE, 300), (1, Component.INTEREST, 700))
    late = transfer(1_000, "BANK-2", paid_on=DUE + timedelta(days=120))
    book(town, late)
    assert town.entries()[1].parts == ((1, Component.PRINCIPAL, 1_000),)
    adds_up(town)


# --- taken back -----------------------------------------------------------------------------------------------------


def test_a_reversal_undoes_a_payment_and_the_instalment_is_debited_again() -> None:
    town = two_instalments()
    book(town, transfer(101_500 + 500))
    assert balance(town) == (101_500, InstalmentState.PAID)
    town.clock.set(at("2026-03-12 12:00"))
    assert book(town, taken(102_000)) == {"repayment.reversed": 1}
    after = town.instalment()
    assert (balance(town), balance(town, 2)) == ((0, InstalmentState.OPEN), (0, InstalmentState.OPEN))
    assert (after.paid_on, after.paid_by, after.blocked) == (None, None, False)
    assert (after.episode, town.instalment(2).episode) == (1, 0)  # the second one was never paid
    assert after.step == town.clock.now()
    original, undoing = sorted(town.entries(), key=lambda e: -e.amount.minor)
    assert (undoing.amount.minor, undoing.kind, undoing.undoes) == (-102_000, EntryKind.REVERSAL, "transfer#BANK-1")
    assert undoing.booked_on == date(2026, 3, 12)
    assert original.amount.minor == 102_000
    adds_up(town)


def test_a_part_taken_back_leaves_what_the_smaller_payment_would_have_paid() -> None:
    town, small = two_instalments(), two_instalments()
    book(town, transfer(150_000))
    book(town, taken(60_000))
    book(small, transfer(90_000))
    assert [balance(town, n) for n in (1, 2)] == [balance(small, n) for n in (1, 2)]
    assert town.instalment().interest_paid_minor == small.instalment().interest_paid_minor
    adds_up(town)


def test_credit_is_taken_back_first() -> None:
    town = Town(account=None)
    book(town, transfer(101_500 + 700))
    assert book(town, taken(700)) == {"repayment.reversed": 1}
    assert balance(town) == (101_500, InstalmentState.PAID)
    book(town, taken(1, event_id="e-2"))
    assert balance(town) == (101_499, InstalmentState.OPEN)
    adds_up(town)


def test_parts_are_taken_back_until_nothing_is_left_of_the_payment() -> None:
    town = two_instalments()
    book(town, transfer(1_000))
    assert book(town, taken(600, event_id="e-1")) == {"repayment.reversed": 1}
    assert book(town, taken(400, event_id="e-2")) == {"repayment.reversed": 1}
    over = book(town, taken(1, event_id="e-3"))
    assert over == {"repayment.suspense": 1, "quarantine.TAKES_TOO_MUCH": 1}
    assert balance(town) == (0, InstalmentState.OPEN)
    assert sum(e.amount.minor for e in town.entries()) == -1
    adds_up(town)


@pytest.mark.parametrize("channel", list(Channel))
def test_the_same_reversal_books_once_by_its_id_and_by_another_channel(channel: Channel) -> None:
    town = two_instalments()
    book(town, transfer(1_000))
    book(town, taken(400))
    again = taken(400, event_id="e-1" if channel is Channel.WEBHOOK else "2026-03-12:400", channel=channel)
    assert book(town, again) == {"repayment.known": 1}
    assert balance(town) == (600, InstalmentState.OPEN)


def test_two_reversals_of_one_amount_on_one_channel_are_two() -> None:
    town = two_instalments()
    book(town, transfer(1_000))
    book(town, taken(400, event_id="e-1"), taken(400, event_id="e-2"))
    assert balance(town) == (200, InstalmentState.OPEN)


def test_two_reversals_at_once_never_take_more_than_there_was() -> None:
    town = two_instalments()
    book(town, transfer(1_000))
    other = booker(town)
    town.book = Between(  # type: ignore[assignment]
        town.store, Insert, lambda: other.work([taken(600, event_id="e-2")], "test")
    )
    assert book(town, taken(600, event_id="e-1"))["quarantine.TAKES_TOO_MUCH"] == 1
    assert balance(town) == (400, InstalmentState.OPEN)
    assert [e.external_id for e in town.entries() if e.loan_id == "l-1"] == ["BANK-1", "BANK-1:R01"]
    adds_up(town)


def test_a_chargeback_closes_the_instalment_until_a_person_has_looked() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    assert balance(town) == (101_500, InstalmentState.PAID)
    town.clock.set(at("2026-03-12 12:00"))
    assert book(town, taken(101_500, KEY, kind=EntryKind.CHARGEBACK)) == {"repayment.charged-back": 1}
    after = town.instalment()
    assert (after.paid_minor, after.blocked, after.step) == (0, True, None)
    town.live_through("2026-03-12", "2026-03-20")
    assert len(town.attempts()) == 1
    assert town.entries()[-1].kind is EntryKind.CHARGEBACK
    adds_up(town)


def test_a_dispute_that_is_told_of_before_its_payment_is_counted_as_one_at_once_and_once() -> None:
    """It comes off the loan when the payment is booked, by whoever books it: the page is not left to him."""
    town = Town()
    town.clock.set(at("2026-03-12 12:00"))
    told = book(town, taken(101_500, kind=EntryKind.CHARGEBACK))
    assert told == {"repayment.suspense": 1, "repayment.charged-back": 1, "quarantine.NO_SUCH_PAYMENT": 1}
    assert book(town, taken(101_500, kind=EntryKind.CHARGEBACK)) == {"repayment.known": 1}
    assert book(town, taken(500, "BANK-2")) == {"repayment.suspense": 1, "quarantine.NO_SUCH_PAYMENT": 1}


def test_a_transfer_that_its_payer_disputes_is_owed_again_and_closes_nothing() -> None:
    """Nobody could open it: there may be no attempt for it at all."""
    town = Town()
    town.clock.set(at("2026-03-09 12:00"))
    book(town, transfer(101_500))
    assert book(town, taken(101_500, kind=EntryKind.CHARGEBACK)) == {"repayment.charged-back": 1}
    after = town.instalment()
    assert (after.paid_minor, after.blocked, after.step) == (0, False, town.clock.now())
    town.live_through("2026-03-09", "2026-03-10")
    assert balance(town) == (101_500, InstalmentState.PAID)


def test_a_debit_that_was_taken_back_is_tried_again_within_the_same_budget() -> None:
    """The rail said why, and policy debits again after that."""
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    town.clock.set(at("2026-03-10 21:00"))
    book(town, taken(101_500, KEY, outcome=Outcome.INSUFFICIENT))
    assert town.instalment().attempts == 1
    town.live_through("2026-03-11", "2026-03-13")
    assert [(a.seq, a.outcome) for a in town.attempts()] == [(1, Outcome.PAID), (2, Outcome.PAID)]
    assert town.instalment().attempts == 2
    adds_up(town)


@pytest.mark.parametrize("why", [None, Outcome.UNKNOWN, Outcome.RISK, Outcome.MANDATE_DEAD])
def test_a_debit_that_was_taken_back_for_no_reason_to_try_again_waits_for_a_person(why: Outcome | None) -> None:
    town = Town()
    town.shelf = Shelf(rail={"retry_outcomes": frozenset({Outcome.INSUFFICIENT})})
    town.live_through("2026-03-09", "2026-03-10")
    town.clock.set(at("2026-03-10 21:00"))
    assert book(town, taken(101_500, KEY, outcome=why))["repayment.reversed"] == 1
    assert (town.instalment().blocked, town.instalment().step) == (True, None)
    town.live_through("2026-03-11", "2026-03-13")
    assert [a.seq for a in town.attempts()] == [1]
    (payment,) = town.attempts()
    note = AuditEntry("l-1", "2026-03-13#reopen", town.clock.now(), "ann", "attempt.reopen", "he agreed")
    assert Reopening(town.book, town.clock).reopen(payment, note).numbers == (1,)
    assert (town.instalment().blocked, town.instalment().step) == (False, town.clock.now())


@pytest.mark.parametrize(
    ("why", "status"),
    [
        (Outcome.MANDATE_DEAD, MandateStatus.REVOKED),
        (Outcome.ACCOUNT_DEAD, MandateStatus.SUSPENDED),
        (Outcome.RISK, MandateStatus.SUSPENDED),
        (Outcome.INSUFFICIENT, MandateStatus.ACTIVE),
        (None, MandateStatus.ACTIVE),
    ],
)
def test_a_return_that_says_that_the_mandate_is_gone_ends_it_for_every_instalment(
    why: Outcome | None, status: MandateStatus
) -> None:
    """ACH R02 or R10, SEPA MD01: the next instalment is not debited under what is gone either."""
    town = Town(an_instalment(), an_instalment(number=2, due_on=DUE + timedelta(days=31)))
    town.live_through("2026-03-09", "2026-03-10")
    town.clock.set(at("2026-03-10 21:00"))
    news = taken(101_500, KEY, outcome=why)
    paged = {"settled.risk": 1} if why is Outcome.RISK else {}
    assert book(town, news, news) == {"repayment.reversed": 1, "repayment.known": 1} | paged
    (mandate,) = town._rows(Mandate)
    assert mandate.status is status
    town.live_through("2026-04-08", "2026-04-11")
    assert any(2 in a.numbers for a in town.attempts()) is (status is MandateStatus.ACTIVE)


def test_an_account_that_a_return_calls_dead_was_alive_before_it() -> None:
    """The mandate goes on from the next account, and `explain` reads its accounts of then."""
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    (mandate,) = town._rows(Mandate)
    both = (Source(SourceKind.BALANCE, mandate.account_ref), Source(SourceKind.DEBIT_CARD, "paid-2"))
    town.store.commit([SaveMandate(replace(mandate, funding=both), town.loan().gate_rev)])
    told_at = at("2026-03-10 21:00")
    town.clock.set(told_at)
    book(town, taken(101_500, KEY, outcome=Outcome.ACCOUNT_DEAD))
    (after,) = town._rows(Mandate)
    assert (after.status, [source.is_dead for source in after.sources]) == (MandateStatus.ACTIVE, [True, False])
    (before,) = mandates_before([after], town.store.audit("l-1"), town.attempts(), told_at)
    assert (before.status, before.funding) == (MandateStatus.ACTIVE, both)


@pytest.mark.parametrize(
    ("account", "status"), [("mandate-dead-1", MandateStatus.REVOKED), ("risk-1", MandateStatus.SUSPENDED)]
)
def test_a_mandate_that_a_debits_answer_ends_stands_in_its_history(account: str, status: MandateStatus) -> None:
    town = Town(account=account)
    town.live_through("2026-03-09", "2026-03-10")
    (mandate,) = town._rows(Mandate)
    (entry,) = [e for e in town.store.audit("l-1") if e.what.startswith(CHANGED)]
    assert (mandate.status, entry.what, entry.actor) == (status, "mandate.rail.answered", "rail")
    assert (entry.detail["was.m-1"], entry.detail["now.m-1"]) == ("active", status)
    assert KEY in entry.reason
    (before,) = mandates_before([mandate], [entry], town.attempts(), at("2026-03-09 12:00"))
    assert before.status is MandateStatus.ACTIVE


def test_an_account_that_an_answer_calls_dead_begins_no_other_time_of_its_mandate() -> None:
    """What follows in the same slot is the next account of the same order."""
    town = Town(account="account-dead-1")
    town.clock.set(at("2026-03-09 12:00"))
    town.pass_now()
    (mandate,) = town._rows(Mandate)
    both = (Source(SourceKind.BALANCE, mandate.account_ref), Source(SourceKind.DEBIT_CARD, "insufficient-2"))
    town.store.commit([SaveMandate(replace(mandate, funding=both), town.loan().gate_rev)])
    town.live_through("2026-03-10", "2026-03-10")
    (stands,) = town._rows(Mandate)
    funded = replace(stands, since=at("2026-03-12 12:00"))
    note = replace(town.store.audit("l-1")[-1], at=at("2026-03-12 12:00"), what=f"{CHANGED}fund")
    (then,) = mandates_before([funded], [*town.store.audit("l-1"), note], town.attempts(), at("2026-03-11 12:00"))
    assert (stands.sources[0].is_dead, then.since) == (True, mandate.since)


def test_a_crash_after_the_mandate_ended_books_the_return_at_its_next_delivery() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    town.book = Between(town.store, Insert, die)  # type: ignore[assignment]
    news = taken(101_500, KEY, outcome=Outcome.MANDATE_DEAD)
    with pytest.raises(Dies):
        book(town, news)
    town.book = town.store
    assert book(town, news) == {"repayment.reversed": 1}
    assert [m.status for m in town._rows(Mandate)] == [MandateStatus.REVOKED]


def test_a_transfer_that_is_returned_with_a_reason_is_booked_like_any_other() -> None:
    town = two_instalments()
    book(town, transfer(101_500))
    assert book(town, taken(101_500, outcome=Outcome.INSUFFICIENT)) == {"repayment.reversed": 1}
    assert balance(town) == (0, InstalmentState.OPEN)


def test_without_a_policy_a_debit_that_was_taken_back_waits_for_a_person() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    town.shelf = NoPack()
    book(town, taken(101_500, KEY, outcome=Outcome.INSUFFICIENT))
    assert town.instalment().blocked


def test_a_transfer_that_bounced_closes_nothing() -> None:
    """Nobody refused a debit: the schedule's one is still to come."""
    town = two_instalments()
    book(town, transfer(101_500))
    book(town, taken(101_500))
    assert not town.instalment().blocked


def stage_line(town: Town) -> None:
    Escalations(town.store, town.shelf, town.clock).work(["l-1"], "test")


def test_a_reversal_beats_the_stage_line_that_was_about_to_close_the_loan() -> None:
    town = two_instalments()
    book(town, transfer(101_500, "B-1"), transfer(101_000, "B-2"))
    town.book = Between(town.store, Insert, lambda: stage_line(town))  # type: ignore[assignment]
    assert book(town, taken(101_500, "B-1")) == {"repayment.reversed": 1}
    assert (town.loan().status, town.loan().first_open) == (LoanStatus.OPEN, 1)
    assert balance(town) == (0, InstalmentState.OPEN)


def test_a_reversal_beats_the_stage_line_that_was_about_to_leave_its_instalment_behind() -> None:
    town = two_instalments()
    book(town, transfer(101_500, "B-1"))
    town.clock.set(at("2026-04-20 12:00"))
    town.book = Between(town.store, Insert, lambda: stage_line(town))  # type: ignore[assignment]
    assert book(town, taken(101_500, "B-1")) == {"repayment.reversed": 1}
    assert town.loan().first_open == 1
    assert town.loan().step == town.clock.now()


def test_a_reversal_beats_the_contact_line_that_was_about_to_drop_the_loan() -> None:
    town = two_instalments()
    book(town, transfer(101_500, "B-1"), transfer(101_000, "B-2"))
    stage_line(town)
    contact = town.reminders()
    town.book = Between(town.store, Insert, lambda: contact.work(["b-1"], "test"))  # type: ignore[assignment]
    assert book(town, taken(101_500, "B-1")) == {"repayment.reversed": 1}
    file = town.store.borrower_file("b-1")
    assert file is not None
    assert (file.card.loan_ids, file.card.step) == (("l-1",), town.clock.now())


def test_an_entry_absorbs_one_news_of_each_other_channel() -> None:
    """Two equal parts: the file tells of the first one again, and then of another one that no webhook told of."""
    town = two_instalments()
    book(town, transfer(101_500, "B-1"))
    first = taken(4_000, "B-1", "e-1")
    again = taken(4_000, "B-1", "2026-03-12:4000", channel=Channel.FILE)
    second = taken(4_000, "B-1", "2026-03-20:4000", channel=Channel.FILE)
    assert [book(town, news) for news in (first, again, again, second, second)] == [
        {"repayment.reversed": 1},
        {"repayment.known": 1},
        {"repayment.known": 1},
        {"repayment.reversed": 1},
        {"repayment.known": 1},
    ]
    assert book(town, taken(4_000, "B-1", "e-2")) == {"repayment.known": 1}  # the second one of the file
    assert book(town, taken(4_000, "B-1", "e-3")) == {"repayment.reversed": 1}
    assert sum(e.amount.minor for e in town.entries()) == 101_500 - 3 * 4_000


def test_what_was_taken_back_while_the_money_was_held_is_not_taken_off_the_loan_as_well() -> None:
    """A webhook told of it in suspense; a person moved the rest to its loan; then the bank's file tells of it."""
    town = two_instalments()
    book(town, transfer(101_500, "B-1", loan_id="l-9"), taken(4_000, "B-1", "e-1"))
    suspense = Suspense(town.book, town.shelf, town.clock, town.queue)
    suspense.resolve("transfer#B-1", "l-1", reason="the payer said so", actor="ann")
    assert balance(town) == (97_500, InstalmentState.OPEN)
    row = taken(4_000, "B-1", "2026-03-12:4000", channel=Channel.FILE)
    assert book(town, row) == {"repayment.known": 1}
    assert balance(town) == (97_500, InstalmentState.OPEN)
    assert book(town, replace(row, event_id="2026-03-20:4000")) == {"repayment.reversed": 1}
    assert sum(e.amount.minor for e in town.entries()) == 101_500 - 2 * 4_000


def test_two_of_one_channel_at_once_are_not_both_absorbed() -> None:
    town = two_instalments()
    book(town, transfer(101_500, "B-1"), taken(4_000, "B-1", "e-1"))
    row = taken(4_000, "B-1", "2026-03-12:4000", channel=Channel.FILE)
    other = replace(row, event_id="2026-03-20:4000")
    worker = booker(town)
    town.book = Between(town.store, Insert, lambda: worker.work([other], "test"))  # type: ignore[assignment]
    assert book(town, row) == {"repayment.reversed": 1}
    assert sum(e.amount.minor for e in town.entries()) == 101_500 - 2 * 4_000


# --- taken back before it came ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EntryKind.CHARGEBACK, EntryKind.REVERSAL])
def test_what_is_taken_back_before_the_payment_is_told_of_comes_off_as_soon_as_it_is(kind: EntryKind) -> None:
    town = in_doubt()
    assert book(town, taken(101_500, KEY, kind=kind))["quarantine.NO_SUCH_PAYMENT"] == 1
    assert book(town, GatewayReport(KEY, Outcome.PAID, cny(101_500), None)) == {"repayment.settled": 1}
    assert balance(town) == (0, InstalmentState.OPEN)
    assert town.instalment().blocked
    assert sum(e.amount.minor for e in town.entries()) == 0
    assert [e.kind for e in town.entries() if e.loan_id == "l-1"] == [EntryKind.PAYMENT, kind]
    assert Suspense(town.book, town.shelf, town.clock, town.queue).open() == []
    before = town.entries()
    assert book(town, taken(101_500, KEY, kind=kind)) == {"repayment.known": 1}
    assert book(town, taken(101_500, KEY, "2026-03-12:1", channel=Channel.FILE)) == {"repayment.known": 1}
    assert book(town, GatewayReport(KEY, Outcome.PAID, cny(101_500), None)) == {"repayment.known": 1}
    assert town.entries() == before
    adds_up(town)


def test_what_waits_comes_off_when_an_enquiry_tells_of_the_payment() -> None:
    town = in_doubt()
    book(town, taken(101_500, KEY))
    town.clock.advance(timedelta(minutes=6))
    town.pass_now()
    assert balance(town) == (0, InstalmentState.OPEN)
    assert sum(e.amount.minor for e in town.entries()) == 0
    assert Suspense(town.book, town.shelf, town.clock, town.queue).open() == []


def test_a_transfer_that_bounced_before_it_was_told_of_comes_off_too() -> None:
    town = two_instalments()
    book(town, taken(400), taken(300, event_id="e-2"))
    assert book(town, transfer(1_000)) == {"repayment.booked": 1}
    assert balance(town) == (300, InstalmentState.OPEN)
    adds_up(town)


def test_what_two_channels_tell_of_before_the_payment_is_one_money() -> None:
    town = two_instalments()
    row = taken(400, event_id="2026-03-12:400", channel=Channel.FILE)
    book(town, taken(400))
    assert book(town, row, row) == {"repayment.known": 2}
    book(town, transfer(1_000))
    assert balance(town) == (600, InstalmentState.OPEN)
    assert book(town, replace(row, event_id="2026-03-20:400")) == {"repayment.reversed": 1}
    assert balance(town) == (200, InstalmentState.OPEN)


@pytest.mark.parametrize("payment", ["before the person", "after the person", "after the file"])
def test_what_waited_and_a_person_resolved_is_the_money_that_another_channel_tells_of(payment: str) -> None:
    town = two_instalments()
    row = taken(1_000, event_id="2026-03-12:1000", channel=Channel.FILE)
    held = transfer(1_000, loan_id="l-9")  # in suspense, so that what waits stays there too
    book(town, taken(1_000))
    if payment == "before the person":
        book(town, held)
    Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
        "transfer#BANK-1:webhook:e-1", None, reason="it is theirs", actor="ann"
    )
    if payment == "after the person":
        book(town, held)
    assert book(town, row, row) == {"repayment.known": 2}
    book(town, held)
    came_and_left = [e.amount.minor for e in town.entries() if e.kind is not EntryKind.RESOLUTION]
    assert sorted(came_and_left) == [-1_000, 1_000]


def test_what_waits_beside_its_payment_in_suspense_is_the_money_that_another_channel_tells_of() -> None:
    town = two_instalments()
    book(town, taken(1_000), transfer(1_000, loan_id="l-9"))
    assert book(town, taken(1_000, event_id="2026-03-12:1000", channel=Channel.FILE)) == {"repayment.known": 1}
    assert sum(e.amount.minor for e in town.entries()) == 0
    another = taken(1_000, event_id="2026-03-20:1000", channel=Channel.FILE)
    assert book(town, another) == {"repayment.reversed": 1}


def test_what_took_too_much_is_the_money_that_another_channel_tells_of() -> None:
    town = two_instalments()
    book(town, transfer(1_000), taken(700, event_id="e-1"))
    assert book(town, taken(400, event_id="e-2"))["quarantine.TAKES_TOO_MUCH"] == 1
    assert book(town, taken(400, event_id="2026-03-12:400", channel=Channel.FILE)) == {"repayment.known": 1}
    assert sum(e.amount.minor for e in town.entries()) == 1_000 - 700 - 400


def test_a_payment_that_comes_while_its_reversal_is_put_into_suspense_is_seen() -> None:
    town = two_instalments()
    other = booker(town)
    town.book = Between(town.store, Insert, lambda: other.work([transfer(1_000)], "test"))  # type: ignore[assignment]
    book(town, taken(400))
    assert balance(town) == (600, InstalmentState.OPEN)


def test_what_waits_and_resembles_what_another_channel_told_of_meanwhile_is_left_to_a_person() -> None:
    town = in_doubt()
    other = booker(town)
    row = taken(400, KEY, "2026-03-12:400", channel=Channel.FILE)
    paid = GatewayReport(KEY, Outcome.PAID, cny(101_500), None)
    town.book = Between(town.store, Insert, lambda: other.work([paid, row], "test"))  # type: ignore[assignment]
    book(town, taken(400, KEY))
    assert balance(town) == (101_100, InstalmentState.OPEN)
    desk = Suspense(town.store, town.shelf, town.clock, town.queue)
    assert [(one.key, one.left.minor) for one in desk.open()] == [(f"gateway#{KEY}:webhook:e-1", -400)]


@pytest.mark.parametrize("minor", [1_001, 1_000])
def test_what_waits_and_takes_too_much_or_was_resolved_stays_as_it_is(minor: int) -> None:
    town = two_instalments()
    book(town, taken(minor))
    if minor == 1_000:
        Suspense(town.book, town.shelf, town.clock, town.queue).resolve(
            "transfer#BANK-1:webhook:e-1", None, reason="the bank's mistake", actor="ann"
        )
    book(town, transfer(1_000))
    assert balance(town) == (1_000, InstalmentState.OPEN)


def test_a_crash_before_what_waits_is_taken_leaves_it_to_the_next_news() -> None:
    town = in_doubt()
    book(town, taken(101_500, KEY))
    Settling(town.book, town.shelf, town.clock, Summary()).settle(town.attempts()[0], Outcome.PAID, "g")
    assert balance(town) == (101_500, InstalmentState.PAID)
    assert book(town, GatewayReport(KEY, Outcome.PAID, cny(101_500), "g")) == {"repayment.known": 1}
    assert balance(town) == (0, InstalmentState.OPEN)


# --- what was taken back comes again ------------------------------------------------------------------------------


def again(minor: int = 101_500, event_id: str = "e-1", reference: str = KEY, **changes: Any) -> GivenAgain:
    return replace(GivenAgain(EntryKind.CHARGEBACK, reference, cny(minor), event_id, Channel.WEBHOOK), **changes)


def disputed() -> Town:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    town.clock.set(at("2026-03-12 12:00"))
    book(town, taken(101_500, KEY, kind=EntryKind.CHARGEBACK))
    return town


def test_a_dispute_that_is_won_gives_the_loan_its_money_again_once() -> None:
    town = disputed()
    assert book(town, again(), again()) == {"repayment.reinstated": 1, "repayment.known": 1}
    assert balance(town) == (101_500, InstalmentState.PAID)
    assert not town.instalment().blocked
    (entry,) = [e for e in town.entries() if e.kind is EntryKind.REINSTATEMENT]
    assert (entry.loan_id, entry.amount.minor, entry.undoes) == ("l-1", 101_500, f"gateway#{KEY}:R01")
    adds_up(town)
    town.live_through("2026-03-12", "2026-03-14")
    assert len(town.attempts()) == 1
    assert town.loan().status is LoanStatus.SETTLED


def test_a_part_that_comes_again_leaves_the_instalment_closed() -> None:
    town = disputed()
    assert book(town, again(500)) == {"repayment.reinstated": 1}
    assert balance(town) == (500, InstalmentState.OPEN)
    assert town.instalment().blocked


@pytest.mark.parametrize(
    "news",
    [
        again(event_id="e-9"),
        again(101_501),
        again(reference="l-1:P000009"),
        again(amount=Money(5, "CZK")),
    ],
)
def test_money_that_comes_again_and_fits_nothing_is_kept_with_its_reason(news: GivenAgain) -> None:
    town = disputed()
    assert book(town, news, news) == {
        "repayment.suspense": 1,
        "quarantine.NEVER_TAKEN": 1,
        "repayment.known": 1,
    }
    (kept,) = [e for e in town.entries() if e.loan_id == "SUSPENSE"]
    assert (kept.amount, kept.detail) == (news.amount, Misfit.NEVER_TAKEN.value)


def test_a_refund_that_failed_before_anybody_said_that_it_went_moves_nothing() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    failed = again(event_id="re_2", kind=EntryKind.REVERSAL)
    assert book(town, failed) == {"repayment.unmatched": 1, "quarantine.NEVER_TAKEN": 1}
    assert balance(town) == (101_500, InstalmentState.PAID)
    assert sorted(e.amount.minor for e in town.entries() if e.loan_id == "SUSPENSE") == [-101_500, 101_500]
    assert Suspense(town.book, town.shelf, town.clock, town.queue).open() == []


def test_a_refund_that_is_told_after_its_failure_takes_nothing_off_the_loan() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    failed, went = again(event_id="re_2", kind=EntryKind.REVERSAL), taken(101_500, KEY, "re_2")
    assert book(town, failed, went, failed, went) == {
        "repayment.unmatched": 1,
        "quarantine.NEVER_TAKEN": 1,
        "repayment.known": 3,
    }
    assert balance(town) == (101_500, InstalmentState.PAID)
    assert sum(e.amount.minor for e in town.entries()) == 101_500


def test_a_return_that_the_bank_tells_of_after_the_money_came_again_takes_nothing_off_the_loan() -> None:
    """Seed 73 of `duebell simulate`."""
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    book(town, again(event_id="re_2", kind=EntryKind.REVERSAL))
    row = taken(101_500, KEY, "2026-03-12:101500", channel=Channel.FILE)
    assert book(town, row, row) == {"repayment.known": 2}
    assert balance(town) == (101_500, InstalmentState.PAID)
    another = taken(101_500, KEY, "2026-03-20:101500", channel=Channel.FILE)
    assert book(town, another) == {"repayment.reversed": 1}
    assert sum(e.amount.minor for e in town.entries()) == 0


def test_two_channels_that_tell_of_one_waiting_return_at_the_same_moment_are_one_return() -> None:
    town = Town(account=None)
    other = booker(town)
    book(town, taken(500, "BANK-9", "e-0"))  # another one waits for the same payment already
    by_file = taken(700, "BANK-9", "f-1", channel=Channel.FILE)
    town.book = Between(town.store, Insert, lambda: other.work([by_file], "test"))  # type: ignore[assignment]
    assert book(town, taken(700, "BANK-9", "e-1")) == {"repayment.known": 1}
    assert sorted(e.amount.minor for e in town.entries()) == [-700, -500]


def test_a_refund_of_somebody_else_that_failed_gives_the_loan_its_money_again() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    book(town, taken(101_500, KEY, "re_2"))
    assert book(town, again(event_id="re_2", kind=EntryKind.REVERSAL)) == {"repayment.reinstated": 1}
    assert balance(town) == (101_500, InstalmentState.PAID)


def test_a_dispute_in_suspense_that_is_won_leaves_nothing_there() -> None:
    town = two_instalments()
    book(town, taken(400, "l-1:P000009", kind=EntryKind.CHARGEBACK))
    assert book(town, again(400, reference="l-1:P000009")) == {"repayment.reinstated": 1}
    assert Suspense(town.book, town.shelf, town.clock, town.queue).open() == []


def test_a_dispute_that_waited_for_its_payment_and_is_won_comes_again_where_it_was_taken() -> None:
    town = in_doubt()
    book(town, taken(101_500, KEY, kind=EntryKind.CHARGEBACK))
    book(town, GatewayReport(KEY, Outcome.PAID, cny(101_500), None))
    assert book(town, again()) == {"repayment.reinstated": 1}
    assert balance(town) == (101_500, InstalmentState.PAID)
    adds_up(town)


def test_a_repaid_loan_opens_again_and_its_end_is_told_again() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-12")
    assert town.loan().status is LoanStatus.SETTLED
    file = town.book.borrower_file("b-1")
    assert file is not None
    assert file.card.loan_ids == ()
    ended = [n for n in town.notices() if n.kind == "settled"]
    assert len(ended) == 1
    town.clock.set(at("2026-03-12 21:00"))
    assert book(town, taken(101_500, KEY)) == {"repayment.reversed": 1}
    assert town.loan().status is LoanStatus.OPEN
    file = town.book.borrower_file("b-1")
    assert file is not None
    assert file.card.loan_ids == ("l-1",)
    town.repay("1015.00", "BANK-7")
    town.live_through("2026-03-13", "2026-03-14")
    assert town.loan().status is LoanStatus.SETTLED
    assert len([n for n in town.notices() if n.kind == "settled"]) == 2


def test_a_reversal_reaches_instalments_that_were_paid_and_told_long_ago() -> None:
    rows = [an_instalment(number=n, due_on=DUE + timedelta(days=31 * (n - 1))) for n in range(1, 4)]
    town = Town(*rows, account=None, loan=a_loan(first_open=3))
    long_ago = LedgerEntry("l-1", "transfer", "BANK-1", cny(101_500), DUE, ((1, 101_500),))
    paid = replace(rows[0], paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, rev=town.instalment(1).rev + 1)
    assert town.book.commit([Insert(long_ago), Insert(MoneyMark("transfer", "BANK-1", "l-1")), SaveInstalment(paid)])
    assert book(town, taken(101_500)) == {"repayment.reversed": 1}
    assert town.loan().first_open == 1
    assert balance(town) == (0, InstalmentState.OPEN)
    file = town.book.loan_file("l-1")
    assert file is not None
    assert file.oldest_unpaid == town.instalment(1)


def test_a_loan_in_arrears_again_ages_by_its_due_dates() -> None:
    """Days past due, bucket and stage follow from the rows: the same as if the money had never come."""
    town, never = Town(account=None), Town(account=None)
    town.repay("1015.00", "BANK-1")
    town.live_through("2026-03-10", "2026-04-15")
    town.clock.set(at("2026-04-15 21:00"))
    book(town, taken(101_500))
    town.live_through("2026-04-16", "2026-04-20")
    never.live_through("2026-03-10", "2026-04-20")
    assert town.loan().stage is never.loan().stage
    adds_up(town)


def test_while_a_debit_is_open_the_instalment_stays_claimed() -> None:
    town = in_doubt()
    town.repay("15.00", "BANK-1")
    book(town, taken(1_500))
    assert balance(town) == (0, InstalmentState.CLAIMED)
    assert town.instalment().step is None


def test_money_in_suspense_is_taken_back_in_suspense() -> None:
    town = two_instalments()
    book(town, transfer(loan_id="l-9"))
    assert book(town, taken(1_000)) == {"repayment.reversed": 1}
    assert book(town, taken(1_000)) == {"repayment.known": 1}
    assert [(e.loan_id, e.amount.minor) for e in town.entries()] == [("SUSPENSE", 1_000), ("SUSPENSE", -1_000)]


def test_a_reversal_in_another_currency_is_kept_apart() -> None:
    town = two_instalments()
    book(town, transfer())
    other = replace(taken(5), amount=Money(5, "CZK"))
    assert book(town, other)["quarantine.NO_SUCH_PAYMENT"] == 1


def test_both_lines_hear_of_it_at_once() -> None:
    town = two_instalments()
    book(town, transfer())
    book(town, taken(1_000))
    assert town.queue.depth(Line.CONTACT) == town.queue.depth(Line.STAGE) == 2


class Dying:
    """A book whose process dies at its first commit, before or after it was made."""

    def __init__(self, store: MemoryBook, after: bool) -> None:
        self._store, self._after = store, after

    def commit(self, changes: list[Change]) -> bool:
        if self._after:
            self._store.commit(changes)
        raise KeyboardInterrupt

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("news", [transfer(1_000, "BANK-2"), taken(600)])
def test_a_crash_before_or_after_the_commit_leaves_it_booked_once(news: Arrived, after: bool) -> None:
    town = two_instalments()
    book(town, transfer(1_000))
    town.book = Dying(town.store, after)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        book(town, news)
    town.book = town.store
    book(town, news)
    assert len(town.entries()) == 2
    adds_up(town)


def test_the_end_of_a_loan_is_told_under_an_episode_that_no_instalment_had() -> None:
    """The second instalment is taken back after the first one was: its own episode would have been used before."""
    town = two_instalments()
    book(town, transfer(101_500))
    book(town, taken(101_500))
    book(town, transfer(101_500, "BANK-2"))
    book(town, transfer(101_000, "BANK-3"))
    assert [town.instalment(n).episode for n in (1, 2)] == [1, 0]
    book(town, taken(101_000, "BANK-3"))
    assert [town.instalment(n).episode for n in (1, 2)] == [1, 2]


def test_money_that_comes_again_after_the_bank_alone_told_of_its_leaving_is_on_its_loan_again() -> None:
    """Seeds 255 and 361 of `duebell simulate`: what the gateway tells late of the leaving is the same money."""
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    row = taken(500, KEY, "2026-03-12:500", channel=Channel.FILE)
    assert book(town, row) == {"repayment.reversed": 1}
    came, went = again(500, "re_2", kind=EntryKind.REVERSAL), taken(500, KEY, "re_2")
    assert book(town, came, came) == {"repayment.reinstated": 1, "repayment.known": 1}
    assert book(town, went, row, went) == {"repayment.known": 3}
    assert balance(town) == (101_500, InstalmentState.PAID)
    assert sum(e.amount.minor for e in town.entries()) == 101_500
    adds_up(town)
    assert book(town, taken(500, KEY, "re_3")) == {"repayment.reversed": 1}
    assert balance(town) == (101_000, InstalmentState.OPEN)


def test_a_dispute_that_is_won_gives_again_what_the_bank_alone_told_of() -> None:
    town = Town()
    town.live_through("2026-03-09", "2026-03-10")
    book(town, taken(101_500, KEY, "2026-03-12:101500", channel=Channel.FILE))
    assert book(town, again()) == {"repayment.reinstated": 1}
    assert book(town, taken(101_500, KEY, kind=EntryKind.CHARGEBACK)) == {"repayment.known": 1}
    assert balance(town) == (101_500, InstalmentState.PAID)


def test_money_that_comes_while_its_loan_enters_a_stage_ends_it_though_every_hint_is_lost() -> None:
    """Seed 417 of `duebell simulate`: the money was read beside a loan in no stage, and the stage stood for a week."""
    town = two_instalments()
    town.clock.set(at("2026-03-11 09:00"))
    town.work(Line.CONTACT, ["b-1"])
    town.book = Between(town.store, Insert, lambda: stage_line(town))  # type: ignore[assignment]
    assert book(town, transfer(101_500)) == {"repayment.booked": 1}
    assert (town.loan().entered, town.loan().step) == (("000#M1",), town.clock.now())
