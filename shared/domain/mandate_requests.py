"""What a borrower's page, the command line or a rail asks of the changing of mandates, and what becomes of it."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.book import AuditEntry, Mandate, MandateStatus, Source
from shared.domain.mandates import Purpose, Refusal
from shared.domain.risk_notice import RiskNotice


@dataclass(frozen=True, slots=True)
class AskChange:
    """Shows the notice and sends a code."""

    loan_id: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class ConfirmChange:
    """`acknowledged` is the hash of the notice that was read, `channel` where it was read."""

    loan_id: str
    purpose: Purpose
    digits: str = field(repr=False)
    acknowledged: str
    channel: str


@dataclass(frozen=True, slots=True)
class LenderChange:
    """Suspends a mandate or lifts its suspension."""

    loan_id: str
    mandate_id: str
    status: MandateStatus
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class FundMandate:
    """Names the accounts of a mandate anew, in the borrower's order."""

    loan_id: str
    mandate_id: str
    sources: tuple[Source, ...]
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class RailWord:
    """What a rail did with a mandate, at an instant of its own: confirmed, revoked or expired. The sender's `event_id`
    is told again with the same news."""

    event_id: str
    loan_id: str
    mandate_id: str
    status: MandateStatus
    at: datetime


RAIL_STATUSES = (MandateStatus.ACTIVE, MandateStatus.REVOKED, MandateStatus.EXPIRED)
"""What a rail may say; it suspends nothing, which is the lender's."""


@dataclass(frozen=True, slots=True)
class ShowMandates:
    loan_id: str


type MandateRequest = AskChange | ConfirmChange | LenderChange | FundMandate | ShowMandates


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way, or perhaps on its way where the channel did not say; `notice` is what to acknowledge."""

    notice: RiskNotice
    code_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """Each mandate's id with its status from now on."""

    mandates: tuple[tuple[str, MandateStatus], ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing changed, though a wrong code was counted. `notice` reads as of now, where another was acknowledged;
    `source` is the account that is refused."""

    reason: Refusal
    notice: RiskNotice | None = None
    tries_left: int | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A loan's mandates with their status on the business date, and every change of them, oldest first."""

    mandates: tuple[tuple[Mandate, MandateStatus], ...]
    history: tuple[AuditEntry, ...]
    cancelled_lately: int


type Answer = Asked | Changed | Refused | Standing
