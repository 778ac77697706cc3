"""Write and read units of what happens a million times, index writes included, as the local AWS counts them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from shared.domain.book import (
    AttemptState,
    ContactCard,
    Instalment,
    InstalmentState,
    LastAttempt,
    Line,
    Loan,
    NoticeState,
    Outcome,
    Told,
)
from shared.domain.changes import (
    Change,
    HoldGate,
    Insert,
    SaveAttempt,
    SaveCard,
    SaveInstalment,
    SaveNotice,
    SaveStage,
    TakeSeq,
    WakeContact,
    WakeStage,
)
from tests.contract.stores import (
    DUE,
    NOON,
    Stores,
    a_borrower,
    a_card,
    a_loan,
    a_mandate,
    a_notice,
    an_attempt,
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


def claimed_and_settled(stores: Stores, outcome: Outcome) -> tuple[float, float]:
    instalment = an_instalment(step=NOON)
    stores.seed(a_loan(step=later(days=9)), instalment, a_mandate())
    last = LastAttempt(1, "2026-03-10T08:00", NOON, amount_minor=101_500)
    claimed = replace(
        instalment, state=InstalmentState.CLAIMED, attempts=1, last_attempt=last, step=None, rev=instalment.rev + 2
    )
    claim = cost(stores, SaveInstalment(claimed), Insert(an_attempt()), TakeSeq("l-1", 1, 0))
    done = an_attempt(state=AttemptState.SETTLED, outcome=outcome, gateway_ref="g" * 32, settled_at=later(minutes=1))
    last = replace(last, outcome=outcome, settled_on=DUE)
    paid = replace(
        claimed, state=InstalmentState.PAID, paid_minor=101_500, paid_on=DUE, paid_by=1, last_attempt=last, rev=3
    )
    if outcome is Outcome.PAID:
        return claim, cost(stores, SaveAttempt(done), SaveInstalment(paid), Insert(an_entry()))
    failed = replace(paid, state=InstalmentState.OPEN, paid_minor=0, paid_on=None, paid_by=None, step=later(hours=4))
    return claim, cost(stores, SaveAttempt(done), SaveInstalment(failed))


def test_a_settled_debit_takes_15_write_units(stores: Stores) -> None:
    """Claim: instalment 2 and off its agenda 1, attempt 2 and among the open ones 1, seq 2. Settle: attempt 2 and out
    of the open ones 1, instalment 2, ledger 2."""
    assert claimed_and_settled(stores, Outcome.PAID) == (8, 7)


def test_a_failed_debit_takes_14_write_units(stores: Stores) -> None:
    """No ledger entry, but back on the agenda."""
    assert claimed_and_settled(stores, Outcome.INSUFFICIENT) == (8, 6)


def test_an_unknown_debit_takes_one_unit_more(stores: Stores) -> None:
    stores.seed(an_attempt())
    unknown = an_attempt(state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN)
    assert cost(stores, SaveAttempt(unknown, was_presented=1)) == 1


@pytest.mark.parametrize("covered", [1, 6])
def test_a_message_takes_9_write_units(stores: Stores, covered: int) -> None:
    """Claim: notice 2 and among the open ones 1, card 2 and moved on its agenda 2. Settle: notice 1 and out of the open
    ones 1. However many instalments it covers."""
    stores.seed(a_borrower(), card := a_card(step=NOON))
    covers = tuple(f"PRE_DEBIT#l-1#{n:03d}#0" for n in range(1, covered + 1))
    told = {key.partition("#")[2]: Told("PRE_DEBIT", DUE, DUE, 101_500) for key in covers}
    notice = a_notice(covers=covers)
    claim = cost(stores, Insert(notice), SaveCard(replace(card, told=told, step=later(days=1), rev=2)))
    settle = cost(stores, SaveNotice(replace(notice, state=NoticeState.SENT, provider_ref="p" * 36, settled_at=NOON)))
    assert (claim, settle) == (7, 2)


def test_a_message_under_the_gate_of_its_loan_takes_two_units_more(stores: Stores) -> None:
    stores.seed(card := a_card(step=NOON), a_loan())
    card = replace(card, step=later(days=1), rev=2)
    assert cost(stores, Insert(a_notice()), SaveCard(card), HoldGate("l-1", 0)) == 9


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
        (24, 1, [2, 1]),
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


@pytest.mark.parametrize("row", ["instalment", "loan", "card", "attempt", "notice"])
def test_rows_with_all_they_hold_stay_under_a_kilobyte(stores: Stores, row: str) -> None:
    """One more kilobyte would cost one more unit, whoever pays for the write."""
    long = "x" * 36
    rows: dict[str, Loan | Instalment | ContactCard | Any] = {
        "instalment": replace(paid(1), loan_id=long),
        "loan": a_loan(long, entered=("000#M1", "000#M2", "000#M3", "000#legal"), step=NOON),
        "card": a_card(
            long,
            loan_ids=(long, long[1:]),
            told={f"{long}#{n:03d}#0": Told("PRE_DEBIT", DUE, DUE, 101_500) for n in range(1, 6)},
            step=NOON,
        ),
        "attempt": an_attempt(loan_id=long, mandate_id=long, account_ref=long, gateway_ref=long, settled_at=NOON),
        "notice": a_notice(
            borrower_id=long,
            notice_key=f"PRE_DEBIT#{long}#001#0",
            covers=tuple(f"PRE_DEBIT#{long}#{n:03d}#0" for n in range(1, 6)),
            provider_ref=long,
            detail=long,
        ),
    }
    stores.seed(rows[row])
    table = {"instalment": "loans", "loan": "loans", "card": "borrowers", "attempt": "attempts", "notice": "notices"}
    with units(stores.client) as spent:
        stores.client.scan(TableName=stores.tables[table[row]])
        (item,) = stores.client.scan(TableName=stores.tables[table[row]])["Items"]
        stores.client.put_item(
            TableName=stores.tables["ledger"], Item={"entry": {"S": "x"}, "loan_id": {"S": "x"}, **item}
        )
    assert spent[-1] == ("PutItem", 1.0)


def paid(number: int) -> Instalment:
    """As full as an instalment gets."""
    return an_instalment(
        number,
        paid_minor=101_500,
        state=InstalmentState.PAID,
        attempts=3,
        last_attempt=LastAttempt(1, "2026-03-10T08:00", NOON, Outcome.INSUFFICIENT, DUE, 101_500),
        paid_on=DUE,
        paid_by=1,
        blocked=True,
        step=NOON,
    )
