"""The declared models read what the hand mapping writes: every row equal, and no attribute undeclared."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import date
from typing import Any

import pytest
from pynamodb.attributes import MapAttribute

from shared.adapters.dynamodb import models as models_
from shared.adapters.dynamodb.card_rows import bar_words, contact_words, told_words
from shared.adapters.dynamodb.hold_rows import hold_words
from shared.adapters.dynamodb.models import (
    AttemptItem,
    AuditItem,
    BorrowerItem,
    CardItem,
    DebitsItem,
    EntryItem,
    EscalationItem,
    InstalmentItem,
    LoanItem,
    LoansItem,
    MandateItem,
    MarkItem,
    Models,
    NoticeItem,
    StoredItem,
    StubBooksItem,
    StubPaymentItem,
    StubRefundItem,
    UnreadableRowError,
    bind,
)
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.domain.book import (
    ContactCard,
    Evidence,
    InstalmentState,
    LastAttempt,
    LoanStatus,
    MoneyMark,
    NoticeState,
    Outcome,
    Source,
    Told,
)
from shared.domain.consent import Bar
from shared.domain.contact_caps import Contact
from shared.domain.holds import Hold
from shared.domain.money import Money
from shared.ports.portfolio import StoredRow
from shared.ports.stub import StubPayment, StubRefund
from tests.contract.stores import (
    DUE,
    NOON,
    Stores,
    a_borrower,
    a_card,
    a_loan,
    a_mandate,
    a_mark,
    a_notice,
    an_attempt,
    an_audit_entry,
    an_entry,
    an_escalation,
    an_instalment,
    later,
)
from tests.contract.test_rows import ATTEMPT, BORROWER, CARD, DEBITS, ENTRY, HOLDS, INSTALMENT, MANDATE, NOTICE

LAST = LastAttempt(3, "2026-03-10T20:00", NOON, Outcome.INSUFFICIENT, DUE, 101_500)
TOLD = {"l-1#001#0": Told("OVERDUE_1", DUE, date(2026, 3, 9), 101_500), "l-1#002#0": Told("REMIND_7", DUE)}

ROWS: list[tuple[type[StoredItem], StoredRow]] = [
    (LoanItem, a_loan(step=later(hours=1), entered=("000#M1", "000#M2"), episode=2, first_open=3, last_seq=4)),
    (LoanItem, a_loan("l-2", status=LoanStatus.SETTLED, gate_rev=5, stage_rev=6)),
    (InstalmentItem, an_instalment(step=later(hours=1), last_attempt=LAST, attempts=1, blocked=True, episode=1)),
    (InstalmentItem, an_instalment(2, last_attempt=replace(LAST, outcome=None, settled_on=None))),
    (
        InstalmentItem,
        an_instalment(123, paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, paid_by=7, fee_minor=9),
    ),
    (MandateItem, a_mandate()),
    (EscalationItem, an_escalation()),
    (EscalationItem, an_escalation("001#M2", left_on=DUE, consequences=())),
    (BorrowerItem, a_borrower()),
    (BorrowerItem, a_borrower("b-2", phone=None)),
    (CardItem, a_card(step=later(hours=2), told=TOLD)),
    (CardItem, a_card("b-2", loan_ids=())),
    (AttemptItem, an_attempt()),
    (AttemptItem, an_attempt(123_456, outcome=Outcome.PAID, gateway_ref="GW1", settled_at=NOON, numbers=(1, 2))),
    (NoticeItem, a_notice()),
    (
        NoticeItem,
        a_notice("DUE#l-1#001#0", state=NoticeState.SENT, provider_ref="M1", settled_at=NOON, detail="x", sends=2),
    ),
    (EntryItem, an_entry()),
    (LoanItem, a_loan("l-3", holds=HOLDS)),
    (BorrowerItem, BORROWER),
    (CardItem, CARD),
    (NoticeItem, NOTICE),
    (InstalmentItem, INSTALMENT),
    (MandateItem, MANDATE),
    (BorrowerItem, a_borrower(payday=31)),
    (AttemptItem, ATTEMPT),
    (EntryItem, ENTRY),
    (MarkItem, a_mark("r-1", source="bank-file", loan_id="SUSPENSE")),
    (DebitsItem, DEBITS),
    (AuditItem, an_audit_entry(at=later(seconds=0.5))),
    (AuditItem, an_audit_entry(detail={})),
    (EntryItem, an_entry("r-1", loan_id="SUSPENSE", source="transfer", split=(), detail="no such loan")),
]
UNDECLARED = {"token", "fingerprint", "failures", "failed_by"}
"""What only the stores' own work needs."""


