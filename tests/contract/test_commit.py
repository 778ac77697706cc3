"""Commits: each change holds or does not, all are made or none, and of rivals one wins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from shared.domain.book import (
    AttemptState,
    InstalmentState,
    LastAttempt,
    Line,
    LoanStatus,
    MandateStatus,
    NoticeState,
    Outcome,
    Told,
)
from shared.domain.changes import (
    Change,
    HoldGate,
    HoldInstalment,
    Insert,
    LeaveEscalation,
    SaveAttempt,
    SaveCard,
    SaveCode,
    SaveDebitCard,
    SaveHolds,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveReceipt,
    SaveStage,
    TakeSeq,
    WakeContact,
    WakeStage,
)
from shared.domain.contact_rules import Stops
from shared.domain.holds import Hold
from tests.contract.stores import (
    DUE,
    NOON,
    Stores,
    a_borrower,
    a_card,
    a_code,
    a_debit_card,
    a_loan,
    a_mandate,
    a_mark,
    a_notice,
    a_world,
    an_attempt,
    an_audit_entry,
    an_entry,
    an_escalation,
    an_instalment,
    later,
)

SETTLED = an_attempt(
    state=AttemptState.SETTLED, outcome=Outcome.PAID, gateway_ref="g-1", settled_at=later(minutes=1, microseconds=5)
)
SENT = a_notice(state=NoticeState.SENT, provider_ref="p-1", settled_at=later(minutes=1), detail="ok")
CLAIMED = an_instalment(
    state=InstalmentState.CLAIMED,
    attempts=1,
    last_attempt=LastAttempt(2, "2026-03-10T08:00", NOON, amount_minor=101_500),
    rev=2,
)
PAID = an_instalment(
    paid_minor=101_500,
    state=InstalmentState.PAID,
    episode=2,
    attempts=3,
    last_attempt=LastAttempt(2, "2026-03-10T08:00", NOON, Outcome.PAID, DUE, 101_500),
    paid_on=DUE,
    paid_by=2,
    blocked=True,
    rev=2,
    step=later(days=1),
)
TOLD = {"l-1#001#0": Told("PRE_DEBIT", DUE, DUE, 101_500), "l-1#002#0": Told("REMIND_7", date(2026, 4, 3))}
CARD = a_card(loan_ids=("l-1", "l-2"), told=TOLD, rev=2, step=later(days=2))
STAGE = a_loan(
    status=LoanStatus.SETTLED, entered=("000#M1", "000#M2"), episode=1, first_open=2, stage_rev=2, step=later(days=3)
)
REVOKED = a_mandate(status=MandateStatus.REVOKED)
DEBITS = a_debit_card(failures=2, open=0, stopped_at=NOON, rev=2)
TRIED = a_code(tries=1, rev=2)
COMPLAINT = Hold("complaint-1", "complaint", frozenset({Stops.CONTACT, Stops.ESCALATION}), NOON)
HARDSHIP = Hold("hardship-1", "hardship", frozenset(Stops), later(seconds=0.5), until=date(2026, 5, 9))
DELIVERED = a_notice(delivery="delivered", delivery_code="ok", delivery_at=later(minutes=2))
OPENED = replace(DELIVERED, opened_at=later(minutes=3), clicked_at=later(minutes=4, microseconds=5))

HOLD: dict[str, Change] = {
    "insert attempt": Insert(an_attempt(2)),
    "insert notice": Insert(a_notice("DUE#l-1#001#0")),
    "insert ledger entry": Insert(an_entry()),
    "insert escalation": Insert(an_escalation("000#M2")),
    "save instalment": SaveInstalment(CLAIMED),
    "save card": SaveCard(CARD),
    "save stage": SaveStage(STAGE),
    "take seq": TakeSeq("l-1", 1, 0),
    "save attempt": SaveAttempt(SETTLED),
    "save attempt as presented": SaveAttempt(replace(SETTLED, presented=2), was_presented=1),
    "save notice": SaveNotice(SENT),
    "save mandate": SaveMandate(REVOKED, 0),
    "save holds": SaveHolds("l-1", (COMPLAINT, HARDSHIP), 0, NOON),
    "save receipt": SaveReceipt(DELIVERED, None),
    "insert money mark": Insert(a_mark()),
    "insert audit entry": Insert(an_audit_entry("mandate-enabled")),
    "save debit card": SaveDebitCard(DEBITS),
    "begin debit card": SaveDebitCard(a_debit_card("b-2")),
    "save code": SaveCode(TRIED),
    "begin code": SaveCode(a_code("mandate-enable")),
    "hold gate": HoldGate("l-1", 0),
    "hold instalment": HoldInstalment("l-1", 1, 1),
    "leave escalation": LeaveEscalation("l-1", "000#M1", DUE),
    "wake stage": WakeStage("l-1", NOON),
    "wake contact": WakeContact("b-1", NOON),
}
"""Changes that hold in the little world."""

DO_NOT_HOLD: dict[str, Change] = {
    "insert attempt: taken": Insert(an_attempt(1)),
    "insert notice: claimed": Insert(a_notice()),
    "insert escalation: taken": Insert(an_escalation()),
    "save instalment: older": SaveInstalment(replace(CLAIMED, rev=1)),
    "save instalment: newer": SaveInstalment(replace(CLAIMED, rev=3)),
    "save instalment: none": SaveInstalment(an_instalment(9, rev=1)),
    "save card: older": SaveCard(replace(CARD, rev=1)),
    "save card: none": SaveCard(a_card("b-9", rev=1)),
    "save stage: older": SaveStage(replace(STAGE, stage_rev=1)),
    "save stage: none": SaveStage(a_loan("l-9", stage_rev=1)),
    "take seq: taken": TakeSeq("l-1", 0, 0),
    "take seq: skipped": TakeSeq("l-1", 2, 0),
    "take seq: gate raised": TakeSeq("l-1", 1, 1),
    "take seq: no loan": TakeSeq("l-9", 1, 0),
    "save attempt: none": SaveAttempt(an_attempt(9)),
    "save attempt: presented again": SaveAttempt(SETTLED, was_presented=2),
    "save notice: none": SaveNotice(a_notice("DUE#l-1#009#0")),
    "save notice: other send": SaveNotice(replace(SENT, sends=2)),
    "save mandate: gate raised": SaveMandate(REVOKED, 1),
    "save mandate: no loan": SaveMandate(replace(REVOKED, loan_id="l-9"), 0),
    "save holds: gate raised": SaveHolds("l-1", (COMPLAINT,), 1, NOON),
    "save holds: no loan": SaveHolds("l-9", (COMPLAINT,), 0, NOON),
    "save receipt: none": SaveReceipt(replace(DELIVERED, notice_key="DUE#l-1#009#0"), None),
    "save receipt: of another send": SaveReceipt(replace(DELIVERED, sends=2), None),
    "save receipt: something else was said": SaveReceipt(DELIVERED, "accepted"),
    "save receipt: unknown, and claimed still": SaveReceipt(replace(DELIVERED, state=NoticeState.UNKNOWN), None),
    "save receipt: released": SaveReceipt(replace(DELIVERED, state=NoticeState.RELEASED), None),
    "insert money mark: taken": Insert(a_mark("earlier", loan_id="l-2")),
    "insert audit entry: taken": Insert(an_audit_entry(reason="another")),
    "save debit card: older": SaveDebitCard(replace(DEBITS, rev=1)),
    "save debit card: newer": SaveDebitCard(replace(DEBITS, rev=3)),
    "save debit card: none": SaveDebitCard(a_debit_card("b-9", rev=2)),
    "save code: older": SaveCode(replace(TRIED, rev=1)),
    "save code: newer": SaveCode(replace(TRIED, rev=3)),
    "save code: none": SaveCode(a_code("mandate-enable", rev=2)),
    "hold gate: raised": HoldGate("l-1", 1),
    "hold gate: no loan": HoldGate("l-9", 0),
    "hold instalment: older": HoldInstalment("l-1", 1, 0),
    "hold instalment: none": HoldInstalment("l-1", 9, 1),
    "leave escalation: none": LeaveEscalation("l-1", "000#M3", DUE),
    "wake stage: no loan": WakeStage("l-9", NOON),
    "wake contact: no borrower": WakeContact("b-9", NOON),
}


@pytest.fixture
def world(stores: Stores) -> Stores:
    return a_world(stores)


@pytest.mark.parametrize("name", HOLD)
def test_a_change_that_holds_is_made_alone(world: Stores, name: str) -> None:
    assert world.book.commit([HOLD[name]])


@pytest.mark.parametrize("name", HOLD)
def test_a_change_that_holds_is_made_with_others(world: Stores, name: str) -> None:
    beside = an_entry("other")
    assert world.book.commit([Insert(beside), HOLD[name]])
    assert world.book.entry("l-1", "gateway", "other") == beside


@pytest.mark.parametrize("name", sorted(HOLD.keys() - {"hold gate", "hold instalment", "wake stage", "wake contact"}))
def test_the_same_change_again_does_not_hold(world: Stores, name: str) -> None:
    assert world.book.commit([HOLD[name]])
    assert not world.book.commit([HOLD[name]])


@pytest.mark.parametrize("name", DO_NOT_HOLD)
def test_a_change_that_does_not_hold_is_not_made(world: Stores, name: str) -> None:
    assert not world.book.commit([DO_NOT_HOLD[name]])


@pytest.mark.parametrize("name", DO_NOT_HOLD)
def test_nothing_is_half_written(world: Stores, name: str) -> None:
    good: list[Change] = [Insert(an_entry("other")), SaveInstalment(an_instalment(2, rev=2)), WakeStage("l-2", NOON)]
    world.seed(a_loan("l-2"))
    assert not world.book.commit([*good[:1], DO_NOT_HOLD[name], *good[1:]])
    assert world.book.entry("l-1", "gateway", "other") is None
    assert world.instalment(2).rev == 1
    assert "l-2" not in world.agenda(Line.STAGE)


def test_no_change_at_all_holds(world: Stores) -> None:
    assert world.book.commit([])


@pytest.mark.parametrize("instalment", [CLAIMED, PAID, an_instalment(rev=2)])
def test_an_instalment_is_read_as_it_was_saved(world: Stores, instalment: object) -> None:
    assert isinstance(instalment, type(CLAIMED))
    assert world.book.commit([SaveInstalment(PAID)])
    assert world.book.commit([SaveInstalment(replace(instalment, rev=3))])
    assert world.instalment() == replace(instalment, rev=3)


@pytest.mark.parametrize("card", [CARD, a_card(loan_ids=(), rev=2)])
def test_a_card_is_read_as_it_was_saved(world: Stores, card: object) -> None:
    assert isinstance(card, type(CARD))
    assert world.book.commit([SaveCard(CARD)])
    assert world.book.commit([SaveCard(replace(card, rev=3))])
    assert world.card() == replace(card, rev=3)


def test_the_stage_line_writes_its_own_fields_and_no_others(world: Stores) -> None:
    assert world.book.commit([TakeSeq("l-1", 1, 0)])
    assert world.book.commit([SaveMandate(REVOKED, 0)])
    assert world.book.commit([SaveStage(replace(STAGE, last_seq=77, gate_rev=77, principal_minor=77))])
    assert world.file().loan == replace(STAGE, last_seq=1, gate_rev=1)


@pytest.mark.parametrize(("first_open", "numbers"), [(1, (1, 2, 9, 10, 100)), (9, (9, 10, 100)), (101, ())])
def test_a_loan_is_read_from_its_first_open_instalment_by_number(
    stores: Stores, first_open: int, numbers: tuple[int, ...]
) -> None:
    stores.seed(*(an_instalment(number) for number in (100, 9, 2, 10, 1)), a_loan(step=NOON), a_mandate())
    assert stores.book.commit([SaveStage(a_loan(step=NOON, stage_rev=2, first_open=first_open))])
    assert tuple(i.number for i in stores.file().instalments) == numbers
    whole = stores.book.loan_file("l-1", whole=True)
    assert whole == replace(stores.file(), instalments=tuple(an_instalment(n) for n in (1, 2, 9, 10, 100)))


def test_a_seq_is_taken_without_touching_the_stage(world: Stores) -> None:
    before = world.file().loan
    assert world.book.commit([TakeSeq("l-1", 1, 0)])
    assert world.file().loan == replace(before, last_seq=1)


@pytest.mark.parametrize("attempt", [SETTLED, an_attempt(state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN)])
def test_an_attempt_is_read_as_it_was_saved(world: Stores, attempt: object) -> None:
    assert isinstance(attempt, type(SETTLED))
    assert world.book.commit([SaveAttempt(attempt)])
    assert world.book.attempt("l-1", 1) == attempt


def test_a_notice_is_read_as_it_was_saved(world: Stores) -> None:
    assert world.book.commit([SaveNotice(SENT)])
    assert world.book.notice("b-1", SENT.notice_key) == SENT


def test_a_mandate_is_written_and_raises_the_gate(world: Stores) -> None:
    assert world.book.commit([SaveMandate(REVOKED, 0)])
    assert world.file().mandates == (REVOKED,)
    assert world.file().loan.gate_rev == 1
    other = a_mandate("m-2")
    assert world.book.commit([SaveMandate(a_mandate(), 1), SaveMandate(other, 1)])
    assert world.file().mandates == (a_mandate(), other)
    assert world.file().loan.gate_rev == 2


def test_an_escalation_is_left_once_and_read_in_order(world: Stores) -> None:
    assert world.book.commit([Insert(an_escalation("000#M2"))])
    assert world.book.commit([LeaveEscalation("l-1", "000#M1", DUE)])
    assert not world.book.commit([LeaveEscalation("l-1", "000#M1", date(2026, 4, 1))])
    assert world.book.escalations("l-1") == (an_escalation(left_on=DUE), an_escalation("000#M2"))


def test_a_ledger_entry_is_read_as_it_was_put(world: Stores) -> None:
    entry = an_entry("x", split=((1, 100), (2, 5)), detail="late")
    assert world.book.commit([Insert(entry), Insert(an_entry("y", split=()))])
    assert world.book.entry("l-1", "gateway", "x") == entry
    assert world.book.entry("l-1", "gateway", "y") == an_entry("y", split=())


@pytest.mark.parametrize(
    ("state", "is_free"),
    [
        (NoticeState.SENT, False),
        (NoticeState.UNKNOWN, False),
        (NoticeState.UNDELIVERABLE, False),
        (NoticeState.RELEASED, True),
    ],
)
def test_only_a_released_notice_can_be_claimed_again(world: Stores, state: NoticeState, is_free: bool) -> None:
    again = a_notice(sends=2, claimed_at=later(hours=1))
    settled = replace(SENT, state=state)
    assert world.book.commit([SaveNotice(settled)])
    assert world.book.commit([Insert(again)]) is is_free
    assert world.book.notice("b-1", again.notice_key) == (again if is_free else settled)
    assert not world.book.commit([SaveNotice(SENT)]) or state is NoticeState.UNKNOWN, (
        "the first send has no say any more"
    )


def test_an_unknown_notice_may_still_be_settled_by_a_late_receipt(world: Stores) -> None:
    assert world.book.commit([SaveNotice(a_notice(state=NoticeState.UNKNOWN))])
    assert world.book.commit([SaveNotice(SENT)])
    assert not world.book.commit([SaveNotice(a_notice(state=NoticeState.UNKNOWN))])


def test_a_notice_is_read_with_all_that_its_receipts_said(world: Stores) -> None:
    assert world.book.commit([SaveReceipt(DELIVERED, None)])
    assert world.book.commit([SaveReceipt(OPENED, "delivered")])
    assert world.book.notice("b-1", OPENED.notice_key) == OPENED


def test_an_opening_and_a_click_of_the_same_moment_are_both_kept(world: Stores) -> None:
    assert world.book.commit([SaveReceipt(DELIVERED, None)])
    assert world.book.commit([SaveReceipt(replace(OPENED, opened_at=None), "delivered")])
    assert world.book.commit([SaveReceipt(replace(OPENED, clicked_at=None), "delivered")])
    assert world.book.notice("b-1", OPENED.notice_key) == OPENED


def test_a_receipt_that_comes_before_the_settlement_outlives_it(world: Stores) -> None:
    assert world.book.commit([SaveReceipt(OPENED, None), Insert(an_entry())])
    assert world.book.commit([SaveNotice(SENT)])
    said = replace(OPENED, state=SENT.state, provider_ref="p-1", settled_at=SENT.settled_at, detail="ok")
    assert world.book.notice("b-1", SENT.notice_key) == said


@pytest.mark.parametrize("state", [NoticeState.SENT, NoticeState.UNDELIVERABLE])
@pytest.mark.parametrize("was", [NoticeState.CLAIMED, NoticeState.UNKNOWN])
def test_a_receipt_settles_an_open_notice_and_no_later_settlement_counts(
    world: Stores, was: NoticeState, state: NoticeState
) -> None:
    unknown = a_notice(state=was, settled_at=later(minutes=1), detail="no answer")
    assert world.book.commit([SaveNotice(unknown)])
    said = replace(DELIVERED, state=state, provider_ref="p-1", settled_at=later(minutes=2))
    assert world.book.commit([SaveReceipt(said, None)])
    found = replace(said, settled_at=later(minutes=1), detail="no answer")
    assert world.book.notice("b-1", unknown.notice_key) == found
    assert world.book.notice_by_ref("p-1") == ("b-1", unknown.notice_key)
    assert world.book.open_notices("S000", later(days=9), 9).keys == ()
    assert not world.book.commit([SaveNotice(SENT)])
    assert not world.book.commit([Insert(a_notice(sends=2))])


def test_a_receipt_that_settles_nothing_writes_only_what_was_said(world: Stores) -> None:
    said = replace(DELIVERED, provider_ref="p-1", settled_at=later(minutes=2), detail="x")
    assert world.book.commit([SaveReceipt(said, None)])
    assert world.book.notice("b-1", said.notice_key) == DELIVERED
    assert len(world.book.open_notices("S000", later(days=9), 9).keys) == 1


@pytest.mark.parametrize(
    ("stands", "said", "is_taken"),
    [
        (NoticeState.SENT, NoticeState.SENT, True),
        (NoticeState.SENT, NoticeState.UNDELIVERABLE, False),
        (NoticeState.SENT, NoticeState.UNKNOWN, False),
        (NoticeState.UNDELIVERABLE, NoticeState.UNDELIVERABLE, True),
        (NoticeState.UNDELIVERABLE, NoticeState.SENT, False),
        (NoticeState.UNKNOWN, NoticeState.UNKNOWN, True),
        (NoticeState.UNKNOWN, NoticeState.CLAIMED, False),
        (NoticeState.UNKNOWN, NoticeState.RELEASED, False),
        (NoticeState.RELEASED, NoticeState.RELEASED, False),
        (NoticeState.RELEASED, NoticeState.SENT, False),
    ],
)
def test_a_receipt_moves_no_notice_that_is_settled_or_released(
    world: Stores, stands: NoticeState, said: NoticeState, is_taken: bool
) -> None:
    settled = a_notice(state=stands, provider_ref="p-1")
    assert world.book.commit([SaveNotice(settled)])
    assert world.book.commit([SaveReceipt(replace(DELIVERED, state=said), None)]) is is_taken
    found = world.book.notice("b-1", settled.notice_key)
    assert found is not None
    assert (found.state, found.delivery, found.provider_ref) == (stands, "delivered" if is_taken else None, "p-1")


def test_of_eight_receipts_at_once_one_is_written(world: Stores) -> None:
    said = [replace(DELIVERED, delivery=f"said-{n}") for n in range(8)]
    won = in_threads(lambda n: world.book.commit([SaveReceipt(said[n], None)]))
    assert sorted(won) == [False] * 7 + [True]
    assert world.book.notice("b-1", DELIVERED.notice_key) == said[won.index(True)]


def test_a_released_notice_that_is_claimed_again_keeps_nothing_of_the_first_send(world: Stores) -> None:
    assert world.book.commit([SaveReceipt(OPENED, None)])
    tried = replace(SENT, state=NoticeState.RELEASED, tried=("sms",), message_class="pre-debit-notice")
    assert world.book.commit([SaveNotice(tried)])
    again = a_notice(sends=2, channel="push", tried=("sms",))
    assert world.book.commit([Insert(again)])
    assert world.book.notice("b-1", again.notice_key) == again
    assert world.book.notice_by_ref("p-1") is None


def test_a_hold_raises_the_gate_and_wakes_the_stage_and_another_write_leaves_it(world: Stores) -> None:
    before = world.file().loan
    assert world.book.commit([SaveHolds("l-1", (COMPLAINT, HARDSHIP), 0, NOON)])
    held = replace(before, holds=(COMPLAINT, HARDSHIP), gate_rev=1, stage_rev=before.stage_rev + 1, step=NOON)
    assert world.file().loan == held
    assert world.agenda(Line.STAGE, NOON) == ("l-1",)
    assert world.book.commit([SaveStage(replace(STAGE, stage_rev=held.stage_rev + 1)), TakeSeq("l-1", 1, 1)])
    assert world.file().loan.holds == (COMPLAINT, HARDSHIP)
    assert world.book.commit([SaveHolds("l-1", (), 1, NOON)])
    assert (world.file().loan.holds, world.file().loan.gate_rev) == ((), 2)


@pytest.mark.parametrize("name", ["take seq", "save mandate", "hold gate", "save stage"])
def test_what_was_decided_before_a_hold_loses_against_it(world: Stores, name: str) -> None:
    assert world.book.commit([SaveHolds("l-1", (COMPLAINT,), 0, NOON)])
    assert not world.book.commit([HOLD[name]])


def test_a_hold_beside_a_wake_and_a_mandate_of_its_loan_is_one_commit(world: Stores) -> None:
    hold = SaveHolds("l-1", (COMPLAINT,), 0, NOON)
    assert world.book.commit([WakeStage("l-1", later(hours=-1)), hold, SaveMandate(REVOKED, 0), HoldGate("l-1", 0)])
    loan = world.file().loan
    assert (loan.gate_rev, loan.stage_rev, loan.step, loan.holds) == (1, 2, later(hours=-1), (COMPLAINT,))


def test_of_eight_holds_at_once_one_stands(world: Stores) -> None:
    holds = [replace(COMPLAINT, hold_id=f"complaint-{n}") for n in range(8)]
    won = in_threads(lambda n: world.book.commit([SaveHolds("l-1", (holds[n],), 0, NOON)]))
    assert sorted(won) == [False] * 7 + [True]
    assert world.file().loan.holds == (holds[won.index(True)],)


def test_a_settled_attempt_stays_settled(world: Stores) -> None:
    assert world.book.commit([SaveAttempt(SETTLED)])
    assert not world.book.commit([SaveAttempt(an_attempt(state=AttemptState.UNKNOWN))])
    assert world.book.attempt("l-1", 1) == SETTLED


@pytest.mark.parametrize("first", ["save stage", "take seq", "save mandate", "hold gate"])
@pytest.mark.parametrize("second", ["save stage", "take seq", "save mandate", "hold gate", "wake stage"])
def test_lines_do_not_collide_on_a_loan(world: Stores, first: str, second: str) -> None:
    """Both were decided on the same reading; only the gate is shared."""
    assert world.book.commit([HOLD[first]])
    is_gate = first == "save mandate" and second in {"take seq", "save mandate", "hold gate"}
    is_same = first == second and first != "hold gate"
    assert world.book.commit([HOLD[second]]) is not (is_gate or is_same)


def test_changes_of_one_loan_stand_together(world: Stores) -> None:
    together = [HOLD[name] for name in ("save stage", "take seq", "save mandate", "hold gate", "wake stage")]
    assert world.book.commit(together)
    loan = world.file().loan
    assert (loan.stage_rev, loan.last_seq, loan.gate_rev, loan.step) == (2, 1, 1, NOON)
    assert not world.book.commit(together)


@pytest.mark.parametrize(
    "changes",
    [
        [SaveInstalment(CLAIMED), SaveInstalment(PAID)],
        [SaveStage(STAGE), SaveStage(STAGE)],
        [TakeSeq("l-1", 1, 0), TakeSeq("l-1", 2, 0)],
        [TakeSeq("l-1", 1, 0), SaveMandate(REVOKED, 1)],
        [SaveHolds("l-1", (COMPLAINT,), 0, NOON), SaveHolds("l-1", (HARDSHIP,), 0, NOON)],
        [SaveHolds("l-1", (COMPLAINT,), 0, NOON), SaveStage(STAGE)],
        [SaveHolds("l-1", (COMPLAINT,), 0, NOON), TakeSeq("l-1", 1, 1)],
        [Insert(an_attempt(2)), SaveAttempt(an_attempt(2))],
        [SaveInstalment(an_instalment(number, rev=1)) for number in range(1, 102)],
    ],
    ids=[
        "instalment",
        "stage",
        "seq",
        "two gates",
        "holds",
        "holds and stage",
        "holds at two gates",
        "insert and save",
        "101 rows",
    ],
)
def test_a_list_that_no_transaction_takes_is_refused(world: Stores, changes: list[Change]) -> None:
    with pytest.raises(ValueError, match=r"row|gate"):
        world.book.commit(changes)


def test_hundred_rows_are_one_commit(stores: Stores) -> None:
    stores.seed(a_loan(), *(an_instalment(number) for number in range(1, 100)))
    assert stores.book.commit(
        [HoldGate("l-1", 0), *(SaveInstalment(an_instalment(number, rev=1)) for number in range(1, 100))]
    )
    assert {i.rev for i in stores.file().instalments} == {1}


def claim(seq: int) -> list[Change]:
    return [SaveInstalment(CLAIMED), Insert(an_attempt(seq)), TakeSeq("l-1", seq, 0)]


def in_threads[R](work: Callable[[int], R], threads: int = 8) -> list[R]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(threads)))


def test_of_eight_claims_of_one_instalment_one_wins(stores: Stores) -> None:
    stores.seed(a_loan(), an_instalment(step=NOON))
    assert sorted(in_threads(lambda _: stores.book.commit(claim(1)))) == [False] * 7 + [True]
    assert stores.instalment() == CLAIMED
    assert stores.file().loan.last_seq == 1
    assert stores.agenda(Line.DEBIT) == ()


def test_of_eight_single_saves_one_wins(stores: Stores) -> None:
    stores.seed(old := a_card(step=NOON))
    cards = [replace(old, rev=2, step=later(hours=n)) for n in range(8)]
    assert sorted(in_threads(lambda n: stores.book.commit([SaveCard(cards[n])]))) == [False] * 7 + [True]


@pytest.mark.parametrize("rev", [1, 2])
def test_of_eight_debits_over_all_loans_one_is_reserved(stores: Stores, rev: int) -> None:
    """Each on an instalment of another loan, so that only the borrower's card stands between them."""
    stores.seed(*([a_debit_card()] if rev == 2 else []), *(a_loan(f"l-{n}") for n in range(8)))

    def reserve(n: int) -> bool:
        card = a_debit_card(open=n + 1, rev=rev)
        return stores.book.commit(
            [SaveDebitCard(card), Insert(an_attempt(1, loan_id=f"l-{n}")), TakeSeq(f"l-{n}", 1, 0)]
        )

    won = in_threads(reserve)
    assert sorted(won) == [False] * 7 + [True]
    assert stores.book.debit_card("b-1") == a_debit_card(open=won.index(True) + 1, rev=rev)
    assert [bool(stores.book.attempts(f"l-{n}")) for n in range(8)] == won


