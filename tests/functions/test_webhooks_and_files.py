"""From the door and the bank's bucket to the ledger, through the handlers and their queues."""

import hmac
import json
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from shared.domain.book import MandateStatus
from shared.domain.changes import SaveMandate
from shared.domain.errors import StoreError
from shared.domain.money import Money
from tests.functions.invoking import event
from tests.functions.stack import WEBHOOK_SECRET, Stack

TRANSFER = {
    "v": 1,
    "kind": "transfer",
    "event_id": "E-1",
    "reference": "BANK-1",
    "payer_ref": "BT-002",
    "amount_minor": 30000,
    "currency": "CNY",
    "paid_on": "2026-03-10",
}


def signature(stack: Stack, body: str, secret: str = WEBHOOK_SECRET, late_seconds: int = 0) -> str:
    at = int(stack.now.timestamp()) - late_seconds
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.{body}'.encode(), sha256).hexdigest()}"


def request(body: str, header: str | None, path: str = "/v1/webhooks", encoded: bool = False) -> dict[str, Any]:
    made = event("receive_webhooks_signed")
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    made["headers"].pop("duebell-signature")
    if header is not None:
        made["headers"]["Duebell-Signature"] = header
    made["body"], made["isBase64Encoded"] = (b64encode(body.encode()).decode() if encoded else body), encoded
    return made


def knock(stack: Stack, body: str, header: str | None, **how: Any) -> tuple[int, dict[str, str]]:
    answer = stack.invoke("receive_webhooks", request(body, header, **how))
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("encoded", [False, True])
def test_a_signed_webhook_is_booked_once_however_often_it_comes(stack: Stack, encoded: bool) -> None:
    stack.at("2026-03-10 12:00")
    body = json.dumps(TRANSFER)
    for _ in range(2):
        assert knock(stack, body, signature(stack, body), encoded=encoded) == (200, {"status": "taken"})
    stack.drain(["record_repayments"], twice=True)
    assert stack.booked("transfer") == {"BANK-1": Money(30000, "CNY")}
    assert stack.instalment("BT-002", 1).is_paid


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"secret": "somebody else's secret"}, 401, "WRONG"),
        ({"late_seconds": 301}, 401, "TOO_OLD"),
        ({"late_seconds": -301}, 401, "TOO_NEW"),
    ],
)
def test_any_other_is_refused_and_its_body_stands_in_no_log(
    stack: Stack, capsys: pytest.CaptureFixture[str], how: dict[str, Any], status: int, code: str
) -> None:
    body = json.dumps(TRANSFER | {"note": "not-for-the-log"})
    assert knock(stack, body, signature(stack, body, **how)) == (status, {"status": "refused", "code": code})
    assert stack.waiting("RepaymentsQueue") == 0
    said = capsys.readouterr().out
    assert f"webhook.refused.{code}" in said
    assert "not-for-the-log" not in said
    assert WEBHOOK_SECRET not in said


def test_one_without_a_signature_and_one_at_another_path(stack: Stack) -> None:
    assert knock(stack, "{}", None) == (401, {"status": "refused", "code": "UNSIGNED"})
    assert knock(stack, "{}", signature(stack, "{}"), path="/")[0] == 404
    assert stack.waiting("RepaymentsQueue") == 0


def test_while_the_secret_is_replaced_both_sign(stack: Stack) -> None:
    both = {"current": "the secret that comes next, and as long", "previous": WEBHOOK_SECRET}
    with stack.restarted("receive_webhooks"):
        stack.secrets.put_secret_value(
            SecretId=stack.environment("receive_webhooks")["WEBHOOK_SECRET_NAME"], SecretString=json.dumps(both)
        )
        for secret in both.values():
            assert knock(stack, "{}", signature(stack, "{}", secret))[0] == 200


def test_a_queue_that_is_gone_is_an_error_so_that_the_sender_repeats(stack: Stack) -> None:
    stack.sqs.delete_queue(QueueUrl=stack.urls["RepaymentsQueue"])
    with pytest.raises(StoreError, match="sqs send_message_batch"):
        knock(stack, "{}", signature(stack, "{}"))


@pytest.mark.parametrize("body", ["nonsense", json.dumps(TRANSFER | {"kind": "manual"}), json.dumps({"v": 1})])
def test_a_signed_body_that_cannot_be_read_waits_for_a_person(stack: Stack, body: str) -> None:
    """It may be evidence of money: the dead-letter queue keeps it whole, and pages."""
    assert knock(stack, body, signature(stack, body))[0] == 200
    for _ in range(5):
        assert stack.deliver("record_repayments")
    assert not stack.deliver("record_repayments")
    assert stack.waiting("RepaymentsDead") == 1
    assert stack.booked("transfer") == {}


MANDATE = {
    "v": 1,
    "kind": "mandate",
    "event_id": "E-2",
    "loan_id": "HB-001",
    "mandate_id": "M-HB-001",
    "status": "revoked",
    "at": "2026-03-10T03:00:00Z",
}


