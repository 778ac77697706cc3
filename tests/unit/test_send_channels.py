"""The contact line's worker over several channels: claims, caps, refusals, opt-outs, switches, and the last moment."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from shared.adapters.memory.world import MemorySwitches
from shared.domain import keys
from shared.domain.book import Line, NoticeState
from shared.domain.changes import Insert, SaveCard, SaveHolds, SaveNotice
from shared.domain.consent import Bar, BarredBy, barred
from shared.domain.contact_rules import (
    NO_RULES,
    Cap,
    Channel,
    ContactRules,
    MessageClass,
    Scope,
    Stops,
    merge,
)
from shared.domain.holds import Hold
from shared.domain.policy import Policy
from shared.domain.switches import ALL_ON, Switches
from shared.ports.world import SendResult, Sent
from tests.unit.builders import DUE, a_borrower, a_loan, an_instalment, at
from tests.unit.channels import EMAIL, PACKS, PUSH, SMS, Street, WiredShelf
from tests.unit.contact_builders import a_cap, a_window, for_borrowers
from tests.unit.test_send_reminders import Between
from tests.unit.town import SANDBOX

SENT, UNKNOWN, REFUSED = SendResult.SENT, SendResult.UNKNOWN, SendResult.REFUSED
OPTED_OUT, RETRY_LATER = SendResult.OPTED_OUT, SendResult.RETRY_LATER


# --- the next channel -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "asked", "state"),
    [
        (SENT, [SMS], ("DUE", "sms", "sent")),
        (UNKNOWN, [SMS], ("DUE", "sms", "unknown")),
        (RETRY_LATER, [SMS], ("DUE", "sms", "released")),
        (REFUSED, [SMS, PUSH], ("DUE", "push", "sent")),
        (OPTED_OUT, [SMS, PUSH], ("DUE", "push", "sent")),
    ],
)
def test_the_next_channel_follows_a_definite_non_send_that_will_stay_one(
    answer: SendResult, asked: list[Channel], state: tuple[str, str, str]
) -> None:
    town = Street()
    town.script(SMS, answer)
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == (asked, [state])


def test_a_process_that_died_in_the_send_leaves_the_other_channels_alone() -> None:
    town = Street()
    town.script(SMS, RuntimeError("the process died"))
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-10 12:30")
    town.later("2026-03-10 13:00")
    assert (town.asked, town.states) == ([SMS], [("DUE", "sms", "unknown")])


def test_each_channel_is_asked_once_and_only_then_nobody_can_be_reached() -> None:
    town = Street()
    for channel in (SMS, PUSH, EMAIL):
        town.script(channel, REFUSED)
    town.work(Line.CONTACT, ["b-1"])
    assert town.asked == [SMS, PUSH, EMAIL]
    (found,) = town.notices()
    assert (found.state, found.tried, found.sends) == (NoticeState.UNDELIVERABLE, (SMS, PUSH, EMAIL), 3)
    assert town.card.told["l-1#001#0"].tier == "DUE"
    assert town.card.contacts == ()
    town.later("2026-03-10 13:00")
    assert town.asked == [SMS, PUSH, EMAIL]


def test_what_may_be_tried_again_keeps_its_channel_and_its_place_in_the_order() -> None:
    town = Street()
    town.script(SMS, RETRY_LATER, RETRY_LATER)
    town.work(Line.CONTACT, ["b-1"])
    for clock in ("12:14", "12:15", "12:30", "12:45"):
        town.later(f"2026-03-10 {clock}")
    assert (town.asked, town.states) == ([SMS, SMS, SMS], [("DUE", "sms", "sent")])
    assert town.notices()[0].tried == ()


def test_a_channel_that_is_out_of_order_for_hours_leaves_the_notice_to_the_next_one() -> None:
    town = Street()
    town.shelf = WiredShelf(max_sends=3)
    town.script(SMS, *[RETRY_LATER] * 5)
    town.work(Line.CONTACT, ["b-1"])
    for clock in ("12:15", "12:30", "12:45"):
        town.later(f"2026-03-10 {clock}")
    assert (town.asked, town.states) == ([SMS, SMS, SMS, PUSH], [("DUE", "push", "sent")])


def test_only_when_every_channel_is_out_of_order_it_is_given_up() -> None:
    town = Street()
    town.shelf = WiredShelf(max_sends=2)
    for channel in (SMS, PUSH, EMAIL):
        town.script(channel, *[RETRY_LATER] * 5)
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-10 12:15")
    town.later("2026-03-10 13:00")
    assert town.asked == [SMS, SMS, PUSH, EMAIL]
    assert town.states == [("DUE", "email", "undeliverable")]


def test_the_next_channel_waits_for_its_own_window() -> None:
    rules = for_borrowers(
        a_window("08:00", "22:00", channels=frozenset({SMS})),
        a_window("15:00", "16:00", channels=frozenset({PUSH}), id="contact.windows.push"),
    )
    town = Street()
    town.shelf = WiredShelf(SMS, PUSH, contact=rules, planned=rules)
    town.script(SMS, REFUSED)
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-10 14:59")
    assert (town.asked, town.states) == ([SMS], [("DUE", "sms", "released")])
    town.later("2026-03-10 15:15")
    assert (town.asked, town.states) == ([SMS, PUSH], [("DUE", "push", "sent")])


def test_a_channel_whose_provider_the_deployment_lacks_is_waited_for_and_the_reason_alarms() -> None:
    """It is no definite non-send: another provider would be another lender's choice, and the next channel another's."""
    town = Street()
    del town.more[PUSH]
    town.script(SMS, REFUSED)
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == ([SMS], [("DUE", "sms", "released")])
    assert town.total.counts["defer.NO_PROVIDER"] == 1
    assert town.card.step == at("2026-03-10 13:00")


def test_the_next_notice_begins_with_the_first_channel_again() -> None:
    town = Street()
    town.script(SMS, REFUSED)
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-11 12:00")
    assert town.states == [("DUE", "push", "sent"), ("OVERDUE_1", "sms", "sent")]


# --- opt-outs and dead addresses --------------------------------------------------------------------------------------


def test_who_opted_out_at_the_provider_is_barred_there_for_every_class_and_hears_by_other_ways() -> None:
    town = Street()
    town.script(SMS, OPTED_OUT)
    town.work(Line.CONTACT, ["b-1"])
    (bar,) = town.card.bars
    assert (bar.channel, bar.address, bar.by) == (SMS, keys.address_key("+447700900001"), BarredBy.OPTED_OUT)
    assert bar.classes == frozenset(MessageClass)
    for on in ("2026-03-11", "2026-03-13"):
        town.later(f"{on} 12:00")
    assert town.asked == [SMS, PUSH, PUSH, PUSH]


def test_who_opted_out_of_the_one_way_there_is_is_not_asked_again_and_it_is_recorded() -> None:
    town = Street(borrower=a_borrower())
    town.script(SMS, OPTED_OUT)
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-11 12:00")
    assert town.asked == [SMS]
    assert town.states == [("DUE", "sms", "undeliverable"), ("OVERDUE_1", "none", "undeliverable")]
    assert len(town.card.bars) == 1


def an_opt_out(town: Street, channel: Channel = SMS, by: BarredBy = BarredBy.OPTED_OUT) -> None:
    """As the borrower's STOP, or a receipt, writes it."""
    card = town.card
    bar = Bar(channel, keys.address_key("+447700900001"), by, town.clock.now())
    assert town.store.commit([SaveCard(replace(card, bars=barred(card.bars, bar), rev=card.rev + 1))])


