"""The book in DynamoDB: reads, commits, agendas."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.adapters.dynamodb import transport
from shared.adapters.dynamodb.attributes import (
    AGENDAS,
    OPEN_ATTEMPTS,
    OPEN_NOTICES,
    Index,
    Item,
    get_number,
    number,
    text,
)
from shared.adapters.dynamodb.client import call, update_if
from shared.adapters.dynamodb.reading import read
from shared.adapters.dynamodb.rows import key_of
from shared.adapters.dynamodb.write import Write
from shared.adapters.dynamodb.writes import FAILED_BY, FAILURES, writes_of
from shared.adapters.folding import folded
from shared.adapters.row_keys import RowKey, hint_row
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    Borrower,
    BorrowerFile,
    ContactCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    LoanFile,
    Mandate,
    NoticeRecord,
)
from shared.domain.changes import Change
from shared.domain.errors import EventError
from shared.ports.book import Page
from shared.ports.world import Tokens

_FIRST_PAGE = 16
_FAILURES_TO_QUARANTINE = 3


class DynamoBook:
    """`Book` over one low-level client; `tables` gives the real name of each table that is used, by its short name."""

    def __init__(self, client: Any, tables: Mapping[str, str], tokens: Tokens, shards: int = 1) -> None:
        self._client = client
        self._tables = tables
        self._tokens = tokens
        self._shards = shards

    def loan_file(self, loan_id: str) -> LoanFile | None:
        """Read downwards from the mandates over LOAN to the newest instalments, so that one request serves most loans.

        `first_open` stands on LOAN, and paid instalments below it are not wanted. The first page is short, so that it
        reads little history; a longer loan takes a second request, which ends at `first_open`.
        """
        items, start = self._file_page(loan_id, keys.INSTALMENT, Limit=_FIRST_PAGE)
        while start and not any(item["entity"]["S"] == keys.LOAN for item in items):
            more, start = self._file_page(loan_id, keys.INSTALMENT, Limit=_FIRST_PAGE, ExclusiveStartKey=start)
            items += more
        loans = [item for item in items if item["entity"]["S"] == keys.LOAN]
        if not loans:
            return None
        loan = read(Loan, loans[0])
        lowest = keys.instalment_entity(loan.first_open)
        while start and start["entity"]["S"] > lowest:
            more, start = self._file_page(loan_id, lowest, ExclusiveStartKey=start)
            items += more
        items.reverse()
        return LoanFile(
            loan,
            tuple(read(Instalment, item) for item in items if lowest <= item["entity"]["S"] < keys.LOAN),
            tuple(read(Mandate, item) for item in items if item["entity"]["S"].startswith(keys.MANDATE)),
        )

    def _file_page(self, loan_id: str, lowest: str, **options: Any) -> tuple[list[Item], Item | None]:
        return self._query(
            "loans",
            "loan_id = :id AND entity BETWEEN :low AND :high",
            {":id": text(loan_id), ":low": text(lowest), ":high": text(keys.MANDATES_END)},
            ScanIndexForward=False,
            ConsistentRead=True,
            **options,
        )

    def borrower_file(self, borrower_id: str) -> BorrowerFile | None:
        items, _ = self._query(
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
        item = self._get(RowKey("attempts", loan_id, keys.seq_entity(seq)))
        return read(Attempt, item) if item else None

    def notice(self, borrower_id: str, notice_key: str) -> NoticeRecord | None:
        item = self._get(RowKey("notices", borrower_id, notice_key))
        return read(NoticeRecord, item) if item else None

    def entry(self, loan_id: str, source: str, external_id: str) -> LedgerEntry | None:
        item = self._get(RowKey("ledger", loan_id, keys.ledger_entity(source, external_id)))
        return read(LedgerEntry, item) if item else None

    def escalations(self, loan_id: str) -> Sequence[Escalation]:
        found: list[Escalation] = []
        options: dict[str, Any] = {}
        while True:
            items, start = self._query(
                "loans",
                "loan_id = :id AND begins_with(entity, :prefix)",
                {":id": text(loan_id), ":prefix": text(keys.ESCALATION)},
                ConsistentRead=True,
                **options,
            )
            found += (read(Escalation, item) for item in items)
            if not start:
                return tuple(found)
            options = {"ExclusiveStartKey": start}

    def agenda(self, line: Line, shard: str, until: datetime | None, limit: int, after: str | None = None) -> Page:
        return self._page(AGENDAS[line], shard, until, limit, after)

    def open_attempts(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        return self._page(OPEN_ATTEMPTS, shard, until, limit, after)

    def open_notices(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        return self._page(OPEN_NOTICES, shard, until, limit, after)

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

    def _get(self, row: RowKey) -> Item | None:
        answer = call(self._client.get_item, TableName=self._tables[row.table], Key=key_of(row), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def _query(self, table: str, condition: str, values: Item, **options: Any) -> tuple[list[Item], Item | None]:
        """One page of items, and the key to go on from."""
        answer = call(
            self._client.query,
            TableName=self._tables[table],
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **options,
        )
        return answer["Items"], answer.get("LastEvaluatedKey")

    def _page(self, index: Index, shard: str, until: datetime | None, limit: int, after: str | None) -> Page:
        """One request. Only the index's own sort key is fetched: nothing else is true in an index that lags."""
        low, high = keys.agenda_after(after or ""), keys.agenda_bound(until) if until else keys.AGENDA_END
        items, start = self._query(
            index.table,
            f"{index.partition} = :shard AND {index.sort} BETWEEN :low AND :high",
            {":shard": text(shard), ":low": text(low), ":high": text(high)},
            IndexName=index.name,
            ProjectionExpression=index.sort,
            Limit=limit,
        )
        found = [item[index.sort]["S"] for item in items]
        return Page(tuple(map(keys.parse_agenda_sort, found)), found[-1] if start and found else None)
