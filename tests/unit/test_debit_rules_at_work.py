"""The debit line and its enquiries under the rules of rails, of switches and of keys that die."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.adapters.memory.world import CountingCodes, FixedClock, MemorySwitches
from shared.domain.book import AttemptState, Line, MandateStatus, NoticeState, Outcome, Source, SourceKind
from shared.domain.contact_rules import Channel
from shared.domain.errors import PolicyError
from shared.domain.mandate_requests import Asked, Changed
from shared.domain.mandates import Purpose
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.repayment import GatewayReport
from shared.domain.switches import ALL_ON, Switches
from shared.ports.world import DebitAnswer
from shared.workflows.change_mandates import MandateChanges
from shared.workflows.reconcile import Reconciliation
from shared.workflows.record_repayments import Repayments
from tests.unit.builders import DUE, a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.due_day import Lossy, Shelf, announced_town, later
from tests.unit.town import Town

# accounts and amounts


def test_the_second_account_pays_minutes_after_the_first_one_did_not() -> None:
    town, _ = announced_town()
    mandate = a_mandate(
        funding=(
            Source(SourceKind.BALANCE, "insufficient-1"),
            Source(SourceKind.CREDIT_LINE, "paid-credit"),
            Source(SourceKind.DEBIT_CARD, "paid-2"),
        )
    )
    town.store._rows.mandates["l-1"]["m-1"] = mandate
    town.pass_now()
    later(town, minutes=1)
    assert [(a.account_ref, a.outcome) for a in town.attempts()] == [
        ("insufficient-1", Outcome.INSUFFICIENT),
        ("paid-2", Outcome.PAID),
    ]
    assert [n.kind for n in town.notices()][-1] == "settled"  # and no word of a failure


def test_a_dead_account_is_marked_and_the_mandate_lives_on_the_others() -> None:
    town, _ = announced_town()
    sources = (Source(SourceKind.DEBIT_CARD, "account-dead-1"), Source(SourceKind.DEBIT_CARD, "account-dead-2"))
    town.store._rows.mandates["l-1"]["m-1"] = a_mandate(funding=sources)
    town.pass_now()
    later(town, minutes=1)
    file = town.book.loan_file("l-1")
    assert file is not None
    assert [a.account_ref for a in town.attempts()] == ["account-dead-1", "account-dead-2"]
    assert all(s.is_dead for s in file.mandates[0].funding)
    assert file.mandates[0].status is MandateStatus.SUSPENDED
    assert file.loan.gate_rev == 2


def test_a_part_is_taken_where_the_whole_is_not_there_and_the_rest_is_tried_later() -> None:
    town, _ = announced_town(account="balance-1", shelf=Shelf(partial_percent=50))
    town.stub_books.credit("balance-1", "c-1", Money(60_000, "CNY"))
    town.pass_now()
    later(town, minutes=1)
    assert [(a.amount.minor, a.outcome) for a in town.attempts()] == [
        (101_500, Outcome.INSUFFICIENT),
        (50_750, Outcome.PAID),
    ]
    assert town.instalment().outstanding_minor == 50_750
    town.stub_books.credit("balance-1", "c-2", Money(60_000, "CNY"))
    town.clock.set(at(f"{DUE} 12:00"))
    town.pass_now()
    assert town.instalment().is_paid
    assert town.charged() == 101_500 == sum(e.amount.minor for e in town.entries())


def test_another_mandate_does_not_go_on_in_the_slot_of_a_dead_one() -> None:
    """Its rail may ask for a notice of its own, and its accounts are others."""
    town, _ = announced_town(account="account-dead-1")
    older = a_mandate(mandate_id="m-0", account_ref="paid-2", signed_on=DUE - timedelta(days=200))
    town.store._rows.mandates["l-1"]["m-0"] = older
    town.pass_now()
    later(town, minutes=1)
    assert [a.account_ref for a in town.attempts()] == ["account-dead-1"]
    town.clock.set(at(f"{DUE} 12:00"))
    town.pass_now()
    assert [a.account_ref for a in town.attempts()] == ["account-dead-1", "paid-2"]


def test_what_was_never_presented_leaves_no_trace() -> None:
    town, gateway = announced_town()
    gateway.loses_request = True
    town.pass_now()
    before = town.instalment()
    assert (before.attempts, before.first_attempt_on) == (1, DUE)
    gateway.loses_request = False
    town.clock.set(at(f"{DUE + timedelta(days=5)} 08:00"))
    town.reconcile()
    after = town.instalment()
    assert (after.attempts, after.first_attempt_on, after.last_attempt) == (0, None, None)


def test_a_void_attempt_leaves_the_one_before_it_as_it_was() -> None:
    town, gateway = announced_town(account="insufficient-1")
    town.pass_now()
    tried = town.instalment().last_attempt
    assert tried is not None
    town.clock.set(at(f"{DUE} 12:00"))
    gateway.loses_request = True
    town.pass_now()
    gateway.loses_request = False
    town.clock.set(at(f"{DUE + timedelta(days=5)} 08:00"))
    town.reconcile()
    assert town.instalment().last_attempt == tried
    assert town.instalment().first_attempt_on == DUE


# rules over all loans of a borrower


def two_covered_loans() -> Town:
    town, _ = announced_town(account="insufficient-1", shelf=Shelf({"failures_in_row": 2}, notice_required=False))
    second = [an_instalment(loan_id="l-2"), an_instalment(loan_id="l-2", number=2, due_on=DUE + timedelta(days=31))]
    town.take_on(
        a_borrower(),
        a_loan(loan_id="l-2"),
        second,
        a_mandate(mandate_id="m-2", loan_id="l-2", account_ref="insufficient-2"),
    )
    return town


def test_two_failures_in_a_row_stop_the_authorisations_of_all_loans() -> None:
    town = two_covered_loans()
    for clock in ("08:00", "08:20", "12:00", "12:20", "20:00", "20:20"):
        town.clock.set(at(f"{DUE} {clock}"))
        town.pass_now()
    assert len(town.attempts()) == 2
    card = town.book.debit_card("b-1")
    assert (card.open, card.failures) == (0, 0)
    assert card.stopped_at is not None
    (told,) = [n for n in town.notices() if n.kind == "failed"]
    assert (told.state, len(told.covers)) == (NoticeState.SENT, 2)
    town.clock.set(at(f"{DUE + timedelta(days=20)} 09:00"))
    town.pass_now()
    assert len(town.attempts()) == 2


def test_no_deduction_is_announced_under_a_stopped_authorisation() -> None:
    town = two_covered_loans()
    town.shelf = Shelf({"failures_in_row": 2})
    stopped = town.book.debit_card("b-1")
    town.store._rows.debit_cards["b-1"] = replace(stopped, stopped_at=at("2026-03-01 12:00"), rev=1)
    town.live_through("2026-03-10", "2026-04-12")
    assert "pre-debit" not in [n.kind for n in town.notices() if n.claimed_at >= at("2026-03-10 08:00")]
    assert town.attempts() == []


def test_a_success_between_two_failures_starts_anew() -> None:
    town = two_covered_loans()
    town.store._rows.debit_cards["b-1"] = replace(town.book.debit_card("b-1"), failures=1, rev=1)
    town.store._rows.mandates["l-1"]["m-1"] = a_mandate(account_ref="paid-1")
    town.work(Line.DEBIT, ["l-1#001"])
    assert (town.book.debit_card("b-1").failures, town.book.debit_card("b-1").open) == (0, 0)


def test_an_attempt_that_never_went_out_gives_its_place_back() -> None:
    town = two_covered_loans()
    gateway = town.gateway
    assert isinstance(gateway, Lossy)
    gateway.loses_request = True
    town.work(Line.DEBIT, ["l-1#001"])
    assert town.book.debit_card("b-1").open == 1
    gateway.loses_request = False
    town.clock.set(at(f"{DUE + timedelta(days=5)} 08:00"))
    town.reconcile()
    assert town.attempts()[0].outcome is Outcome.VOID
    assert (town.book.debit_card("b-1").open, town.book.debit_card("b-1").failures) == (0, 0)


class EndedShelf(Shelf):
    """Its packs end on the due day."""

    def policy(self, product: str, now: datetime) -> Policy:
        if now >= at(f"{DUE + timedelta(days=1)} 00:00"):
            raise PolicyError("no pack is valid")
        return super().policy(product, now)


class ShelfWithoutRails(Shelf):
    """The packs of its rails end on the due day, and the others do not."""

    def policy(self, product: str, now: datetime) -> Policy:
        policy = super().policy(product, now)
        return replace(policy, rails={}) if now >= at(f"{DUE + timedelta(days=1)} 00:00") else policy


@pytest.mark.parametrize("shelf", [EndedShelf, ShelfWithoutRails])
def test_a_failure_that_is_told_while_no_pack_is_valid_stops_all_the_same(shelf: type[Shelf]) -> None:
    town = two_covered_loans()
    town.shelf = shelf({"failures_in_row": 2}, notice_required=False)
    gateway = town.gateway
    assert isinstance(gateway, Lossy)
    gateway.loses_answer = True
    town.work(Line.DEBIT, ["l-1#001", "l-2#001"])
    assert town.book.debit_card("b-1").open == 2
    told_at = at(f"{DUE + timedelta(days=1)} 08:00")
    town.clock.set(told_at)
    town.reconcile()
    card = town.book.debit_card("b-1")
    assert (card.failures, card.open, card.stopped_at) == (0, 0, told_at)


def confirmed(town: Town, loan_id: str, *purposes: Purpose) -> None:
    changes = MandateChanges(
        town.store, town.senders[Channel.SMS], CountingCodes(), town.shelf, town.clock, town.switches
    )
    for number, purpose in enumerate(purposes or (Purpose.ENABLE,), 100001):
        town.clock.advance(timedelta(minutes=1))
        asked = changes.ask(loan_id, purpose)
        assert isinstance(asked, Asked)
        assert isinstance(changes.confirm(loan_id, purpose, str(number), asked.notice.text_hash, "app"), Changed)


def test_a_limit_that_is_lowered_to_what_is_counted_stops_until_each_loan_is_authorised_anew() -> None:
    town = two_covered_loans()
    town.shelf = Shelf({"failures_in_row": 3}, notice_required=False)
    town.work(Line.DEBIT, ["l-1#001", "l-2#001"])
    assert town.book.debit_card("b-1").failures == 2
    town.shelf = Shelf({"failures_in_row": 2}, notice_required=False)
    town.clock.set(at(f"{DUE} 12:00"))
    stopped = {"drop.REAUTHORISATION_NEEDED": 2}
    assert town.work(Line.DEBIT, ["l-1#001", "l-2#001"]).counts == stopped
    confirmed(town, "l-1")
    card = town.book.debit_card("b-1")
    assert (card.failures, card.stopped_at) == (0, town.clock.now() - timedelta.resolution)
    town.work(Line.DEBIT, ["l-1#001", "l-2#001"])
    assert sorted((a.loan_id, a.seq) for a in town.attempts()) == [("l-1", 1), ("l-1", 2), ("l-2", 1)]
    confirmed(town, "l-2")
    assert town.book.debit_card("b-1").failures == 1  # what failed since stays counted


def test_no_deduction_is_announced_under_a_limit_that_was_lowered() -> None:
    town = two_covered_loans()
    town.shelf = Shelf({"failures_in_row": 2})
    town.store._rows.debit_cards["b-1"] = replace(town.book.debit_card("b-1"), failures=2, rev=1)
    town.live_through("2026-03-10", "2026-04-12")
    assert "pre-debit" not in [n.kind for n in town.notices() if n.claimed_at >= at("2026-03-10 08:00")]
    assert town.attempts() == []


def test_a_failure_before_an_authorisation_and_one_after_it_are_in_a_row() -> None:
    town = two_covered_loans()
    town.work(Line.DEBIT, ["l-2#001"])
    confirmed(town, "l-2", Purpose.CANCEL, Purpose.ENABLE)
    town.clock.advance(timedelta(minutes=1))
    town.work(Line.DEBIT, ["l-1#001"])
    assert [a.outcome for a in town.attempts()] == [Outcome.INSUFFICIENT, Outcome.INSUFFICIENT]
    town.clock.set(at(f"{DUE} 12:00"))
    summary = town.work(Line.DEBIT, ["l-1#001", "l-2#001"])
    assert summary.counts == {"drop.REAUTHORISATION_NEEDED": 2}


# switches


@pytest.mark.parametrize("name", ["debit", "rail:stub", "product:jiebei", None])
def test_what_is_switched_off_waits_and_is_not_lost(name: str | None) -> None:
    town, _ = announced_town()
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({name})) if name else Switches())
    summary = town.work(Line.DEBIT, ["l-1#001"])
    assert summary.counts == {"defer.SWITCHED_OFF": 1}
    assert town.instalment().step == at(f"{DUE} 08:15")
    town.switches = MemorySwitches()
    later(town, minutes=16)
    assert town.charged() == 101_500


def test_another_rail_s_switch_stops_nothing_here() -> None:
    town, _ = announced_town()
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"rail:sepa", "product:huabei"})))
    town.pass_now()
    assert town.charged() == 101_500


class TurnedOffAfterTheClaim(MemorySwitches):
    def read(self, *, fresh: bool = False) -> Switches:
        return Switches() if fresh else ALL_ON


def test_a_switch_turned_after_the_claim_stops_the_presentment() -> None:
    town, _ = announced_town()
    town.switches = TurnedOffAfterTheClaim()
    town.work(Line.DEBIT, ["l-1#001"])
    assert town.stub.presented == []
    assert town.attempts()[0].outcome is Outcome.VOID
    assert town.instalment().attempts == 0


def test_an_enquiry_does_not_present_again_what_is_switched_off() -> None:
    town, gateway = announced_town()
    gateway.loses_request = True
    town.pass_now()
    gateway.loses_request = False
    town.switches = MemorySwitches(Switches())
    town.clock.advance(timedelta(minutes=6))
    assert town.reconcile().counts["switched-off"] == 1
    assert town.charged() == 0
    town.switches = MemorySwitches()
    later(town, minutes=12)
    assert town.charged() == 101_500
    assert town.attempts()[0].presented == 2


# money reported with another amount


def test_money_that_stands_in_suspense_is_not_booked_again() -> None:
    """It was reported one fen short; the right report then closes the attempt, and a person decides where it goes."""
    town, gateway = announced_town()
    gateway.loses_answer = True
    town.pass_now()
    booking = Repayments(town.book, town.shelf, town.clock, town.queue)
    key = "l-1:P000001"
    booking.work([GatewayReport(key, Outcome.PAID, Money(101_499, "CNY"), "GW1")], "test")
    right = booking.work([GatewayReport(key, Outcome.PAID, Money(101_500, "CNY"), "GW1")], "test")
    assert right.counts["conflict"] == 1
    assert [(e.loan_id, e.amount.minor) for e in town.entries()] == [("SUSPENSE", 101_499)]
    assert (town.attempts()[0].outcome, town.instalment().blocked) == (Outcome.PAID, True)
    later(town, hours=5)
    assert town.charged() == 101_500


# switches and freshness of a second presentment


class Slow(MemorySwitches):
    """A board that takes a while when it is read for an act."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__()
        self.clock, self.takes = clock, timedelta()

    def read(self, *, fresh: bool = False) -> Switches:
        if fresh:
            self.clock.advance(self.takes)
        return super().read(fresh=fresh)