@pytest.mark.parametrize("by", BarredBy)
def test_an_opt_out_that_is_acknowledged_before_the_claim_wins(by: BarredBy) -> None:
    town = Street()
    town.book = Between(town.store, Insert, lambda: an_opt_out(town, by=by))  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == ([], [])
    town.later("2026-03-10 12:01")
    assert (town.asked, town.states) == ([PUSH], [("DUE", "push", "sent")])


def test_an_opt_out_that_comes_while_the_message_is_on_its_way_is_kept() -> None:
    """Whatever became of the send, its settlement undoes no opt-out that was written meanwhile."""
    for answer in (SENT, UNKNOWN, RETRY_LATER, REFUSED, OPTED_OUT):
        town = Street(borrower=a_borrower())
        town.script(SMS, answer)
        town.ways[SMS].meanwhile = lambda town=town: an_opt_out(town)  # type: ignore[misc]
        town.work(Line.CONTACT, ["b-1"])
        assert [bar.by for bar in town.card.bars] == [BarredBy.OPTED_OUT]
        assert len(town.card.contacts) == (answer in (SENT, UNKNOWN))


# --- caps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [SENT, UNKNOWN, RETRY_LATER, REFUSED, OPTED_OUT])
def test_a_provider_that_took_nothing_or_said_nothing_is_counted(answer: SendResult) -> None:
    town = Street()
    town.script(SMS, answer)
    town.work(Line.CONTACT, ["b-1"])
    assert town.total.counts["provider-silent"] == (answer in (UNKNOWN, RETRY_LATER))


