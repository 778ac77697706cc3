"""Who calls: a request to STS that the caller signs and does not send, and that the function sends for its answer.

AWS alone can say whose signature it is, so that nobody can name somebody else as the one who orders or approves. The
signature covers a header with the order's digest: it proves who gave this very order, and no other.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from urllib3.exceptions import HTTPError

from shared.domain.errors import CallerError, StoreError

_ASKED = b"Action=GetCallerIdentity&Version=2011-06-15"
_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_ORDER = "X-Duebell-Order"
_SENT = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", _ORDER)
_ARN = re.compile(rb"<Arn>(arn:[!-;=?-~]{1,2000})</Arn>")
_SIGNED = re.compile(r"SignedHeaders=([a-z0-9;-]+)")
_TIMEOUT_SECONDS = 5


def caller_proof(endpoint: str, region: str, credentials: Any, order: str) -> dict[str, str]:
    """The signed headers of a GetCallerIdentity request to an STS endpoint; `order` is the digest of what is ordered.

    Holds a signature and no secret; AWS takes it for a few minutes.
    """
    headers = {"Host": urlsplit(endpoint).netloc, "Content-Type": _TYPE, _ORDER: order}
    request = AWSRequest(method="POST", url=_root(endpoint), data=_ASKED, headers=headers)
    SigV4Auth(credentials.get_frozen_credentials(), "sts", region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name in _SENT}


class StsCallers:
    """Callers. `endpoint` is this function's own STS: a proof cannot send it anywhere else.

    STS confirms whoever signed in any account. Only principals of `account` are callers: a second one is made in
    minutes in an account of one's own, and could approve what the first one asked for.
    """

    def __init__(self, endpoint: str, account: str) -> None:
        self._account = account
        self._url = _root(endpoint)
        self._host = urlsplit(endpoint).netloc
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=_TIMEOUT_SECONDS))

    def principal(self, proof: Mapping[str, str], order: str) -> str:
        """Raises StoreError where STS could not be asked, CallerError for a principal of another account too."""
        signed = _SIGNED.search(proof.get("Authorization", ""))
        if proof.get(_ORDER) != order or signed is None or _ORDER.lower() not in signed.group(1).split(";"):
            raise CallerError("the caller's proof is for another order")
        headers = {name: proof[name] for name in _SENT if name in proof}
        headers |= {"Host": self._host, "Content-Type": _TYPE}
        try:
            answer = self._pool.request("POST", self._url, body=_ASKED, headers=headers, redirect=False)
        except HTTPError as error:
            raise StoreError(f"STS could not be asked who calls: {type(error).__name__}") from error
        found = _ARN.search(answer.data)
        if answer.status >= 500:
            raise StoreError(f"STS could not be asked who calls: it answered {answer.status}")
        if answer.status != 200 or found is None:
            raise CallerError("the caller's proof is not valid: sign in again, and look at this machine's clock")
        arn = found.group(1).decode()
        if arn.split(":")[4:5] != [self._account]:
            raise CallerError(f"the caller belongs to another AWS account: sign in to account {self._account}")
        return arn


def _root(endpoint: str) -> str:
    return f"{endpoint.rstrip('/')}/"
