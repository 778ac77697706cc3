"""What a store asks of its tables, every answer consistent but those of an index."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.adapters.dynamodb.attributes import KEY_NAMES, Index, Item, Lookup, text
from shared.adapters.dynamodb.client import call
from shared.adapters.dynamodb.rows import key_of
from shared.adapters.row_keys import RowKey
from shared.domain import keys
from shared.ports.book import Page


class Tables:
    """The tables of one stack, each by its short name, over one low-level client."""

    def __init__(self, client: Any, names: Mapping[str, str]) -> None:
        self._client = client
        self._names = names

    def get(self, row: RowKey) -> Item | None:
        answer = call(self._client.get_item, TableName=self._names[row.table], Key=key_of(row), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def query(self, table: str, condition: str, values: Item, **options: Any) -> tuple[list[Item], Item | None]:
        """One page of items, and the key to go on from."""
        answer = call(
            self._client.query,
            TableName=self._names[table],
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **options,
        )
        return answer["Items"], answer.get("LastEvaluatedKey")

    def of_owner(self, table: str, owner: str, start: str = "") -> Iterator[Item]:
        """The rows of a partition whose second key begins so, in its order, page by page."""
        first, second = KEY_NAMES[table]
        condition, names, values = "#owner = :owner", {"#owner": first}, {":owner": text(owner)}
        if start:
            condition += " AND begins_with(#entity, :start)"
            names["#entity"], values[":start"] = second, text(start)
        options: dict[str, Any] = {}
        while True:
            items, after = self.query(
                table, condition, values, ExpressionAttributeNames=names, ConsistentRead=True, **options
            )
            yield from items
            if not after:
                return
            options = {"ExclusiveStartKey": after}

    def found_by(self, lookup: Lookup, value: str) -> Iterator[tuple[str, str]]:
        """The keys of the rows that an index holds under a value, page by page."""
        owner, entity = KEY_NAMES[lookup.table]
        options: dict[str, Any] = {}
        while True:
            items, after = self.query(
                lookup.table,
                f"{lookup.key} = :value",
                {":value": text(value)},
                IndexName=lookup.name,
                ProjectionExpression=f"{owner}, {entity}",
                **options,
            )
            yield from ((item[owner]["S"], item[entity]["S"]) for item in items)
            if not after:
                return
            options = {"ExclusiveStartKey": after}

    def page(self, index: Index, shard: str, until: str, limit: int, after: str | None) -> Page:
        """One request. Only the index's own sort key is fetched: nothing else is true in an index that lags."""
        items, start = self.query(
            index.table,
            f"{index.partition} = :shard AND {index.sort} BETWEEN :low AND :high",
            {":shard": text(shard), ":low": text(keys.agenda_after(after or "")), ":high": text(until)},
            IndexName=index.name,
            ProjectionExpression=index.sort,
            Limit=limit,
        )
        found = [item[index.sort]["S"] for item in items]
        return Page(tuple(map(keys.parse_agenda_sort, found)), found[-1] if start and found else None)
