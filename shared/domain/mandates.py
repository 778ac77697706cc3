"""Mandates as a state machine: who may bring one from which status to which, and what stands in the way.

The tables are own design. A mandate that ended at the rail never comes back: a rail asks for a new authority (Bacs: no
new instruction without one), so the next authorisation is a new row. One that the borrower cancelled is authorised anew
in its row. What was suspended, for a risk or by a person, is lifted by a person and not by the borrower's code.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, StrEnum
from types import MappingProxyType

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    DebitCard,
    Instalment,
    InstalmentState,
    Loan,
    LoanFile,
    LoanStatus,
    Mandate,
    MandateStatus,
    Source,
    SourceKind,
)
from shared.domain.rail import Rail


class Actor(StrEnum):
    BORROWER = "borrower"
    RAIL = "rail"
    LENDER = "lender"


class Purpose(StrEnum):
    """What a borrower confirms with a one-time code."""

    ENABLE = "enable"
    CANCEL = "cancel"


class Refusal(Enum):
    """Why a change of a mandate is not made; the value is the sentence shown to people."""

    NO_LOAN = "there is no such loan"
    LOAN_CLOSED = "the loan is closed"
    NO_MANDATE = "the loan has no such mandate"
    STANDS_SO = "the mandate stands so already"
    NOT_ALLOWED = "a mandate in this status is not changed so, or not by this hand"
    AWAITS_RAIL = "the borrower signed, and the rail has not confirmed it yet"
    UNDER_REVIEW = "the mandate was suspended: a person must look at it first"
    NO_ADDRESS = "the borrower has no phone to which a code could be sent"
    TOO_MANY_CODES = "as many codes were sent within the last hour as policy allows"
    SWITCHED_OFF = "messages of this kind are switched off: no code is sent before they are on again"
    NO_PROVIDER = "no provider is set up as the lender's pack names it for this country: no code can be sent"
    NOT_SENT = "the code was not sent; ask for another one later"
    NOTICE_CHANGED = "the notice is another one by now: read it, and acknowledge it anew"
    NO_CODE = "no code was asked for"
    CODE_USED = "the code was used before"
    CODE_EXPIRED = "the code is too old; ask for another one"
    CODE_LOCKED = "too many wrong codes; ask for another one"
    CODE_WRONG = "the code is wrong"
    SOURCE_DENIED = "policy lets no loan be repaid from an account of this kind (debit.funding_deny): leave it out"
    ALL_DEAD = "the rail called every account of the mandate dead: name others with `duebell mandate fund` first"
    RACED = "somebody else changed the loan at the same time; try again"
    POLICY_MISSING = "no valid policy pack: nothing is changed"


_S = MandateStatus
_BORROWER, _RAIL, _LENDER = frozenset({Actor.BORROWER}), frozenset({Actor.RAIL}), frozenset({Actor.LENDER})

ALLOWED: Mapping[tuple[MandateStatus, MandateStatus], frozenset[Actor]] = MappingProxyType(
    {
        (_S.SIGNED, _S.ACTIVE): _RAIL,
        (_S.SIGNED, _S.CANCELLED): _BORROWER,
        (_S.SIGNED, _S.REVOKED): _RAIL,
        (_S.SIGNED, _S.EXPIRED): _RAIL,
        (_S.ACTIVE, _S.ACTIVE): _BORROWER,  # a newer authorisation, after failures in a row stopped the old one
        (_S.ACTIVE, _S.SUSPENDED): _LENDER,
        (_S.ACTIVE, _S.CANCELLED): _BORROWER,
        (_S.ACTIVE, _S.REVOKED): _RAIL,
        (_S.ACTIVE, _S.EXPIRED): _RAIL,
        (_S.SUSPENDED, _S.ACTIVE): _LENDER,
        (_S.SUSPENDED, _S.CANCELLED): _BORROWER,
        (_S.SUSPENDED, _S.REVOKED): _RAIL,
        (_S.SUSPENDED, _S.EXPIRED): _RAIL,
        (_S.CANCELLED, _S.ACTIVE): _BORROWER,
        (_S.CANCELLED, _S.REVOKED): _RAIL,
        (_S.CANCELLED, _S.EXPIRED): _RAIL,
    }
)
"""Who may make each change; what does not stand here is made by nobody."""

_ENDED = (MandateStatus.REVOKED, MandateStatus.EXPIRED)
_LIVE = (MandateStatus.SIGNED, MandateStatus.ACTIVE, MandateStatus.SUSPENDED)
_LONGEST_ID = 64

CHANGED = "mandate."
"""Begins the `what` of every audit entry about a mandate; a `Purpose`, a status or `suspend`, `resume`, `fund` follows.
"""


ANSWERED = "rail.answered"
"""What follows for what the answer to a debit ended, or whose account it called dead."""


def refusal_of(was: MandateStatus, now: MandateStatus, actor: Actor) -> Refusal | None:
    """Why an actor may not bring a mandate from one status to another, None where he may."""
    if actor in ALLOWED.get((was, now), frozenset()):
        return None
    return Refusal.STANDS_SO if was is now or (was in _ENDED and now in _ENDED) else Refusal.NOT_ALLOWED


def status_on(mandate: Mandate, day: date) -> MandateStatus:
    """Its status on a business date: one whose last day is over has expired, whatever its row says."""
    over = mandate.expires_on is not None and mandate.expires_on < day
    return MandateStatus.EXPIRED if over and mandate.status not in _ENDED else mandate.status


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one mandate: `row` as it shall be, but for `since` and evidence; `was` is None for a new row."""

    row: Mandate
    was: MandateStatus | None


