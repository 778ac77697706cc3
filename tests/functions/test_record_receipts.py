"""Receipts, opt-outs and clicks through the handlers: by topic, log, a gateway's webhook and a borrower's browser."""

import gzip
import hmac
import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from shared.adapters.dynamodb.link_rows import DynamoLinkRows
from shared.adapters.signed_links import SignedLinks
from shared.domain.book import NoticeRecord, NoticeState
from shared.domain.changes import Insert, SaveNotice
from shared.domain.consent import BarredBy
from shared.domain.errors import BookError, EventError
from shared.domain.short_link import link_for
from tests.functions.invoking import event
from tests.functions.stack import WEBHOOK_SECRET, Stack

KEY = "REMIND_1#BT-002#001#0"
HINT = f"B-013#{KEY}"
LOG = {
    "messageType": "DATA_MESSAGE",
    "logGroup": "sns/us-east-1/123456789012/DirectPublishToPhoneNumber",
}


@pytest.fixture
def told(stack: Stack) -> Stack:
    """B-013 was reminded a day before; it is the next morning."""
    stack.at("2026-03-09 12:00")
    stack.run()
    stack.at("2026-03-10 08:00")
    return stack


def notice(stack: Stack) -> NoticeRecord:
    return stack.notices()[KEY]


def bars(stack: Stack, borrower_id: str = "B-013") -> list[BarredBy]:
    file = stack.book.borrower_file(borrower_id)
    assert file is not None
    return [bar.by for bar in file.card.bars]


def by_topic(*documents: object) -> dict[str, Any]:
    records = event("record_receipts_delivered")["Records"]
    return {"Records": [{**records[0], "Sns": {**records[0]["Sns"], "Message": json.dumps(d)}} for d in documents]}


def logged(*entries: object) -> dict[str, Any]:
    events = [{"timestamp": 1773100800000, "message": json.dumps(entry)} for entry in entries]
    packed = gzip.compress(json.dumps(LOG | {"logEvents": events}).encode())
    return {"awslogs": {"data": b64encode(packed).decode()}}


def entry(
    message_id: str | None, status: str = "SUCCESS", said: str = "Message has been accepted by phone"
) -> dict[str, Any]:
    return {
        "notification": {"messageId": message_id},
        "delivery": {"destination": "+447700900013", "providerResponse": said},
        "status": status,
    }


def said(status: str = "delivered", **more: object) -> str:
    document = {"v": 1, "kind": "receipt", "key": HINT, "status": status, "at": "2026-03-09T23:59:30Z"}
    return json.dumps(document | more)


def knock(stack: Stack, body: str, secret: str = WEBHOOK_SECRET, path: str = "/v1/receipts") -> tuple[int, Any]:
    at = int(stack.now.timestamp())
    made = event("record_receipts_gateway")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    signature = hmac.new(secret.encode(), f"{at}.{body}".encode(), sha256).hexdigest()
    made["headers"]["duebell-signature"] = f"t={at},v1={signature}"
    made["body"] = body
    answer = stack.invoke("record_receipts", made)
    return answer["statusCode"], json.loads(answer["body"])


# receipts


def test_a_log_entry_finds_its_message_by_the_providers_own_reference(told: Stack) -> None:
    ref = notice(told).provider_ref
    for _ in range(2):
        told.invoke("record_receipts", logged(entry(ref)))
    assert (notice(told).delivery, notice(told).state) == ("delivered", NoticeState.SENT)


def test_an_entry_that_cannot_be_read_costs_no_other_one_and_is_counted(told: Stack) -> None:
    ref = notice(told).provider_ref
    answer = told.invoke("record_receipts", logged({"status": 7}, entry(ref, "FAILURE", "Invalid phone number"), "x"))
    assert answer["counts"]["receipt.malformed"] == 2
    assert (notice(told).delivery, notice(told).delivery_code) == ("failed-for-good", "invalid-number")
    assert bars(told) == [BarredBy.DEAD]


def test_an_event_of_which_nothing_can_be_read_is_an_error(told: Stack) -> None:
    with pytest.raises(EventError):
        told.invoke("record_receipts", logged({"status": 7}))


@pytest.mark.parametrize("state", [NoticeState.CLAIMED, NoticeState.UNKNOWN])
@pytest.mark.parametrize(("status", "after"), [("accepted", NoticeState.SENT), ("failed-for-now", NoticeState.SENT)])
def test_what_nobody_knew_the_end_of_is_settled_in_the_store(
    told: Stack, state: NoticeState, status: str, after: NoticeState
) -> None:
    lost = replace(notice(told), notice_key="DUE#BT-002#001#0", state=NoticeState.CLAIMED, provider_ref=None)
    lost = replace(lost, settled_at=None)
    assert told.book.commit([Insert(lost)])
    if state is NoticeState.UNKNOWN:
        assert told.book.commit([SaveNotice(replace(lost, state=NoticeState.UNKNOWN, settled_at=told.now))])
    assert knock(told, said(status, key="B-013#DUE#BT-002#001#0", ref="8a1f"))[0] == 200
    stored = told.notices()["DUE#BT-002#001#0"]
    assert (stored.state, stored.provider_ref) == (after, "8a1f")
    assert told.book.open_notices("S000", told.now + timedelta(days=1), 10).keys == ()