@pytest.mark.parametrize("detail", ["too-late", "switched-off"])
def test_a_provider_is_counted_also_where_it_answers_in_our_own_words(detail: str) -> None:
    town = Street()
    town.script(SMS, Sent(RETRY_LATER, detail=detail))
    town.work(Line.CONTACT, ["b-1"])
    assert town.total.counts["provider-silent"] == 1


@pytest.mark.parametrize(
    ("answer", "counted"), [(SENT, 1), (UNKNOWN, 1), (RETRY_LATER, 0), (REFUSED, 0), (OPTED_OUT, 0)]
)
def test_the_claim_takes_a_place_under_the_caps_and_only_a_definite_non_send_gives_it_back(
    answer: SendResult, counted: int
) -> None:
    """Invariant 2."""
    town = Street(borrower=a_borrower())
    town.script(SMS, answer)
    taken: list[int] = []
    town.ways[SMS].meanwhile = lambda: taken.append(len(town.card.contacts))
    town.work(Line.CONTACT, ["b-1"])
    assert (taken, len(town.card.contacts)) == ([1], counted)


def test_a_place_that_was_given_back_is_taken_again_by_the_next_channel() -> None:
    town = Street()
    town.script(SMS, REFUSED)
    town.work(Line.CONTACT, ["b-1"])
    (contact,) = town.card.contacts
    assert (contact.channel, contact.address) == (PUSH, keys.address_key("arn:push:1"))
    assert (contact.debts, contact.message_class) == (("l-1",), MessageClass.SERVICE_REMINDER)


def test_a_second_text_of_the_day_waits_for_tomorrow() -> None:
    """China: one text a day. The reminder of another loan that comes at noon goes the next morning."""
    town = Street(borrower=a_borrower())
    town.work(Line.CONTACT, ["b-1"])
    soon = [an_instalment(loan_id="l-2", due_on=DUE + timedelta(days=3))]
    town.take_on(a_borrower(), a_loan(loan_id="l-2"), soon)
    town.later("2026-03-10 13:00")
    assert (town.states, town.card.step) == ([("DUE", "sms", "sent")], at("2026-03-11 09:00"))
    town.repay("1015.00")
    town.later("2026-03-11 09:00")
    assert {tier for tier, _, _ in town.states[1:]} == {"SETTLED", "REMIND_3"}


def test_a_message_that_nobody_knows_of_keeps_its_place() -> None:
    town = Street(borrower=a_borrower())
    town.script(SMS, RuntimeError("the process died"))
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-10 12:30")
    town.take_on(a_borrower(), a_loan(loan_id="l-2"), [an_instalment(loan_id="l-2")])
    town.later("2026-03-10 13:00")
    assert town.asked == [SMS]


# --- switches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["send", "channel:sms", f"provider:{SANDBOX}", "product:jiebei"])
def test_what_is_switched_off_is_not_sent_waits_and_is_not_lost(name: str) -> None:
    town = Street()
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({name})))
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states, town.card.step) == ([], [], at("2026-03-10 12:15"))
    assert town.total.counts["defer.SWITCHED_OFF"] == 1
    town.switches = MemorySwitches(ALL_ON)
    town.later("2026-03-10 12:15")
    assert town.asked == [SMS]


