"""The book: borrowers, loans, instalments, mandates, attempts, notices and ledger entries, as they stand in a store.

Amounts are integers of minor units of the loan's currency; dates are the lender's business dates; instants are aware
UTC. `rev` counts the writes of a row: whoever changes a row requires the `rev` on which he decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shared.domain.money import Money


class Line(StrEnum):
    """The three lines; each has its own agenda, queue and worker."""

    CONTACT = "contact"
    DEBIT = "debit"
    STAGE = "stage"


class Stage(StrEnum):
    """Delinquency stages, in order."""

    CURRENT = "current"
    M1 = "M1"
    M2 = "M2"
    M3 = "M3"
    LEGAL = "legal"

    @property
    def rank(self) -> int:
        return list(Stage).index(self)


def stage_entered(escalation_key: str) -> Stage:
    """The stage within an escalation's key, `000#M1`."""
    return Stage(escalation_key.partition("#")[2])


class LoanStatus(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class MandateStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"  # by the borrower
    REVOKED = "revoked"  # at the rail


class InstalmentState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"  # an attempt on it is open: nothing else may debit it
    PAID = "paid"


class Outcome(StrEnum):
    """What became of an attempt, over all rails."""

    PAID = "paid"
    PENDING = "pending"
    UNKNOWN = "unknown"
    INSUFFICIENT = "insufficient"
    LIMIT = "limit"
    MANDATE_DEAD = "mandate-dead"
    ACCOUNT_DEAD = "account-dead"
    RISK = "risk"
    CONFIG = "config"  # our mistake or the rail's, not the borrower's
    VOID = "void"  # claimed, never presented, and by then no longer right to present

    @property
    def is_terminal(self) -> bool:
        return self not in (Outcome.PENDING, Outcome.UNKNOWN)

    @property
    def is_failure(self) -> bool:
        """A definite answer that no money moved."""
        return self.is_terminal and self not in (Outcome.PAID, Outcome.VOID)

    @property
    def ends_mandate(self) -> MandateStatus | None:
        """The status that a mandate takes after this answer; None leaves it active. Own design."""
        return {
            Outcome.MANDATE_DEAD: MandateStatus.REVOKED,
            Outcome.ACCOUNT_DEAD: MandateStatus.SUSPENDED,
            Outcome.RISK: MandateStatus.SUSPENDED,
        }.get(self)


class AttemptState(StrEnum):
    CLAIMED = "claimed"  # not answered yet; after its lease it is asked about, never repeated blindly
    UNKNOWN = "unknown"
    SETTLED = "settled"


class NoticeState(StrEnum):
    CLAIMED = "claimed"
    SENT = "sent"
    UNKNOWN = "unknown"  # perhaps sent; never sent again
    RELEASED = "released"  # certainly not sent; may be claimed again
    UNDELIVERABLE = "undeliverable"  # certainly not sent, and trying again would not help


@dataclass(frozen=True, slots=True)
class Borrower:
    borrower_id: str
    name: str
    phone: str | None  # E.164
    locale: str  # BCP 47
    time_zone: str  # IANA
    country: str  # ISO 3166-1 alpha-2


@dataclass(frozen=True, slots=True)
class Told:
    """The last message about an instalment (or, under number 0, a loan).

    `tier` is a code of `shared.domain.tiers`; `announced_minor` is the highest amount that a pre-debit notice
    announced, on `announced_on`.
    """

    tier: str
    on: date
    announced_on: date | None = None
    announced_minor: int = 0


@dataclass(frozen=True, slots=True)
class ContactCard:
    """The contact line's row of a borrower: what was told, about which loans. `told` is keyed by `keys.told_key`."""

    borrower_id: str
    loan_ids: tuple[str, ...]
    told: Mapping[str, Told] = field(default_factory=dict)
    rev: int = 0
    step: datetime | None = None


@dataclass(frozen=True, slots=True)
class Loan:
    loan_id: str
    borrower_id: str
    product: str
    currency: str
    disbursed_on: date
    principal_minor: int
    status: LoanStatus = LoanStatus.OPEN
    entered: tuple[str, ...] = ()  # escalations in force, lowest first, as `keys.escalation_key`
    episode: int = 0  # raised by every cure, so that the same stage may lawfully be entered again
    first_open: int = 1  # every instalment below this number is paid and told
    last_seq: int = 0  # of payment intents
    gate_rev: int = 0  # raised by every writer of a mandate, hold, dispute or closure
    stage_rev: int = 0  # raised by every write of the stage line's own fields
    step: datetime | None = None

    @property
    def stage(self) -> Stage:
        return stage_entered(self.entered[-1]) if self.entered else Stage.CURRENT


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The newest attempt on an instalment; `outcome` is None while it is open."""

    seq: int
    slot: str  # "2026-03-01T08:00", lender's time
    claimed_at: datetime
    outcome: Outcome | None = None
    settled_on: date | None = None
    amount_minor: int = 0

    @property
    def on(self) -> date:
        return date.fromisoformat(self.slot[:10])


@dataclass(frozen=True, slots=True)
class Instalment:
    loan_id: str
    number: int
    due_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    currency: str
    paid_minor: int = 0
    state: InstalmentState = InstalmentState.OPEN
    episode: int = 0  # raised when the due date moves or a paid instalment reopens
    attempts: int = 0  # presented or claimed, against the budget
    last_attempt: LastAttempt | None = None
    paid_on: date | None = None
    paid_by: int | None = None  # seq of the attempt that paid the rest, None when paid otherwise
    blocked: bool = False  # contradicting evidence: no debit until a person has looked
    rev: int = 0
    step: datetime | None = None

    @property
    def due_minor(self) -> int:
        return self.principal_minor + self.interest_minor + self.fee_minor

    @property
    def outstanding_minor(self) -> int:
        return self.due_minor - self.paid_minor

    @property
    def is_paid(self) -> bool:
        return self.outstanding_minor == 0

    @property
    def outstanding(self) -> Money:
        return Money(self.outstanding_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Mandate:
    mandate_id: str
    loan_id: str
    rail: str
    account_ref: str
    signed_on: date
    status: MandateStatus


@dataclass(frozen=True, slots=True)
class LoanFile:
    """One loan with what decisions need of it: instalments from `first_open` on, by number, and its mandates."""

    loan: Loan
    instalments: tuple[Instalment, ...]
    mandates: tuple[Mandate, ...] = ()

    @property
    def unpaid(self) -> tuple[Instalment, ...]:
        return tuple(i for i in self.instalments if not i.is_paid)

    @property
    def oldest_unpaid(self) -> Instalment | None:
        return min(self.unpaid, key=lambda i: (i.due_on, i.number), default=None)

    @property
    def mandate(self) -> Mandate | None:
        """The mandate that debits: the active one signed last."""
        active = [m for m in self.mandates if m.status is MandateStatus.ACTIVE]
        return max(active, key=lambda m: (m.signed_on, m.mandate_id), default=None)

    def instalment(self, number: int) -> Instalment | None:
        return next((i for i in self.instalments if i.number == number), None)


@dataclass(frozen=True, slots=True)
class BorrowerFile:
    borrower: Borrower
    card: ContactCard


@dataclass(frozen=True, slots=True)
class Attempt:
    """A payment intent over one or more instalments of a loan; its key at the gateway is `keys.intent_key`."""

    loan_id: str
    seq: int
    numbers: tuple[int, ...]
    amount: Money
    mandate_id: str
    rail: str
    account_ref: str
    slot: str
    claimed_at: datetime
    policy_version: str
    state: AttemptState = AttemptState.CLAIMED
    outcome: Outcome | None = None
    gateway_ref: str | None = None
    settled_at: datetime | None = None
    presented: int = 1  # claims to present: more than one only after an authoritative not-found


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """One message on its way to a borrower; `covers` lists the tier keys that it tells."""

    borrower_id: str
    notice_key: str
    kind: str
    covers: tuple[str, ...]
    amount: Money
    channel: str
    business_date: date
    claimed_at: datetime
    policy_version: str
    state: NoticeState = NoticeState.CLAIMED
    sends: int = 1  # claims to send; more than one only after a definite non-send
    provider_ref: str | None = None
    settled_at: datetime | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """A stage that a loan entered; `left_on` is None while it is in force. Consequences are undone in reverse order."""

    loan_id: str
    key: str
    stage: Stage
    entered_on: date
    dpd: int
    number: int  # of the instalment that was oldest
    consequences: tuple[str, ...]
    left_on: date | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Money that arrived, once, and what it paid: `split` is (instalment number, minor units); the rest is credit.

    `loan_id` is `keys.SUSPENSE` for money that nobody could match or that contradicts an outcome.
    """

    loan_id: str
    source: str  # gateway, manual, import
    external_id: str
    amount: Money
    booked_on: date
    split: tuple[tuple[int, int], ...] = ()
    detail: str | None = None

    @property
    def credit_minor(self) -> int:
        return self.amount.minor - sum(minor for _, minor in self.split)
