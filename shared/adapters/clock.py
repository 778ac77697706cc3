"""The two clocks: the real one, and the one that a stack with `VirtualTime=on` is set to."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain import keys
from shared.domain.errors import StoreError


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class VirtualClock:
    """The instant that stands in the control table, read anew at each call, so that all functions see it move at once.

    There is no falling back to the real time: one message at a wrong hour would be one too many.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def now(self) -> datetime:
        try:
            found = self._client.get_item(
                TableName=self._table, Key={"name": {"S": keys.CLOCK}}, ConsistentRead=True
            ).get("Item", {})
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise StoreError(f"the simulated instant could not be read: {code}") from error
        stored = found.get("now", {}).get("S")
        try:
            at = datetime.fromisoformat(stored or "")
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise StoreError(
                f"the simulated instant is {'missing' if stored is None else 'malformed'}: put the item"
                f' {{"name": "{keys.CLOCK}", "now": "2026-03-01T00:00:00Z"}} into table {self._table},'
                " or deploy with VirtualTime=off"
            )
        return at.astimezone(UTC)
