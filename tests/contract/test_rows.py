"""Rows come back as they were written: with all they may hold, with none of it, and as an older version left them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, replace
from datetime import date
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from shared.adapters.dynamodb.mandate_rows import TTL
from shared.adapters.dynamodb.rows import key_of, values_of
from shared.adapters.row_keys import row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    Borrower,
    Component,
    ContactCard,
    DebitCard,
    EntryKind,
    Evidence,
    Instalment,
    InstalmentState,
    LastAttempt,
    LedgerEntry,
    Loan,
    LoanStatus,
    Mandate,
    MandateStatus,
    MoneyMark,
    NoticeRecord,
    NoticeState,
    OneTimeCode,
    Outcome,
    Owner,
    Source,
    SourceKind,
    Told,
)
from shared.domain.changes import (
    Insert,
    SaveAttempt,
    SaveCard,
    SaveCode,
    SaveDebitCard,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveStage,
)
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel, ContactEvent, MessageClass, Reached, Stops
from shared.domain.errors import BookError
from shared.domain.holds import Hold
from shared.domain.money import Money
from shared.ports.portfolio import StoredRow
from tests.contract.stores import (
    DUE,
    NOON,
    Stores,
    a_borrower,
    a_card,
    a_code,
    a_debit_card,
    a_loan,
    a_mandate,
    a_mark,
    a_notice,
    an_attempt,
    an_audit_entry,
    an_entry,
    an_instalment,
    later,
)
from tests.tables import TEMPLATE

EVIDENCE = Evidence("mandate.zh-CN.3", "a" * 64, later(seconds=1.5), "portal")
FUNDING = (Source(SourceKind.BALANCE, "balance-1"), Source(SourceKind.DEBIT_CARD, "card-2", is_dead=True))
LAST = LastAttempt(
    3, "2026-03-10T20:00", NOON, Outcome.INSUFFICIENT, DUE, 50_000, source=1, of_day=2, mandate_id="m-1", together=True
)
LAST = replace(LAST, before=LAST)
ATTEMPT = an_attempt(
    2,
    numbers=(1, 2),
    state=AttemptState.UNKNOWN,
    outcome=Outcome.UNKNOWN,
    gateway_ref="g-1",
    settled_at=later(hours=4),
    presented=2,
    owner=Owner.BORROWER,
    funding=("balance-1", "card-2"),
    first_claimed_at=later(hours=-3),
    enquire_at=later(hours=2),
    stuck="the key's life is over and the lookup is not final",
    reserves=True,
    refunds=1,
)
ENTRY = an_entry(
    "R-1",
    source="bank-file",
    amount=Money(-101_500, "CNY"),
    split=((1, -100_000), (2, -1_000)),
    detail="AM04",
    kind=EntryKind.CHARGEBACK,
    undoes="gateway#l-1:P000001",
    parts=((1, Component.PENALTY, -500), (1, Component.PRINCIPAL, -99_500), (2, Component.FEE, -1_000)),
)
INSTALMENT = an_instalment(
    paid_minor=50_000,
    state=InstalmentState.CLAIMED,
    episode=1,
    attempts=3,
    last_attempt=LAST,
    paid_on=DUE,
    paid_by=7,
    blocked=True,
    varies=True,
    rev=1,
    step=later(hours=1),
    first_attempt_on=date(2026, 3, 9),
    penalty_minor=700,
    fee_paid_minor=11,
    penalty_paid_minor=22,
    interest_paid_minor=33,
)
MANDATE = a_mandate(
    status=MandateStatus.EXPIRED,
    funding=FUNDING,
    since=later(hours=-1),
    expires_on=date(2027, 3, 31),
    evidence=EVIDENCE,
)
DEBITS = a_debit_card(failures=2, open=3, stopped_at=NOON)
CODE = a_code(tries=2, expires_at=later(minutes=5, microseconds=7))
NOTICE = a_notice(
    state=NoticeState.UNKNOWN,
    sends=2,
    provider_ref="p",
    settled_at=later(minutes=1),
    detail="no answer",
    message_class="pre-debit-notice",
    tried=("sms", "push"),
    delivery="failed-for-now",
    delivery_code="unreachable",
    delivery_at=later(minutes=2),
    opened_at=later(minutes=3),
    clicked_at=later(minutes=4, microseconds=7),
)
BORROWER = a_borrower(
    "b-2",
    payday=31,
    email="fang@example.com",
    push="arn:aws:sns:eu-west-1:123456789012:endpoint/APNS/duebell/1",
    other_zones=("Europe/London", "America/New_York"),
)
CONTACT = Contact(
    "PRE_DEBIT#l-1#001#0",
    later(microseconds=7),
    Channel.VOICE,
    MessageClass.PRE_DEBIT_NOTICE,
    ("l-1", "loan-2"),
    "0123456789abcdef",
    Reached.CONNECTED,
    ContactEvent.CONVERSATION,
    counted=False,
)
BAR = Bar(Channel.SMS, "0123456789abcdef", BarredBy.OPTED_OUT, later(seconds=0.5), frozenset({MessageClass.COLLECTION}))
CARD = a_card(
    loan_ids=("l-1", "loan-2"),
    told={
        "l-1#001#0": Told("PRE_DEBIT", DUE, DUE, 101_500),
        "l-1#002#0": Told("DUE", DUE, date(2026, 3, 9), 7),
        "loan-2#000#1": Told("OVERDUE_31", DUE),
        "loan-2#001#1": Told("REMIND_7", DUE, None, 5),
    },
    rev=1,
    step=later(hours=1),
    contacts=(CONTACT, replace(CONTACT, at=NOON, debts=(), outcome=None, event=None, counted=True), CONTACT),
    bars=(BAR, replace(BAR, by=BarredBy.DEAD, classes=frozenset(MessageClass)), replace(BAR, classes=frozenset())),
)
HOLDS = (
    Hold("complaint-1", "complaint", frozenset({Stops.CONTACT, Stops.DEBIT}), later(seconds=0.5), date(2026, 5, 9)),
    Hold("dispute-1", "dispute", frozenset(), NOON),
)
LOAN = a_loan(
    status=LoanStatus.SETTLED,
    entered=("000#M1", "000#M2"),
    episode=2,
    first_open=3,
    last_seq=4,
    gate_rev=5,
    stage_rev=6,
    step=later(hours=1),
    holds=HOLDS,
)


def full[R](row: R) -> R:
    """A row that has something of everything, or the name of what it lacks."""
    empty = [field.name for field in fields(row) if is_usual(field, getattr(row, field.name))]  # type: ignore[arg-type]
    assert not empty, f"{type(row).__name__}: give {', '.join(empty)} a value that is not the usual one"
    return row


def is_usual(field: Field[Any], value: object) -> bool:
    if field.default_factory is not MISSING:
        return bool(value == field.default_factory())
    return field.default is not MISSING and value == field.default


def seed(stores: Stores) -> None:
    stores.seed(a_borrower(), a_card(), a_loan(), an_instalment(), a_mandate(), an_attempt())


def attempt(stores: Stores) -> Attempt | None:
    assert stores.book.commit([Insert(full(ATTEMPT))])
    return stores.book.attempt("l-1", 2)


def entry(stores: Stores) -> LedgerEntry | None:
    assert stores.book.commit([Insert(full(ENTRY))])
    return stores.book.entry("l-1", "bank-file", "R-1")


def instalment(stores: Stores) -> Instalment:
    assert stores.book.commit([SaveInstalment(full(INSTALMENT))])
    return stores.instalment()


def mandate(stores: Stores) -> Mandate:
    assert stores.book.commit([SaveMandate(full(MANDATE), 0)])
    (found,) = stores.file().mandates
    return found


def debits(stores: Stores) -> DebitCard:
    assert stores.book.commit([SaveDebitCard(full(DEBITS))])
    return stores.book.debit_card("b-1")


def code(stores: Stores) -> OneTimeCode | None:
    assert stores.book.commit([SaveCode(full(CODE))])
    return stores.book.code("l-1", CODE.purpose)


def mark(stores: Stores) -> MoneyMark | None:
    assert stores.book.commit([Insert(full(a_mark()))])
    return stores.book.money("gateway", "l-1:P000001")


def audit_entry(stores: Stores) -> AuditEntry:
    assert stores.book.commit([Insert(full(an_audit_entry()))])
    (found,) = stores.book.audit("l-1")
    return found


def borrower(stores: Stores) -> Borrower | None:
    stores.seed(full(BORROWER), a_card("b-2"))
    file = stores.book.borrower_file("b-2")
    return file.borrower if file else None


def card(stores: Stores) -> ContactCard:
    assert stores.book.commit([SaveCard(full(CARD))])
    return stores.card()


def loan(stores: Stores) -> Loan:
    row = replace(full(LOAN), loan_id="l-2")
    stores.seed(replace(row, step=None))
    assert stores.book.commit([SaveStage(replace(row, stage_rev=7))])
    return replace(stores.file("l-2").loan, loan_id="l-1", stage_rev=6)


def notice(stores: Stores) -> NoticeRecord | None:
    assert stores.book.commit([Insert(full(NOTICE))])
    return stores.book.notice("b-1", NOTICE.notice_key)


FULL: list[tuple[Callable[[Stores], object], StoredRow | OneTimeCode]] = [
    (attempt, ATTEMPT),
    (entry, ENTRY),
    (instalment, INSTALMENT),
    (mandate, MANDATE),
    (debits, DEBITS),
    (code, CODE),
    (mark, a_mark()),
    (audit_entry, an_audit_entry()),
    (borrower, BORROWER),
    (card, CARD),
    (loan, LOAN),
    (notice, NOTICE),
]


@pytest.mark.parametrize(("written", "row"), FULL)
def test_a_row_with_all_it_may_hold_is_read_as_it_was_written(
    stores: Stores, written: Callable[[Stores], object], row: object
) -> None:
    seed(stores)
    assert written(stores) == row


def test_the_parts_of_full_rows_are_full_themselves() -> None:
    parts = (LAST, EVIDENCE, FUNDING[1], CONTACT, BAR, HOLDS[0], Told("DUE", DUE, DUE, 1))
    assert tuple(map(full, parts)) == parts


def test_a_row_that_loses_what_it_held_is_read_without_it(stores: Stores) -> None:
    seed(stores)
    for written in (instalment, mandate, debits, card):
        written(stores)
    plain = an_instalment(rev=2)
    assert stores.book.commit([SaveInstalment(plain), SaveMandate(a_mandate(), 1)])
    assert stores.book.commit([SaveDebitCard(DebitCard("b-1", rev=2))])
    assert stores.book.commit([SaveCard(a_card(rev=2))])
    assert stores.card() == a_card(rev=2)
    assert stores.instalment() == plain
    assert stores.file().mandates == (a_mandate(),)
    assert stores.book.debit_card("b-1") == DebitCard("b-1", rev=2)


# what has no row


def test_what_was_never_written_is_none_or_fresh(stores: Stores) -> None:
    seed(stores)
    book = stores.book
    assert book.money("gateway", "l-1:P000001") is None
    assert book.code("l-1", "mandate-cancel") is None
    assert book.debit_card("b-1") == DebitCard("b-1")
    assert (book.attempts("l-9"), book.entries("l-9"), book.audit("l-9")) == ((), (), ())


def test_a_code_is_of_one_loan_and_one_purpose(stores: Stores) -> None:
    stores.seed(a_loan(), a_code("mandate-cancel"))
    assert stores.book.code("l-1", "mandate-enable") is None
    assert stores.book.code("l-2", "mandate-cancel") is None


def test_money_of_two_sources_under_one_number_is_marked_twice(stores: Stores) -> None:
    assert stores.book.commit([Insert(a_mark("r#1")), Insert(a_mark("r#1", source="bank-file"))])
    assert stores.book.money("bank-file", "r#1") == a_mark("r#1", source="bank-file")


def test_a_loan_and_a_borrower_are_read_without_the_rows_beside_them(stores: Stores) -> None:
    """A code, an escalation and the debits over all loans stand in the same partitions."""
    seed(stores)
    before = stores.file(), stores.book.borrower_file("b-1")
    stores.seed(a_code(), a_debit_card())
    assert (stores.file(), stores.book.borrower_file("b-1")) == before


# lists


def test_attempts_entries_and_audits_are_read_in_order_and_of_one_owner(stores: Stores) -> None:
    attempts = [an_attempt(seq) for seq in (1, 2, 10, 100_000)]
    entries = [an_entry("9", source="bank-file"), an_entry("10"), an_entry("9"), an_entry("1", source="manual")]
    audits = [an_audit_entry(at=at, revision=keys.audit_revision(at, "x")) for at in (NOON, later(seconds=0.5))]
    inserts = [*(Insert(a) for a in reversed(attempts)), *(Insert(e) for e in reversed(entries))]
    inserts += [Insert(audit) for audit in reversed(audits)]
    inserts += [Insert(an_attempt(1, loan_id="l-2")), Insert(an_entry("x", loan_id="l-10"))]
    inserts += [Insert(an_audit_entry(subject="l-2"))]
    for insert in inserts:
        assert stores.book.commit([insert])
    assert list(stores.book.attempts("l-1")) == attempts
    assert list(stores.book.entries("l-1")) == entries
    assert list(stores.book.audit("l-1")) == audits


def test_suspense_is_read_as_a_loan_is(stores: Stores) -> None:
    held = an_entry("r-1", loan_id=keys.SUSPENSE, split=(), detail="no such loan")
    assert stores.book.commit([Insert(held), Insert(a_mark("r-1", loan_id=keys.SUSPENSE))])
    assert list(stores.book.entries(keys.SUSPENSE)) == [held]


def test_long_lists_are_read_page_by_page(dynamo: Stores) -> None:
    for seq in range(1, 8):
        at = later(seconds=seq)
        entry_, audit = an_entry(f"e-{seq}"), an_audit_entry(at=at, revision=keys.audit_revision(at, "x"))
        assert dynamo.book.commit([Insert(an_attempt(seq)), Insert(entry_), Insert(audit)])
    with pages_of(dynamo.client, 2) as asked:
        lists = dynamo.book.attempts("l-1"), dynamo.book.entries("l-1"), dynamo.book.audit("l-1")
    assert [len(found) for found in lists] == [7, 7, 7]
    assert len(asked) >= 12


@contextmanager
def pages_of(client: Any, rows: int) -> Iterator[list[int]]:
    """Queries get so many rows a page."""
    asked: list[int] = []

    def limit(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = rows
        asked.append(rows)

    client.meta.events.register("provide-client-params.dynamodb.Query", limit)
    try:
        yield asked
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb.Query", limit)


# notices by their provider's reference, borrowers by their phone


def test_a_notice_is_found_by_the_reference_of_its_provider(stores: Stores) -> None:
    stores.seed(a_notice(), a_notice("DUE#l-1#001#0", state=NoticeState.SENT, provider_ref="p-2"))
    assert stores.book.notice_by_ref("p-1") is None
    assert stores.book.commit([SaveNotice(a_notice(state=NoticeState.SENT, provider_ref="p-1"))])
    assert stores.book.notice_by_ref("p-1") == ("b-1", a_notice().notice_key)
    assert stores.book.notice_by_ref("p-2") == ("b-1", "DUE#l-1#001#0")
    assert stores.book.notice_by_ref("") is None


def test_a_provider_that_gave_an_empty_reference_gave_none(dynamo: Stores) -> None:
    """No index takes an empty key, so the write would be refused and the notice never settled."""
    dynamo.seed(a_notice())
    assert dynamo.book.commit([SaveNotice(a_notice(state=NoticeState.SENT, provider_ref=""))])
    assert "provider_ref" not in stored(dynamo, a_notice())


def test_borrowers_are_found_by_their_phone(stores: Stores) -> None:
    stores.seed(a_borrower("b-2"), a_borrower("b-1"), a_borrower("b-3", phone="+447700900002"))
    stores.seed(a_borrower("b-4", phone=None, email="fang@example.com"))
    assert stores.book.borrowers_at(keys.address_key("+447700900001")) == ("b-1", "b-2")
    assert stores.book.borrowers_at(keys.address_key("+447700900002")) == ("b-3",)
    assert stores.book.borrowers_at(keys.address_key("+447700900003")) == ()
    assert stores.book.borrowers_at(keys.address_key("fang@example.com")) == ()


def test_the_notices_of_a_borrower_are_read_in_order_and_of_no_other(stores: Stores) -> None:
    stores.seed(NOTICE, a_notice("DUE#l-1#001#0"), a_notice(borrower_id="b-10"))
    assert tuple(stores.book.notices("b-1")) == (a_notice("DUE#l-1#001#0"), NOTICE)
    assert tuple(stores.book.notices("b-9")) == ()


# when an open attempt is asked about


def test_an_open_attempt_waits_for_its_enquiry(stores: Stores) -> None:
    stores.seed(a_loan(), an_attempt(1), an_attempt(2, claimed_at=later(minutes=1)))
    assert stores.book.open_attempts("S000", NOON, 9).keys == ("l-1:P000001",)
    put_off = an_attempt(1, state=AttemptState.UNKNOWN, enquire_at=later(hours=2))
    assert stores.book.commit([SaveAttempt(put_off)])
    assert stores.book.open_attempts("S000", later(hours=1), 9).keys == ("l-1:P000002",)
    assert stores.book.open_attempts("S000", later(hours=2), 9).keys == ("l-1:P000002", "l-1:P000001")


def test_a_settled_attempt_is_asked_about_no_more_whatever_it_waited_for(stores: Stores) -> None:
    stores.seed(a_loan(), an_attempt(1, enquire_at=later(hours=-1)))
    assert stores.book.open_attempts("S000", NOON, 9).keys == ("l-1:P000001",)
    done = an_attempt(1, state=AttemptState.SETTLED, outcome=Outcome.PAID, enquire_at=later(hours=-1))
    assert stores.book.commit([SaveAttempt(done)])
    assert stores.book.open_attempts("S000", later(days=9), 9).keys == ()


def test_a_stuck_attempt_stays_among_the_open_ones(stores: Stores) -> None:
    stores.seed(a_loan(), an_attempt())
    assert stores.book.commit([SaveAttempt(an_attempt(state=AttemptState.UNKNOWN, stuck="no lookup"))])
    assert stores.book.open_attempts("S000", NOON, 9).keys == ("l-1:P000001",)


# what stands in the table


USUAL: list[StoredRow | OneTimeCode] = [
    a_borrower(),
    an_instalment(last_attempt=LastAttempt(1, "2026-03-10T08:00", NOON)),
    a_mandate(),
    an_attempt(),
    an_entry(),
]

AS_BEFORE = {
    Borrower: {"borrower_id", "entity", "name", "phone", "locale", "time_zone", "country"},
    Instalment: {
        *("loan_id", "entity", "due_on", "principal_minor", "interest_minor", "fee_minor", "currency", "paid_minor"),
        *("state", "episode", "attempts", "last_attempt", "rev"),
    },
    Mandate: {"loan_id", "entity", "rail", "account_ref", "signed_on", "status"},
    Attempt: {
        *("loan_id", "seq", "numbers", "amount_minor", "currency", "mandate_id", "rail", "account_ref", "slot"),
        *("claimed_at", "policy_version", "state", "presented", "open_pk", "open_sk"),
    },
    LedgerEntry: {"loan_id", "entry", "source", "external_id", "amount_minor", "currency", "booked_on", "split"},
}
"""The attributes of a row as version 0.1 wrote it."""
ADDED: dict[type[Any], set[str]] = {Borrower: {"phone_key"}}
"""What every row has that it had not; an older version leaves it alone."""


def stored(stores: Stores, row: StoredRow | OneTimeCode) -> dict[str, Any]:
    key = row_key(row)
    answer = stores.client.get_item(TableName=stores.tables[key.table], Key=key_of(key), ConsistentRead=True)
    found: dict[str, Any] = answer["Item"]
    return found


@pytest.mark.parametrize("row", USUAL, ids=lambda row: type(row).__name__)
def test_what_a_row_has_not_is_absent_so_that_the_version_before_reads_it(dynamo: Stores, row: StoredRow) -> None:
    dynamo.seed(row)
    item = stored(dynamo, row)
    assert item.keys() - ADDED.get(type(row), set()) == AS_BEFORE[type(row)]
    if isinstance(row, Instalment):
        assert item["last_attempt"]["M"].keys() == {"seq", "slot", "claimed_at", "amount_minor"}


OLD: dict[str, dict[str, Any]] = {
    "borrowers": {
        "borrower_id": {"S": "b-1"},
        "entity": {"S": "PROFILE"},
        "name": {"S": "王芳"},
        "phone": {"S": "+447700900001"},
        "locale": {"S": "zh-CN"},
        "time_zone": {"S": "Asia/Shanghai"},
        "country": {"S": "CN"},
    },
    "cards": {
        "borrower_id": {"S": "b-1"},
        "entity": {"S": "CONTACT"},
        "loan_ids": {"L": [{"S": "l-1"}]},
        "told": {
            "M": {
                "l-1#001#0": {
                    "M": {
                        "tier": {"S": "PRE_DEBIT"},
                        "on": {"S": "2026-03-10"},
                        "announced_on": {"S": "2026-03-09"},
                        "announced_minor": {"N": "101500"},
                    }
                },
                "l-1#002#0": {"M": {"tier": {"S": "DUE"}, "on": {"S": "2026-03-10"}}},
            }
        },
        "rev": {"N": "0"},
    },
    "attempts": {
        "loan_id": {"S": "l-1"},
        "seq": {"S": "P#000001"},
        "numbers": {"L": [{"N": "1"}]},
        "amount_minor": {"N": "101500"},
        "currency": {"S": "CNY"},
        "mandate_id": {"S": "m-1"},
        "rail": {"S": "stub"},
        "account_ref": {"S": "balance-1"},
        "slot": {"S": "2026-03-10T08:00"},
        "claimed_at": {"S": "2026-03-10T12:00:00Z"},
        "policy_version": {"S": "2026.1"},
        "state": {"S": "claimed"},
        "presented": {"N": "1"},
        "open_pk": {"S": "S000"},
        "open_sk": {"S": "2026-03-10T12:00:00Z#l-1:P000001"},
        "token": {"S": "t-0"},
    },
    "ledger": {
        "loan_id": {"S": "l-1"},
        "entry": {"S": "gateway#l-1:P000001"},
        "source": {"S": "gateway"},
        "external_id": {"S": "l-1:P000001"},
        "amount_minor": {"N": "101500"},
        "currency": {"S": "CNY"},
        "booked_on": {"S": "2026-03-10"},
        "split": {"L": [{"L": [{"N": "1"}, {"N": "101500"}]}]},
        "token": {"S": "t-0"},
    },
}
OLD_IN_LOANS: list[dict[str, Any]] = [
    {
        "loan_id": {"S": "l-1"},
        "entity": {"S": "INST#001"},
        "due_on": {"S": "2026-03-10"},
        "principal_minor": {"N": "100000"},
        "interest_minor": {"N": "1500"},
        "fee_minor": {"N": "0"},
        "currency": {"S": "CNY"},
        "paid_minor": {"N": "0"},
        "state": {"S": "claimed"},
        "episode": {"N": "0"},
        "attempts": {"N": "1"},
        "rev": {"N": "2"},
        "last_attempt": {
            "M": {
                "seq": {"N": "1"},
                "slot": {"S": "2026-03-10T08:00"},
                "claimed_at": {"S": "2026-03-10T12:00:00Z"},
                "amount_minor": {"N": "101500"},
            }
        },
        "token": {"S": "t-0"},
        "fingerprint": {"S": "f"},
    },
    {
        "loan_id": {"S": "l-1"},
        "entity": {"S": "MANDATE#m-1"},
        "rail": {"S": "stub"},
        "account_ref": {"S": "balance-1"},
        "signed_on": {"S": "2025-12-10"},
        "status": {"S": "active"},
    },
]
"""Items to the letter as version 0.1 left them: never make them anew from today's mapping."""


