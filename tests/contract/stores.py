"""The stores that one suite runs on, and a little world to begin with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import batched, count
from secrets import token_hex
from typing import Any

from shared.adapters.dynamodb.attributes import Values, present
from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.dynamodb.rows import key_of, open_values, step_values, values_of
from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import CountingTokens
from shared.adapters.row_keys import row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    LoanFile,
    Mandate,
    MandateStatus,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
    Stage,
)
from shared.domain.changes import Insert, SaveCard, SaveCode, SaveDebitCard, SaveInstalment, SaveStage
from shared.domain.money import Money
from shared.ports.book import Book
from shared.ports.portfolio import Imported, PortfolioStore, StoredRow
from tests.tables import create_tables

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DUE = date(2026, 3, 10)
_RUN = token_hex(4)  # a local AWS that outlives a run knows its tables and request tokens
_numbers = count()


def later(**by: float) -> datetime:
    return NOON + timedelta(**by)


@dataclass(slots=True)
class Stores:
    """A book and a portfolio store over the same rows; `client` is None in memory."""

    kind: str
    book: Book
    portfolio: PortfolioStore
    client: Any = None
    tables: dict[str, str] = field(default_factory=dict)
    shards: int = 1

    def seed(self, *rows: StoredRow | OneTimeCode) -> None:
        """Rows as they stand: those with a step are on their agenda, after one save, so that their `rev` is 1."""
        saved = [_saved(row) for row in rows]
        if self.client is None:
            self._seed_memory(saved)
            return
        for part in batched(saved, 25, strict=False):
            requests: dict[str, list[Any]] = {}
            for row in part:
                key = row_key(row)
                item = key_of(key) | present(values_of(row) | _index_values(row, self.shards))
                requests.setdefault(self.tables[key.table], []).append({"PutRequest": {"Item": item}})
            self.client.batch_write_item(RequestItems=requests)

    def _seed_memory(self, rows: Sequence[StoredRow | OneTimeCode]) -> None:
        for row in rows:
            if isinstance(row, Attempt | NoticeRecord | Escalation | MoneyMark | AuditEntry):
                assert self.book.commit([Insert(row)])
                continue
            if isinstance(row, DebitCard | OneTimeCode):
                assert row.rev == 1, "a first save"
                assert self.book.commit([SaveDebitCard(row) if isinstance(row, DebitCard) else SaveCode(row)])
                continue
            unsaved = replace(row, rev=0) if isinstance(row, Instalment | ContactCard) and row.step else row
            unsaved = replace(row, stage_rev=0) if isinstance(row, Loan) and row.step else unsaved
            assert self.portfolio.write([Imported(unsaved, "f")]) == 1
            match row:
                case Instalment() if row.step:
                    assert self.book.commit([SaveInstalment(row)])
                case ContactCard() if row.step:
                    assert self.book.commit([SaveCard(row)])
                case Loan() if row.step:
                    assert self.book.commit([SaveStage(row)])

    def file(self, loan_id: str = "l-1") -> LoanFile:
        file = self.book.loan_file(loan_id)
        assert file is not None
        return file

    def instalment(self, number: int = 1, loan_id: str = "l-1") -> Instalment:
        instalment = self.file(loan_id).instalment(number)
        assert instalment is not None
        return instalment

    def card(self, borrower_id: str = "b-1") -> ContactCard:
        file = self.book.borrower_file(borrower_id)
        assert file is not None
        return file.card

    def agenda(self, line: Line, until: datetime | None = None, shard: str = "S000") -> tuple[str, ...]:
        return self.book.agenda(line, shard, until, 1000).keys


def _saved(row: StoredRow | OneTimeCode) -> StoredRow | OneTimeCode:
    match row:
        case Instalment() | ContactCard() if row.step:
            return replace(row, rev=row.rev + 1)
        case Loan() if row.step:
            return replace(row, stage_rev=row.stage_rev + 1)
        case _:
            return row


def _index_values(row: StoredRow | OneTimeCode, shards: int) -> Values:
    match row:
        case Loan() | Instalment() | ContactCard():
            return step_values(row, shards)
        case Attempt() | NoticeRecord():
            return open_values(row, shards)
        case _:
            return {}


type MakeStores = Callable[[int], Stores]
"""Stores of so many shards, empty."""


def memory_stores(shards: int = 1) -> Stores:
    book = MemoryBook(shards)
    return Stores("memory", book, book, shards=shards)


def dynamo_stores(kind: str, client: Any, shards: int = 1) -> Stores:
    """Stores over tables of their own."""
    tables = create_tables(client, f"{_RUN}-{next(_numbers)}-")
    return on_tables(kind, client, tables, shards)


def on_tables(kind: str, client: Any, tables: dict[str, str], shards: int = 1) -> Stores:
    tokens = CountingTokens(f"{_RUN}-{next(_numbers)}-")
    book = DynamoBook(client, tables, tokens, shards)
    return Stores(kind, book, DynamoPortfolio(client, tables, tokens, shards), client, tables, shards)


@contextmanager
def answers_lost(client: Any) -> Iterator[list[str]]:
    """Every request is sent twice, as after a lost answer, by the SDK's own retry. Gives what was sent."""
    sent: list[str] = []

    def again(attempts: int, operation: Any, **_: Any) -> float | None:
        sent.append(operation.name)
        return 0 if attempts == 1 else None

    client.meta.events.register_first("needs-retry.dynamodb", again)
    try:
        yield sent
    finally:
        client.meta.events.unregister("needs-retry.dynamodb", again)


