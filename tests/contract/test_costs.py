"""Write and read units of what happens a million times, index writes included, as the local AWS counts them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any

import pytest

from shared.adapters.folding import MOST_ROWS
from shared.domain.book import (
    AttemptState,
    Component,
    EntryKind,
    Evidence,
    Instalment,
    InstalmentState,
    LastAttempt,
    Line,
    MandateStatus,
    NoticeState,
    OneTimeCode,
    Outcome,
    Owner,
    Source,
    SourceKind,
    Told,
)
from shared.domain.changes import (
    Change,
    HoldGate,
    Insert,
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
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, MessageClass, Reached, Stops
from shared.domain.holds import Hold
from shared.domain.money import Money
from shared.ports.portfolio import StoredRow
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
    an_attempt,
    an_audit_entry,
    an_entry,
    an_instalment,
    dynamo_stores,
    later,
)

pytestmark = pytest.mark.local_aws


@pytest.fixture
def stores(local_client: Any) -> Stores:
    return dynamo_stores("local", local_client)


@contextmanager
def units(client: Any) -> Iterator[list[tuple[str, float]]]:
    """Every request's name and its capacity units."""
    spent: list[tuple[str, float]] = []

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    def note(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed["ConsumedCapacity"]
        tables = consumed if isinstance(consumed, list) else [consumed]
        spent.append((model.name, sum(table["CapacityUnits"] for table in tables)))

    client.meta.events.register("provide-client-params.dynamodb", ask)
    client.meta.events.register("after-call.dynamodb", note)
    try:
        yield spent
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb", ask)
        client.meta.events.unregister("after-call.dynamodb", note)


def cost(stores: Stores, *changes: Change) -> float:
    with units(stores.client) as spent:
        assert stores.book.commit(changes)
    ((_, cost),) = spent
    return cost


def claimed_and_settled(
    stores: Stores, outcome: Outcome, reserve: Sequence[Change] = (), release: Sequence[Change] = ()
) -> tuple[float, float]:
    """What the claim and the settlement of one instalment take; the other changes are made along with them."""
    instalment = an_instalment(step=NOON, penalty_minor=50)
    stores.seed(a_loan(step=later(days=9)), instalment, a_mandate())
    last = LastAttempt(1, "2026-03-10T08:00", NOON, amount_minor=101_500)
    claimed = replace(
        instalment,
        state=InstalmentState.CLAIMED,
        attempts=1,
        last_attempt=last,
        step=None,
        rev=instalment.rev + 2,
        first_attempt_on=DUE,
    )
    claim = cost(stores, SaveInstalment(claimed), Insert(an_attempt()), TakeSeq("l-1", 1, 0), *reserve)
    done = an_attempt(state=AttemptState.SETTLED, outcome=outcome, gateway_ref="g" * 32, settled_at=later(minutes=1))
    last = replace(last, outcome=outcome, settled_on=DUE)
    if outcome is Outcome.PAID:
        paid = replace(
            claimed, state=InstalmentState.PAID, paid_minor=101_550, paid_on=DUE, paid_by=1, last_attempt=last, rev=3
        )
        paid = replace(paid, interest_paid_minor=1_500, penalty_paid_minor=50)
        entry = an_entry(parts=((1, Component.PENALTY, 50), (1, Component.INTEREST, 1_500)))
        return claim, cost(stores, SaveAttempt(done), SaveInstalment(paid), Insert(entry), *release)
    failed = replace(claimed, state=InstalmentState.OPEN, last_attempt=last, rev=3, step=later(hours=4))
    return claim, cost(stores, SaveAttempt(done), SaveInstalment(failed), *release)


def test_a_settled_debit_takes_15_write_units(stores: Stores) -> None:
    """Claim: instalment 2 and off its agenda 1, attempt 2 and among the open ones 1, seq 2. Settle: attempt 2 and out
    of the open ones 1, instalment 2, ledger 2."""
    assert claimed_and_settled(stores, Outcome.PAID) == (8, 7)


def test_a_failed_debit_takes_14_write_units(stores: Stores) -> None:
    """No ledger entry, but back on the agenda."""
    assert claimed_and_settled(stores, Outcome.INSUFFICIENT) == (8, 6)


@pytest.mark.parametrize("rev", [1, 7])
@pytest.mark.parametrize(("outcome", "units_"), [(Outcome.PAID, (10, 9)), (Outcome.INSUFFICIENT, (10, 8))])
def test_a_rule_across_loans_takes_four_units_more(
    stores: Stores, outcome: Outcome, units_: tuple[float, float], rev: int
) -> None:
    """The borrower's card reserved in the claim 2, released in the settlement 2."""
    if rev > 1:
        stores.seed(a_debit_card(rev=rev - 1))
    reserve = SaveDebitCard(a_debit_card(failures=0, open=1, rev=rev))
    release = SaveDebitCard(a_debit_card(failures=2, open=0, stopped_at=NOON, rev=rev + 1))
    assert claimed_and_settled(stores, outcome, [reserve], [release]) == units_


def test_money_that_may_come_by_two_ways_takes_two_units_more(stores: Stores) -> None:
    """Its mark. What another way than a debit brings: instalment 2 and off its agenda 1, entry 2, mark 2."""
    assert claimed_and_settled(stores, Outcome.PAID, release=[Insert(a_mark())]) == (8, 9)
    stores.seed(due := an_instalment(2, step=NOON))
    paid_ = replace(due, paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, step=None, rev=2)
    entry = an_entry("r-1", source="bank", split=((2, 101_500),))
    assert cost(stores, SaveInstalment(paid_), Insert(entry), Insert(a_mark("r-1", source="bank"))) == 7


def test_a_debit_of_80_instalments_takes_three_units_of_each_for_the_claim_and_two_to_settle(stores: Stores) -> None:
    """Claim: each instalment 2 and off its agenda 1, attempt 2 and among the open ones 1, seq 2, card 2. Settle: each
    2, attempt 2 and out of the open ones 1, entry 2 for each of 8 KB, mark 2, card 2, loan and contact woken and moved
    4 each. Each is one transaction, of at most hundred rows."""
    numbers = tuple(range(1, 81))
    stores.seed(a_card(step=later(days=9)), a_loan(step=later(days=9)))
    stores.seed(*(an_instalment(n, step=NOON) for n in numbers))
    last = LastAttempt(1, "2026-03-10T08:00", NOON, amount_minor=101_500)
    claimed = [
        an_instalment(n, state=InstalmentState.CLAIMED, attempts=1, last_attempt=last, rev=2, first_attempt_on=DUE)
        for n in numbers
    ]
    attempt = an_attempt(numbers=numbers, amount=Money(80 * 101_500, "CNY"), owner=Owner.BORROWER)
    reserve = SaveDebitCard(a_debit_card())
    claim: list[Change] = [*map(SaveInstalment, claimed), Insert(attempt), TakeSeq("l-1", 1, 0), reserve]
    last = replace(last, outcome=Outcome.PAID, settled_on=DUE)
    paid_ = [
        replace(i, state=InstalmentState.PAID, paid_minor=101_500, paid_on=DUE, paid_by=1, last_attempt=last, rev=3)
        for i in claimed
    ]
    done = replace(attempt, state=AttemptState.SETTLED, outcome=Outcome.PAID, gateway_ref="g" * 32, settled_at=NOON)
    entry = an_entry(
        amount=attempt.amount,
        split=tuple((n, 101_500) for n in numbers),
        parts=tuple((n, part, 25_375) for n in numbers for part in Component),
    )
    settle: list[Change] = [*map(SaveInstalment, paid_), SaveAttempt(done), Insert(entry), Insert(a_mark())]
    settle += [SaveDebitCard(a_debit_card(open=0, rev=2)), WakeStage("l-1", NOON), WakeContact("b-1", NOON)]
    assert len(settle) <= MOST_ROWS
    assert (cost(stores, *claim), cost(stores, *settle)) == (240 + 7, 160 + 31)


@pytest.mark.parametrize(("enquire_at", "units_"), [(None, 1), (later(hours=1), 3)])
def test_an_enquiry_without_an_answer_takes_two_more_where_it_is_put_off(
    stores: Stores, enquire_at: datetime | None, units_: float
) -> None:
    """One of them out of its place among the open ones, one in the next; the first unknown keeps its place."""
    stores.seed(an_attempt())
    unknown = an_attempt(state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN, enquire_at=enquire_at)
    assert cost(stores, SaveAttempt(unknown, was_presented=1)) == units_


def test_a_cancelled_mandate_takes_its_evidence_its_gate_and_the_audit(stores: Stores) -> None:
    """Mandate 2, gate 2, audit 2, the code used up 2."""
    stores.seed(a_loan(), a_mandate(), a_code())
    evidence = Evidence("cancel.zh-CN.1", "a" * 64, NOON, "portal")
    cancelled = a_mandate(status=MandateStatus.CANCELLED, since=NOON, evidence=evidence)
    used = SaveCode(a_code(tries=3, rev=2))
    assert cost(stores, SaveMandate(cancelled, 0), Insert(an_audit_entry()), used) == 8


@pytest.mark.parametrize("covered", [1, 6])
def test_a_message_takes_10_write_units(stores: Stores, covered: int) -> None:
    """Claim: notice 2 and among the open ones 1, card 2 and moved on its agenda 2. Settle: notice 1, out of the open
    ones 1, and found by its provider's reference 1. However many instalments it covers."""
    stores.seed(a_borrower(), card := a_card(step=NOON))
    covers = tuple(f"PRE_DEBIT#l-1#{n:03d}#0" for n in range(1, covered + 1))
    told = {key.partition("#")[2]: Told("PRE_DEBIT", DUE, DUE, 101_500) for key in covers}
    notice = a_notice(covers=covers, message_class="pre-debit-notice")
    claimed = replace(card, told=told, contacts=(a_contact(),), step=later(days=1), rev=2)
    claim = cost(stores, Insert(notice), SaveCard(claimed))
    settle = cost(stores, SaveNotice(replace(notice, state=NoticeState.SENT, provider_ref="p" * 36, settled_at=NOON)))
    assert (claim, settle) == (7, 3)


def test_a_message_that_went_nowhere_takes_the_card_again(stores: Stores) -> None:
    """Notice 2 and out of the open ones 1, card 2 and moved on its agenda 2; then the next channel's claim, as any."""
    stores.seed(card := a_card(step=NOON), a_notice())
    released = a_notice(state=NoticeState.RELEASED, settled_at=NOON, tried=("sms",))
    assert cost(stores, SaveNotice(released), SaveCard(replace(card, step=later(days=1), rev=2))) == 7
    again = a_notice(sends=2, channel="push", tried=("sms",))
    assert cost(stores, Insert(again), SaveCard(replace(card, step=later(days=2), rev=3))) == 7


@pytest.mark.parametrize(("state", "provider_ref"), [(NoticeState.SENT, "p-1"), (NoticeState.UNKNOWN, None)])
def test_a_receipt_takes_a_unit(stores: Stores, state: NoticeState, provider_ref: str | None) -> None:
    stores.seed(a_notice(state=state, provider_ref=provider_ref, settled_at=NOON))
    said = a_notice(state=NoticeState.SENT, delivery="delivered", delivery_code="ok", delivery_at=NOON)
    assert cost(stores, SaveReceipt(said, None)) == 1
    clicked = replace(said, opened_at=NOON, clicked_at=later(minutes=1))
    assert cost(stores, SaveReceipt(clicked, "delivered")) == 1


def test_a_hold_takes_the_gate_and_the_lines_steps(stores: Stores) -> None:
    """Loan 2 and moved on its agenda 2, card 2 and moved 2, audit 2."""
    stores.seed(a_loan(step=later(days=1)), a_card(step=later(days=1)))
    hold = Hold("complaint-1", "complaint", frozenset(Stops), NOON, DUE)
    held = SaveHolds("l-1", (hold,), 0, NOON)
    assert cost(stores, held, WakeContact("b-1", NOON), Insert(an_audit_entry("hold-added"))) == 10


def test_a_message_under_the_gate_of_its_loan_takes_two_units_more(stores: Stores) -> None:
    stores.seed(card := a_card(step=NOON), a_loan())
    card = replace(card, step=later(days=1), rev=2)
    assert cost(stores, Insert(a_notice()), SaveCard(card), HoldGate("l-1", 0)) == 9


def a_contact(at: datetime = NOON, loan_id: str = "l-1") -> Contact:
    key, address = f"PRE_DEBIT#{loan_id}#001#0", "0123456789abcdef"
    return Contact(key, at, Channel.SMS, MessageClass.PRE_DEBIT_NOTICE, (loan_id,), address)


DEFERRALS: dict[Line, Callable[[Stores], Change]] = {
    Line.CONTACT: lambda s: SaveCard(a_card(step=later(days=1), rev=2)),
    Line.DEBIT: lambda s: SaveInstalment(an_instalment(step=later(days=1), rev=2)),
    Line.STAGE: lambda s: SaveStage(a_loan(step=later(days=1), stage_rev=2)),
}


@pytest.mark.parametrize("line", Line)
def test_a_deferral_takes_3_write_units(stores: Stores, line: Line) -> None:
    stores.seed(a_card(step=NOON), a_loan(step=NOON), an_instalment(step=NOON))
    assert cost(stores, DEFERRALS[line](stores)) == 3


@pytest.mark.parametrize(("step", "units_"), [(None, 2), (later(days=1), 3), (NOON, 1)])
def test_a_wake_takes_a_unit_and_its_move_on_the_agenda(stores: Stores, step: Any, units_: float) -> None:
    stores.seed(a_card(step=step), a_loan(step=step))
    assert cost(stores, WakeStage("l-1", NOON)) == units_
    assert cost(stores, WakeContact("b-1", NOON)) == units_


@pytest.mark.parametrize(
    ("instalments", "first_open", "expected"),
    [
        (1, 1, [1]),
        (12, 1, [2]),
        (12, 12, [2]),
        (24, 1, [2, 2]),
        (24, 12, [2]),
        (36, 1, [2, 3]),
        (36, 24, [2]),
        (36, 36, [2]),
    ],
)
def test_a_loan_is_read_for_a_few_units(stores: Stores, instalments: int, first_open: int, expected: list[int]) -> None:
    """Counted from the bytes of the items: the local AWS takes one unit for any query."""
    stores.seed(a_loan(step=NOON, first_open=first_open), a_mandate(), *(paid(n) for n in range(1, instalments + 1)))
    pages: list[int] = []

    def weigh(parsed: dict[str, Any], **_: Any) -> None:
        pages.append(ceil(sum(map(size, parsed["Items"])) / 4096))

    stores.client.meta.events.register("after-call.dynamodb.Query", weigh)
    try:
        stores.file()
    finally:
        stores.client.meta.events.unregister("after-call.dynamodb.Query", weigh)
    assert pages == expected


def size(item: dict[str, dict[str, Any]]) -> int:
    """The bytes that DynamoDB counts: names and values."""
    return sum(len(name) + value_size(value) for name, value in item.items())


def value_size(value: dict[str, Any]) -> int:
    match value:
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(digits)}:
            return len(digits) // 2 + 2
        case {"L": list(values)}:
            return 3 + sum(1 + value_size(one) for one in values)
        case {"M": dict(values)}:
            return 3 + sum(1 + len(name) + value_size(one) for name, one in values.items())
        case _:
            return 1