@pytest.mark.parametrize(
    "line", ["x", "~0 ~1", "i sms COLL#l-1#000#0 ~9", "i sms k no-such-class", "i a b c d e f g h i j"]
)
def test_a_contact_that_cannot_be_read_is_an_error_of_its_row(dynamo: Stores, line: str) -> None:
    dynamo.seed(a_borrower(), a_card())
    key, broken = key_of(row_key(a_card())), {"L": [{"S": line}]}
    dynamo.client.update_item(
        TableName=dynamo.tables["borrowers"],
        Key=key,
        UpdateExpression="SET contacts = :broken",
        ExpressionAttributeValues={":broken": broken},
    )
    with pytest.raises(BookError, match=r"^a stored ContactCard has a value that cannot be$"):
        dynamo.book.borrower_file("b-1")


def test_rows_of_the_version_before_are_read_and_go_on(dynamo: Stores) -> None:
    dynamo.seed(a_loan(last_seq=1))
    for name, item in [*OLD.items(), *(("loans", item) for item in OLD_IN_LOANS)]:
        table = "borrowers" if name == "cards" else name
        dynamo.client.put_item(TableName=dynamo.tables[table], Item=item)
    book, file = dynamo.book, dynamo.file()
    assert book.borrower_file("b-1").borrower == a_borrower()  # type: ignore[union-attr]  # it was put just now
    told = {"l-1#001#0": Told("PRE_DEBIT", DUE, date(2026, 3, 9), 101_500), "l-1#002#0": Told("DUE", DUE)}
    assert dynamo.card() == a_card(told=told)
    assert book.commit([SaveCard(a_card(told=told, rev=1))])
    assert dynamo.card() == a_card(told=told, rev=1)
    assert book.attempts("l-1") == (an_attempt(),)
    assert book.entries("l-1") == (an_entry(),)
    assert file.mandates == (a_mandate(),)
    last = LastAttempt(1, "2026-03-10T08:00", NOON, amount_minor=101_500)
    claimed = an_instalment(state=InstalmentState.CLAIMED, attempts=1, last_attempt=last, rev=2)
    assert file.instalments == (claimed,)
    done = replace(ATTEMPT, seq=1, state=AttemptState.SETTLED)
    assert book.commit([SaveAttempt(done, was_presented=1), SaveInstalment(replace(INSTALMENT, rev=3))])
    assert book.commit([SaveMandate(MANDATE, 0)])
    assert (book.attempt("l-1", 1), dynamo.instalment()) == (done, replace(INSTALMENT, rev=3))
    assert dynamo.file().mandates == (MANDATE,)


