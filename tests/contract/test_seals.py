"""The webhooks' secrets in Secrets Manager: read once, again after a while, and never said aloud."""

import json
import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from infra.local import LocalAws
from shared.adapters.seals import HmacSeals, SecretsManagerSecrets, secrets_client
from shared.domain.errors import StoreError

_numbers = count(1)
SECRET, NEW = "a secret that is long", "another that is as long"


@pytest.fixture(scope="module")
def moto_secrets() -> Iterator[Any]:
    with mock_aws():
        yield secrets_client(region_name="us-east-1")


@pytest.fixture(scope="module")
def local_secrets(local_aws: LocalAws) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return secrets_client(region_name="us-east-1", endpoint_url=local_aws.url, **keys)


class Kept:
    """One secret, and a clock that a test moves."""

    def __init__(self, client: Any, text: str) -> None:
        self.client, self.name, self.seconds, self.asked = client, f"s-{os.getpid()}-{next(_numbers)}", 0.0, 0
        client.create_secret(Name=self.name, SecretString=text)
        self.secrets = SecretsManagerSecrets(self, self.name, lambda: self.seconds)
        self.fails: Exception | None = None

    def get_secret_value(self, **asked: Any) -> Any:
        self.asked += 1
        if self.fails:
            raise self.fails
        return self.client.get_secret_value(**asked)

    def put(self, **secrets: str) -> None:
        self.client.put_secret_value(SecretId=self.name, SecretString=json.dumps(secrets))


@pytest.fixture(params=["moto", pytest.param("local", marks=pytest.mark.local_aws)])
def kept(request: pytest.FixtureRequest) -> Kept:
    return Kept(request.getfixturevalue(f"{request.param}_secrets"), json.dumps({"current": SECRET}))


def test_it_is_read_once_and_again_after_five_minutes(kept: Kept) -> None:
    assert [kept.secrets.read() for _ in range(3)] == [(SECRET.encode(),)] * 3
    assert kept.asked == 1
    kept.put(current=NEW, previous=SECRET)
    kept.seconds = 299
    assert kept.secrets.read() == (SECRET.encode(),)
    kept.seconds = 300
    assert kept.secrets.read() == (NEW.encode(), SECRET.encode())


def test_a_new_one_counts_at_its_first_use_and_a_flood_reads_nothing(kept: Kept) -> None:
    seals = HmacSeals(kept.secrets.read)
    assert seals.is_sealed(b"x", seals.seal(b"x"))
    for _ in range(50):
        assert not seals.is_sealed(b"x", ["0" * 64])
    assert kept.asked == 1
    kept.put(current=NEW)
    newest = HmacSeals(lambda *, fresh=False: (NEW.encode(),)).seal(b"x")
    kept.seconds = 10
    assert seals.is_sealed(b"x", newest)
    assert kept.asked == 2


@pytest.mark.parametrize(
    "text", ["plain", "[]", "{}", '{"current": 7}', '{"current": "short"}', '{"previous": null}', '"current"']
)
def test_one_that_is_malformed_opens_no_door(moto_secrets: Any, text: str) -> None:
    with pytest.raises(StoreError, match="the signing secret is not") as caught:
        Kept(moto_secrets, text).secrets.read()
    assert "short" not in str(caught.value)


def test_one_that_is_missing_is_an_error_that_names_the_call(moto_secrets: Any) -> None:
    with pytest.raises(StoreError, match="secretsmanager get_secret_value: ResourceNotFoundException"):
        SecretsManagerSecrets(moto_secrets, "no-such").read()


def refused(code: str, status: int) -> ClientError:
    said: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "GetSecretValue")


@pytest.mark.parametrize(
    "error",
    [refused("ThrottlingException", 400), refused("InternalServiceError", 500), ReadTimeoutError(endpoint_url="x")],
    ids=["throttled", "broken", "silent"],
)
def test_while_aws_gives_no_answer_what_is_kept_serves_on(moto_secrets: Any, error: Exception) -> None:
    kept = Kept(moto_secrets, json.dumps({"current": SECRET}))
    kept.fails = error
    with pytest.raises(StoreError, match="secretsmanager get_secret_value"):
        kept.secrets.read()
    kept.fails = None
    kept.secrets.read()
    kept.put(current=NEW)
    kept.seconds, kept.fails = 300, error
    assert [kept.secrets.read() for _ in range(20)] == [(SECRET.encode(),)] * 20
    assert kept.asked == 3
    with pytest.raises(StoreError):
        kept.secrets.read(fresh=True)
    kept.seconds, kept.fails = 310, None
    assert kept.secrets.read() == (NEW.encode(),)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure"])
def test_one_that_was_taken_away_serves_no_longer_than_it_is_kept(moto_secrets: Any, code: str) -> None:
    kept = Kept(moto_secrets, json.dumps({"current": SECRET}))
    kept.secrets.read()
    kept.seconds, kept.fails = 300, refused(code, 400)
    with pytest.raises(StoreError, match=code):
        kept.secrets.read()