@pytest.mark.parametrize("name", ["channel:push", "provider:push-1", "product:huabei", "debit", "rail:stub"])
def test_another_s_switch_stops_nothing_here(name: str) -> None:
    town = Street()
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({name})))
    town.work(Line.CONTACT, ["b-1"])
    assert town.asked == [SMS]


def test_a_board_that_was_never_opened_stops_all_sending() -> None:
    town = Street()
    town.switches = MemorySwitches(Switches())
    town.work(Line.CONTACT, ["b-1"])
    assert town.asked == []


def test_a_switch_of_a_channel_is_no_definite_non_send_and_the_next_one_is_not_asked() -> None:
    town = Street()
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"channel:sms"})))
    for clock in ("12:00", "12:15", "12:30"):
        town.later(f"2026-03-10 {clock}")
    assert town.asked == []


def test_a_message_that_speaks_of_the_arrears_of_a_product_that_is_off_waits_too() -> None:
    town = Street()
    town.take_on(a_borrower(), a_loan(loan_id="l-2", product="huabei"), [an_instalment(loan_id="l-2")])
    town.clock.set(at("2026-03-11 12:00"))
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"product:huabei"})))
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.total.counts["defer.SWITCHED_OFF"]) == ([], 2)


def test_a_switch_turned_after_the_claim_stops_the_send_and_gives_the_place_back() -> None:
    town = Street()
    off = MemorySwitches(Switches(on=True, off=frozenset({"send"})))
    town.switches = MemorySwitches(ALL_ON)
    board: Any = town.switches
    first = board.read
    board.read = lambda *, fresh: off.read(fresh=True) if fresh else first(fresh=False)
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == ([], [("DUE", "sms", "released")])
    assert (town.card.contacts, town.card.told) == ((), {})
    assert town.total.counts["provider-silent"] == 0


# --- the last moment --------------------------------------------------------------------------------------------------


def a_hold(town: Street, *stops: Stops, until: date | None = None) -> None:
    file = town.store.loan_file("l-1")
    assert file is not None
    hold = Hold("h-1", "complaint", frozenset(stops), town.clock.now(), until)
    assert town.store.commit([SaveHolds("l-1", (hold,), file.loan.gate_rev, town.clock.now())])


def test_a_hold_that_is_acknowledged_before_the_claim_wins() -> None:
    """Invariant 8. The decision was made before it, and its claim does not touch the loan: the loan is read again."""
    town = Street()
    town.book = Between(town.store, Insert, lambda: a_hold(town, Stops.CONTACT))  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == ([], [("DUE", "sms", "released")])
    assert (town.card.contacts, town.card.told) == ((), {})
    assert town.total.counts["provider-silent"] == 0
    town.later("2026-03-10 12:15")
    assert town.asked == []
    assert town.card.step == at("2026-03-17 12:15")


def test_a_hold_that_comes_after_the_claim_and_before_the_send_wins_too() -> None:
    town = Street()

    class AfterClaim(Between):
        def loan_file(self, loan_id: str) -> Any:
            if town.notices() and not town.store.loan_file("l-1").loan.holds:  # type: ignore[union-attr]
                a_hold(town, Stops.CONTACT)
            return town.store.loan_file(loan_id)

    town.book = AfterClaim(town.store, Between, lambda: None)  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert (town.asked, town.states) == ([], [("DUE", "sms", "released")])


def test_a_hold_that_comes_while_the_message_is_on_its_way_stops_the_next_one() -> None:
    town = Street()
    town.ways[SMS].meanwhile = lambda: a_hold(town, Stops.CONTACT)
    town.work(Line.CONTACT, ["b-1"])
    assert town.states == [("DUE", "sms", "sent")]
    for on in range(11, 20):
        town.later(f"2026-03-{on} 12:00")
    assert town.asked == [SMS]