@pytest.fixture
def models(dynamo: Stores, monkeypatch: pytest.MonkeyPatch) -> Models:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    meta = dynamo.client.meta
    return bind(dynamo.tables, meta.region_name, meta.endpoint_url)


def stored(models: Models) -> Iterator[StoredItem]:
    for model in (models.loans, models.borrowers, models.attempts, models.notices, models.ledger, models.audit):
        yield from model.scan(consistent_read=True)


def plain(value: object) -> object:
    """A domain value as a model has it."""
    if isinstance(value, Mapping):
        return {key: plain(of) for key, of in value.items()}
    if isinstance(value, tuple) and value and (words := WORDS.get(type(value[0]))):
        return tuple(tuple(words(of)) for of in value)
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [plain(of) for of in value]
    return value


WORDS: Mapping[type[Any], Callable[[Any], list[str]]] = {Contact: contact_words, Bar: bar_words, Hold: hold_words}


def expected(row: StoredRow) -> dict[str, object]:
    values = {field.name: plain(getattr(row, field.name)) for field in fields(row)}
    if isinstance(amount := getattr(row, "amount", None), Money):
        del values["amount"]
        values |= {"amount_minor": amount.minor, "currency": amount.currency}
    if isinstance(row, ContactCard):
        values["told"] = tuple(tuple(told_words(key, told)) for key, told in row.told.items())
    if isinstance(row, MoneyMark):
        values["booked_under"] = values.pop("loan_id")
    return values


def read_by(item: StoredItem | MapAttribute[str, Any], kind: type[Any], names: Iterable[str]) -> dict[str, object]:
    """What the model says; of what is absent, the value that a row has then."""
    found = {name: nested(getattr(item, name, None)) for name in names}
    usual = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    usual |= {field.name: field.default_factory() for field in fields(kind) if field.default_factory is not MISSING}
    return {name: usual.get(name) if value is None else value for name, value in found.items()}


def nested(value: object) -> object:
    if isinstance(value, list):
        return [nested(one) for one in value]
    if isinstance(value, MapAttribute):
        kind = PARTS[type(value)]
        return read_by(value, kind, [field.name for field in fields(kind)])
    return value


PARTS: dict[type[Any], type[Any]] = {
    models_.LastAttempt: LastAttempt,
    models_.Source: Source,
    models_.Evidence: Evidence,
    models_.EarlierAttempt: LastAttempt,
}


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_a_row_reads_back_equal(dynamo: Stores, models: Models, model: type[StoredItem], row: StoredRow) -> None:
    dynamo.seed(row)
    (item,) = stored(models)
    assert isinstance(item, model)
    assert item.lacking() is None
    revisions = {"rev", "stage_rev"}  # a row with a step was saved once
    wanted = {name: value for name, value in expected(row).items() if name not in revisions}
    assert read_by(item, type(row), wanted) == wanted


@pytest.mark.parametrize(("model", "row"), ROWS)
def test_every_attribute_of_a_row_is_declared(
    dynamo: Stores, models: Models, model: type[StoredItem], row: StoredRow
) -> None:
    dynamo.seed(row)
    names = {attribute.attr_name for attribute in model.get_attributes().values()}
    for table in ("loans", "borrowers", "attempts", "notices", "ledger", "audit"):
        for item in dynamo.client.scan(TableName=dynamo.tables[table])["Items"]:
            assert set(item) - UNDECLARED <= names


def test_what_the_first_version_told_is_read_as_the_same_words(dynamo: Stores, models: Models) -> None:
    one = {"tier": {"S": "PRE_DEBIT"}, "on": {"S": "2026-03-10"}}
    more = {"announced_on": {"S": "2026-03-09"}, "announced_minor": {"N": "7"}}
    told = {"M": {"l-1#001#0": {"M": one | more}, "l-1#002#0": {"M": one}}}
    item = {"borrower_id": {"S": "b-1"}, "entity": {"S": "CONTACT"}, "loan_ids": {"L": []}, "rev": {"N": "0"}}
    dynamo.client.put_item(TableName=dynamo.tables["borrowers"], Item=item | {"told": told})
    (card,) = models.borrowers.scan()
    assert isinstance(card, CardItem)
    first = ("l-1#001#0", "PRE_DEBIT", "2026-03-10", "2026-03-09", "7")
    assert card.told == (first, ("l-1#002#0", "PRE_DEBIT", "2026-03-10"))