def status_of(stack: Stack) -> str:
    file = stack.book.loan_file("HB-001")
    assert file is not None
    return file.mandates[0].status


def signed(stack: Stack) -> None:
    """The rail has yet to confirm the mandate."""
    file = stack.book.loan_file("HB-001")
    assert file is not None
    awaits = replace(file.mandates[0], status=MandateStatus.SIGNED)
    assert stack.book.commit([SaveMandate(awaits, file.loan.gate_rev)])


@pytest.mark.parametrize("status", ["active", "revoked", "expired"])
def test_a_rails_word_on_a_mandate_counts_once_however_often_it_comes(
    stack: Stack, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    stack.at("2026-03-10 12:00")
    signed(stack)
    body = json.dumps(MANDATE | {"status": status})
    for _ in range(2):
        assert knock(stack, body, signature(stack, body)) == (200, {"status": "taken"})
    stack.drain(["record_repayments"], twice=True)
    assert status_of(stack) == status
    assert [entry.what for entry in stack.book.audit("HB-001")] == [f"mandate.rail.{status}"]
    assert "mandate.rail.changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"loan_id": "HB-999"}, "NO_LOAN"),
        ({"mandate_id": "M-9"}, "NO_MANDATE"),
        ({"status": "active", "at": "2026-03-10T05:00:00Z"}, "NOT_ALLOWED"),
    ],
)
def test_a_rails_word_that_fits_no_mandate_stands_in_front_of_a_person(
    stack: Stack, capsys: pytest.CaptureFixture[str], changes: dict[str, str], reason: str
) -> None:
    stack.at("2026-03-10 12:00")
    for told in (MANDATE, MANDATE | {"event_id": "E-3"} | changes):
        body = json.dumps(told)
        assert knock(stack, body, signature(stack, body))[0] == 200
        stack.drain(["record_repayments"], twice=True)
    assert status_of(stack) == "revoked"
    (kept,) = stack.book.audit("RAIL_NEWS")
    assert kept.what == f"refused.{reason}"
    assert f"quarantine.{reason}" in capsys.readouterr().out
    assert stack.waiting("RepaymentsDead") == 0


def test_a_rails_word_that_cannot_be_read_waits_for_a_person(stack: Stack) -> None:
    body = json.dumps(MANDATE | {"status": "paused"})
    assert knock(stack, body, signature(stack, body))[0] == 200
    for _ in range(5):
        assert stack.deliver("record_repayments")
    assert not stack.deliver("record_repayments")
    assert stack.waiting("RepaymentsDead") == 1
    assert status_of(stack) == "active"


HEADER = "reference,amount,currency,booked_on,payer_ref\r\n"


def put(stack: Stack, name: str, content: str) -> dict[str, Any]:
    """Puts a bank's file into the bucket; gives the event by which its reader hears of it."""
    stack.s3.put_bucket_versioning(Bucket=stack.bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = stack.s3.put_object(Bucket=stack.bucket, Key=f"incoming/{name}", Body=content.encode())
    made = event("record_repayments_file")
    told = json.loads(made["Records"][0]["body"])
    told["Records"][0]["s3"]["object"] |= {"key": f"incoming/{name}", "versionId": kept["VersionId"]}
    made["Records"][0]["body"] = json.dumps(told)
    return made


def test_a_bank_file_that_was_put_over_another_one_takes_nothing_away(stack: Stack) -> None:
    stack.at("2026-03-10 12:00")
    told = [put(stack, "day.csv", f"{HEADER}BANK-{n},1.00,CNY,2026-03-10,BT-002\r\n") for n in (1, 2)]
    for one in told:
        assert stack.invoke("record_repayments", one) == {"batchItemFailures": []}
    stack.drain(["record_repayments"])
    assert set(stack.booked("transfer")) == {"BANK-1", "BANK-2"}
    said = json.loads(told[1]["Records"][0]["body"])["Records"][0]["s3"]["object"]["versionId"]
    assert stack.result("day.csv")["version"] == said


def test_a_bank_file_is_booked_row_by_row(stack: Stack) -> None:
    stack.at("2026-03-10 12:00")
    rows = [f"BANK-{n},1.00,CNY,2026-03-10,BT-002" for n in range(60)]
    rows += ["BANK-X,ten,CNY,2026-03-10,BT-002", "BANK-Y,1.00,CNY,2026-03-10,王秀兰 +447700900027"]
    content = HEADER + "\r\n".join(rows)
    told = put(stack, "2026-03-10.csv", content)
    for _ in range(2):
        assert stack.invoke("record_repayments", told) == {"batchItemFailures": []}
        stack.drain(["record_repayments"])
    booked = stack.booked("transfer")
    assert len(booked) == 61
    assert stack.instalment("BT-002", 1).paid_minor == 6_000
    result = stack.result("2026-03-10.csv")
    assert (result["rows"], [line["line"] for line in result["lines"]]) == (61, [62])
    assert stack.result("2026-03-10.csv.from-line-52")["lines"] == [
        {"line": 63, "became": "known", "problem": "no such loan"}
    ]