def mandate_entry(
    loan: Loan, moves: Iterable[Move], what: str, actor: str, reason: str, more: Mapping[str, str], now: datetime
) -> AuditEntry:
    """What the audit keeps of a change that the next revision of the loan's gate makes: each mandate as it was and as
    it is."""
    detail = dict(more) | {"gate_rev": str(loan.gate_rev + 1)}
    for move in moves:
        detail[f"was.{move.row.mandate_id}"] = move.was or "none"
        detail[f"now.{move.row.mandate_id}"] = move.row.status
    revision = keys.audit_revision(now, f"{loan.gate_rev + 1:06d}#{CHANGED}{what}")
    return AuditEntry(loan.loan_id, revision, now, actor, f"{CHANGED}{what}", reason, detail)


def plan_cancel(file: LoanFile, day: date) -> tuple[Move, ...] | Refusal:
    """Cancels every mandate of the loan that debits or could come to debit: after it nothing is deducted any more."""
    live = [m for m in file.mandates if status_on(m, day) in _LIVE]
    if live:
        return tuple(Move(replace(m, status=MandateStatus.CANCELLED), m.status) for m in live)
    return Refusal.STANDS_SO if file.mandates else Refusal.NO_MANDATE


def plan_enable(
    file: LoanFile, day: date, debits: DebitCard, history: Iterable[AuditEntry], rails: Mapping[str, Rail]
) -> Move | Refusal:
    """Authorises the loan's newest mandate anew; where all of them ended at the rail, a new row that awaits the rail.

    `debits` are the borrower's failures over all loans, `history` the loan's audit, `rails` those of the day's policy.
    """
    if file.loan.status is not LoanStatus.OPEN:
        return Refusal.LOAN_CLOSED
    newest = sorted(file.mandates, key=lambda m: (m.signed_on, m.mandate_id), reverse=True)
    by_status = {status: [m for m in newest if status_on(m, day) is status] for status in MandateStatus}
    if active := by_status[MandateStatus.ACTIVE]:
        rail = rails.get(active[0].rail)
        stopped = is_stopped(active[0], debits, rail.failures_in_row if rail else None)
        return Move(active[0], MandateStatus.ACTIVE) if stopped else Refusal.STANDS_SO
    if by_status[MandateStatus.SIGNED]:
        return Refusal.AWAITS_RAIL
    if by_status[MandateStatus.SUSPENDED]:
        return Refusal.UNDER_REVIEW
    last = next(iter(by_status[MandateStatus.CANCELLED] or newest), None)
    if last is None:
        return Refusal.NO_MANDATE
    if last.status is MandateStatus.SUSPENDED or was_suspended(last.mandate_id, history):
        return Refusal.UNDER_REVIEW
    if status_on(last, day) is MandateStatus.CANCELLED:
        return Move(replace(last, status=MandateStatus.ACTIVE), MandateStatus.CANCELLED)
    renewed = replace(
        last,
        mandate_id=renewed_id(last.mandate_id, [m.mandate_id for m in newest]),
        signed_on=day,
        status=MandateStatus.SIGNED,
        expires_on=None,
    )
    return Move(renewed, None)


