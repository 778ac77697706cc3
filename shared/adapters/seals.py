"""Signatures under secrets that live in AWS Secrets Manager."""

import hmac
import json
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.errors import StoreError

_KEPT_SECONDS = 300
_FRESH_SECONDS = 10
_LEAST_BYTES = 16

_THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})

type Secrets = tuple[bytes, ...]


class _LaterError(StoreError):
    """Secrets Manager had no answer, and says nothing of the secret: it is neither gone nor another one."""


def secrets_client(**options: Any) -> Any:
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("secretsmanager", config=config, **options)


class SecretsManagerSecrets:
    """The secrets of one named entry: `{"current": "…", "previous": "…"}`, the second only while it is replaced.

    Read once and kept for five minutes; `read(fresh=True)` asks again where what is kept is ten seconds old, so that a
    new secret counts at its first use, and a flood of wrong signatures reads nothing. While AWS gives no
    answer, what is kept serves on, but for who asks for them fresh; the next try is ten seconds later.
    """

    def __init__(self, client: Any, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._name = name
        self._monotonic = monotonic
        self._kept: Secrets = ()
        self._read_at: float | None = None
        self._lock = Lock()

    def read(self, *, fresh: bool = False) -> Secrets:
        """Raises StoreError, which names no secret, when they cannot be read or are malformed."""
        with self._lock:
            now = self._monotonic()
            longest = _FRESH_SECONDS if fresh else _KEPT_SECONDS
            if self._read_at is None or now - self._read_at >= longest:
                try:
                    self._kept, self._read_at = self._ask(), now
                except _LaterError:
                    if fresh or not self._kept:
                        raise
                    self._read_at = now - _KEPT_SECONDS + _FRESH_SECONDS
            return self._kept

    def _ask(self) -> Secrets:
        try:
            text = self._client.get_secret_value(SecretId=self._name)["SecretString"]
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            kind = _LaterError if _may_pass(error) else StoreError
            raise kind(f"secretsmanager get_secret_value: {code}") from error
        try:
            found = json.loads(text)
            secrets = tuple(found[name].encode() for name in ("current", "previous") if name in found)
        except (ValueError, TypeError, AttributeError):
            secrets = ()
        if not secrets or any(len(secret) < _LEAST_BYTES for secret in secrets):
            raise StoreError(f'the signing secret is not {{"current": "…"}} with at least {_LEAST_BYTES} characters')
        return secrets


def _may_pass(error: BotoCoreError | ClientError) -> bool:
    if isinstance(error, BotoCoreError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error.response["Error"]["Code"] in _THROTTLED


class HmacSeals:
    """Seals. `secrets` reads those that are valid now, the first of them the current one."""

    def __init__(self, secrets: Callable[..., Secrets]) -> None:
        self._secrets = secrets

    def seal(self, content: bytes) -> tuple[str, ...]:
        return _digests(content, self._secrets())

    def is_sealed(self, content: bytes, digests: Sequence[str]) -> bool:
        return any(_matches(content, digests, self._secrets(fresh=fresh)) for fresh in (False, True))


def _digests(content: bytes, secrets: Secrets) -> tuple[str, ...]:
    return tuple(hmac.new(secret, content, sha256).hexdigest() for secret in secrets)


def _matches(content: bytes, digests: Sequence[str], secrets: Secrets) -> bool:
    """Every pair is compared, whichever matches."""
    pairs = [(ours, theirs) for ours in _digests(content, secrets) for theirs in digests]
    return sum(hmac.compare_digest(ours, theirs) for ours, theirs in pairs) > 0
