"""Events to whoever takes webhooks, over HTTP: signed as `shared.domain.webhook` says, one event a request."""

import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import urllib3
from botocore.httpsession import get_cert_path
from urllib3.exceptions import HTTPError

from shared.domain.errors import StoreError
from shared.domain.webhook import HEADER, PATH, header_of, signed_bytes
from shared.ports.webhooks import Seals
from shared.ports.world import Clock

_TIMEOUT_SECONDS = 20
"""As long as the door itself may run: one that starts cold is no failure."""


class SignedWebhooks:
    """EventQueue over the webhooks' door at `url`. What the door did not answer with 2xx is a StoreError.

    `via` is an address to connect to instead of the one in `url`, while the Host header stays that of `url`: a local
    AWS serves every function URL on its own port. Nothing is repeated here, and events go one after the other, in
    their order: whoever sends all of them again does no harm, because each has an id.
    """

    def __init__(
        self, url: str, seals: Seals, clock: Clock, via: str | None = None, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        self._address = (via or url).rstrip("/") + PATH
        self._host = urlsplit(url).netloc
        self._seals = seals
        self._clock = clock
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(total=timeout_seconds),
            ssl_context=_ssl_context() if self._address.startswith("https:") else None,
        )

    def send(self, bodies: Sequence[str]) -> None:
        """Signs each body anew: a repeat is in time again."""
        try:
            for body in bodies:
                self._post(body.encode())
        finally:
            self._pool.clear()  # a connection goes stale while the function sleeps

    def _post(self, body: bytes) -> None:
        at = int(self._clock.now().timestamp())
        signature = header_of(at, self._seals.seal(signed_bytes(at, body)))
        headers = {"Host": self._host, "Content-Type": "application/json", HEADER: signature}
        try:
            answer = self._pool.request("POST", self._address, body=body, headers=headers, redirect=False)
        except HTTPError as error:
            raise StoreError(f"the webhooks' door did not answer: {type(error).__name__}") from error
        if not 200 <= answer.status < 300:
            raise StoreError(f"the webhooks' door answered {answer.status}")


def _ssl_context() -> ssl.SSLContext:
    """One for all connections, with botocore's certificates."""
    return ssl.create_default_context(cafile=get_cert_path(True))  # noqa: FBT003 - botocore's signature: verify
