"""One row's conditional write: which attributes, under which condition, as the store's arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.dynamodb.attributes import Item, Value, Values, number, present, text
from shared.adapters.dynamodb.rows import key_of
from shared.adapters.row_keys import RowKey

TOKEN = "token"  # noqa: S105 - an attribute's name
"""Who wrote a row last: one fresh token for each commit."""


@dataclass(slots=True)
class Write:
    """One row's part in a commit. Only what is named is written, so that attributes of a newer version survive."""

    row: RowKey
    values: Values = field(default_factory=dict)
    raised: dict[str, None] = field(default_factory=dict)
    """Counters to raise by one."""
    kept: Item = field(default_factory=dict)
    """Attributes to set only where they are absent."""
    puts: bool = False
    """A new row, put whole; its key must be free."""
    _conditions: dict[str, None] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _values: Item = field(default_factory=dict)

    def require(self, condition: str, *names: str, **values: Value) -> None:
        """A condition over `#name` and `:value`. The same value name always stands for the same value."""
        self._conditions[condition] = None
        self._names.update((f"#{name}", name) for name in names)
        self._values.update((f":{name}", value) for name, value in values.items())

    @property
    def only_checks(self) -> bool:
        return not (self.values or self.raised or self.kept or self.puts)

    def operation(self) -> str:
        return "ConditionCheck" if self.only_checks else "Put" if self.puts else "Update"

    def arguments(self, tables: Mapping[str, str], token: str) -> dict[str, Any]:
        """What the operation of this name takes, alone or within a transaction."""
        names, values = dict(self._names), dict(self._values)
        made: dict[str, Any] = {"TableName": tables[self.row.table]}
        if self._conditions:
            made["ConditionExpression"] = " AND ".join(f"({condition})" for condition in self._conditions)
            made["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if self.puts:
            made["Item"] = key_of(self.row) | present(self.values) | {TOKEN: text(token)}
        else:
            made["Key"] = key_of(self.row)
        if self.operation() == "Update":
            made["UpdateExpression"] = self._update(token, names, values)
        made["ExpressionAttributeNames"] = names
        if values:
            made["ExpressionAttributeValues"] = values
        return made

    def _update(self, token: str, names: dict[str, str], values: Item) -> str:
        sets, removes = [], []
        for name, value in (*self.values.items(), (TOKEN, text(token))):
            names[f"#{name}"] = name
            if value is None:
                removes.append(f"#{name}")
            else:
                sets.append(f"#{name} = :{name}")
                values[f":{name}"] = value
        for name, value in self.kept.items():
            sets.append(f"#{name} = if_not_exists(#{name}, :{name})")
            names[f"#{name}"], values[f":{name}"] = name, value
        for name in self.raised:
            sets.append(f"#{name} = #{name} + :one")
            names[f"#{name}"], values[":one"] = name, number(1)
        return f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else "")
