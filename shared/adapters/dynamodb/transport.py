"""Sends conditional writes: one alone as it is, several as a transaction; and tells its own repeat from a lost race."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.dynamodb.client import pauses, store_error
from shared.adapters.dynamodb.write import TOKEN, Write
from shared.domain.errors import StoreError

_FAILED = "ConditionalCheckFailed"
_CONTENDED = {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def make(client: Any, tables: Mapping[str, str], writes: Sequence[Write], token: str) -> frozenset[int]:
    """Makes all writes or none; the places of those whose condition does not hold, empty when all were made.

    One write alone costs half of what it costs in a transaction. Safe to be repeated by the transport: a failed
    condition on a row with this very token is the answer to a repeat of what was made, and as all are made at once, one
    such row speaks for all. Contention is waited out for half a second; raises StoreError when the store cannot say.
    """
    method, arguments = _request(client, tables, writes, token)
    contention: ClientError | None = None
    for _ in pauses():
        try:
            method(**arguments)
            return frozenset()
        except ClientError as error:
            reasons = _reasons(error)
            failed = {place: reason for place, reason in enumerate(reasons) if reason["Code"] == _FAILED}
            if any(_is_own(reason, token) for reason in failed.values()):
                return frozenset()
            if failed:
                return frozenset(failed)
            if not reasons or {reason["Code"] for reason in reasons} - _CONTENDED:
                raise store_error(method, error) from error
            contention = error
        except BotoCoreError as error:
            raise store_error(method, error) from error
    raise StoreError("dynamodb: the rows are contended") from contention


def _request(
    client: Any, tables: Mapping[str, str], writes: Sequence[Write], token: str
) -> tuple[Callable[..., Any], dict[str, Any]]:
    match [(write.operation(), write.arguments(tables, token)) for write in writes]:
        case [("Update", arguments)]:
            return client.update_item, arguments
        case [("Put", arguments)]:
            return client.put_item, arguments
        case parts:
            items = [{operation: arguments} for operation, arguments in parts]
            return client.transact_write_items, {"TransactItems": items, "ClientRequestToken": token}


def _reasons(error: ClientError) -> list[dict[str, Any]]:
    """Why each write was not made, in their order; empty where the request as a whole failed."""
    match error.response["Error"]["Code"]:
        case "TransactionCanceledException":
            return list(error.response["CancellationReasons"])
        case "ConditionalCheckFailedException":
            return [{"Code": _FAILED, "Item": error.response.get("Item", {})}]
        case "TransactionConflictException":
            return [{"Code": "TransactionConflict"}]
        case _:
            return []


def _is_own(reason: Mapping[str, Any], token: str) -> bool:
    return bool(reason.get("Item", {}).get(TOKEN, {}).get("S") == token)