@pytest.mark.parametrize("rev", [1, 2])
def test_of_eight_tries_of_a_code_one_counts(stores: Stores, rev: int) -> None:
    """Two tries at once do not get two guesses for one; two codes at once do not both stand."""
    stores.seed(a_loan(), *([a_code()] if rev == 2 else []))
    codes = [a_code(digest=str(n), tries=n, rev=rev) for n in range(8)]
    won = in_threads(lambda n: stores.book.commit([SaveCode(codes[n])]))
    assert sorted(won) == [False] * 7 + [True]
    assert stores.book.code("l-1", "mandate-cancel") == codes[won.index(True)]


def test_money_that_eight_bring_at_once_is_booked_once(stores: Stores) -> None:
    """By webhook, by file and by hand, each to another loan or to suspense: only the mark stands between them."""
    owners = [*(f"l-{n}" for n in range(7)), "SUSPENSE"]

    def book(n: int) -> bool:
        entry = an_entry("r-1", loan_id=owners[n], source="bank", split=())
        return stores.book.commit([Insert(entry), Insert(a_mark("r-1", source="bank", loan_id=owners[n]))])

    won = in_threads(book)
    assert sorted(won) == [False] * 7 + [True]
    assert [bool(stores.book.entries(owner)) for owner in owners] == won
    mark = stores.book.money("bank", "r-1")
    assert mark == a_mark("r-1", source="bank", loan_id=owners[won.index(True)])


