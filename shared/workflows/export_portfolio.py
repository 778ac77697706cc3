"""The book as files: what an import reads, and besides it what came to pass.

An export reads row by row, so that one beside a working line is no single moment's picture. Read back by an import, its
first five files make the same loans with the same money paid: what was taken back later counts as never paid.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from hashlib import sha256
from itertools import groupby

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    MandateStatus,
    NoticeRecord,
)
from shared.domain.money import Money
from shared.domain.portfolio import BORROWERS, IMPORT, INSTALMENTS, LOANS, MANDATES, PAYMENTS
from shared.ports.portfolio import PortfolioStore

type Row = Mapping[str, str]

_LONGEST_ID = 64


def export_portfolio(store: PortfolioStore) -> dict[str, Iterable[Row]]:
    """The rows of each file by column, sorted by their keys; a file is read from the store when its turn comes.

    Of an import that was interrupted only what is complete is told: a loan's own row is written last.
    """
    loans = {loan.loan_id: loan for loan in _scan(store, Loan)}
    return {
        BORROWERS: (_borrower(row) for row in _sorted(store, Borrower, lambda row: (row.borrower_id,))),
        LOANS: (_loan(loans[loan_id]) for loan_id in sorted(loans)),
        INSTALMENTS: (
            _instalment(row)
            for row in _sorted(store, Instalment, lambda row: (row.loan_id, row.number))
            if row.loan_id in loans
        ),
        MANDATES: (
            _mandate(row)
            for row in _sorted(store, Mandate, lambda row: (row.loan_id, row.mandate_id))
            if row.loan_id in loans
        ),
        PAYMENTS: _payments(row for row in _sorted(store, LedgerEntry, _ledger_key) if row.loan_id in loans),
        "attempts.csv": (_attempt(row) for row in _sorted(store, Attempt, lambda row: (row.loan_id, row.seq))),
        "notices.csv": (
            _notice(row) for row in _sorted(store, NoticeRecord, lambda row: (row.borrower_id, row.notice_key))
        ),
        "escalations.csv": (_escalation(row) for row in _sorted(store, Escalation, lambda row: (row.loan_id, row.key))),
        "ledger.csv": (_entry(row) for row in _sorted(store, LedgerEntry, _ledger_key)),
        "audit.csv": (_audit(row) for row in _sorted(store, AuditEntry, lambda row: (row.subject, row.revision))),
    }


def _scan[R: (Borrower, Loan, Instalment, Mandate, LedgerEntry, Attempt, NoticeRecord, Escalation, AuditEntry)](
    store: PortfolioStore, kind: type[R]
) -> Iterator[R]:
    return (row for row in store.scan(kind) if isinstance(row, kind))


def _sorted[R: (Borrower, Loan, Instalment, Mandate, LedgerEntry, Attempt, NoticeRecord, Escalation, AuditEntry)](
    store: PortfolioStore, kind: type[R], key: Callable[[R], tuple[str | int, ...]]
) -> Iterator[R]:
    """Read when the first row is asked for."""
    yield from sorted(_scan(store, kind), key=key)


def _ledger_key(row: LedgerEntry) -> tuple[str, str, str]:
    return row.loan_id, row.source, row.external_id


def _borrower(row: Borrower) -> Row:
    return {
        "borrower_id": row.borrower_id,
        "name": row.name,
        "phone": row.phone or "",
        "locale": row.locale,
        "time_zone": row.time_zone,
        "country": row.country,
        "payday": "" if row.payday is None else str(row.payday),
        "email": row.email or "",
        "push": row.push or "",
        "other_zones": ";".join(row.other_zones),
    }


def _loan(row: Loan) -> Row:
    return {
        "loan_id": row.loan_id,
        "borrower_id": row.borrower_id,
        "product": row.product,
        "currency": row.currency,
        "disbursed_on": row.disbursed_on.isoformat(),
        "principal": _decimal(row.principal_minor, row.currency),
    }


def _instalment(row: Instalment) -> Row:
    return {
        "loan_id": row.loan_id,
        "number": str(row.number),
        "due_on": row.due_on.isoformat(),
        "principal": _decimal(row.principal_minor, row.currency),
        "interest": _decimal(row.interest_minor, row.currency),
        "fee": _decimal(row.fee_minor, row.currency),
        "penalty": _decimal(row.penalty_minor, row.currency) if row.penalty_minor else "",
    }


def _mandate(row: Mandate) -> Row:
    """As an import understands it, which knows only what a borrower or a lender decides: one that the rail revoked
    reads as cancelled, an account that the rail calls dead is left out, and without any other the mandate rests."""
    alive = [source for source in row.funding if not source.is_dead]
    status = MandateStatus.CANCELLED if row.status is MandateStatus.REVOKED else row.status
    if row.funding and not alive and status is MandateStatus.ACTIVE:
        alive, status = list(row.funding), MandateStatus.SUSPENDED
    return {
        "mandate_id": row.mandate_id,
        "loan_id": row.loan_id,
        "rail": row.rail,
        "account_ref": row.account_ref,
        "signed_on": row.signed_on.isoformat(),
        "status": status,
        "expires_on": _text(row.expires_on),
        "funding": " ".join(f"{source.kind}:{source.account_ref}" for source in alive),
    }


def _payments(entries: Iterable[LedgerEntry]) -> Iterator[Row]:
    """All money of the loans, however it came: an import of these files pays the same instalments."""
    taken: set[str] = set()
    for _, of_loan in groupby(entries, key=lambda row: row.loan_id):
        for row, minor in _kept(list(of_loan)):
            payment_id = _payment_id(row, taken)
            taken.add(payment_id)
            yield {
                "payment_id": payment_id,
                "loan_id": row.loan_id,
                "amount": _decimal(minor, row.amount.currency),
                "paid_on": row.booked_on.isoformat(),
            }


def _kept(entries: list[LedgerEntry]) -> Iterator[tuple[LedgerEntry, int]]:
    """Of each payment of a loan, what was not taken back: from the one that an entry undoes, else from the newest."""
    left = {
        keys.ledger_entity(row.source, row.external_id): row.amount.minor for row in entries if row.amount.minor > 0
    }
    came = {keys.ledger_entity(row.source, row.external_id): row for row in entries if row.amount.minor > 0}
    newest = sorted(came, key=lambda key: (came[key].booked_on, key), reverse=True)
    for row in entries:
        back = max(-row.amount.minor, 0)
        for key in (row.undoes, *newest):
            part = min(back, left.get(key, 0)) if key else 0
            if key and part:
                left[key] -= part
                back -= part
    return ((came[key], minor) for key, minor in left.items() if minor)


def _payment_id(row: LedgerEntry, taken: set[str]) -> str:
    """The imported payment's own id; for other money one made of its key, which may be too long for an id."""
    key = row.external_id if row.source == IMPORT else f"{row.source}-{row.external_id}"
    readable = re.sub(r"[^A-Za-z0-9._-]", "-", key)
    if len(readable) <= _LONGEST_ID and readable not in taken:
        return readable
    return sha256("#".join(_ledger_key(row)).encode()).hexdigest()