def test_a_code_leaves_by_itself_a_day_after_its_end(dynamo: Stores) -> None:
    dynamo.seed(a_loan(), code_ := a_code(expires_at=NOON))
    assert stored(dynamo, code_)["expires"] == {"N": str(int(later(days=1).timestamp()))}
    assert "expires" not in stored(dynamo, a_loan())


def test_dynamodb_may_drop_codes_and_short_links_and_nothing_else() -> None:
    resources = [of["Properties"] for of in yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"].values()]
    dropping = {
        of["TableName"]["Fn::Sub"]: of["TimeToLiveSpecification"] for of in resources if "TimeToLiveSpecification" in of
    }
    ends = {"AttributeName": TTL, "Enabled": {"Fn::If": ["RealTime", True, False]}}
    assert dropping == {"${Prefix}-loans": ends, "${Prefix}-control": ends}
    assert not [row for row in FULL if not isinstance(row[1], OneTimeCode) and TTL in values_of(row[1])]


def test_nothing_but_open_rows_stands_in_an_index(dynamo: Stores) -> None:
    """A row that has no place in an index holds nothing of its keys, and nothing else does at all."""
    settled = an_attempt(state=AttemptState.SETTLED, outcome=Outcome.PAID, enquire_at=NOON)
    rows: list[StoredRow | OneTimeCode] = [settled, a_code(), a_debit_card(), a_mark(), an_audit_entry(), MANDATE]
    dynamo.seed(*rows)
    for row in rows:
        assert not [name for name in stored(dynamo, row) if name.endswith(("_pk", "_sk"))]