def test_of_eight_entries_of_one_revision_in_the_audit_the_first_stays(stores: Stores) -> None:
    entries = [an_audit_entry(reason=f"reason {n}") for n in range(8)]
    won = in_threads(lambda n: stores.book.commit([Insert(entries[n])]))
    assert sorted(won) == [False] * 7 + [True]
    assert list(stores.book.audit("l-1")) == [entries[won.index(True)]]


def test_no_debit_is_claimed_after_a_cancellation_that_it_did_not_see(stores: Stores) -> None:
    """All were decided on the same gate: what was claimed before stands, and nothing is claimed after."""
    stores.seed(a_loan(), *(an_instalment(number, step=NOON) for number in range(1, 9)), a_mandate())
    cancel: list[Change] = [SaveMandate(a_mandate(status=MandateStatus.CANCELLED, since=NOON), 0)]
    cancel.append(Insert(an_audit_entry()))
    won = in_threads(lambda n: stores.book.commit(cancel if n % 2 else claim(1)))
    assert sum(won[1::2]) == 1, "one cancellation, however many asked for it"
    assert len(stores.book.attempts("l-1")) == sum(won[0::2]) <= 1
    assert not stores.book.commit([Insert(an_attempt(2)), TakeSeq("l-1", stores.file().loan.last_seq + 1, 0)])


