"""The payment stub's books in DynamoDB: a table of its own, `book` / `entry`, that no other function reads.

    book              entry              what
    PAYMENTS          key                a request and its answer, and how much of it was given back
    UNDELIVERED       key                it was not reported yet; the row is gone once it was
    REFUNDS           key                money of a payment that was given back
    ACCOUNT#ref       BALANCE#currency   money that debits may take
    ACCOUNT#ref       CREDIT#id          money that was put there, once

All payments are in one partition, in key order: a stub meets test load, and its checks want them in one read.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.dynamodb.attributes import Item, get_money, get_number, get_text, number, text
from shared.adapters.dynamodb.client import call, pauses, store_error, update_if
from shared.domain.errors import StoreError
from shared.domain.gateway import PAID, PENDING
from shared.domain.money import Money
from shared.ports.stub import StubPayment, StubRefund, Taken

_PAYMENTS, _UNDELIVERED, _REFUNDS = "PAYMENTS", "UNDELIVERED", "REFUNDS"
_ACCOUNT, _BALANCE, _CREDIT = "ACCOUNT#", "BALANCE#", "CREDIT#"
_FREE = "attribute_not_exists(book)"


class DynamoStubBooks:
    """StubBooks on one table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def payment(self, key: str) -> StubPayment | None:
        item = self._get(_PAYMENTS, key)
        return _payment(item) if item else None

    def take(self, payment: StubPayment, from_balance: bool = False) -> Taken:
        """One transaction. When it was repeated by the SDK, it fails on its own payment, and the caller reads that."""
        legs = [
            {"Put": {"TableName": self._table, "Item": _payment_item(payment), "ConditionExpression": _FREE}},
            {"Put": {"TableName": self._table, "Item": {"book": text(_UNDELIVERED), "entry": text(payment.key)}}},
        ]
        if from_balance:
            legs.append(self._movement(payment.account_ref, payment.amount, "minor >= :m", "SET minor = minor - :m"))
        failed = self._transact(legs)
        if failed is None:
            return Taken.YES
        return Taken.EXISTS if failed == 0 else Taken.SHORT

    def complete(self, key: str, code: str) -> StubPayment:
        """One conditional update; its condition fails on its own repetition and on a rival's, which wrote the same."""
        _, item = update_if(
            self._client,
            TableName=self._table,
            Key={"book": text(_PAYMENTS), "entry": text(key)},
            UpdateExpression="SET #status = :paid, #code = :code",
            ConditionExpression="#status = :pending",
            ExpressionAttributeNames={"#status": "status", "#code": "code"},
            ExpressionAttributeValues={":pending": text(PENDING), ":paid": text(PAID), ":code": text(code)},
        )
        return _payment(item)

    def refund(self, key: str) -> StubRefund | None:
        item = self._get(_REFUNDS, key)
        return _refund(item) if item else None

    def give_back(self, refund: StubRefund, payment: StubPayment, to_balance: bool = False) -> Taken:
        """One transaction: the total of a payment's refunds stands in its row, and rises only while it fits."""
        most = payment.amount.minor - refund.amount.minor
        if most < 0:
            return Taken.SHORT
        legs: list[dict[str, Any]] = [
            {"Put": {"TableName": self._table, "Item": _refund_item(refund), "ConditionExpression": _FREE}},
            {
                "ConditionCheck": {
                    "TableName": self._table,
                    "Key": {"book": text(_PAYMENTS), "entry": text(refund.key)},
                    "ConditionExpression": _FREE,
                }
            },
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {"book": text(_PAYMENTS), "entry": text(payment.key)},
                    "UpdateExpression": "ADD refunded_minor :m",
                    "ConditionExpression": "attribute_not_exists(refunded_minor) OR refunded_minor <= :most",
                    "ExpressionAttributeValues": {
                        ":m": number(refund.amount.minor),
                        ":most": number(most),
                    },
                }
            },
        ]
        if to_balance:
            legs.append(self._movement(payment.account_ref, refund.amount, None, "ADD minor :m"))
        failed = self._transact(legs)
        if failed is None:
            return Taken.YES
        return Taken.EXISTS if failed < 2 else Taken.SHORT

    def refunds(self) -> Iterator[StubRefund]:
        return map(_refund, self._query(_REFUNDS))

    def credit(self, account_ref: str, credit_id: str, amount: Money) -> Money | None:
        keys = {"book": text(_ACCOUNT + account_ref), "entry": text(_CREDIT + credit_id)}
        credit = {**keys, "amount_minor": number(amount.minor), "currency": text(amount.currency)}
        legs = [
            {"Put": {"TableName": self._table, "Item": credit, "ConditionExpression": _FREE}},
            self._movement(account_ref, amount, None, "ADD minor :m"),
        ]
        if self._transact(legs) is None:
            return None
        item = self._get(_ACCOUNT + account_ref, _CREDIT + credit_id)
        return get_money(item) if item else None

    def balance(self, account_ref: str, currency: str) -> Money:
        item = self._get(_ACCOUNT + account_ref, _BALANCE + currency)
        return Money(get_number(item, "minor") if item else 0, currency)

    def undelivered(self) -> Iterator[StubPayment]:
        for item in self._query(_UNDELIVERED):
            found = self.payment(get_text(item, "entry"))
            if found:
                yield found

    def mark_delivered(self, keys: Sequence[str]) -> None:
        for key in keys:
            call(self._client.delete_item, TableName=self._table, Key={"book": text(_UNDELIVERED), "entry": text(key)})

    def payments(self) -> Iterator[StubPayment]:
        return map(_payment, self._query(_PAYMENTS))

    def charges(self) -> Iterator[StubPayment]:
        return (payment for payment in self.payments() if payment.status == PAID)

    def _movement(self, account_ref: str, amount: Money, condition: str | None, update: str) -> dict[str, Any]:
        leg = {
            "TableName": self._table,
            "Key": {"book": text(_ACCOUNT + account_ref), "entry": text(_BALANCE + amount.currency)},
            "UpdateExpression": update,
            "ExpressionAttributeValues": {":m": number(amount.minor)},
        }
        return {"Update": leg | ({"ConditionExpression": condition} if condition else {})}

    def _transact(self, legs: list[dict[str, Any]]) -> int | None:
        """None when all was written, else the first leg whose condition failed; rivals are waited for."""
        method = self._client.transact_write_items
        error: Exception | None = None
        for _ in pauses():
            try:
                method(TransactItems=legs)
                return None
            except self._client.exceptions.TransactionCanceledException as cancelled:
                codes = [reason.get("Code") for reason in cancelled.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in codes:
                    return codes.index("ConditionalCheckFailed")
                error = cancelled
            except (BotoCoreError, ClientError) as failure:
                raise store_error(method, failure) from failure
        raise StoreError("dynamodb transact_write_items: still contended after all rounds") from error

    def _get(self, book: str, entry: str) -> Item | None:
        found = call(
            self._client.get_item,
            TableName=self._table,
            Key={"book": text(book), "entry": text(entry)},
            ConsistentRead=True,
        )
        item: Item | None = found.get("Item")
        return item

    def _query(self, book: str) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            page = call(
                self._client.query,
                TableName=self._table,
                KeyConditionExpression="book = :b",
                ExpressionAttributeValues={":b": text(book)},
                ConsistentRead=True,
                **start,
            )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _payment_item(payment: StubPayment) -> Item:
    return {
        "book": text(_PAYMENTS),
        "entry": text(payment.key),
        "account_ref": text(payment.account_ref),
        "mandate_id": text(payment.mandate_id),
        "amount_minor": number(payment.amount.minor),
        "currency": text(payment.amount.currency),
        "status": text(payment.status),
        "code": text(payment.code),
        "gateway_ref": text(payment.gateway_ref),
    }


def _payment(item: Item) -> StubPayment:
    return StubPayment(
        get_text(item, "entry"),
        get_text(item, "account_ref"),
        get_text(item, "mandate_id"),
        get_money(item),
        get_text(item, "status"),
        get_text(item, "code"),
        get_text(item, "gateway_ref"),
    )


def _refund_item(refund: StubRefund) -> Item:
    return {
        "book": text(_REFUNDS),
        "entry": text(refund.key),
        "payment_key": text(refund.payment_key),
        "amount_minor": number(refund.amount.minor),
        "currency": text(refund.amount.currency),
        "gateway_ref": text(refund.gateway_ref),
    }


def _refund(item: Item) -> StubRefund:
    return StubRefund(
        get_text(item, "entry"), get_text(item, "payment_key"), get_money(item), get_text(item, "gateway_ref")
    )
