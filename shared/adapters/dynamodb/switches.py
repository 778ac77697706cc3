"""The switch board in the control table: one item, cached for ten seconds, read consistently before each act."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.dynamodb.attributes import Item, present, text, texts
from shared.adapters.dynamodb.client import call, store_error
from shared.adapters.dynamodb.rows import key_of, values_of
from shared.adapters.row_keys import row_key
from shared.domain import keys
from shared.domain.book import AuditEntry
from shared.domain.errors import BookError, StoreError
from shared.domain.switches import NEVER_WRITTEN, Switches
from shared.ports.world import Tokens

CACHED_SECONDS = 10.0
"""How long a worker may plan on what it read; nothing is done on it: each act reads afresh."""


class DynamoSwitches:
    """SwitchBoard over one low-level client. `seconds` is a clock that only rises, whatever the stack's own time is."""

    def __init__(self, client: Any, table: str, seconds: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._table = table
        self._seconds = seconds
        self._kept: tuple[float, Switches] | None = None

    def read(self, *, fresh: bool = False) -> Switches:
        """NEVER_WRITTEN, which stops everything, where there is no board or where it cannot be read."""
        now = self._seconds()
        if self._kept and not fresh and now - self._kept[0] < CACHED_SECONDS:
            return self._kept[1]
        try:
            found = stored(self._client, self._table)
        except (StoreError, BookError):
            self._kept = None  # the next look asks again
            return NEVER_WRITTEN
        self._kept = now, found
        return found


def stored(client: Any, table: str) -> Switches:
    """The board as it stands; raises StoreError where it cannot be read, BookError where it is no board."""
    key = {"name": text(keys.SWITCHES)}
    answer = call(client.get_item, TableName=table, Key=key, ConsistentRead=True)
    item: Item | None = answer.get("Item")
    if item is None:
        return NEVER_WRITTEN
    try:
        return Switches(bool(item["on"]["BOOL"]), frozenset(name["S"] for name in item["off"]["L"]))
    except (KeyError, TypeError) as error:
        raise BookError("the stored switch board is malformed") from error


class DynamoSwitchWriter:
    """Turns switches: the board and the note of who turned it, in one transaction."""

    def __init__(self, client: Any, control: str, audit: str, tokens: Tokens) -> None:
        self._client = client
        self._control = control
        self._audit = audit
        self._tokens = tokens

    def stored(self) -> Switches:
        return stored(self._client, self._control)

    def write(self, switches: Switches, was: Switches, note: AuditEntry) -> bool:
        """False when the board is not `was` any more. The request's own token makes the SDK's repeats one write."""
        board = {
            "TableName": self._control,
            "Item": {"name": text(keys.SWITCHES), **_values(switches)},
            "ExpressionAttributeNames": {"#name": "name"},
            "ConditionExpression": "attribute_not_exists(#name)",
        }
        if was != NEVER_WRITTEN:
            expected = _values(was)
            board["ExpressionAttributeNames"] = {"#on": "on", "#off": "off"}
            board["ConditionExpression"] = "#on = :on AND #off = :off"
            board["ExpressionAttributeValues"] = {":on": expected["on"], ":off": expected["off"]}
        entry = {
            "TableName": self._audit,
            "Item": key_of(row_key(note)) | present(values_of(note)),
            "ExpressionAttributeNames": {"#subject": "subject"},
            "ConditionExpression": "attribute_not_exists(#subject)",
        }
        try:
            self._client.transact_write_items(
                TransactItems=[{"Put": board}, {"Put": entry}], ClientRequestToken=self._tokens.fresh()
            )
        except ClientError as error:
            codes = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
            if codes and codes <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
                return False
            raise store_error(self._client.transact_write_items, error) from error
        except BotoCoreError as error:
            raise store_error(self._client.transact_write_items, error) from error
        return True


def _values(switches: Switches) -> Item:
    return {"on": {"BOOL": switches.on}, "off": texts(sorted(switches.off))}
