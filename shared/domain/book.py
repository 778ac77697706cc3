"""The book: borrowers, loans, instalments, mandates, attempts, notices and ledger entries, as they stand in a store.

Amounts are integers of minor units of the loan's currency; dates are the lender's business dates; instants are aware
UTC. `rev` counts the writes of a row: whoever changes a row requires the `rev` on which he decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from shared.domain.consent import Bar
from shared.domain.contact_caps import Contact
from shared.domain.contact_rules import Channel
from shared.domain.holds import Hold
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
        return _RANKS[self]


_RANKS = {stage: place for place, stage in enumerate(Stage)}


def stage_entered(escalation_key: str) -> Stage:
    """The stage within an escalation's key, `000#M1`."""
    return Stage(escalation_key.partition("#")[2])


class LoanStatus(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class MandateStatus(StrEnum):
    SIGNED = "signed"  # by the borrower; the rail has not confirmed it yet
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"  # by the borrower
    REVOKED = "revoked"  # at the rail
    EXPIRED = "expired"


class Owner(StrEnum):
    """Who asked for an attempt; all of them share one budget."""

    SCHEDULE = "schedule"
    BORROWER = "borrower"  # "pay now"
    OPERATOR = "operator"


class InstalmentState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"  # an attempt on it is open: nothing else may debit it
    PAID = "paid"


class Outcome(StrEnum):
    """What became of an attempt, over all rails; what follows from each stands in `shared.domain.outcomes`."""

    PAID = "paid"
    PENDING = "pending"
    UNKNOWN = "unknown"
    INSUFFICIENT = "insufficient"
    LIMIT = "limit"
    WINDOW = "window"  # the rail takes no debit at this time
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
    payday: int | None = None  # day of the month on which wages come, where known
    email: str | None = None
    push: str | None = None  # the app's endpoint at the push service, an ARN
    other_zones: tuple[str, ...] = ()  # IANA, where the borrower may be too: of the phone number, of another address

    @property
    def zones(self) -> tuple[str, ...]:
        """Every zone where the borrower may be."""
        return (self.time_zone, *self.other_zones)

    def address(self, channel: Channel) -> str | None:
        """Where a channel reaches the borrower, if it does."""
        match channel:
            case Channel.SMS | Channel.VOICE:
                return self.phone
            case Channel.PUSH:
                return self.push
            case Channel.EMAIL:
                return self.email
            case _:
                assert_never(channel)


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
    """The contact line's row of a borrower: what was told, about which loans. `told` is keyed by `keys.told_key`.

    `contacts` are those that can still count under a cap, oldest first.
    """

    borrower_id: str
    loan_ids: tuple[str, ...]
    told: Mapping[str, Told] = field(default_factory=dict)
    rev: int = 0
    step: datetime | None = None
    contacts: tuple[Contact, ...] = ()
    bars: tuple[Bar, ...] = ()


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
    holds: tuple[Hold, ...] = ()  # in force, by id; each change raises the gate

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
    source: int = 0  # place of the account debited in the mandate's funding order
    of_day: int = 1  # the how manieth of its business date
    mandate_id: str = ""
    together: bool = False  # with other instalments: amount and answer are not this one's alone
    before: "LastAttempt | None" = None  # while it is open: the one that stands again if this one never goes out

    @property
    def on(self) -> date:
        return date.fromisoformat(self.slot[:10])


class Component(StrEnum):
    """What an instalment is made of."""

    FEE = "fee"
    PENALTY = "penalty"
    INTEREST = "interest"
    PRINCIPAL = "principal"


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
    first_attempt_on: date | None = None  # from which a rail counts its days
    penalty_minor: int = 0
    fee_paid_minor: int = 0  # these three are part of `paid_minor`; the rest of it is principal
    penalty_paid_minor: int = 0
    interest_paid_minor: int = 0
    varies: bool = False  # what is due is not what was due the time before

    @property
    def due_minor(self) -> int:
        return self.principal_minor + self.interest_minor + self.fee_minor + self.penalty_minor

    @property
    def outstanding_minor(self) -> int:
        return self.due_minor - self.paid_minor

    def due(self, component: Component) -> int:
        """What is due of a component, in minor units."""
        return {
            Component.FEE: self.fee_minor,
            Component.PENALTY: self.penalty_minor,
            Component.INTEREST: self.interest_minor,
            Component.PRINCIPAL: self.principal_minor,
        }[component]

    def paid(self, component: Component) -> int:
        """What is paid of a component; principal is what of `paid_minor` the others did not take."""
        others = {
            Component.FEE: self.fee_paid_minor,
            Component.PENALTY: self.penalty_paid_minor,
            Component.INTEREST: self.interest_paid_minor,
        }
        return others[component] if component in others else self.paid_minor - sum(others.values())

    def owed(self, component: Component) -> int:
        return self.due(component) - self.paid(component)

    @property
    def is_paid(self) -> bool:  # asked more often than anything else, so it adds up by itself
        return self.paid_minor == self.principal_minor + self.interest_minor + self.fee_minor + self.penalty_minor

    @property
    def outstanding(self) -> Money:
        return Money(self.outstanding_minor, self.currency)


class SourceKind(StrEnum):
    """Where the money of a debit comes from. Whether a kind may repay a loan at all is the policy's to say."""

    ACCOUNT = "account"  # the mandate's one account, whatever it is
    BALANCE = "balance"
    MONEY_FUND = "money-fund"
    DEBIT_CARD = "debit-card"
    CREDIT_CARD = "credit-card"
    CREDIT_LINE = "credit-line"


@dataclass(frozen=True, slots=True)
class Source:
    kind: SourceKind
    account_ref: str
    is_dead: bool = False  # the rail said that this account takes no debit any more


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the borrower saw and agreed to: the text's version and SHA-256, when, and by which channel."""

    text_version: str
    text_hash: str
    seen_at: datetime
    channel: str


@dataclass(frozen=True, slots=True)
class Mandate:
    mandate_id: str
    loan_id: str
    rail: str
    account_ref: str
    signed_on: date
    status: MandateStatus
    funding: tuple[Source, ...] = ()  # in the borrower's order; empty: `account_ref` alone
    since: datetime | None = None  # of its status and its accounts; None for one that was imported
    expires_on: date | None = None  # its last day
    evidence: Evidence | None = None  # of the borrower's latest own change

    @property
    def sources(self) -> tuple[Source, ...]:
        return self.funding or (Source(SourceKind.ACCOUNT, self.account_ref),)


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

    def mandate_on(self, day: date) -> Mandate | None:
        """The mandate that debits on a business date: of those active and not expired, the one signed last."""
        active = [m for m in self.mandates if m.status is MandateStatus.ACTIVE]
        valid = [m for m in active if m.expires_on is None or day <= m.expires_on]
        return max(valid, key=lambda m: (m.signed_on, m.mandate_id), default=None)

    def taken_over_on(self, day: date) -> date | None:
        """The business date on which another mandate debits, because that of `day` expired; None where none follows."""
        mandate = self.mandate_on(day)
        if mandate is None or mandate.expires_on is None:
            return None
        after = mandate.expires_on + timedelta(days=1)
        return after if self.mandate_on(after) else None

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
    owner: Owner = Owner.SCHEDULE
    funding: tuple[str, ...] = ()  # account references in order, where the rail takes the order in one call
    first_claimed_at: datetime | None = None  # None: `claimed_at`; the key's lifetime counts from it
    enquire_at: datetime | None = None  # None: once the lease is over; each enquiry without an answer waits longer
    stuck: str | None = None  # why no enquiry can resolve it: a person must
    reserves: bool = False  # holds a place on the borrower's `DebitCard`
    refunds: int | None = None  # seq of the attempt whose money this one gives back

    @property
    def born_at(self) -> datetime:
        return self.first_claimed_at or self.claimed_at


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
    message_class: str = ""
    tried: tuple[str, ...] = ()  # channels that certainly did not take it, and will not
    delivery: str | None = None  # what the receipts say by now: `shared.ports.messages.What`
    delivery_code: str | None = None  # why, where it failed: a code of the provider
    delivery_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None


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


class EntryKind(StrEnum):
    PAYMENT = "payment"
    REVERSAL = "reversal"  # the bank took it back
    CHARGEBACK = "chargeback"  # the payer disputed it
    REFUND = "refund"  # the lender gave it back
    REINSTATEMENT = "reinstatement"  # what was taken back came again: a dispute won, a refund that failed
    RESOLUTION = "resolution"  # out of suspense, to where it belongs


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Money that moved, once: `split` is (instalment number, minor units), `parts` the same by component; the rest is
    credit. Amounts are negative where money left.

    `loan_id` is `keys.SUSPENSE` for money that nobody could match, or that contradicts an outcome or what was asked.
    """

    loan_id: str
    source: str  # gateway, transfer, import
    external_id: str
    amount: Money
    booked_on: date
    split: tuple[tuple[int, int], ...] = ()
    detail: str | None = None
    kind: EntryKind = EntryKind.PAYMENT
    undoes: str | None = None  # the entry, as `keys.ledger_entity`, that this one takes back or moves
    parts: tuple[tuple[int, Component, int], ...] = ()

    @property
    def credit_minor(self) -> int:
        return self.amount.minor - sum(minor for _, minor in self.split)


@dataclass(frozen=True, slots=True)
class MoneyMark:
    """Says that money was booked and where, so that it is booked once whichever way the news came: put if absent in the
    transaction that books it."""

    source: str
    external_id: str
    loan_id: str


@dataclass(frozen=True, slots=True)
class DebitCard:
    """A borrower's debits over all loans, kept only where a rail's rule spans loans. Revision 0: none was stored."""

    borrower_id: str
    failures: int = 0  # in a row
    open: int = 0  # claimed and not settled
    stopped_at: datetime | None = None  # when failures reached the limit: older authorisations debit no more
    rev: int = 0


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    """A code sent to a borrower to confirm one purpose on one loan; only its digest is kept. Revision 0: none."""

    loan_id: str
    purpose: str
    digest: str
    expires_at: datetime
    tries: int = 0
    rev: int = 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a person changed or asked; put once. `detail` holds ids, codes and amounts: nothing personal."""

    subject: str  # a loan, a switch, a request
    revision: str
    at: datetime
    actor: str
    what: str
    reason: str
    detail: Mapping[str, str] = field(default_factory=dict)