def test_a_borrower_and_single_rows_are_read_for_a_unit_each(stores: Stores) -> None:
    stores.seed(a_borrower(), a_card(step=NOON), an_attempt(), a_notice())
    with units(stores.client) as spent:
        stores.book.borrower_file("b-1")
        stores.book.attempt("l-1", 1)
        stores.book.notice("b-1", a_notice().notice_key)
        stores.book.entry("l-1", "gateway", "l-1:P000001")
    assert spent == [("Query", 1.0), ("GetItem", 1.0), ("GetItem", 1.0), ("GetItem", 1.0)]


@pytest.mark.parametrize("rows", [10, 100])
def test_an_agenda_is_read_for_half_a_unit_a_page_of_keys(stores: Stores, rows: int) -> None:
    stores.seed(*(an_instalment(n, step=NOON) for n in range(1, rows + 1)))
    with units(stores.client) as spent:
        assert len(stores.book.agenda(Line.DEBIT, "S000", NOON, 10).keys) == 10
    assert spent == [("Query", 0.5)]


def paid(number: int) -> Instalment:
    """As full as an instalment gets."""
    return an_instalment(
        number,
        paid_minor=101_500,
        state=InstalmentState.PAID,
        attempts=3,
        last_attempt=LastAttempt(1, "2026-03-10T08:00", NOON, Outcome.INSUFFICIENT, DUE, 101_500, source=1, of_day=2),
        paid_on=DUE,
        paid_by=1,
        blocked=True,
        step=NOON,
        first_attempt_on=DUE,
        penalty_minor=700,
        fee_paid_minor=200,
        penalty_paid_minor=700,
        interest_paid_minor=1_500,
    )


