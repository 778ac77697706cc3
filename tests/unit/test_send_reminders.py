"""The contact line's worker: claims, releases, gives up, and never sends what is no longer right."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from shared.adapters.memory.world import MemorySwitches
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import BorrowerFile, ContactCard, Line, NoticeState
from shared.domain.changes import Change, SaveCard, SaveNotice
from shared.domain.errors import PolicyError
from shared.domain.policy import Policy
from shared.domain.switches import Switches
from shared.ports.book import Book
from shared.ports.world import SendResult, Sent
from shared.workflows.debit_facts import SWITCHED_OFF_RETRY
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import Town


class Shelf:
    """The packs, with fields of the policy changed; None for no valid pack."""

    def __init__(self, **changes: object) -> None:
        self.changes: dict[str, object] | None = dict(changes)

    def policy(self, product: str, now: datetime) -> Policy:
        if self.changes is None:
            raise PolicyError("no pack is valid")
        return replace(PolicyFiles().policy(product, now), **self.changes)  # type: ignore[arg-type]

    def today(self, now: datetime) -> date:
        if self.changes is None:
            raise PolicyError("no pack is valid")
        return PolicyFiles().today(now)


class Between:
    """A book that lets something happen just before a commit of one kind."""

    def __init__(self, book: Book, kind: type, happens: Callable[[], object]) -> None:
        self._book, self._kind, self._happens = book, kind, happens

    def commit(self, changes: Sequence[Change]) -> bool:
        if any(isinstance(c, self._kind) for c in changes):
            self._kind = Between  # once
            self._happens()
        return self._book.commit(changes)

    def __getattr__(self, name: str) -> object:
        return getattr(self._book, name)


def due_today(**changes: object) -> Town:
    town = Town(an_instalment(**changes), account=None)
    town.clock.set(at("2026-03-10 12:00"))
    return town


def card(town: Town) -> ContactCard:
    file = town.book.borrower_file("b-1")
    assert isinstance(file, BorrowerFile)
    return file.card


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (SendResult.SENT, NoticeState.SENT),
        (SendResult.UNKNOWN, NoticeState.UNKNOWN),
        (SendResult.REFUSED, NoticeState.UNDELIVERABLE),
    ],
)
def test_what_is_not_certainly_unsent_or_not_worth_another_try_is_final(result: SendResult, state: NoticeState) -> None:
    town = due_today()
    town.inbox.script(result)
    for _ in range(3):
        town.work(Line.CONTACT, ["b-1"])
    assert [(n.state, n.sends) for n in town.notices()] == [(state, 1)]
    assert len(town.inbox.sent) == (result is not SendResult.REFUSED)


def test_a_send_that_certainly_failed_is_tried_again_after_a_while_and_not_for_ever() -> None:
    town = due_today()
    town.shelf = Shelf(max_sends=2, send_retry=timedelta(minutes=20))
    town.inbox.script(SendResult.RETRY_LATER, SendResult.RETRY_LATER, SendResult.SENT)
    town.work(Line.CONTACT, ["b-1"])
    assert town.notices()[0].state is NoticeState.RELEASED
    assert card(town).step == at("2026-03-10 12:20")
    assert card(town).told == {}
    town.clock.set(at("2026-03-10 12:20"))
    town.pass_now()
    town.clock.set(at("2026-03-10 13:00"))
    town.pass_now()
    assert [(n.state, n.sends) for n in town.notices()] == [(NoticeState.UNDELIVERABLE, 2)]
    assert town.inbox.sent == []


def test_a_message_that_cannot_go_keeps_no_other_back() -> None:
    """Of a product that is off the borrower is late; the other one's debit has to be announced all the same."""
    town = due_today()
    town.take_on(
        a_borrower(),
        a_loan(loan_id="l-2", product="huabei"),
        [an_instalment(loan_id="l-2", due_on=date(2026, 3, 12))],
        a_mandate(loan_id="l-2"),
    )
    town.clock.set(at("2026-03-11 09:00"))
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"product:jiebei"})))
    counts = town.work(Line.CONTACT, ["b-1"]).counts
    assert [(n.kind, n.covers[0].split("#")[1]) for n in town.notices()] == [("pre-debit", "l-2")]
    assert counts["defer.SWITCHED_OFF"] >= 1
    assert card(town).step == town.clock.now() + SWITCHED_OFF_RETRY
    town.switches = MemorySwitches()
    town.clock.advance(SWITCHED_OFF_RETRY)
    town.pass_now()
    assert {n.kind for n in town.notices()} == {"pre-debit", "overdue"}


def test_of_one_message_the_part_about_a_product_that_is_off_is_left_out() -> None:
    town = due_today()
    town.take_on(a_borrower(), a_loan(loan_id="l-2", product="huabei"), [an_instalment(loan_id="l-2")])
    town.switches = MemorySwitches(Switches(on=True, off=frozenset({"product:jiebei"})))
    town.work(Line.CONTACT, ["b-1"])
    assert [n.covers for n in town.notices()] == [("DUE#l-2#001#0",)]


def test_a_release_keeps_what_others_wrote_on_the_card_meanwhile() -> None:
    town = due_today()
    town.inbox.script(SendResult.RETRY_LATER)

    def another_loan() -> None:
        town.take_on(a_borrower(), a_loan(loan_id="l-2"), [an_instalment(loan_id="l-2")])

    town.book = Between(town.store, SaveNotice, another_loan)  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert card(town).loan_ids == ("l-1", "l-2")
    assert card(town).told == {}
    assert town.notices()[0].state is NoticeState.RELEASED