def test_a_board_that_answers_late_leaves_the_claim_to_an_enquiry() -> None:
    town, _ = announced_town()
    slow = Slow(town.clock)
    slow.takes, town.switches = timedelta(seconds=6), slow
    assert town.work(Line.DEBIT, ["l-1#001"]).counts["stale"] == 1
    assert town.stub.presented == []
    town.clock.advance(timedelta(minutes=6))
    assert town.reconcile().counts["stale"] == 1  # claimed again, and again too late
    assert town.stub.presented == []
    slow.takes = timedelta()
    later(town, minutes=6)
    assert town.charged() == 101_500


def test_a_second_presentment_keeps_to_the_order_of_accounts_that_policy_allows_by_now() -> None:
    one_call = {"order_in_one_call": True}
    town, gateway = announced_town(shelf=Shelf(one_call, funding_deny=frozenset()))
    order = (Source(SourceKind.BALANCE, "paid-1"), Source(SourceKind.CREDIT_CARD, "paid-2"))
    town.store._rows.mandates["l-1"]["m-1"] = a_mandate(funding=order)
    gateway.loses_request = True
    town.pass_now()
    assert town.attempts()[0].funding == ("paid-1", "paid-2")
    gateway.loses_request = False
    town.shelf = Shelf(one_call)
    later(town, minutes=6)
    assert town.attempts()[0].outcome is Outcome.VOID
    assert [r.funding for r in town.stub.presented] == [()]


