"""The book in DynamoDB: reads, commits, agendas."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.adapters.dynamodb import transport
from shared.adapters.dynamodb.attributes import (
    AGENDAS,
    BY_PHONE,
    BY_REF,
    OPEN_ATTEMPTS,
    OPEN_NOTICES,
    Item,
    get_count,
    get_number,
    number,
    text,
)
from shared.adapters.dynamodb.client import call, update_if
from shared.adapters.dynamodb.reading import read
from shared.adapters.dynamodb.rows import key_of
from shared.adapters.dynamodb.tables import Tables
from shared.adapters.dynamodb.write import Write
from shared.adapters.dynamodb.writes import AT_GATE, FAILED_BY, FAILURES, MANDATES_AT_GATE, writes_of
from shared.adapters.folding import folded
from shared.adapters.row_keys import RowKey, hint_row, row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    BorrowerFile,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    LoanFile,
    Mandate,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
)
from shared.domain.changes import Change
from shared.domain.errors import EventError, StoreError
from shared.ports.book import Page
from shared.ports.world import Tokens

_MOST_READS = 5
_FIRST_PAGE = 16
_FAILURES_TO_QUARANTINE = 3


class DynamoBook:
    """`Book` over one low-level client; `tables` gives the real name of each table that is used, by its short name."""

    def __init__(self, client: Any, tables: Mapping[str, str], tokens: Tokens, shards: int = 1) -> None:
        self._client = client
        self._tables = tables
        self._rows = Tables(client, tables)
        self._tokens = tokens
        self._shards = shards

    def loan_file(self, loan_id: str, *, whole: bool = False) -> LoanFile | None:
        """Read anew while a mandate changes between the reading of the mandates and that of LOAN: else a claim could
        require the gate of after the change, and debit by the mandate of before."""
        for _ in range(_MOST_READS):
            items = self._file_items(loan_id, whole=whole)
            loans = [item for item in items if item["entity"]["S"] == keys.LOAN]
            if not loans:
                return None
            mandates = [item for item in items if item["entity"]["S"].startswith(keys.MANDATE)]
            if get_count(loans[0], MANDATES_AT_GATE) == max((get_count(m, AT_GATE) for m in mandates), default=0):
                return LoanFile(
                    read(Loan, loans[0]),
                    tuple(read(Instalment, item) for item in items if item["entity"]["S"] < keys.LOAN),
                    tuple(read(Mandate, item) for item in mandates),
                )
        raise StoreError(f"the mandates of loan {loan_id} changed at every reading")

    def _file_items(self, loan_id: str, *, whole: bool) -> list[Item]:
        """Read downwards from the mandates over LOAN to the newest instalments, so that one request serves most loans.

        `first_open` stands on LOAN, and paid instalments below it are not wanted. The first page is short, so that it
        reads little history; a longer loan takes a second request, which ends at `first_open`.
        """
        items, start = self._file_page(loan_id, keys.INSTALMENT, Limit=_FIRST_PAGE)
        while start and not any(item["entity"]["S"] == keys.LOAN for item in items):
            more, start = self._file_page(loan_id, keys.INSTALMENT, Limit=_FIRST_PAGE, ExclusiveStartKey=start)
            items += more
        first_open = next((get_number(i, "first_open") for i in items if i["entity"]["S"] == keys.LOAN), 0)
        lowest = keys.INSTALMENT if whole else keys.instalment_entity(first_open)
        while start and start["entity"]["S"] > lowest:
            more, start = self._file_page(loan_id, lowest, ExclusiveStartKey=start)
            items += more
        return [item for item in reversed(items) if item["entity"]["S"] >= lowest]

    def _file_page(self, loan_id: str, lowest: str, **options: Any) -> tuple[list[Item], Item | None]:
        return self._rows.query(
            "loans",
            "loan_id = :id AND entity BETWEEN :low AND :high",
            {":id": text(loan_id), ":low": text(lowest), ":high": text(keys.MANDATES_END)},
            ScanIndexForward=False,
            ConsistentRead=True,
            **options,
        )

    def borrower_file(self, borrower_id: str) -> BorrowerFile | None:
        items, _ = self._rows.query(
            "borrowers",
            "borrower_id = :id AND entity BETWEEN :low AND :high",
            {":id": text(borrower_id), ":low": text(keys.CONTACT), ":high": text(keys.PROFILE)},
            ConsistentRead=True,
        )
        by_entity = {item["entity"]["S"]: item for item in items}
        if not {keys.CONTACT, keys.PROFILE} <= by_entity.keys():
            return None
        return BorrowerFile(read(Borrower, by_entity[keys.PROFILE]), read(ContactCard, by_entity[keys.CONTACT]))

    def attempt(self, loan_id: str, seq: int) -> Attempt | None:
        item = self._rows.get(RowKey("attempts", loan_id, keys.seq_entity(seq)))
        return read(Attempt, item) if item else None

    def notice(self, borrower_id: str, notice_key: str) -> NoticeRecord | None:
        item = self._rows.get(RowKey("notices", borrower_id, notice_key))
        return read(NoticeRecord, item) if item else None

    def notices(self, borrower_id: str) -> Sequence[NoticeRecord]:
        return tuple(read(NoticeRecord, item) for item in self._rows.of_owner("notices", borrower_id))

    def notice_by_ref(self, provider_ref: str) -> tuple[str, str] | None:
        found = self._rows.found_by(BY_REF, provider_ref) if provider_ref else ()
        return next(iter(found), None)

    def borrowers_at(self, address_key: str) -> tuple[str, ...]:
        return tuple(sorted(borrower_id for borrower_id, _ in self._rows.found_by(BY_PHONE, address_key)))

    def entry(self, loan_id: str, source: str, external_id: str) -> LedgerEntry | None:
        item = self._rows.get(RowKey("ledger", loan_id, keys.ledger_entity(source, external_id)))
        return read(LedgerEntry, item) if item else None

    def escalations(self, loan_id: str) -> Sequence[Escalation]:
        return tuple(read(Escalation, item) for item in self._rows.of_owner("loans", loan_id, keys.ESCALATION))

    def attempts(self, loan_id: str) -> Sequence[Attempt]:
        return tuple(read(Attempt, item) for item in self._rows.of_owner("attempts", loan_id))

    def entries(self, loan_id: str) -> Sequence[LedgerEntry]:
        return tuple(read(LedgerEntry, item) for item in self._rows.of_owner("ledger", loan_id))

    def money(self, source: str, external_id: str) -> MoneyMark | None:
        item = self._rows.get(row_key(MoneyMark(source, external_id, "")))
        return read(MoneyMark, item) if item else None

    def debit_card(self, borrower_id: str) -> DebitCard:
        fresh = DebitCard(borrower_id)
        item = self._rows.get(row_key(fresh))
        return read(DebitCard, item) if item else fresh

    def code(self, loan_id: str, purpose: str) -> OneTimeCode | None:
        item = self._rows.get(RowKey("loans", loan_id, keys.code_entity(purpose)))
        return read(OneTimeCode, item) if item else None

    def audit(self, subject: str) -> Sequence[AuditEntry]:
        return tuple(read(AuditEntry, item) for item in self._rows.of_owner("audit", subject))

    def agenda(self, line: Line, shard: str, until: datetime | None, limit: int, after: str | None = None) -> Page:
        bound = keys.agenda_bound(until) if until else keys.AGENDA_END
        return self._rows.page(AGENDAS[line], shard, bound, limit, after)

    def open_attempts(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        return self._rows.page(OPEN_ATTEMPTS, shard, keys.agenda_bound(until), limit, after)

    def open_notices(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        return self._rows.page(OPEN_NOTICES, shard, keys.agenda_bound(until), limit, after)

    def commit(self, changes: Sequence[Change]) -> bool:
        """One conditional write, or one transaction. See `transport.make` for why a repeat is safe."""
        writes = writes_of(folded(changes), self._shards)
        return not writes or not transport.make(self._client, self._tables, writes, self._tokens.fresh())

    def note_failure(self, line: Line, key: str) -> int:
        """Counts first and moves second: a crash in between leaves the move to the next failure. A repeat by the
        transport finds its own token and counts once; a save in between has reset the count, and nothing moves.
        """
        try:
            row = hint_row(line, key)
        except EventError:
            return 0  # no key of this line, so on no agenda
        index, token = AGENDAS[line], self._tokens.fresh()
        count = self._count_failure(row, index.sort, token)
        if count >= _FAILURES_TO_QUARANTINE:
            move = Write(row, {index.partition: text(keys.QUARANTINE)})
            move.require(f"attribute_exists(#{index.sort})", index.sort)
            move.require(f"#{FAILURES} >= :most", FAILURES, most=number(_FAILURES_TO_QUARANTINE))
            transport.make(self._client, self._tables, [move], token)
        return count

    def _count_failure(self, row: RowKey, sort: str, token: str) -> int:
        counted, stored = update_if(
            self._client,
            TableName=self._tables[row.table],
            Key=key_of(row),
            UpdateExpression="SET #failures = if_not_exists(#failures, :none) + :one, #by = :token",
            ConditionExpression="attribute_exists(#sort) AND (attribute_not_exists(#by) OR #by <> :token)",
            ExpressionAttributeNames={"#failures": FAILURES, "#by": FAILED_BY, "#sort": sort},
            ExpressionAttributeValues={":none": number(0), ":one": number(1), ":token": text(token)},
        )
        is_own = stored.get(FAILED_BY, {}).get("S") == token
        return get_number(stored, FAILURES) if counted or is_own else 0

    def shards(self) -> int:
        """Written only where the setting is higher than ever before; of two writers at once the higher one stays."""
        name = {"name": text(keys.SHARDS)}
        answer = call(self._client.get_item, TableName=self._tables["control"], Key=name, ConsistentRead=True)
        highest = get_number(answer["Item"], "value") if "Item" in answer else 0
        if highest >= self._shards:
            return highest
        _, stored = update_if(
            self._client,
            TableName=self._tables["control"],
            Key=name,
            UpdateExpression="SET #value = :value",
            ConditionExpression="attribute_not_exists(#value) OR #value < :value",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={":value": number(self._shards)},
        )
        return get_number(stored, "value")
