"""The payment gateway over HTTP, signed for an AWS_IAM function URL, with exactly one request on the wire a call."""

import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import get_cert_path
from urllib3.exceptions import HTTPError

from shared.adapters.gateway_answers import (
    UNKNOWN,
    read_answer,
    read_lookup,
    refund_body,
    request_body,
)
from shared.domain.book import Outcome
from shared.domain.errors import GatewayError, SettingsError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.domain.money import Money
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest

_NO_ANSWER = (HTTPError, BotoCoreError)
"""What the transport and the signer raise; the second is about credentials that could not be renewed."""

_KEY_LIFE = timedelta(hours=24)


class HttpGateway:
    """PaymentGateway.

    `credentials` are botocore's (they may renew themselves). `via` is an address to connect to instead of the one in
    `url`, while Host header and signature stay those of `url`: a local AWS serves every function URL on its own port.

    Nothing is repeated: no retry, no redirect, and no connection is kept, because one that went stale while the
    function slept would turn the next debit into an unknown.

    `codes` are those of the gateway's rail. `key_life` and `not_found_is_final` say what the gateway promises of its
    keys; the defaults promise little: a key that its lookup does not find goes to a person.
    """

    def __init__(
        self,
        url: str,
        region: str,
        credentials: Any,
        via: str | None = None,
        timeout_seconds: float = CLIENT_TIMEOUT_SECONDS,
        *,
        codes: Mapping[str, Outcome],
        key_life: timedelta = _KEY_LIFE,
        not_found_is_final: bool = False,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and via is None and parts.hostname not in {"127.0.0.1", "localhost"}:
            raise SettingsError("the payment gateway's address must begin with https://")
        if credentials is None:
            raise GatewayError("there are no AWS credentials to sign requests to the gateway with")
        self.key_life = key_life
        self.not_found_is_final = not_found_is_final
        self._codes = codes
        self._url = url.rstrip("/")
        self._host = parts.netloc
        self._address = (via or url).rstrip("/")
        self._region = region
        self._credentials = credentials
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(total=timeout_seconds),
            ssl_context=_ssl_context() if self._address.startswith("https:") else None,
        )

    def present(self, request: DebitRequest) -> DebitAnswer:
        """UNKNOWN where no answer came in time or none that can be read.

        That includes a connection that never opened. Nothing was sent then, so the enquiry will find nothing and the
        same key is presented again: the safe way costs a few minutes, and needs no judgement of which errors of a
        transport prove that nothing left.
        """
        return self._act("/v1/payments", request_body(request), request.amount)

    def refund(self, request: RefundRequest) -> DebitAnswer:
        return self._act("/v1/refunds", refund_body(request), request.amount)

    def _act(self, path: str, body: bytes, asked: Money) -> DebitAnswer:
        try:
            status, answer = self._request("POST", path, body)
        except _NO_ANSWER:
            return UNKNOWN
        return read_answer(status, answer, self._codes, asked)

    def enquire(self, key: str) -> DebitAnswer | None:
        try:
            status, body = self._request("GET", f"/v1/payments/{quote(key, safe=':')}")
        except _NO_ANSWER as error:
            raise GatewayError(f"the gateway could not be asked: {type(error).__name__}") from error
        return read_lookup(status, body, self._codes)

    def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        headers = {"Host": self._host, "Connection": "close"}
        if body:
            headers["Content-Type"] = "application/json"
        signed = AWSRequest(method=method, url=self._url + path, data=body, headers=headers)
        SigV4Auth(self._credentials.get_frozen_credentials(), "lambda", self._region).add_auth(signed)
        try:
            answer = self._pool.request(
                method, self._address + path, body=body or None, headers=dict(signed.headers.items()), redirect=False
            )
            return answer.status, answer.data
        finally:
            self._pool.clear()


def _ssl_context() -> ssl.SSLContext:
    """One for all connections, with botocore's certificates: reading them costs more than a debit."""
    return ssl.create_default_context(cafile=get_cert_path(True))  # noqa: FBT003 - botocore's signature: verify
