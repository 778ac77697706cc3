"""A portfolio into DynamoDB, and out of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from shared.adapters.dynamodb import transport
from shared.adapters.dynamodb.attributes import KEY_NAMES, Item, text
from shared.adapters.dynamodb.client import call, pauses
from shared.adapters.dynamodb.reading import read
from shared.adapters.dynamodb.rows import key_of, values_of
from shared.adapters.dynamodb.write import Write
from shared.adapters.dynamodb.writes import following, opening
from shared.adapters.folding import MOST_ROWS
from shared.adapters.row_keys import RowKey, card_key, loan_key, row_key
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
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
)
from shared.domain.errors import BookError, StoreError
from shared.ports.portfolio import Imported, StoredRow
from shared.ports.world import Tokens

_FINGERPRINT = "fingerprint"
_KINDS: dict[type[StoredRow], tuple[str, str]] = {
    Loan: ("loans", keys.LOAN),
    Instalment: ("loans", keys.INSTALMENT),
    Mandate: ("loans", keys.MANDATE),
    Escalation: ("loans", keys.ESCALATION),
    Borrower: ("borrowers", keys.PROFILE),
    ContactCard: ("borrowers", keys.CONTACT),
    Attempt: ("attempts", ""),
    NoticeRecord: ("notices", ""),
    LedgerEntry: ("ledger", ""),
    DebitCard: ("borrowers", keys.DEBIT),
    MoneyMark: ("ledger", keys.MONEY),
    AuditEntry: ("audit", ""),
}
"""Of each kind: its table, and how its second key begins there. Among the entries of the ledger stand money marks."""


class DynamoPortfolio:
    """`PortfolioStore` over one low-level client; `tables` gives the real name of each table by its short name."""

    def __init__(self, client: Any, tables: Mapping[str, str], tokens: Tokens, shards: int = 1) -> None:
        self._client = client
        self._tables = tables
        self._tokens = tokens
        self._shards = shards

    def fingerprints(self, rows: Sequence[Imported]) -> Mapping[int, str]:
        """A row that was never imported but has the key has no fingerprint: an empty text, equal to none."""
        places: dict[RowKey, list[int]] = {}
        for place, imported in enumerate(rows):
            places.setdefault(row_key(imported.row), []).append(place)
        found: dict[int, str] = {}
        for chunk in batched(places, MOST_ROWS, strict=False):
            for row, item in self._read_all(chunk, _FINGERPRINT):
                fingerprint: str = item.get(_FINGERPRINT, text(""))["S"]
                found.update(dict.fromkeys(places[row], fingerprint))
        return found

    def write(self, rows: Sequence[Imported]) -> int:
        """Hundred rows a transaction; a row that exists is left out of it, and the rest is tried again."""
        fresh: dict[RowKey, Write] = {}
        for imported in rows:
            fresh.setdefault(row_key(imported.row), _put(imported))
        return self._make_each(fresh.values())

    def unopened(self, loan_ids: Sequence[str]) -> frozenset[str]:
        found: set[str] = set()
        for chunk in batched(dict.fromkeys(loan_ids), MOST_ROWS, strict=False):
            found |= {row.owner for row, item in self._read_all(map(loan_key, chunk), "opened") if "opened" not in item}
        return frozenset(found)

    def open(self, rows: Sequence[Loan | Instalment], at: datetime) -> int:
        """As `write`, with updates: interrupted anywhere and run again, it opens what is still closed."""
        rows = [row for row in rows if row.step is not None]
        instalments = {row_key(row): row for row in rows if isinstance(row, Instalment)}
        opened = self._make_each(opening(row, at, self._shards) for row in instalments.values())
        loans = {row.loan_id: row for row in rows if isinstance(row, Loan)}
        for chunk in batched(loans.values(), MOST_ROWS // 2, strict=False):
            opened += self._open_loans(chunk, at)
        return opened

    def scan(self, kind: type[StoredRow]) -> Iterator[StoredRow]:
        """Reads the whole table of the kind, whatever part of it the kind makes up."""
        table, prefix = _KINDS[kind]
        _, entity = KEY_NAMES[table]
        options: dict[str, Any] = {}
        if prefix or table == "ledger":
            options["FilterExpression"] = "begins_with(#entity, :prefix)" if prefix else "#entity <> :prefix"
            options["ExpressionAttributeNames"] = {"#entity": entity}
            options["ExpressionAttributeValues"] = {":prefix": text(prefix or keys.MONEY)}
        while True:
            answer = call(self._client.scan, TableName=self._tables[table], ConsistentRead=True, **options)
            yield from (read(kind, item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            options["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _make_each(self, writes: Iterable[Write]) -> int:
        """Makes the writes whose condition holds; returns how many."""
        made = 0
        for chunk in batched(writes, MOST_ROWS, strict=False):
            left = list(chunk)
            while left:
                failed = transport.make(self._client, self._tables, left, self._tokens.fresh())
                if not failed:
                    made += len(left)
                    break
                left = [write for place, write in enumerate(left) if place not in failed]
        return made

    def _open_loans(self, loans: Sequence[Loan], at: datetime) -> int:
        """Opens loans and adds them to their borrowers' cards in one transaction; what is open by now is left out."""
        left = list(loans)
        for _ in pauses():
            writes = [opening(loan, at, self._shards) for loan in left]
            of_borrower: dict[str, list[str]] = {}
            for loan in left:
                of_borrower.setdefault(loan.borrower_id, []).append(loan.loan_id)
            cards = {row.owner: read(ContactCard, item) for row, item in self._read_all(map(card_key, of_borrower))}
            if missing := of_borrower.keys() - cards.keys():
                raise BookError(f"borrower {min(missing)} has no contact card")
            writes += [following(cards[owner], ids, at, self._shards) for owner, ids in of_borrower.items()]
            failed = transport.make(self._client, self._tables, writes, self._tokens.fresh())
            if not failed:
                return len(left)
            left = [loan for place, loan in enumerate(left) if place not in failed]
            if not left:
                return 0
        raise StoreError("dynamodb: contact cards change all the time, so that their loans cannot be opened")

    def _read_all(self, rows: Iterable[RowKey], *names: str) -> Iterator[tuple[RowKey, Item]]:
        """Those of at most hundred rows that exist, with the attributes of these names, or all."""
        wanted: dict[str, dict[str, Any]] = {}
        short: dict[str, str] = {}
        for row in rows:
            request: dict[str, Any] = {"Keys": [], "ConsistentRead": True}
            if names:
                aliases = {f"#{name}": name for name in (*KEY_NAMES[row.table], *names)}
                request |= {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}
            wanted.setdefault(self._tables[row.table], request)["Keys"].append(key_of(row))
            short[self._tables[row.table]] = row.table
        for _ in pauses():
            answer = call(self._client.batch_get_item, RequestItems=wanted)
            for table, items in answer["Responses"].items():
                owner, entity = KEY_NAMES[short[table]]
                yield from ((RowKey(short[table], item[owner]["S"], item[entity]["S"]), item) for item in items)
            wanted = answer["UnprocessedKeys"]
            if not wanted:
                return
        raise StoreError("dynamodb batch_get_item: keys were left over")


def _put(imported: Imported) -> Write:
    row = imported.row
    write = Write(row_key(row), values_of(row) | {_FINGERPRINT: text(imported.fingerprint)}, puts=True)
    exists, _ = KEY_NAMES[write.row.table]
    write.require(f"attribute_not_exists(#{exists})", exists)
    return write
