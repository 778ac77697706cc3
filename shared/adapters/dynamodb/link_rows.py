"""Which notice a short link came with, in the control table: one small item a link, gone some days after its end.

A conditional put of its own, and not part of the notice's claim, in which the same item would cost twice as much. A
link whose claim was lost afterwards leads to a notice that is not there, and opens nothing.
"""

from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.dynamodb.attributes import number, text
from shared.adapters.dynamodb.client import call, store_error
from shared.domain import keys


class DynamoLinkRows:
    """LinkRows over one low-level client. `expires` is the table's time to live."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, name: str, notice: str, expires_at: datetime) -> bool:
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "name": text(keys.link_row(name)),
                    "notice": text(notice),
                    "expires": number(int(expires_at.timestamp())),
                },
                ConditionExpression="attribute_not_exists(#name) OR #notice = :notice",
                ExpressionAttributeNames={"#name": "name", "#notice": "notice"},
                ExpressionAttributeValues={":notice": text(notice)},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        except (BotoCoreError, ClientError) as error:
            raise store_error(self._client.put_item, error) from error
        return True

    def notice_of(self, name: str) -> str | None:
        key = {"name": text(keys.link_row(name))}
        item = call(self._client.get_item, TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return str(item["notice"]["S"]) if item else None