def test_a_released_end_of_a_loan_is_followed_again() -> None:
    town = Town(an_instalment(paid_minor=101_500), account=None)
    town.clock.set(at("2026-03-10 12:00"))
    town.inbox.script(SendResult.RETRY_LATER)
    town.work(Line.CONTACT, ["b-1"])
    assert card(town).loan_ids == ("l-1",)
    town.clock.set(at("2026-03-10 12:15"))
    town.pass_now()
    assert [(n.kind, n.state) for n in town.notices()] == [("settled", NoticeState.SENT)]
    assert card(town).loan_ids == ()


def test_two_workers_on_one_borrower_send_one_message() -> None:
    town = due_today()

    def another_worker() -> None:
        town.work(Line.CONTACT, ["b-1"])

    town.book = Between(town.store, SaveCard, another_worker)  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert len(town.inbox.sent) == 1
    assert town.total.counts["lost"] >= 1


def test_what_was_planned_in_the_evening_and_reaches_the_worker_at_night_is_not_sent() -> None:
    town = due_today()
    town.clock.set(at("2026-03-10 21:59"))

    class Late(Between):
        def notice(self, borrower_id: str, notice_key: str) -> object:
            town.clock.set(at("2026-03-10 22:00"))
            return town.store.notice(borrower_id, notice_key)

    town.book = Late(town.store, SaveCard, lambda: None)  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert town.inbox.sent == []
    assert town.notices()[0].state is NoticeState.RELEASED


@pytest.mark.parametrize("amount", ["1015.00", "5.00"])
def test_who_paid_just_before_the_claim_gets_no_message_that_asks_for_it(amount: str) -> None:
    town = Town(an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)), account=None)
    town.clock.set(at("2026-03-10 12:00"))
    town.book = Between(town.store, SaveCard, lambda: town.repay(amount))  # type: ignore[assignment]
    town.work(Line.CONTACT, ["b-1"])
    assert town.inbox.sent == []
    town.clock.set(at("2026-03-10 12:15"))
    town.pass_now()
    rest = [(NoticeState.SENT, 101_000)] if amount == "5.00" else [(NoticeState.RELEASED, 101_500)]
    assert [(n.state, n.amount.minor) for n in town.notices()] == rest


def test_a_notice_without_a_text_is_not_told_and_stands_in_front_of_a_person() -> None:
    town = due_today()
    texts = PolicyFiles().policy("jiebei", town.clock.now()).wording
    town.shelf = Shelf(wording={locale: {"sms.remind": named["sms.remind"]} for locale, named in texts.items()})
    for _ in range(3):
        town.pass_now()
    assert town.total.failures == {"PolicyError": 3}
    assert (town.notices(), card(town).told) == ([], {})
    assert town.store.agenda(Line.CONTACT, "QUARANTINE", None, 10).keys == ("b-1",)


def test_a_message_that_crashed_after_its_claim_is_never_sent_again() -> None:
    town = due_today()
    town.inbox.script(RuntimeError("the process died"))
    town.work(Line.CONTACT, ["b-1"])
    assert town.total.counts["failed"] == 1
    town.clock.advance(timedelta(minutes=6))
    town.pass_now()
    assert [n.state for n in town.notices()] == [NoticeState.UNKNOWN]
    assert len(town.inbox.sent) == 1


def test_without_a_valid_pack_nothing_is_sent_and_it_looks_again_in_an_hour() -> None:
    town = due_today()
    shelf = Shelf()
    shelf.changes = None
    town.shelf = shelf
    town.work(Line.CONTACT, ["b-1"])
    assert town.total.counts["defer.POLICY_MISSING"] == 1
    assert card(town).step == at("2026-03-10 13:00")
    shelf.changes = {}
    town.clock.set(at("2026-03-10 13:00"))
    town.pass_now()
    assert town.told() == [("2026-03-10", "DUE")]


def test_a_row_that_fails_three_times_stands_in_quarantine_and_the_rest_goes_on() -> None:
    town = due_today()
    town.take_on(
        a_borrower(borrower_id="b-2"), a_loan(loan_id="l-2", borrower_id="b-2"), [an_instalment(loan_id="l-2")]
    )

    class Faulty(Between):
        def borrower_file(self, borrower_id: str) -> BorrowerFile | None:
            if borrower_id == "b-1":
                raise ZeroDivisionError
            return town.store.borrower_file(borrower_id)

    town.book = Faulty(town.store, Between, lambda: None)  # type: ignore[assignment]
    for _ in range(4):
        for key in town.store.agenda(Line.CONTACT, "S000", town.clock.now(), 10).keys:
            town.work(Line.CONTACT, [key])
    assert town.total.failures == {"ZeroDivisionError": 3}
    assert town.total.counts["quarantined"] == 1
    assert [n.borrower_id for n in town.notices()] == ["b-2"]
    assert town.store.agenda(Line.CONTACT, "QUARANTINE", None, 10).keys == ("b-1",)


def test_what_there_is_no_time_for_is_left_to_the_next_pass() -> None:
    town = due_today()
    worker = town.reminders()
    summary = worker.work(["b-1"], "test", has_time=lambda: False)
    assert summary.counts == {"left": 1}
    assert town.notices() == []


def test_an_address_refused_is_not_asked_again_for_the_same_notice() -> None:
    town = due_today()
    town.inbox.script(Sent(SendResult.REFUSED, detail="opted-out"))
    town.live_through("2026-03-10", "2026-03-12")
    assert [(n.notice_key.split("#")[0], n.state) for n in town.notices()] == [
        ("DUE", NoticeState.UNDELIVERABLE),
        ("OVERDUE_1", NoticeState.SENT),
    ]
