"""The rows of a book in memory as the checks read them."""

from collections.abc import Iterable, Set
from datetime import datetime

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
)
from shared.domain.contact_rules import Channel
from shared.domain.errors import BookError
from shared.invariants.rows import (
    AccountRow,
    AttemptRow,
    BarRow,
    BorrowerRow,
    CardRow,
    ChargeRow,
    ClaimRow,
    DebitCardRow,
    EntryRow,
    EscalationRow,
    HoldRow,
    InstalmentRow,
    LoanRow,
    MandateRow,
    MoneyRow,
    NoticeRow,
    Place,
    RequestRow,
    Snapshot,
)
from shared.ports.stub import StubPayment
from shared.simulation.gateway import Charge

_ALL = 1_000_000

type Places = dict[str, bool]
"""What stands on a line's agenda, by key: True for what is quarantined."""


def snapshot_of(
    book: MemoryBook,
    charges: Iterable[StubPayment | Charge] | None = None,
    claims: Iterable[ClaimRow] | None = None,
    requests: Iterable[RequestRow] | None = None,
    untold: Set[tuple[str, str]] = frozenset(),
) -> Snapshot:
    """Every row of the book. Whether a row is on its agenda is what the agenda says. `untold` are charges, by key and
    reference, of which the news is still on its way."""
    contact, debit, stage = (_places(book, line) for line in (Line.CONTACT, Line.DEBIT, Line.STAGE))
    loans = _rows(book, Loan)
    unopened = book.unopened([loan.loan_id for loan in loans])
    return Snapshot(
        loans=[_loan(row, row.loan_id not in unopened, stage) for row in loans],
        instalments=[_instalment(row, debit) for row in _rows(book, Instalment)],
        mandates=[_mandate(row) for row in _rows(book, Mandate)],
        escalations=[_escalation(row) for row in _rows(book, Escalation)],
        borrowers=[_borrower(row) for row in _rows(book, Borrower)],
        cards=[_card(row, contact) for row in _rows(book, ContactCard)],
        attempts=[_attempt(row) for row in _rows(book, Attempt)],
        notices=[_notice(row) for row in _rows(book, NoticeRecord)],
        entries=[_entry(row) for row in _rows(book, LedgerEntry)],
        debit_cards=[
            DebitCardRow(row.borrower_id, row.failures, row.open, row.stopped_at) for row in _rows(book, DebitCard)
        ],
        money=[MoneyRow(row.source, row.external_id, row.loan_id) for row in _rows(book, MoneyMark)],
        charges=None if charges is None else [_charge(charge, untold) for charge in charges],
        claims=None if claims is None else list(claims),
        requests=None if requests is None else list(requests),
    )


def _rows[R](book: MemoryBook, kind: type[R]) -> list[R]:
    return [row for row in book.scan(kind) if isinstance(row, kind)]  # type: ignore[arg-type] # R is any stored row


def _places(book: MemoryBook, line: Line) -> Places:
    shards = [keys.shard_name(number) for number in range(book.shards())]
    return {
        key: partition == keys.QUARANTINE
        for partition in (*shards, keys.QUARANTINE)
        for key in book.agenda(line, partition, None, _ALL).keys
    }


def _place(key: str, step: datetime | None, places: Places) -> Place | None:
    if key not in places:
        return None
    if step is None:
        raise BookError(f"{key} stands on an agenda without a step")
    return Place(step, places[key])


def _borrower(row: Borrower) -> BorrowerRow:
    reached = [(channel, row.address(channel)) for channel in Channel]
    addresses = tuple((str(channel), keys.address_key(address)) for channel, address in reached if address)
    return BorrowerRow(row.borrower_id, row.country, row.zones, addresses)


def _card(row: ContactCard, places: Places) -> CardRow:
    bars = tuple(BarRow(bar.channel, bar.address, frozenset(map(str, bar.classes)), bar.since) for bar in row.bars)
    return CardRow(row.borrower_id, row.loan_ids, _place(row.borrower_id, row.step, places), bars)