def test_a_receipt_takes_no_reference_away_that_the_worker_wrote(told: Stack) -> None:
    ref = notice(told).provider_ref
    knock(told, said("delivered", ref="another"))
    assert notice(told).provider_ref == ref


def test_what_could_not_be_applied_comes_again(told: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    told.dynamodb.update_item(
        TableName=told.tables["notices"],
        Key={"borrower_id": {"S": "B-013"}, "notice_key": {"S": KEY}},
        UpdateExpression="SET sends = :odd",
        ExpressionAttributeValues={":odd": {"S": "many"}},
    )
    with pytest.raises(BookError, match="1 of 1 receipts could not be applied"):
        told.invoke("record_receipts", event("record_receipts_delivered"))
    assert knock(told, said())[0] == 503
    assert '"failed":' in capsys.readouterr().out.replace(" ", "")


# opt-outs


def test_a_stop_ends_texts_at_once_and_a_start_brings_them_back(told: Stack) -> None:
    stop = event("record_receipts_stop")
    for _ in range(2):
        told.invoke("record_receipts", stop)
    sent = len(told.inbox)
    told.live("2026-03-10", "2026-03-11")
    assert "+447700900013" not in [phone for phone, _ in told.inbox[sent:]]
    start = json.loads(stop["Records"][0]["Sns"]["Message"]) | {"messageBody": "START", "inboundMessageId": "in-2"}
    told.invoke("record_receipts", by_topic(start))
    assert bars(told) == []


def test_what_a_borrower_wrote_stands_in_no_log(told: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    message = json.loads(event("record_receipts_stop")["Records"][0]["Sns"]["Message"])
    told.invoke("record_receipts", by_topic(message | {"messageBody": "my secret is out, please stop"}))
    printed = capsys.readouterr().out
    assert "inbound.stop" in printed
    assert "secret" not in printed
    assert "7700900013" not in printed


# a gateway's webhook


def test_a_receipt_that_nobody_known_signed_is_refused(told: Stack) -> None:
    assert knock(told, said(), secret="somebody else's secret") == (401, {"status": "refused", "code": "WRONG"})
    assert notice(told).delivery is None


@pytest.mark.parametrize("body", ["nonsense", "{}", said(at="yesterday"), "[]"])
def test_one_that_cannot_be_read_is_refused_and_not_asked_for_again(told: Stack, body: str) -> None:
    assert knock(told, body) == (400, {"status": "refused", "code": "MALFORMED"})


def test_any_other_path_is_none(told: Stack) -> None:
    assert knock(told, said(), path="/")[0] == 404


def test_a_gateway_brings_what_borrowers_write_too(told: Stack) -> None:
    inbound = {"v": 1, "kind": "inbound", "id": "in-9", "from": "447700900013", "to": "10690001", "text": "T"}
    body = json.dumps(inbound | {"at": "2026-03-09T23:59:30Z"})
    assert knock(told, body) == (200, {"status": "taken"})
    assert bars(told) == [BarredBy.OPTED_OUT]


# clicks


def code_of(
    stack: Stack, hint: str = HINT, until: datetime = datetime(2026, 3, 16, tzinfo=UTC), put: bool = True
) -> str:
    link = link_for(hint, until)
    if put:
        DynamoLinkRows(stack.dynamodb, stack.tables["control"]).put(link.name, hint, until)
    return SignedLinks(lambda **_: (WEBHOOK_SECRET.encode(),)).code(link)


def look(stack: Stack, path: str, method: str = "GET") -> Any:
    made = event("open_links_code")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    made["requestContext"]["http"]["method"] = method
    return stack.invoke("open_links", made)


def test_a_link_shows_the_instalment_and_nothing_of_whom(told: Stack) -> None:
    answer = look(told, f"/{code_of(told)}")
    assert answer["statusCode"] == 200
    assert 'lang="en"' in answer["body"]
    assert "CNY 300.00, due on 10 March" in answer["body"]
    assert "BT-002" not in answer["body"]
    assert "Farthingale" not in answer["body"]
    assert notice(told).clicked_at == told.now
    assert notice(told).delivery == "delivered"


def test_every_page_is_kept_nowhere_loads_nothing_and_sets_no_cookie(told: Stack) -> None:
    for path in (f"/{code_of(told)}", "/nothing", "/"):
        answer = look(told, path)
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-robots-tag"] == "noindex, nofollow"
        assert "set-cookie" not in headers
        assert not answer.get("cookies")
        assert "<script" not in answer["body"]
        assert "http" not in answer["body"].replace("http-equiv", "")


def test_what_is_forged_over_or_unknown_gets_one_and_the_same_page(
    told: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    good = code_of(told)
    codes = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        code_of(told, until=datetime(2026, 3, 9, tzinfo=UTC)),
        code_of(told, "B-013#never", put=False),
        code_of(told, "B-013#never-claimed"),
        "x",
        "",
    ]
    pages = [look(told, f"/{code}") for code in codes]
    assert {(page["statusCode"], page["body"]) for page in pages} == {(404, pages[0]["body"])}
    assert notice(told).clicked_at is None
    printed = capsys.readouterr().out
    assert not [code for code in codes if len(code) > 1 and code in printed]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_link_is_only_looked_at(told: Stack, method: str) -> None:
    assert look(told, f"/{code_of(told)}", method)["statusCode"] in (404, 405)
    assert notice(told).clicked_at is None