LONG = "x" * 36
FULL_ROWS: dict[str, tuple[str, StoredRow | OneTimeCode]] = {
    "instalment": ("loans", replace(paid(1), loan_id=LONG)),
    "loan": (
        "loans",
        a_loan(
            LONG,
            entered=("000#M1", "000#M2", "000#M3", "000#legal"),
            step=NOON,
            holds=tuple(
                Hold(f"bereavement-20260310-{n}", "bereavement", frozenset(Stops), NOON, DUE) for n in range(3)
            ),
        ),
    ),
    "mandate": (
        "loans",
        a_mandate(
            LONG,
            account_ref=LONG,
            funding=tuple(Source(SourceKind.DEBIT_CARD, f"{LONG}-{n}", is_dead=True) for n in range(4)),
            since=later(seconds=0.5),
            expires_on=DUE,
            evidence=Evidence("mandate.zh-CN.12", "a" * 64, NOON, "portal"),
        ),
    ),
    "code": ("loans", a_code()),
    "card": (
        "borrowers",
        a_card(
            LONG,
            loan_ids=(LONG, LONG[1:]),
            told={f"{LONG}#{n:03d}#0": Told("PRE_DEBIT", DUE, DUE, 101_500) for n in range(1, 6)},
            step=NOON,
            contacts=tuple(
                replace(a_contact(later(hours=n, microseconds=n), (LONG, LONG[1:])[n % 2]), outcome=Reached.SENT)
                for n in range(5)
            ),
            bars=tuple(
                Bar(Channel.SMS, "0123456789abcdef", by, later(microseconds=1), frozenset({MessageClass.COLLECTION}))
                for by in BarredBy
            ),
        ),
    ),
    "borrower": (
        "borrowers",
        a_borrower(
            LONG,
            name="王" * 60,
            payday=31,
            email=f"{LONG}@{LONG}.example",
            push=f"arn:aws:sns:ap-southeast-1:123456789012:endpoint/GCM/duebell/{LONG}",
            other_zones=("America/Argentina/Buenos_Aires", "America/North_Dakota/New_Salem", "Europe/London"),
        ),
    ),
    "debits over all loans": ("borrowers", a_debit_card(LONG, stopped_at=NOON)),
    "attempt": (
        "attempts",
        an_attempt(
            loan_id=LONG,
            mandate_id=LONG,
            account_ref=LONG,
            gateway_ref=LONG,
            settled_at=later(seconds=0.5),
            owner=Owner.BORROWER,
            funding=(LONG, LONG[1:], LONG[2:]),
            first_claimed_at=later(hours=-9),
            enquire_at=later(hours=9),
            stuck=LONG,
            reserves=True,
            refunds=7,
        ),
    ),
    "entry": (
        "ledger",
        an_entry(
            LONG,
            loan_id=LONG,
            amount=Money(-101_500, "CNY"),
            split=tuple((n, -33_000) for n in range(1, 4)),
            parts=tuple((n, component, -7_000) for n in range(1, 4) for component in Component),
            detail=LONG,
            kind=EntryKind.CHARGEBACK,
            undoes=f"gateway#{LONG}:P000001",
        ),
    ),
    "mark": ("ledger", a_mark(LONG, loan_id=LONG)),
    "audit entry": (
        "audit",
        an_audit_entry(subject=LONG, actor=f"arn:aws:sts::123456789012:assumed-role/operators/{LONG}", reason=LONG * 8),
    ),
    "notice": (
        "notices",
        a_notice(
            borrower_id=LONG,
            notice_key=f"PRE_DEBIT#{LONG}#001#0",
            covers=tuple(f"PRE_DEBIT#{LONG}#{n:03d}#0" for n in range(1, 6)),
            message_class="pre-debit-notice",
            tried=("sms", "push"),
        ),
    ),
    "notice with its receipts": (
        "notices",
        a_notice(
            borrower_id=LONG,
            notice_key=f"PRE_DEBIT#{LONG}#001#0",
            covers=tuple(f"PRE_DEBIT#{LONG}#{n:03d}#0" for n in range(1, 6)),
            state=NoticeState.SENT,
            settled_at=later(microseconds=1),
            provider_ref=LONG,
            detail="carrier-unreachable",
            message_class="pre-debit-notice",
            tried=("sms", "push"),
            delivery="failed-for-good",
            delivery_code="carrier-unreachable",
            delivery_at=later(microseconds=2),
            opened_at=later(microseconds=3),
            clicked_at=later(microseconds=4),
        ),
    ),
}


@pytest.mark.parametrize("name", FULL_ROWS)
def test_rows_with_all_they_hold_stay_under_a_kilobyte(stores: Stores, name: str) -> None:
    """One more kilobyte would cost one more unit, whoever pays for the write."""
    table, row = FULL_ROWS[name]
    stores.seed(row)
    (item,) = stores.client.scan(TableName=stores.tables[table])["Items"]
    assert size(item) + size({"token": {"S": "t" * 32}, "fingerprint": {"S": "f" * 65}}) <= 1024
