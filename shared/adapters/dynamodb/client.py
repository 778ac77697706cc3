"""One low-level client, and the one place where its errors become ours."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.errors import BookError, StoreError

_TRIES = 5
_FIRST_PAUSE_S = 0.02


def dynamodb_client(**options: Any) -> Any:
    """A client for all tables; `options` (an endpoint, credentials) are those of `boto3.client`.

    The SDK may repeat a request whose answer was lost: every write carries a token by which it knows its own again.
    Arguments are not checked by the SDK, because they are built here alone; that saves a tenth of a call.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 3},
        parameter_validation=False,
        tcp_keepalive=True,
    )
    return boto3.client("dynamodb", config=config, **options)


def call(method: Callable[..., Any], **arguments: Any) -> Any:
    """The answer, or StoreError where the store could not be asked or gave none."""
    try:
        return method(**arguments)
    except (BotoCoreError, ClientError) as error:
        raise store_error(method, error) from error


def update_if(client: Any, **arguments: Any) -> tuple[bool, dict[str, Any]]:
    """A conditional update: whether its condition held, and the row's attributes as they stand after it."""
    try:
        returned = {"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return True, client.update_item(**arguments, **returned)["Attributes"]
    except client.exceptions.ConditionalCheckFailedException as error:
        return False, error.response.get("Item", {})
    except (BotoCoreError, ClientError) as error:
        raise store_error(client.update_item, error) from error


def store_error(method: Callable[..., Any], error: Exception) -> StoreError | BookError:
    """Names the operation and the code, never a key or a value: an SDK's text may hold both.

    A request that is refused for what it holds would be refused again: a BookError, which concerns this row only.
    """
    code, reasons = type(error).__name__, set[str]()
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        reasons = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
    kind = BookError if "ValidationException" in code or "ValidationError" in reasons else StoreError
    return kind(f"dynamodb {method.__name__}: {code}")


def pauses() -> Iterator[None]:
    """The rounds that a contended request gets; before each but the first a growing pause, half a second in all.

    Pauses are scattered, so that rivals part.
    """
    for round_ in range(_TRIES):
        if round_:
            time.sleep(_FIRST_PAUSE_S * 2**round_ * random.uniform(0.5, 1.0))
        yield