# enquiries


def test_a_key_near_the_end_of_its_life_is_only_looked_up_and_put_before_a_person() -> None:
    town, gateway = announced_town()
    gateway.loses_request, gateway.key_life = True, timedelta(hours=1)
    town.pass_now()
    gateway.loses_request = False
    town.clock.advance(timedelta(minutes=50))
    assert town.reconcile().counts["stuck"] == 1
    attempt = town.attempts()[0]
    assert (attempt.state, attempt.stuck) == (AttemptState.UNKNOWN, "the gateway may have forgotten the key")
    assert attempt.presented == 1
    assert town.charged() == 0


def test_before_that_it_is_presented_again() -> None:
    town, gateway = announced_town()
    gateway.loses_request, gateway.key_life = True, timedelta(hours=1)
    town.pass_now()
    gateway.loses_request = False
    town.clock.advance(timedelta(minutes=49, seconds=59))
    town.reconcile()
    assert town.attempts()[0].presented == 2
    assert town.charged() == 101_500


def test_the_life_of_a_key_counts_from_its_first_claim() -> None:
    town, gateway = announced_town()
    gateway.loses_request, gateway.key_life = True, timedelta(hours=1)
    town.pass_now()
    later(town, minutes=30)  # presented again, and lost again
    assert town.attempts()[0].presented == 2
    gateway.loses_request = False
    town.clock.advance(timedelta(minutes=25))
    assert town.reconcile().counts["stuck"] == 1


