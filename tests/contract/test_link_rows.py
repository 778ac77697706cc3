"""Which notice a short link came with: in memory and in the control table alike."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from shared.adapters.dynamodb.link_rows import DynamoLinkRows
from shared.adapters.memory.link_rows import MemoryLinkRows
from shared.domain.errors import StoreError
from shared.ports.links import LinkRows
from tests.tables import create_tables

UNTIL = datetime(2026, 3, 16, tzinfo=UTC)


@pytest.fixture(params=["memory", "dynamodb"])
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkRows]:
    if request.param == "memory":
        yield MemoryLinkRows()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        yield DynamoLinkRows(client, create_tables(client)["control"])


def test_a_link_leads_to_its_notice_and_the_same_again_is_the_same(rows: LinkRows) -> None:
    assert rows.put("ab12", "b-1#k", UNTIL)
    assert rows.put("ab12", "b-1#k", UNTIL)
    assert rows.notice_of("ab12") == "b-1#k"


def test_a_name_belongs_to_one_notice(rows: LinkRows) -> None:
    assert rows.put("ab12", "b-1#k", UNTIL)
    assert not rows.put("ab12", "b-2#k", UNTIL)
    assert rows.notice_of("ab12") == "b-1#k"


def test_a_name_that_nobody_put_leads_nowhere(rows: LinkRows) -> None:
    assert rows.notice_of("ab12") is None


def test_a_table_that_is_gone_is_an_error_and_no_answer() -> None:
    with mock_aws():
        rows = DynamoLinkRows(boto3.client("dynamodb", region_name="us-east-1"), "gone")
        with pytest.raises(StoreError):
            rows.put("ab12", "b-1#k", UNTIL)
        with pytest.raises(StoreError):
            rows.notice_of("ab12")


def test_a_link_costs_one_small_put_and_goes_some_time_after_its_end() -> None:
    """One write unit: a put of its own, of less than 1 KB, and the control table has no index."""

    class Recorder:
        def __init__(self) -> None:
            self.put: list[dict[str, object]] = []

        def put_item(self, **arguments: object) -> dict[str, object]:
            self.put.append(arguments)
            return {}

    client = Recorder()
    DynamoLinkRows(client, "control").put("0123456789abcdef", f"{'b' * 64}#OVERDUE_60#{'l' * 64}#001#0", UNTIL)
    (asked,) = client.put
    item = asked["Item"]
    assert isinstance(item, dict)
    assert set(item) == {"name", "notice", "expires"}
    assert len(str(item)) < 1024
    assert item["expires"] == {"N": str(int(UNTIL.timestamp()))}