def plan_fund(
    mandate: Mandate, sources: tuple[Source, ...], denied: Collection[SourceKind], day: date
) -> Move | Refusal:
    """Puts living accounts, in the borrower's order, in the place of all that the mandate names; its status stays.

    `denied` are the kinds of account from which policy lets no loan be repaid.
    """
    if status_on(mandate, day) in _ENDED:
        return Refusal.NOT_ALLOWED
    if denied_source(sources, denied):
        return Refusal.SOURCE_DENIED
    if sources == mandate.sources:
        return Refusal.STANDS_SO
    return Move(replace(mandate, funding=sources), mandate.status)


def denied_source(sources: Iterable[Source], denied: Collection[SourceKind]) -> Source | None:
    return next((source for source in sources if source.kind in denied), None)


def authorised_at(mandate: Mandate) -> datetime:
    """When the borrower last agreed to it; for one that was imported the day on which he signed begins."""
    if mandate.evidence:
        return mandate.evidence.seen_at
    return datetime.combine(mandate.signed_on, time.min, UTC)


def is_stopped(mandate: Mandate, debits: DebitCard, limit: int | None) -> bool:
    """Failures in a row, over all loans, came after its authorisation: only a newer one debits again. A lifted
    suspension or a rail's confirmation is none. A `limit` of the rail that was lowered to what is counted stops too."""
    if limit is not None and debits.failures >= limit:
        return True
    return debits.stopped_at is not None and authorised_at(mandate) <= debits.stopped_at


def was_suspended(mandate_id: str, history: Iterable[AuditEntry]) -> bool:
    """It was suspended when it ended: ending it, once or twice, must be no way around the person who has to look."""
    of_it = [e for e in history if e.what.startswith(CHANGED) and e.detail.get(f"was.{mandate_id}") in _LIVE]
    last = max(of_it, key=lambda e: e.at, default=None)
    return last is not None and last.detail[f"was.{mandate_id}"] == MandateStatus.SUSPENDED


def renewed_id(mandate_id: str, taken: Sequence[str]) -> str:
    """The id of the next authorisation, derived from the first one's: `m-1` is followed by `m-1.2`."""
    number = len(taken) + 1
    while (made := f"{mandate_id[: _LONGEST_ID - len(str(number)) - 1]}.{number}") in taken:
        number += 1
    return made


def open_claims(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Debits that were claimed and have no definite answer: they cannot be stopped. Refunds are none."""
    return tuple(a for a in attempts if a.state is not AttemptState.SETTLED and a.refunds is None)


def to_wake(file: LoanFile) -> tuple[Instalment, ...]:
    """Instalments that a new authorisation lets debit, earliest due first."""
    waiting = [i for i in file.unpaid if i.state is InstalmentState.OPEN and not i.blocked]
    return tuple(sorted(waiting, key=lambda i: (i.due_on, i.number)))


def cancellations(history: Iterable[AuditEntry], now: datetime, within: timedelta) -> int:
    """How often the borrower turned deduction off within a time up to now: a signal for the risk scorecard."""
    what = f"{CHANGED}{Purpose.CANCEL}"
    return sum(e.what == what and now - within < e.at <= now for e in history)