def _attempt(row: Attempt) -> Row:
    return {
        "loan_id": row.loan_id,
        "seq": str(row.seq),
        "instalments": " ".join(map(str, row.numbers)),
        "amount": row.amount.decimal(),
        "currency": row.amount.currency,
        "mandate_id": row.mandate_id,
        "rail": row.rail,
        "account_ref": row.account_ref,
        "slot": row.slot,
        "claimed_at": _text(row.claimed_at),
        "policy_version": row.policy_version,
        "state": row.state,
        "outcome": row.outcome or "",
        "gateway_ref": row.gateway_ref or "",
        "settled_at": _text(row.settled_at),
        "presented": str(row.presented),
        "owner": row.owner,
        "funding": " ".join(row.funding),
        "first_claimed_at": _text(row.first_claimed_at),
        "enquire_at": _text(row.enquire_at),
        "stuck": row.stuck or "",
        "refunds": "" if row.refunds is None else str(row.refunds),
    }


def _notice(row: NoticeRecord) -> Row:
    return {
        "borrower_id": row.borrower_id,
        "notice_key": row.notice_key,
        "kind": row.kind,
        "covers": " ".join(row.covers),
        "amount": row.amount.decimal(),
        "currency": row.amount.currency,
        "channel": row.channel,
        "business_date": _text(row.business_date),
        "claimed_at": _text(row.claimed_at),
        "policy_version": row.policy_version,
        "state": row.state,
        "sends": str(row.sends),
        "provider_ref": row.provider_ref or "",
        "settled_at": _text(row.settled_at),
        "detail": row.detail or "",
        "message_class": row.message_class,
        "tried": " ".join(row.tried),
        "delivery": row.delivery or "",
        "delivery_code": row.delivery_code or "",
        "delivery_at": _text(row.delivery_at),
        "opened_at": _text(row.opened_at),
        "clicked_at": _text(row.clicked_at),
    }


def _escalation(row: Escalation) -> Row:
    return {
        "loan_id": row.loan_id,
        "key": row.key,
        "stage": row.stage,
        "entered_on": row.entered_on.isoformat(),
        "dpd": str(row.dpd),
        "number": str(row.number),
        "consequences": " ".join(row.consequences),
        "left_on": _text(row.left_on),
    }


def _entry(row: LedgerEntry) -> Row:
    currency = row.amount.currency
    return {
        "loan_id": row.loan_id,
        "source": row.source,
        "external_id": row.external_id,
        "amount": row.amount.decimal(),
        "currency": currency,
        "booked_on": row.booked_on.isoformat(),
        "split": " ".join(f"{number}:{_decimal(minor, currency)}" for number, minor in row.split),
        "credit": _decimal(row.credit_minor, currency),
        "detail": row.detail or "",
        "kind": row.kind,
        "undoes": row.undoes or "",
        "parts": " ".join(f"{number}:{part}:{_decimal(minor, currency)}" for number, part, minor in row.parts),
    }


def _audit(row: AuditEntry) -> Row:
    return {
        "subject": row.subject,
        "revision": row.revision,
        "at": _text(row.at),
        "actor": row.actor,
        "what": row.what,
        "reason": row.reason,
        "detail": " ".join(f"{name}={value}" for name, value in row.detail.items()),
    }


def _decimal(minor: int, currency: str) -> str:
    return Money(minor, currency).decimal()


def _text(moment: date | datetime | None) -> str:
    return "" if moment is None else moment.isoformat().replace("+00:00", "Z")