def test_wakes_at_once_all_count(stores: Stores) -> None:
    stores.seed(a_loan())
    assert all(in_threads(lambda n: stores.book.commit([WakeStage("l-1", NOON), Insert(an_entry(f"e{n}"))])))
    assert stores.file().loan.stage_rev == 8


@pytest.mark.parametrize("was_due", [True, False])
def test_a_worker_who_decided_before_a_wake_loses_against_it(stores: Stores, was_due: bool) -> None:
    stores.seed(a_loan(step=later(hours=-1) if was_due else later(days=9)))
    loan = stores.file().loan
    assert stores.book.commit([WakeStage("l-1", NOON)])
    assert not stores.book.commit([SaveStage(replace(loan, stage_rev=loan.stage_rev + 1, step=later(days=7)))])
    assert stores.agenda(Line.STAGE, NOON) == ("l-1",)


@pytest.mark.parametrize("was_due", [True, False])
def test_a_message_that_was_decided_before_a_wake_loses_against_it(stores: Stores, was_due: bool) -> None:
    stores.seed(a_borrower(), a_card(step=later(hours=-1) if was_due else later(days=9)))
    card = stores.card()
    assert stores.book.commit([WakeContact("b-1", NOON)])
    assert not stores.book.commit([Insert(a_notice()), SaveCard(replace(card, rev=card.rev + 1, step=later(days=7)))])
    assert stores.book.notice("b-1", a_notice().notice_key) is None
    assert stores.agenda(Line.CONTACT, NOON) == ("b-1",)


def test_a_wake_after_a_deferral_brings_the_row_back(stores: Stores) -> None:
    stores.seed(old := a_card(step=NOON), a_loan())
    assert stores.book.commit([SaveCard(replace(old, rev=2, step=later(days=7)))])
    assert stores.book.commit([WakeContact("b-1", later(hours=1)), WakeContact("b-1", NOON)])
    assert stores.agenda(Line.CONTACT, NOON) == ("b-1",)


def test_a_wake_brings_a_row_back_that_was_off_the_agenda(stores: Stores) -> None:
    stores.seed(a_loan())
    assert stores.agenda(Line.STAGE) == ()
    assert stores.book.commit([WakeStage("l-1", NOON)])
    assert stores.agenda(Line.STAGE) == ("l-1",)


@pytest.mark.parametrize("step", [None, later(days=3), later(hours=-1)])
def test_a_wake_beside_a_save_of_the_same_row_is_part_of_it(world: Stores, step: object) -> None:
    card = replace(CARD, step=step)  # type: ignore[arg-type]  # parametrize has no types
    assert world.book.commit([WakeContact("b-1", NOON), SaveCard(card)])
    assert world.card() == replace(card, step=min(card.step or NOON, NOON))
