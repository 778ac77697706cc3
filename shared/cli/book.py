"""The stored book for commands that look at it, read through the declared models, apart from the workers' mapping."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from shared.adapters.dynamodb.models import (
    AttemptItem,
    BorrowerItem,
    CardItem,
    DebitsItem,
    EntryItem,
    EscalationItem,
    InstalmentItem,
    LoanItem,
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
from shared.cli.contact_rows import borrower_row, card_row, hold_rows, notice_row, place_of
from shared.cli.session import PORTFOLIO_TABLES, Session
from shared.domain.errors import StoreError
from shared.invariants.rows import (
    AccountRow,
    AttemptRow,
    ChargeRow,
    DebitCardRow,
    EntryRow,
    EscalationRow,
    InstalmentRow,
    LoanRow,
    MandateRow,
    MoneyRow,
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
        for model in (models.loans, models.borrowers, models.attempts, models.notices, models.ledger):
            for row in _whole(model.scan(consistent_read=True), book):
                _note(row, book)
        if models.stub_books and book.charges is not None:
            for kind in (StubBooksItem.PAYMENTS, StubBooksItem.REFUNDS):
                for charge in _whole(models.stub_books.query(kind, consistent_read=True), book):
                    _note_charge(charge, book.charges)
    return book


def _note(row: StoredItem, book: Snapshot) -> None:  # noqa: C901 - one case for each row
    match row:
        case LoanItem():
            book.loans.append(_loan_row(row))
        case InstalmentItem():
            book.instalments.append(_instalment_row(row))
        case MandateItem():
            book.mandates.append(_mandate_row(row))
        case EscalationItem():
            book.escalations.append(_escalation_row(row))
        case BorrowerItem():
            book.borrowers.append(borrower_row(row))
        case CardItem():
            book.cards.append(card_row(row))
        case DebitsItem():
            book.debit_cards.append(DebitCardRow(row.borrower_id, row.failures, row.open, row.stopped_at))
        case AttemptItem():
            book.attempts.append(_attempt_row(row))
        case NoticeItem():
            book.notices.append(notice_row(row))
        case EntryItem():
            book.entries.append(_entry_row(row))
        case MarkItem():
            book.money.append(MoneyRow(row.source, row.external_id, row.booked_under))
        case _:
            pass  # of a kind that nothing here looks at: a code, a link


def _note_charge(row: StoredItem, charges: list[ChargeRow]) -> None:
    match row:
        case StubPaymentItem() if row.status == "paid":
            charges.append(ChargeRow(row.key, row.amount_minor, row.currency))
        case StubRefundItem():
            charges.append(ChargeRow(row.key, -row.amount_minor, row.currency))
        case _:
            pass  # declined, or not paid yet


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
        holds=hold_rows(item),
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
        penalty_minor=item.penalty_minor or 0,
        fee_paid_minor=item.fee_paid_minor or 0,
        penalty_paid_minor=item.penalty_paid_minor or 0,
        interest_paid_minor=item.interest_paid_minor or 0,
    )


def _mandate_row(item: MandateItem) -> MandateRow:
    return MandateRow(
        mandate_id=item.mandate_id,
        loan_id=item.loan_id,
        rail=item.rail,
        account_ref=item.account_ref,
        signed_on=item.signed_on,
        status=item.status,
        since=item.since,
        expires_on=item.expires_on,
        agreed_at=item.evidence.seen_at if item.evidence else None,
        funding=tuple(AccountRow(of.kind, of.account_ref, bool(of.is_dead)) for of in item.funding or ()),
    )


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
        owner=item.owner or "schedule",
        funding=item.funding or (),
        first_claimed_at=item.first_claimed_at,
        stuck=item.stuck,
        reserves=bool(item.reserves),
        refunds=item.refunds,
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
        kind=item.kind or "payment",
        undoes=item.undoes,
        parts=item.parts or (),
    )