def test_a_hold_with_an_end_lets_go_on_the_day_after_it() -> None:
    town = Street()
    a_hold(town, Stops.CONTACT, until=date(2026, 3, 12))
    for on in (10, 11, 12, 13):
        town.later(f"2026-03-{on} 12:00")
    assert town.told() == [("2026-03-13", "OVERDUE_3")]


def test_held_for_the_night_and_paid_meanwhile_nobody_is_asked() -> None:
    town = Street(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), now="2026-03-09 22:30")
    town.later("2026-03-09 22:30")
    assert (town.asked, town.card.step) == ([], at("2026-03-10 09:00"))
    town.repay("1015.00")
    town.later("2026-03-10 09:00")
    town.later("2026-03-11 09:00")
    assert (town.asked, town.states) == ([], [])


def test_no_provider_may_hand_it_on_after_the_window_or_the_day() -> None:
    town = Street()
    town.work(Line.CONTACT, ["b-1"])
    assert town.ways[SMS].seen[0].until == at("2026-03-10 22:00")
    abroad = Street(
        borrower=a_borrower(time_zone="Europe/Prague", other_zones=("Europe/London",)), now="2026-03-10 17:00"
    )
    abroad.work(Line.CONTACT, ["b-1"])
    assert abroad.ways[SMS].seen[0].until == at("2026-03-11 00:00")  # its text speaks of the day in Shanghai


def test_at_the_end_of_the_window_nothing_goes_out() -> None:
    town = Street(now="2026-03-10 21:59:59")
    town.ways[SMS].meanwhile = lambda: town.clock.set(at("2026-03-10 22:00"))
    town.work(Line.CONTACT, ["b-1"])
    assert town.boxes[SMS].sent == []
    assert (town.states, town.card.contacts) == ([("DUE", "sms", "released")], ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time_zone": "Mars/Olympus"}, "NO_CONTACT_WINDOW"),
        ({"country": "CH"}, "POLICY_MISSING"),
        ({"country": ""}, "POLICY_MISSING"),
    ],
)
def test_where_zone_or_country_is_not_known_nothing_goes_out_and_it_is_counted(
    changes: dict[str, Any], reason: str
) -> None:
    town = Street(borrower=a_borrower(**changes))
    town.shelf = PACKS
    town.work(Line.CONTACT, ["b-1"])
    town.later("2026-03-11 12:00")
    assert (town.asked, town.states) == ([], [])
    assert town.total.counts[f"defer.{reason}"] >= 1
    assert town.card.step is not None


def test_a_notice_that_somebody_else_settled_meanwhile_is_left_as_it_is() -> None:
    town = Street(borrower=a_borrower())
    town.script(SMS, RETRY_LATER)

    def somebody() -> None:
        (open_one,) = town.notices()
        assert town.store.commit([SaveNotice(replace(open_one, state=NoticeState.UNKNOWN))])
        card = town.card
        assert town.store.commit([SaveCard(replace(card, rev=card.rev + 1))])

    town.ways[SMS].meanwhile = somebody
    town.work(Line.CONTACT, ["b-1"])
    assert [n.state for n in town.notices()] == [NoticeState.UNKNOWN]
    assert len(town.card.contacts) == 1


# --- what two products and two workers share --------------------------------------------------------------------------


class TwoProducts:
    """Of two products one has a cap of its own, which counts for longer than any of the country."""

    def __init__(self, product: str, cap: Cap, window: ContactRules = NO_RULES) -> None:
        self._plain, self._product = WiredShelf(SMS), product
        rules, own = PACKS.policy(product, at("2026-03-10 12:00")).within("CN"), replace(window, caps=frozenset({cap}))
        self._capped = WiredShelf(SMS, contact=merge(rules.contact, own), planned=merge(rules.planned, own))

    def today(self, now: datetime) -> date:
        return PACKS.today(now)

    def policy(self, product: str, now: datetime) -> Policy:
        return (self._capped if product == self._product else self._plain).policy(product, now)


