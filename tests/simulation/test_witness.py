"""What the witness objects to: each claim is judged as the rows stand when it is made, a repeated one like a first."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock, MemorySwitches
from shared.domain.book import Attempt, AttemptState, InstalmentState, MandateStatus, NoticeRecord
from shared.domain.changes import Insert, SaveAttempt, SaveHolds, SaveInstalment, SaveMandate
from shared.domain.contact_rules import Channel, Stops
from shared.domain.holds import Hold
from shared.domain.money import Money
from shared.domain.switches import ALL_ON, NEVER_WRITTEN, Switches
from shared.invariants.debits import claims_were_free
from shared.invariants.rows import Snapshot
from shared.invariants.terms import Terms
from shared.ports.messages import Outgoing
from shared.ports.portfolio import Imported
from shared.simulation.provider import OnTheWire
from shared.simulation.snapshot import snapshot_of
from shared.simulation.wire import Request
from shared.simulation.witness import Witness
from tests.snapshots import rules
from tests.unit.builders import a_borrower, a_card, a_loan, a_mandate, an_instalment, at

NOON = at("2026-03-10 12:00")
OWED = 101_500
FIRST = Attempt(
    *("l-1", 1, (1,), Money(OWED, "CNY"), "m-1", "stub", "balance-1", "2026-03-10T12:00"),
    claimed_at=NOON,
    policy_version="v",
)
AGAIN = replace(FIRST, claimed_at=NOON + timedelta(minutes=5), presented=2)
NOTICE = NoticeRecord(
    *("b-1", "DUE#l-1#001#0", "due", ("DUE#l-1#001#0",), Money(OWED, "CNY"), "sms", NOON.date(), NOON, "v"),
    message_class="service-reminder",
)


@dataclass
class Life:
    """One loan with one instalment; `witness` sees what is written."""

    book: MemoryBook = field(default_factory=MemoryBook)
    board: MemorySwitches = field(default_factory=MemorySwitches)
    witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        rows = (a_borrower(), a_card(), an_instalment(state=InstalmentState.CLAIMED), a_mandate(), a_loan())
        self.stands(*rows)
        self.witness = Witness(self.book, self.board, FixedClock(NOON), rules(), "Asia/Shanghai")

    def stands(self, *rows: object) -> None:
        self.book.write([Imported(row, "") for row in rows])  # type: ignore[arg-type]

    def claims(self) -> None:
        self.book.commit([Insert(FIRST)])
        self.witness.saw([Insert(FIRST)])

    def claims_again(self) -> None:
        change = SaveAttempt(AGAIN, was_presented=1)
        self.book.commit([change])
        self.witness.saw([change])

    def presents(self, attempt: Attempt) -> None:
        self.witness.presented(Request("present", "l-1:P000001", (), NOON, attempt))

    @property
    def found(self) -> list[str]:
        terms = Terms(NOON, rules(), timedelta(days=1))
        book: Snapshot = snapshot_of(self.book, (), self.witness.claims, ())
        return [b.problem for b in (*self.witness.breaches, *claims_were_free(book, terms))]


def set_on_hold(life: Life) -> None:
    hold = Hold("h-1", "dispute", frozenset({Stops.DEBIT}), NOON)
    assert life.book.commit([SaveHolds("l-1", (hold,), 0, NOON)])


def paid_by_hand(life: Life) -> None:
    row = an_instalment(state=InstalmentState.CLAIMED, paid_minor=OWED, rev=1)
    assert life.book.commit([SaveInstalment(row)])


def suspended(life: Life) -> None:
    assert life.book.commit([SaveMandate(a_mandate(status=MandateStatus.SUSPENDED), 0)])


@pytest.mark.parametrize(
    ("meanwhile", "problem"),
    [
        (set_on_hold, "on hold: dispute"),
        (paid_by_hand, f"claimed {OWED}, when 0 was outstanding"),
        (suspended, "claimed when mandate m-1 was suspended"),
    ],
)
def test_what_is_claimed_again_is_as_right_as_a_first_claim(meanwhile: Callable[[Life], None], problem: str) -> None:
    life = Life()
    life.claims()
    assert life.found == []
    meanwhile(life)
    assert life.found == []  # what came after the claim does not make it wrong
    life.claims_again()
    assert life.found == [problem]


def test_nothing_came_between_two_claims() -> None:
    life = Life()
    life.claims()
    life.claims_again()
    assert life.found == []
    assert len(life.witness.claims) == 2


def test_an_answer_is_no_claim() -> None:
    life = Life()
    life.claims()
    set_on_hold(life)
    unknown = replace(FIRST, state=AttemptState.UNKNOWN)
    life.witness.saw([SaveAttempt(unknown, was_presented=1)])
    assert life.found == []


OFF = [Switches(on=True, off=frozenset({name})) for name in ("debit", "rail:stub", "product:jiebei")]
ELSEWHERE = [Switches(on=True, off=frozenset({name})) for name in ("send", "rail:card", "product:other")]


@pytest.mark.parametrize(
    ("board", "wrong"), [*((b, True) for b in OFF), (NEVER_WRITTEN, True), *((b, False) for b in ELSEWHERE)]
)
@pytest.mark.parametrize("again", [False, True])
def test_what_was_off_at_the_claim_is_not_presented(
    board: Switches, wrong: bool, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the names on the board: the product's own rule of them is not asked."""
    monkeypatch.setattr(Switches, "stops", lambda *_: None)
    life = Life()
    if again:
        life.claims()
    life.board.set(board)
    (life.claims_again if again else life.claims)()
    life.presents(AGAIN if again else FIRST)
    assert bool(life.found) is wrong


def test_what_is_on_again_may_be_presented() -> None:
    life = Life()
    life.board.set(OFF[0])
    life.claims()
    life.board.set(ALL_ON)
    life.presents(FIRST)
    assert life.found == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *((name, True) for name in ("send", "channel:sms", "provider:sandbox", "product:jiebei")),
        *((name, False) for name in ("debit", "channel:email", "provider:ses", "product:other")),
    ],
)
def test_a_message_that_was_off_at_its_claim_is_not_sent(
    name: str, wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Switches, "stops", lambda *_: None)
    life = Life()
    life.board.set(Switches(on=True, off=frozenset({name})))
    life.witness.saw([Insert(NOTICE)])
    message = Outgoing("b-1#DUE#l-1#001#0", "+447700900001", "text", NOON, "service-reminder", "zh-CN")
    life.witness.sent(OnTheWire(message, Channel.SMS, "sandbox", NOON, NOTICE, was_taken=False))
    assert bool(life.found) is wrong
