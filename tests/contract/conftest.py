"""The stores of the contract suite: in memory, on moto, and on the local AWS where there is one."""

from collections.abc import Iterator
from threading import Lock
from typing import Any

import pytest
from moto import mock_aws

from infra.local import LocalAws
from shared.adapters.dynamodb.client import dynamodb_client
from tests.contract.stores import MakeStores, Stores, dynamo_stores, memory_stores

DYNAMODB = ["moto", pytest.param("local", marks=pytest.mark.local_aws)]


@pytest.fixture(scope="module")
def moto_client() -> Iterator[Any]:
    with mock_aws():
        yield one_at_a_time(dynamodb_client(region_name="us-east-1"))


@pytest.fixture(scope="session")
def local_client(local_aws: LocalAws) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return dynamodb_client(endpoint_url=local_aws.url, region_name="us-east-1", **keys)


@pytest.fixture(params=["memory", *DYNAMODB])
def make_stores(request: pytest.FixtureRequest) -> MakeStores:
    return stores_of(request.param, request)


@pytest.fixture
def stores(make_stores: MakeStores) -> Stores:
    return make_stores(1)


@pytest.fixture(params=DYNAMODB)
def dynamo(request: pytest.FixtureRequest) -> Stores:
    return stores_of(request.param, request)(1)


def stores_of(kind: str, request: pytest.FixtureRequest) -> MakeStores:
    if kind == "memory":
        return memory_stores
    client = request.getfixturevalue(f"{kind}_client")
    return lambda shards: dynamo_stores(kind, client, shards)


def one_at_a_time(client: Any) -> Any:
    """Moto changes its rows in the thread that asks: rivals would see each other's transactions half made."""
    send, lock = client._endpoint.make_request, Lock()

    def make_request(*arguments: Any) -> Any:
        with lock:
            return send(*arguments)

    client._endpoint.make_request = make_request
    return client