def test_a_message_about_one_product_forgets_no_contact_that_another_one_counts() -> None:
    town = Street(an_instalment(due_on=DUE + timedelta(days=30)), borrower=a_borrower())
    town.take_on(a_borrower(), a_loan(loan_id="l-2", product="huabei"), [an_instalment(loan_id="l-2")])
    a_month = a_cap(1, id="contact.caps.month", pack="huabei-1", scope=Scope.DEBT, window=timedelta(days=30))
    town.shelf = TwoProducts("huabei", a_month)
    town.work(Line.CONTACT, ["b-1"])
    town.live_through("2026-03-11", "2026-04-08")
    about = [n.business_date for n in town.notices() if any("#l-2#" in tier for tier in n.covers)]
    assert about == [DUE]
    assert len(town.notices()) > 1
    town.live_through("2026-04-09", "2026-04-10")
    assert any("#l-2#" in tier for n in town.notices() if n.business_date > DUE for tier in n.covers)


def test_a_release_leaves_what_another_worker_told_of_the_same_instalment_meanwhile() -> None:
    """The deduction failed while the text was on its way, and that was told: it is not to be told once more."""
    town = Street(borrower=a_borrower())
    town.script(SMS, RETRY_LATER)

    def a_later_step() -> None:
        card = town.card
        told = {key: replace(told, tier="FAILED") for key, told in card.told.items()}
        assert town.store.commit([SaveCard(replace(card, told=told, rev=card.rev + 1))])

    town.ways[SMS].meanwhile = a_later_step
    town.work(Line.CONTACT, ["b-1"])
    assert town.states == [("DUE", "sms", "released")]
    assert [told.tier for told in town.card.told.values()] == ["FAILED"]


def test_a_message_about_the_arrears_on_two_products_keeps_to_the_caps_of_both() -> None:
    """The one product's overdue notice names the other one's arrears, of which nothing may be said this month."""
    late = an_instalment(due_on=DUE + timedelta(days=1))
    town = Street(late, borrower=a_borrower())
    town.take_on(a_borrower(), a_loan(loan_id="l-2", product="huabei"), [an_instalment(loan_id="l-2")])
    a_month = a_cap(1, id="contact.caps.month", pack="huabei-1", scope=Scope.DEBT, window=timedelta(days=30))
    town.shelf = TwoProducts("huabei", a_month)
    logs = [town.card.contacts for _ in town.live("2026-03-10", "2026-04-12")]
    about = sorted({contact.at for log in logs for contact in log if "l-2" in contact.debts})
    assert len(about) > 1
    assert all(later - earlier >= timedelta(days=30) for earlier, later in pairwise(about))


def test_a_provider_may_hand_on_a_message_about_two_products_while_both_windows_are_open() -> None:
    town = Street(borrower=a_borrower())
    town.take_on(a_borrower(), a_loan(loan_id="l-2", product="huabei"), [an_instalment(loan_id="l-2")])
    until_six = for_borrowers(a_window("08:00", "18:00"))
    town.shelf = TwoProducts("huabei", a_cap(9), until_six)
    town.work(Line.CONTACT, ["b-1"])
    (message,) = town.ways[SMS].seen
    assert {item for n in town.notices() for item in n.covers} == {"DUE#l-1#001#0", "DUE#l-2#001#0"}
    assert message.until == at("2026-03-10 18:00")


def test_what_there_is_no_time_for_after_the_first_message_is_left() -> None:
    town = Street()
    town.take_on(a_borrower(), a_loan(loan_id="l-2"), [an_instalment(loan_id="l-2", paid_minor=101_500)])
    left = iter([True])
    summary = town.reminders().work(["b-1"], "test", lambda: next(left, False))
    assert (len(town.asked), summary.counts["left"]) == (1, 1)
    town.pass_now()
    assert len(town.asked) == 2


def test_a_release_leaves_a_card_due_that_a_payment_woke_meanwhile() -> None:
    town = Street(borrower=a_borrower())
    town.script(SMS, RETRY_LATER)

    def paid() -> None:
        town.clock.set(at("2026-03-10 12:01"))
        town.repay("1015.00")

    town.ways[SMS].meanwhile = paid
    town.work(Line.CONTACT, ["b-1"])
    assert (town.states, town.card.step) == ([("DUE", "sms", "released")], at("2026-03-10 12:01"))