def a_loan(loan_id: str = "l-1", **changes: Any) -> Loan:
    return replace(Loan(loan_id, "b-1", "jiebei", "CNY", date(2025, 12, 10), 300_000), **changes)


def an_instalment(number: int = 1, loan_id: str = "l-1", **changes: Any) -> Instalment:
    return replace(Instalment(loan_id, number, DUE, 100_000, 1_500, 0, "CNY"), **changes)


def a_mandate(mandate_id: str = "m-1", **changes: Any) -> Mandate:
    mandate = Mandate(mandate_id, "l-1", "stub", "balance-1", date(2025, 12, 10), MandateStatus.ACTIVE)
    return replace(mandate, **changes)


def a_borrower(borrower_id: str = "b-1", **changes: Any) -> Borrower:
    return replace(Borrower(borrower_id, "王芳", "+447700900001", "zh-CN", "Asia/Shanghai", "CN"), **changes)


def a_card(borrower_id: str = "b-1", **changes: Any) -> ContactCard:
    return replace(ContactCard(borrower_id, ("l-1",)), **changes)


def an_attempt(seq: int = 1, **changes: Any) -> Attempt:
    money = Money(101_500, "CNY")
    attempt = Attempt("l-1", seq, (1,), money, "m-1", "stub", "balance-1", "2026-03-10T08:00", NOON, "2026.1")
    return replace(attempt, **changes)


def a_notice(notice_key: str = "PRE_DEBIT#l-1#001#0", **changes: Any) -> NoticeRecord:
    money = Money(101_500, "CNY")
    notice = NoticeRecord("b-1", notice_key, "pre-debit", (notice_key,), money, "sms", DUE, NOON, "2026.1")
    return replace(notice, **changes)


def an_entry(external_id: str = "l-1:P000001", **changes: Any) -> LedgerEntry:
    return replace(LedgerEntry("l-1", "gateway", external_id, Money(101_500, "CNY"), DUE, ((1, 101_500),)), **changes)


def an_escalation(key: str = "000#M1", **changes: Any) -> Escalation:
    return replace(Escalation("l-1", key, Stage.M1, DUE, 31, 1, ("bureau", "limit")), **changes)


def a_mark(external_id: str = "l-1:P000001", **changes: Any) -> MoneyMark:
    return replace(MoneyMark("gateway", external_id, "l-1"), **changes)


def a_debit_card(borrower_id: str = "b-1", **changes: Any) -> DebitCard:
    return replace(DebitCard(borrower_id, failures=1, open=1, rev=1), **changes)


def a_code(purpose: str = "mandate-cancel", **changes: Any) -> OneTimeCode:
    return replace(OneTimeCode("l-1", purpose, "d" * 64, later(minutes=5), rev=1), **changes)


def an_audit_entry(what: str = "mandate-cancelled", **changes: Any) -> AuditEntry:
    revision = keys.audit_revision(NOON, what)
    return replace(AuditEntry("l-1", revision, NOON, "b-1", what, "no reason given", {"mandate": "m-1"}), **changes)


def a_world(stores: Stores) -> Stores:
    """One borrower with one loan of three instalments, an open attempt, an open notice, a stage in force, money booked,
    a debit over all loans, a code sent and an audited change."""
    stores.seed(
        a_borrower(),
        a_card(step=later(hours=-1)),
        a_loan(step=later(hours=-2)),
        *(an_instalment(number, step=later(hours=-3, days=30 * (number - 1))) for number in (1, 2, 3)),
        a_mandate(),
        an_attempt(),
        a_notice(),
        an_escalation(),
        a_mark("earlier"),
        a_debit_card(),
        a_code(),
        an_audit_entry(),
    )
    return stores