def _loan(row: Loan, opened: bool, places: Places) -> LoanRow:
    return LoanRow(
        loan_id=row.loan_id,
        borrower_id=row.borrower_id,
        product=row.product,
        currency=row.currency,
        principal_minor=row.principal_minor,
        disbursed_on=row.disbursed_on,
        status=row.status,
        entered=row.entered,
        opened=opened,
        place=_place(row.loan_id, row.step, places),
        holds=tuple(HoldRow(h.code, frozenset(map(str, h.stops)), h.since, h.until) for h in row.holds),
    )


def _instalment(row: Instalment, places: Places) -> InstalmentRow:
    return InstalmentRow(
        loan_id=row.loan_id,
        number=row.number,
        due_on=row.due_on,
        principal_minor=row.principal_minor,
        interest_minor=row.interest_minor,
        fee_minor=row.fee_minor,
        currency=row.currency,
        paid_minor=row.paid_minor,
        state=row.state,
        episode=row.episode,
        attempts=row.attempts,
        last_outcome=row.last_attempt.outcome if row.last_attempt else None,
        paid_by=row.paid_by,
        blocked=row.blocked,
        place=_place(keys.debit_key(row.loan_id, row.number), row.step, places),
        penalty_minor=row.penalty_minor,
        fee_paid_minor=row.fee_paid_minor,
        penalty_paid_minor=row.penalty_paid_minor,
        interest_paid_minor=row.interest_paid_minor,
    )


def _charge(row: StubPayment | Charge, untold: Set[tuple[str, str]]) -> ChargeRow:
    if isinstance(row, Charge):
        return ChargeRow(row.key, row.amount.minor, row.amount.currency, row.contradicts, row.name in untold)
    return ChargeRow(row.key, row.amount.minor, row.amount.currency)


def _mandate(row: Mandate) -> MandateRow:
    funding = tuple(AccountRow(s.kind, s.account_ref, s.is_dead) for s in row.funding)
    return MandateRow(
        mandate_id=row.mandate_id,
        loan_id=row.loan_id,
        rail=row.rail,
        account_ref=row.account_ref,
        signed_on=row.signed_on,
        status=row.status,
        since=row.since,
        expires_on=row.expires_on,
        funding=funding,
        agreed_at=row.evidence.seen_at if row.evidence else None,
    )


def _escalation(row: Escalation) -> EscalationRow:
    return EscalationRow(row.loan_id, row.key, row.stage, row.entered_on, row.dpd, row.number, row.left_on)


def _attempt(row: Attempt) -> AttemptRow:
    return AttemptRow(
        loan_id=row.loan_id,
        seq=row.seq,
        numbers=row.numbers,
        amount_minor=row.amount.minor,
        currency=row.amount.currency,
        mandate_id=row.mandate_id,
        rail=row.rail,
        account_ref=row.account_ref,
        slot=row.slot,
        claimed_at=row.claimed_at,
        state=row.state,
        outcome=row.outcome,
        settled_at=row.settled_at,
        presented=row.presented,
        owner=row.owner,
        funding=row.funding,
        first_claimed_at=row.first_claimed_at,
        stuck=row.stuck,
        reserves=row.reserves,
        refunds=row.refunds,
    )


def _notice(row: NoticeRecord) -> NoticeRow:
    return NoticeRow(
        borrower_id=row.borrower_id,
        notice_key=row.notice_key,
        kind=row.kind,
        covers=row.covers,
        amount_minor=row.amount.minor,
        currency=row.amount.currency,
        business_date=row.business_date,
        claimed_at=row.claimed_at,
        state=row.state,
        provider_ref=row.provider_ref,
        channel=row.channel,
        message_class=row.message_class,
        delivery=row.delivery,
    )


def _entry(row: LedgerEntry) -> EntryRow:
    return EntryRow(
        loan_id=row.loan_id,
        source=row.source,
        external_id=row.external_id,
        amount_minor=row.amount.minor,
        currency=row.amount.currency,
        booked_on=row.booked_on,
        split=row.split,
        kind=row.kind,
        undoes=row.undoes,
        parts=row.parts,
    )
