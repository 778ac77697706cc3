"""Who calls: the function asks AWS, over the wire and once, and takes nobody's word for it."""

import pytest
from botocore.credentials import Credentials

from shared.adapters.sts import StsCallers, caller_proof
from shared.domain.errors import CallerError, StoreError
from tests.wire import Wire, http, wire

ACCOUNT = "123456789012"
ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/Operators/alice@example.com"
ANSWER = f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{ARN}</Arn></GetCallerIdentityResult>"
ORDER = "0f" * 32


def proof(server: Wire, order: str = ORDER, token: str | None = None) -> dict[str, str]:
    return caller_proof(server.url, "us-east-1", Credentials("AKIAEXAMPLE", "a-secret", token), order)


def test_the_principal_is_what_aws_says_of_the_signature() -> None:
    with wire(http(200, ANSWER.encode())) as server:
        assert StsCallers(server.url, ACCOUNT).principal(proof(server, token="session"), ORDER) == ARN
        (request,) = server.requests
    assert request.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Action=GetCallerIdentity&Version=2011-06-15" in request
    assert b"X-Duebell-Order: " + ORDER.encode() in request
    assert b"X-Amz-Security-Token: session" in request


def test_a_proof_holds_no_secret() -> None:
    with wire(b"") as server:
        assert "a-secret" not in str(proof(server))
        assert server.requests == []


def test_headers_that_somebody_added_are_not_sent() -> None:
    with wire(http(200, ANSWER.encode())) as server:
        added = proof(server) | {"Host": "evil.example", "X-Evil": "1"}
        StsCallers(server.url, ACCOUNT).principal(added, ORDER)
        (request,) = server.requests
    assert b"evil" not in request.lower()


@pytest.mark.parametrize("order", ["1f" * 32, ""])
def test_a_proof_of_another_order_is_not_even_asked_about(order: str) -> None:
    with wire(http(200, ANSWER.encode())) as server:
        with pytest.raises(CallerError, match="for another order"):
            StsCallers(server.url, ACCOUNT).principal(proof(server), order)
        with pytest.raises(CallerError, match="for another order"):
            StsCallers(server.url, ACCOUNT).principal({}, order)
        assert server.requests == []


@pytest.mark.parametrize("body", [b"<ErrorResponse/>", b"<Arn></Arn>", b"<Arn>somebody</Arn>", b""])
@pytest.mark.parametrize("status", [200, 400, 403])
def test_what_aws_does_not_confirm_is_nobody(status: int, body: bytes) -> None:
    with wire(http(status, body)) as server, pytest.raises(CallerError, match="not valid"):
        StsCallers(server.url, ACCOUNT).principal(proof(server), ORDER)


@pytest.mark.parametrize("reply", [b"", http(503, b"")])
def test_an_sts_that_cannot_be_asked_is_an_error_and_no_refusal(reply: bytes) -> None:
    with wire(reply) as server:
        with pytest.raises(StoreError, match="STS could not be asked"):
            StsCallers(server.url, ACCOUNT).principal(proof(server), ORDER)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::210987654321:user/alice",
        "arn:aws:sts::210987654321:assumed-role/Operators/123456789012",
        "arn:aws:iam:::user/alice",
        "arn:aws",
    ],
)
def test_whoever_signed_in_another_account_is_nobody_here(arn: str) -> None:
    """STS confirms any account's signatures: a second person could be made in one's own."""
    with wire(http(200, ANSWER.replace(ARN, arn).encode())) as server:
        with pytest.raises(CallerError, match=r"another AWS account: sign in to account 123456789012$"):
            StsCallers(server.url, ACCOUNT).principal(proof(server), ORDER)
        assert len(server.requests) == 1