def test_an_opened_loan_says_when(dynamo: Stores, models: Models) -> None:
    dynamo.seed(a_card(loan_ids=()), a_loan(), an_instalment())
    dynamo.portfolio.open([an_instalment(step=NOON), a_loan(step=NOON)], later(hours=-1))
    items = {type(item): item for item in models.loans.scan()}
    loan = items[LoanItem]
    assert isinstance(loan, LoanItem)
    assert loan.opened == later(hours=-1)
    assert (loan.stage_pk, loan.stage_sk) == ("S000", "2026-03-10T12:00:00Z#l-1")


def test_an_agenda_is_read_up_to_a_moment(dynamo: Stores, models: Models) -> None:
    dynamo.seed(*(an_instalment(number, step=later(hours=number)) for number in (1, 2, 3)))
    due = models.loans.debit_agenda.query("S000", LoansItem.debit_sk <= "2026-03-10T14:00:00Z#~")
    assert [item.number for item in due if isinstance(item, InstalmentItem)] == [1, 2]
    assert models.loans.debit_agenda.count("S000") == 3


def test_a_payment_in_the_stubs_books_reads_back_equal(dynamo: Stores, models: Models) -> None:
    payment = StubPayment("l-1:P000001", "paid-1", "m-1", Money(101_500, "CNY"), "paid", "paid", "GW1")
    books = DynamoStubBooks(dynamo.client, dynamo.tables["stub_books"])
    books.take(payment)
    refund = StubRefund("l-1:P000002", payment.key, Money(1_500, "CNY"), "GW2")
    books.give_back(refund, payment)
    assert models.stub_books
    (item,) = models.stub_books.query(StubBooksItem.PAYMENTS)
    assert isinstance(item, StubPaymentItem)
    assert item.refunded_minor == 1_500
    (given,) = models.stub_books.query(StubBooksItem.REFUNDS)
    assert isinstance(given, StubRefundItem)
    assert (given.key, given.payment_key, given.amount_minor) == ("l-1:P000002", "l-1:P000001", 1_500)
    amount = {"amount_minor": 101_500, "currency": "CNY"}
    wanted = {field.name: getattr(payment, field.name) for field in fields(payment) if field.name != "amount"} | amount
    assert read_by(item, StubPayment, wanted) == wanted


def test_a_row_of_an_unknown_kind_is_left_alone(dynamo: Stores, models: Models) -> None:
    item = {"loan_id": {"S": "l-1"}, "entity": {"S": "HOLD#h-1"}, "until": {"S": "2026-04-01"}}
    dynamo.client.put_item(TableName=dynamo.tables["loans"], Item=item)
    (found,) = models.loans.scan()
    assert type(found).__bases__ == (LoansItem,)
    assert found.sub_key == "h-1"


@pytest.mark.parametrize("wrong", [{"N": "1"}, {"S": "10 March"}])
def test_a_row_that_cannot_be_read_is_named(dynamo: Stores, models: Models, wrong: dict[str, str]) -> None:
    dynamo.seed(an_instalment())
    key = {"loan_id": {"S": "l-1"}, "entity": {"S": "INST#001"}}
    item = dynamo.client.get_item(TableName=dynamo.tables["loans"], Key=key)["Item"]
    dynamo.client.put_item(TableName=dynamo.tables["loans"], Item=item | {"due_on": wrong})
    with pytest.raises(UnreadableRowError, match=r"^the stored row l-1 INST#001 cannot be read"):
        list(models.loans.scan())


def test_models_write_nothing(dynamo: Stores, models: Models) -> None:
    """A save would erase what a model does not know."""
    dynamo.seed(an_instalment())
    (item,) = models.loans.scan()
    writes: list[Callable[[], object]] = [item.save, item.delete, lambda: item.update(actions=[])]
    for write in writes:
        with pytest.raises(TypeError, match="models only read"):
            write()
