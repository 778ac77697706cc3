"""The stored book for commands that look at it, read through the declared models, apart from the workers' mapping."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from shared.adapters.dynamodb.models import (
    AttemptItem,
    BorrowerItem,
    CardItem,
    EntryItem,
    EscalationItem,
    InstalmentItem,
    LoanItem,
    MandateItem,
    Models,
    NoticeItem,
    StoredItem,
    StubPaymentItem,
    UnreadableRowError,
    bind,
)
from shared.cli.session import PORTFOLIO_TABLES, Session
from shared.domain import keys
from shared.domain.errors import StoreError
from shared.invariants.rows import (
    AttemptRow,
    BorrowerRow,
    CardRow,
    ChargeRow,
    EntryRow,
    EscalationRow,
    InstalmentRow,
    LoanRow,
    MandateRow,
    NoticeRow,
    Place,
    Snapshot,
)

_STUB_BOOKS = "STUB_BOOKS_TABLE"


def models_of(session: Session) -> Models:
    """The models of a session's stack, at the region and endpoint of its own client."""
    tables = {table: session.value(f"TABLE_{table.upper()}") for table in (*PORTFOLIO_TABLES, "control")}
    if session.has(_STUB_BOOKS):
        tables["stub_books"] = session.value(_STUB_BOOKS)
    return bind(tables, session.dynamodb.meta.region_name, session.dynamodb.meta.endpoint_url)


@contextmanager
def stored() -> Iterator[None]:
    """The library's errors as ours, or as the SDK's own, which the command line explains."""
    try:
        yield
    except PynamoDBException as error:
        if isinstance(error.cause, BotoCoreError | ClientError):
            raise error.cause from error
        raise StoreError(f"dynamodb: {type(error).__name__}") from error


def read_snapshot(models: Models) -> Snapshot:
    """Every row of every table, read consistently page by page: rows that change meanwhile may not fit each other."""
    book = Snapshot(charges=None if models.stub_books is None else [])
    with stored():
        _read_loans(models, book)
        for owner in _whole(models.borrowers.scan(consistent_read=True), book):
            match owner:
                case BorrowerItem():
                    book.borrowers.append(BorrowerRow(owner.borrower_id, owner.time_zone))
                case CardItem():
                    place = place_of(owner.contact_pk, owner.contact_sk)
                    book.cards.append(CardRow(owner.borrower_id, owner.loan_ids, place))
                case _:
                    pass  # of a kind that nothing here looks at
        book.attempts.extend(map(_attempt_row, _whole(models.attempts.scan(consistent_read=True), book)))
        book.notices.extend(map(_notice_row, _whole(models.notices.scan(consistent_read=True), book)))
        book.entries.extend(map(_entry_row, _whole(models.ledger.scan(consistent_read=True), book)))
        if models.stub_books and book.charges is not None:
            payments = _whole(models.stub_books.query(StubPaymentItem.PAYMENTS, consistent_read=True), book)
            book.charges.extend(ChargeRow(p.key, p.amount_minor, p.currency) for p in payments if p.status == "paid")
    return book


def _read_loans(models: Models, book: Snapshot) -> None:
    for row in _whole(models.loans.scan(consistent_read=True), book):
        match row:
            case LoanItem():
                book.loans.append(_loan_row(row))
            case InstalmentItem():
                book.instalments.append(_instalment_row(row))
            case MandateItem():
                book.mandates.append(_mandate_row(row))
            case EscalationItem():
                book.escalations.append(_escalation_row(row))
            case _:
                pass  # of a kind that nothing here looks at


def _whole[M: StoredItem](rows: Iterator[M], book: Snapshot) -> Iterator[M]:
    """The rows that can be read and lack nothing; the others are noted in the book."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except UnreadableRowError as error:
            book.unreadable.append((error.key, error.problem))
            continue
        if lacking := row.lacking():
            key = " ".join(value for name in row.key_names() if isinstance(value := getattr(row, name), str))
            book.unreadable.append((key, f"has no {lacking}"))
        else:
            yield row


def place_of(partition: str | None, sort: str | None) -> Place | None:
    """A row's place on an agenda by its index keys; None where it is on none."""
    if not partition or not sort:
        return None
    return Place(datetime.fromisoformat(sort.partition("#")[0]), partition == keys.QUARANTINE)


def _loan_row(item: LoanItem) -> LoanRow:
    return LoanRow(
        loan_id=item.loan_id,
        borrower_id=item.borrower_id,
        product=item.product,
        currency=item.currency,
        principal_minor=item.principal_minor,
        disbursed_on=item.disbursed_on,
        status=item.status,
        entered=item.entered,
        opened=item.opened is not None,
        place=place_of(item.stage_pk, item.stage_sk),
    )


def _instalment_row(item: InstalmentItem) -> InstalmentRow:
    return InstalmentRow(
        loan_id=item.loan_id,
        number=item.number,
        due_on=item.due_on,
        principal_minor=item.principal_minor,
        interest_minor=item.interest_minor,
        fee_minor=item.fee_minor,
        currency=item.currency,
        paid_minor=item.paid_minor,
        state=item.state,
        episode=item.episode,
        attempts=item.attempts,
        last_outcome=item.last_attempt.outcome if item.last_attempt else None,
        paid_by=item.paid_by,
        blocked=bool(item.blocked),
        place=place_of(item.debit_pk, item.debit_sk),
    )


def _mandate_row(item: MandateItem) -> MandateRow:
    return MandateRow(item.mandate_id, item.loan_id, item.rail, item.account_ref, item.signed_on, item.status)


def _escalation_row(item: EscalationItem) -> EscalationRow:
    return EscalationRow(item.loan_id, item.key, item.stage, item.entered_on, item.dpd, item.number, item.left_on)


def _attempt_row(item: AttemptItem) -> AttemptRow:
    return AttemptRow(
        loan_id=item.loan_id,
        seq=item.seq,
        numbers=item.numbers,
        amount_minor=item.amount_minor,
        currency=item.currency,
        mandate_id=item.mandate_id,
        rail=item.rail,
        account_ref=item.account_ref,
        slot=item.slot,
        claimed_at=item.claimed_at,
        state=item.state,
        outcome=item.outcome,
        settled_at=item.settled_at,
        presented=item.presented,
    )


def _notice_row(item: NoticeItem) -> NoticeRow:
    return NoticeRow(
        borrower_id=item.borrower_id,
        notice_key=item.notice_key,
        kind=item.kind,
        covers=item.covers,
        amount_minor=item.amount_minor,
        currency=item.currency,
        business_date=item.business_date,
        claimed_at=item.claimed_at,
        state=item.state,
        provider_ref=item.provider_ref,
    )


def _entry_row(item: EntryItem) -> EntryRow:
    return EntryRow(
        loan_id=item.loan_id,
        source=item.source,
        external_id=item.external_id,
        amount_minor=item.amount_minor,
        currency=item.currency,
        booked_on=item.booked_on,
        split=item.split,
    )