def test_an_answer_about_another_amount_settles_nothing() -> None:
    town, gateway = announced_town()
    gateway.loses_answer = True
    town.pass_now()
    gateway.lookup = DebitAnswer(Outcome.PAID, "GW1", Money(203_000, "CNY"))
    town.clock.advance(timedelta(minutes=6))
    assert town.reconcile().counts["stuck"] == 1
    assert town.attempts()[0].stuck == "the gateway names another amount than was asked for"
    assert [(e.loan_id, e.amount.minor) for e in town.entries()] == [("SUSPENSE", 203_000)]
    assert (town.instalment().blocked, town.instalment().paid_minor) == (True, 0)
    later(town, hours=1)
    assert len(town.entries()) == 1


def test_a_day_without_a_definite_answer_puts_an_attempt_before_a_person() -> None:
    town, gateway = announced_town()
    gateway.loses_answer, gateway.silent = True, True
    town.pass_now()
    stuck_after = {}
    for hours in range(1, 31):
        town.clock.set(at(f"{DUE} 08:00") + timedelta(hours=hours))
        town.reconcile()
        stuck_after[hours] = town.attempts()[0].stuck
    assert stuck_after[23] is None
    assert stuck_after[30] == "the gateway has said nothing definite for 26 hours"
    gateway.silent = False
    later(town, hours=7)
    assert town.attempts()[0].outcome is Outcome.PAID


