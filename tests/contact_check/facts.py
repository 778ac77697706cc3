"""What both sides speak of: a borrower's facts, and the decision on them. No code of the product is behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact; `outcome` None is not known, `debts` empty counts for every debt."""

    key: str
    at: datetime
    channel: str
    message_class: str
    debts: tuple[str, ...]
    address: str
    outcome: str | None = None
    event: str | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Bar:
    channel: str
    address: str
    classes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold by its code: what it stops stands in the packs. `until` is its last business date."""

    code: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Instalment:
    """`minor` is due; it is owed whole until `paid_on`. `failed_on`: the day of the last, definite failure."""

    number: int
    due_on: date
    minor: int
    paid_on: date | None = None
    paid_by_debit: bool = False
    failed_on: date | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Loan:
    """`mandated`: debited over the stub's rail, which adds no rule of its own."""

    loan_id: str
    product: str
    currency: str
    mandated: bool
    instalments: tuple[Instalment, ...]
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    tier: str
    on: date
    announced_on: date | None
    announced_minor: int


@dataclass(frozen=True, slots=True)
class Case:
    """Everything on which one decision is made. `log` is every contact of this life, `told` by loan and number."""

    setting: str
    country: str
    zones: tuple[str, ...]
    addresses: Mapping[str, str]
    loans: tuple[Loan, ...]
    told: Mapping[tuple[str, int], Told]
    log: tuple[Contact, ...]
    bars: tuple[Bar, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision: `outcome` is act, defer or drop; the rest belongs to an act but `until`, a deferral's."""

    outcome: str
    reason: str
    until: datetime | None = None
    kind: str = ""
    message_class: str = ""
    channels: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    covers: frozenset[tuple[str, str, int]] = frozenset()  # tier, loan, number
    minor: int = 0
    items: Mapping[str, int] = field(default_factory=dict)  # minor units by loan
