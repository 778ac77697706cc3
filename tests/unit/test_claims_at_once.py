"""Two workers on one borrower, interleaved call by call: no cap is exceeded, and no notice goes out twice."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Semaphore, Thread
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import keys
from shared.domain.changes import SaveCard, SaveHolds
from shared.domain.consent import Bar, BarredBy, barred
from shared.domain.contact_rules import Channel, Reached, Stops
from shared.domain.holds import Hold
from shared.ports.world import SendResult
from shared.workflows.send_reminders import Reminders
from tests.unit.builders import DUE, a_borrower, a_loan, an_instalment
from tests.unit.channels import PACKS, SMS, Street, WiredShelf
from tests.unit.contact_builders import a_cap

ON_THE_WIRE = (SendResult.SENT, SendResult.UNKNOWN)
ANSWERS = st.sampled_from(list(SendResult))


class Stepper(Thread):
    """Somebody who stops before each call of the book, until he is told to go on."""

    def __init__(self, book: Any, work: Callable[[Any], object]) -> None:
        super().__init__(daemon=True)
        self._book, self._work = book, work
        self._go, self._stopped = Semaphore(0), Semaphore(0)
        self.is_done = False
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self._work(self)
        finally:
            self.is_done = True
            self._stopped.release()

    def __getattr__(self, name: str) -> Any:
        def stepped(*args: Any, **more: Any) -> Any:
            self._stopped.release()
            self._go.acquire()
            return getattr(self._book, name)(*args, **more)

        return stepped

    def step(self) -> None:
        if not self.is_done:
            self._go.release()
            self._stopped.acquire()


def interleave(workers: list[Stepper], turns: list[int]) -> None:
    for turn in turns:
        workers[turn % len(workers)].step()
    while not all(worker.is_done for worker in workers):
        for worker in workers:
            worker.step()


def a_street(limit: int, answers: list[SendResult]) -> Street:
    """One borrower with three messages of three kinds for today, and texts capped."""
    town = Street(borrower=a_borrower())
    for number, offset in ((2, 3), (3, -1)):
        loan_id = f"l-{number}"
        due = DUE + timedelta(days=offset)
        town.take_on(a_borrower(), a_loan(loan_id=loan_id), [an_instalment(loan_id=loan_id, due_on=due)])
    rules = PACKS.policy("jiebei", town.clock.now()).within("CN")
    caps = frozenset({a_cap(limit, counts=Reached.SENT, channels=frozenset({Channel.SMS}))})
    town.shelf = WiredShelf(SMS, contact=replace(rules.contact, caps=caps), planned=replace(rules.planned, caps=caps))
    town.script(SMS, *answers)
    return town


def contact_line(town: Street) -> Callable[[Any], object]:
    def work(book: Any) -> object:
        ports = (town.senders, town.reminders().fill, town.shelf, town.clock, town.queue, town.switches)
        return Reminders(book, *ports).work(["b-1"], "test")

    return work


def on_the_wire(town: Street) -> Counter[str]:
    return Counter(message.key for message in town.boxes[SMS].sent)


@settings(max_examples=150)
@given(st.integers(1, 3), st.lists(ANSWERS, max_size=8), st.lists(st.integers(0, 1), max_size=60))
def test_invariant_2_two_workers_never_exceed_a_cap_together(
    limit: int, answers: list[SendResult], turns: list[int]
) -> None:
    town = a_street(limit, answers)
    interleave([Stepper(town.store, contact_line(town)) for _ in range(2)], turns)
    sent = on_the_wire(town)
    assert sum(sent.values()) <= limit
    assert set(sent.values()) <= {1}
    assert len(town.card.contacts) == sum(sent.values())


@settings(max_examples=60)
@given(st.integers(1, 3), st.lists(st.integers(0, 1), max_size=60))
def test_what_the_caps_allow_goes_out_in_the_end(limit: int, turns: list[int]) -> None:
    town = a_street(limit, [])
    interleave([Stepper(town.store, contact_line(town)) for _ in range(2)], turns)
    town.pass_now()
    assert sum(on_the_wire(town).values()) == limit


@settings(max_examples=100)
@given(st.lists(st.integers(0, 1), max_size=40))
def test_who_was_told_that_his_stop_is_heard_gets_no_message_claimed_after_it(turns: list[int]) -> None:
    town = a_street(3, [])
    before: list[int] = []

    def stop(book: Any) -> None:
        while True:
            card = book.borrower_file("b-1").card
            bar = Bar(SMS, keys.address_key("+447700900001"), BarredBy.OPTED_OUT, town.clock.now())
            if book.commit([SaveCard(replace(card, bars=barred(card.bars, bar), rev=card.rev + 1))]):
                before.append(len(town.notices()))
                return

    interleave([Stepper(town.store, contact_line(town)), Stepper(town.store, stop)], turns)
    town.pass_now()
    assert sum(on_the_wire(town).values()) <= before[0]
    assert [bar.by for bar in town.card.bars] == [BarredBy.OPTED_OUT]


@settings(max_examples=100)
@given(st.lists(st.integers(0, 1), max_size=40))
def test_invariant_8_a_hold_that_is_acknowledged_before_a_claim_wins(turns: list[int]) -> None:
    """Claims that were committed before the hold may have gone out; none that came after it has."""
    town = a_street(3, [])
    claimed_before: set[str] = set()

    def hold(book: Any) -> None:
        while True:
            loan = book.loan_file("l-1").loan
            held = Hold("h-1", "complaint", frozenset({Stops.CONTACT}), town.clock.now())
            if book.commit([SaveHolds("l-1", (held,), loan.gate_rev, town.clock.now())]):
                claimed_before.update(keys.notice_hint(n.borrower_id, n.notice_key) for n in town.notices())
                return

    interleave([Stepper(town.store, contact_line(town)), Stepper(town.store, hold)], turns)
    town.pass_now()
    about = {message.key for message in town.boxes[SMS].sent if "#l-1#" in message.key}
    assert about <= claimed_before