def test_a_lookup_that_is_no_proof_leads_to_a_person() -> None:
    town, gateway = announced_town()
    gateway.loses_request, gateway.not_found_is_final = True, False
    town.pass_now()
    gateway.loses_request = False
    town.clock.advance(timedelta(minutes=6))
    town.reconcile()
    assert town.attempts()[0].stuck == "the gateway's lookup does not find everything it was sent"


def test_what_was_stuck_settles_when_the_answer_comes_after_all() -> None:
    town, gateway = announced_town()
    gateway.loses_answer, gateway.not_found_is_final = True, False
    town.pass_now()
    attempt = town.attempts()[0]
    town.store._rows.attempts["l-1", 1] = replace(attempt, stuck="a person must look")
    later(town, minutes=6)
    done = town.attempts()[0]
    assert (done.outcome, town.instalment().is_paid) == (Outcome.PAID, True)


def test_a_gateway_that_is_silent_is_asked_ever_less_often() -> None:
    town, gateway = announced_town()
    gateway.loses_answer, gateway.silent = True, True
    town.pass_now()
    asked_at = []
    for minute in range(0, 600, 1):
        town.clock.set(at(f"{DUE} 08:00") + timedelta(minutes=minute))
        before = len(gateway.asked)
        town.reconcile()
        if len(gateway.asked) > before:
            asked_at.append(minute)
    assert asked_at == [5, 10, 20, 40, 80, 160, 320]


def test_a_silent_gateway_starves_nobody() -> None:
    """Of two claims the one that was asked about waits behind the other."""
    town, gateway = announced_town()
    town.take_on(
        a_borrower(borrower_id="b-2"),
        a_loan(loan_id="l-2", borrower_id="b-2"),
        [an_instalment(loan_id="l-2")],
        a_mandate(mandate_id="m-2", loan_id="l-2", account_ref="paid-2"),
    )
    town.shelf = Shelf(notice_required=False)
    gateway.loses_answer, gateway.silent = True, True
    town.pass_now()
    for minutes in (6, 1):
        town.clock.advance(timedelta(minutes=minutes))
        seconds = iter([True, False, False, False])
        worker = Reconciliation(town.book, gateway, town.shelf, town.clock, town.queue, town.switches)
        worker.work("test", lambda it=seconds: next(it))  # type: ignore[misc]
    assert sorted(gateway.asked) == ["l-1:P000001", "l-2:P000001"]
