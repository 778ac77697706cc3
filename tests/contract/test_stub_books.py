"""The payment stub's books: one suite over memory and DynamoDB."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import pytest

from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.adapters.memory.stub_books import MemoryStubBooks
from shared.domain.errors import StoreError
from shared.domain.money import Money
from shared.ports.stub import StubBooks, StubPayment, StubRefund, Taken
from tests.contract.conftest import DYNAMODB
from tests.contract.stores import answers_lost
from tests.tables import table_shapes


class Dynamo(NamedTuple):
    client: Any
    table: str


PAID = StubPayment("L1:P000001", "balance-1", "M1", Money(10000, "CNY"), "paid", "paid", "GW1")
REFUND = StubRefund("L1:R000001", "L1:P000001", Money(4000, "CNY"), "GW3")
DECLINED = replace(PAID, key="L1:P000002", status="declined", code="insufficient", gateway_ref="GW2")


_numbers = count(1)


@pytest.fixture(params=DYNAMODB)
def dynamo(request: pytest.FixtureRequest) -> Dynamo:
    return _table_of_its_own(request.param, request)


@pytest.fixture(params=["memory", *DYNAMODB])
def books(request: pytest.FixtureRequest) -> StubBooks:
    return (
        MemoryStubBooks() if request.param == "memory" else DynamoStubBooks(*_table_of_its_own(request.param, request))
    )


def _table_of_its_own(kind: str, request: pytest.FixtureRequest) -> Dynamo:
    client = request.getfixturevalue(f"{kind}_client")
    table = f"stub-{os.getpid()}-{next(_numbers)}"
    client.create_table(TableName=table, **table_shapes()["stub_books"])
    return Dynamo(client, table)


def test_a_payment_is_taken_once_and_found(books: StubBooks) -> None:
    assert books.payment(PAID.key) is None
    assert books.take(PAID) is Taken.YES
    assert books.take(replace(PAID, amount=Money(1, "CZK"))) is Taken.EXISTS
    assert books.payment(PAID.key) == PAID


def test_payments_come_in_key_order_and_charges_are_those_that_moved_money(books: StubBooks) -> None:
    books.take(DECLINED)
    books.take(PAID)
    assert list(books.payments()) == [PAID, DECLINED]
    assert list(books.charges()) == [PAID]


def test_a_balance_rises_by_credits_and_falls_by_payments(books: StubBooks) -> None:
    assert books.balance("balance-1", "CNY") == Money(0, "CNY")
    assert books.credit("balance-1", "C1", Money(15000, "CNY")) is None
    assert books.take(PAID, from_balance=True) is Taken.YES
    assert books.balance("balance-1", "CNY") == Money(5000, "CNY")


def test_a_payment_that_its_account_cannot_bear_leaves_no_trace(books: StubBooks) -> None:
    books.credit("balance-1", "C1", Money(9999, "CNY"))
    assert books.take(PAID, from_balance=True) is Taken.SHORT
    assert books.take(replace(PAID, account_ref="balance-2"), from_balance=True) is Taken.SHORT
    assert books.balance("balance-1", "CNY") == Money(9999, "CNY")
    assert (books.payment(PAID.key), list(books.payments()), list(books.undelivered())) == (None, [], [])


def test_the_same_payment_again_takes_no_money_again(books: StubBooks) -> None:
    books.credit("balance-1", "C1", Money(30000, "CNY"))
    books.take(PAID, from_balance=True)
    assert books.take(PAID, from_balance=True) is Taken.EXISTS
    assert books.balance("balance-1", "CNY") == Money(20000, "CNY")


def test_a_key_that_is_there_says_so_even_when_the_money_is_gone(books: StubBooks) -> None:
    books.credit("balance-1", "C1", Money(10000, "CNY"))
    books.take(PAID, from_balance=True)
    assert books.take(PAID, from_balance=True) is Taken.EXISTS


def test_a_credit_counts_once_and_gives_the_first_amount_back(books: StubBooks) -> None:
    assert books.credit("balance-1", "C1", Money(100, "CNY")) is None
    assert books.credit("balance-1", "C1", Money(200, "CNY")) == Money(100, "CNY")
    assert books.credit("balance-2", "C1", Money(300, "CNY")) is None
    assert books.balance("balance-1", "CNY") == Money(100, "CNY")


def test_currencies_are_kept_apart(books: StubBooks) -> None:
    books.credit("balance-1", "C1", Money(10000, "CZK"))
    assert books.take(PAID, from_balance=True) is Taken.SHORT
    assert books.balance("balance-1", "CZK") == Money(10000, "CZK")


def test_what_is_pending_is_completed_once_and_nothing_else_is(books: StubBooks) -> None:
    pending = replace(PAID, status="pending", code="waiting")
    books.take(pending)
    books.take(DECLINED)
    assert list(books.charges()) == []
    assert [books.complete(PAID.key, "paid") for _ in range(2)] == [PAID, PAID]
    assert books.complete(DECLINED.key, "paid") == DECLINED
    assert list(books.charges()) == [PAID]
    assert [p.key for p in books.undelivered()] == [PAID.key, DECLINED.key]


def test_a_refund_is_put_once_and_found(books: StubBooks) -> None:
    books.take(PAID)
    assert books.refund(REFUND.key) is None
    assert books.give_back(REFUND, PAID) is Taken.YES
    assert books.give_back(replace(REFUND, amount=Money(1, "CNY")), PAID) is Taken.EXISTS
    assert books.refund(REFUND.key) == REFUND
    assert list(books.refunds()) == [REFUND]
    assert books.payment(PAID.key) == PAID


def test_a_refund_s_key_is_none_of_a_payment(books: StubBooks) -> None:
    books.take(PAID)
    books.take(DECLINED)
    assert books.give_back(replace(REFUND, key=DECLINED.key), PAID) is Taken.EXISTS
    assert list(books.refunds()) == []


def test_refunds_together_never_exceed_their_payment_whoever_races(books: StubBooks) -> None:
    books.take(PAID)
    assert books.give_back(replace(REFUND, amount=Money(10001, "CNY")), PAID) is Taken.SHORT
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: books.give_back(replace(REFUND, key=f"R{n}"), PAID), range(8)))
    assert (taken.count(Taken.YES), taken.count(Taken.SHORT)) == (2, 6)
    assert sum(r.amount.minor for r in books.refunds()) == 8000
    assert books.give_back(replace(REFUND, amount=Money(2000, "CNY")), PAID) is Taken.YES


def test_a_refund_goes_back_to_the_balance_where_it_came_from(books: StubBooks) -> None:
    books.credit("balance-1", "C1", Money(10000, "CNY"))
    books.take(PAID, from_balance=True)
    assert books.give_back(REFUND, PAID, to_balance=True) is Taken.YES
    assert books.give_back(REFUND, PAID, to_balance=True) is Taken.EXISTS
    assert books.balance("balance-1", "CNY") == Money(4000, "CNY")


def test_what_is_undelivered_is_listed_until_it_is_marked(books: StubBooks) -> None:
    books.take(DECLINED)
    books.take(PAID)
    assert list(books.undelivered()) == [PAID, DECLINED]
    books.mark_delivered([PAID.key])
    books.mark_delivered([PAID.key])
    assert list(books.undelivered()) == [DECLINED]
    assert books.payment(PAID.key) == PAID


def test_marking_while_reading_misses_nothing(books: StubBooks) -> None:
    for number in range(5):
        books.take(replace(PAID, key=f"K{number}"))
    seen = []
    for payment in books.undelivered():
        books.mark_delivered([payment.key])
        seen.append(payment.key)
    assert seen == ["K0", "K1", "K2", "K3", "K4"]


def test_no_race_overdraws_an_account(books: StubBooks) -> None:
    books.credit("balance-1", "C1", Money(30000, "CNY"))
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: books.take(replace(PAID, key=f"K{n}"), from_balance=True), range(8)))
    assert taken.count(Taken.YES) == 3
    assert taken.count(Taken.SHORT) == 5
    assert books.balance("balance-1", "CNY") == Money(0, "CNY")
    assert len(list(books.payments())) == 3


def test_all_pages_are_read(dynamo: Dynamo) -> None:
    books = DynamoStubBooks(_ShortPages(dynamo.client), dynamo.table)
    for number in range(7):
        books.take(replace(PAID, key=f"K{number}"))
    assert [p.key for p in books.payments()] == [f"K{n}" for n in range(7)]
    assert [p.key for p in books.undelivered()] == [f"K{n}" for n in range(7)]


class _ShortPages:
    """A client whose queries end after two items, as a full megabyte would."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def query(self, **arguments: Any) -> Any:
        return self._client.query(**arguments, Limit=2)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_write_whose_answer_was_lost_counts_once(dynamo: Dynamo) -> None:
    books = DynamoStubBooks(*dynamo)
    with answers_lost(dynamo.client) as sent:
        assert books.credit("balance-1", "C1", Money(10000, "CNY")) in (None, Money(10000, "CNY"))
        assert books.take(PAID, from_balance=True) in (Taken.YES, Taken.EXISTS)
        assert books.give_back(REFUND, PAID) in (Taken.YES, Taken.EXISTS)
    assert sent.count("TransactWriteItems") == 6
    assert list(books.refunds()) == [REFUND]
    assert books.payment(PAID.key) == PAID
    assert books.balance("balance-1", "CNY") == Money(0, "CNY")


def test_a_store_that_cannot_be_asked_is_a_store_error_without_keys(dynamo: Dynamo) -> None:
    books = DynamoStubBooks(dynamo.client, "no-such-table")
    calls: list[Callable[[], object]] = [
        lambda: books.payment(PAID.key),
        lambda: books.take(PAID),
        lambda: books.credit("balance-1", "C1", Money(1, "CNY")),
        lambda: books.complete(PAID.key, "paid"),
        lambda: books.give_back(REFUND, PAID),
        lambda: list(books.payments()),
        lambda: books.mark_delivered([PAID.key]),
    ]
    for call in calls:
        with pytest.raises(StoreError, match=r"^dynamodb \w+: ResourceNotFoundException$"):
            call()
