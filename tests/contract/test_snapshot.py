"""What `duebell check` reads from tables is what a simulation reads from a book in memory, field by field."""

from dataclasses import fields, replace

import pytest

from shared.adapters.dynamodb.models import bind
from shared.adapters.memory.book import MemoryBook
from shared.cli.book import read_snapshot
from shared.domain.book import Borrower, OneTimeCode, Outcome
from shared.invariants.rows import Snapshot
from shared.ports.portfolio import StoredRow
from shared.simulation.snapshot import snapshot_of
from tests.contract.stores import (
    Stores,
    a_code,
    a_loan,
    a_mark,
    an_attempt,
    an_audit_entry,
    an_entry,
    an_escalation,
    later,
    memory_stores,
)
from tests.contract.test_rows import (
    ATTEMPT,
    BORROWER,
    CARD,
    DEBITS,
    ENTRY,
    HOLDS,
    INSTALMENT,
    MANDATE,
    NOTICE,
)

ROWS: list[StoredRow | OneTimeCode] = [
    replace(BORROWER, borrower_id="b-1"),
    Borrower("b-2", "王芳", "+447700900001", "zh-CN", "Asia/Shanghai", "CN"),
    replace(CARD, rev=0),
    a_loan(step=later(hours=2), entered=("000#M1",), holds=HOLDS),
    replace(INSTALMENT, rev=0),
    MANDATE,
    an_attempt(outcome=Outcome.PAID),
    ATTEMPT,
    NOTICE,
    an_escalation(),
    an_entry(),
    ENTRY,
    a_mark(),
    DEBITS,
    a_code(),
    an_audit_entry(),
]


def in_order(snapshot: Snapshot) -> dict[str, object]:
    values = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    return {name: sorted(rows, key=str) if isinstance(rows, list) else rows for name, rows in values.items()}


def test_a_snapshot_of_tables_is_that_of_the_same_book_in_memory(
    dynamo: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    memory, meta = memory_stores(), dynamo.client.meta
    for stores in (dynamo, memory):
        stores.seed(*ROWS)
    assert isinstance(memory.book, MemoryBook)
    read = in_order(read_snapshot(bind(dynamo.tables, meta.region_name, meta.endpoint_url)))
    assert read == in_order(snapshot_of(memory.book, charges=[]))
    assert {name for name, rows in read.items() if rows == []} == {"charges", "unreadable"}
