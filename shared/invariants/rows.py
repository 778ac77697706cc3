"""Stored rows as the checks read them: plain values, and states as the words that stand in the tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

SUSPENSE = "SUSPENSE"
"""The ledger's owner of money without a loan."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands on its line's agenda: when it is looked at next, or in front of a person."""

    at: datetime
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class LoanRow:
    loan_id: str
    borrower_id: str
    product: str
    currency: str
    principal_minor: int
    disbursed_on: date
    status: str
    entered: tuple[str, ...]
    opened: bool  # False: its import was interrupted, or it was repaid before it came
    place: Place | None

    @property
    def stage(self) -> str:
        return self.entered[-1].rpartition("#")[2] if self.entered else "current"


@dataclass(frozen=True, slots=True)
class InstalmentRow:
    loan_id: str
    number: int
    due_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    currency: str
    paid_minor: int
    state: str
    episode: int
    attempts: int
    last_outcome: str | None
    paid_by: int | None
    blocked: bool
    place: Place | None

    @property
    def key(self) -> str:
        return f"{self.loan_id}#{self.number:03d}"

    @property
    def due_minor(self) -> int:
        return self.principal_minor + self.interest_minor + self.fee_minor

    @property
    def outstanding_minor(self) -> int:
        return self.due_minor - self.paid_minor


@dataclass(frozen=True, slots=True)
class MandateRow:
    mandate_id: str
    loan_id: str
    rail: str
    account_ref: str
    signed_on: date
    status: str


@dataclass(frozen=True, slots=True)
class EscalationRow:
    loan_id: str
    key: str
    stage: str
    entered_on: date
    dpd: int
    number: int
    left_on: date | None


@dataclass(frozen=True, slots=True)
class BorrowerRow:
    borrower_id: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class CardRow:
    borrower_id: str
    loan_ids: tuple[str, ...]
    place: Place | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    loan_id: str
    seq: int
    numbers: tuple[int, ...]
    amount_minor: int
    currency: str
    mandate_id: str
    rail: str
    account_ref: str
    slot: str
    claimed_at: datetime
    state: str
    outcome: str | None
    settled_at: datetime | None
    presented: int

    @property
    def key(self) -> str:
        """The key under which the gateway knows it."""
        return f"{self.loan_id}:P{self.seq:06d}"

    @property
    def day(self) -> date:
        return date.fromisoformat(self.slot[:10])

    @property
    def is_open(self) -> bool:
        return self.state != "settled"

    @property
    def is_void(self) -> bool:
        """Claimed and never presented."""
        return self.outcome == "void"


@dataclass(frozen=True, slots=True)
class NoticeRow:
    borrower_id: str
    notice_key: str
    kind: str
    covers: tuple[str, ...]
    amount_minor: int
    currency: str
    business_date: date
    claimed_at: datetime
    state: str
    provider_ref: str | None

    @property
    def key(self) -> str:
        return f"{self.borrower_id}#{self.notice_key}"

    @property
    def counts(self) -> bool:
        """It was told, or may have been: all but a certain non-send that may be tried again."""
        return self.state != "released"

    @property
    def went_out(self) -> bool:
        """It was sent, or may have been."""
        return self.state in ("claimed", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class EntryRow:
    loan_id: str
    source: str
    external_id: str
    amount_minor: int
    currency: str
    booked_on: date
    split: tuple[tuple[int, int], ...]

    @property
    def key(self) -> str:
        return f"{self.loan_id} {self.source}#{self.external_id}"

    @property
    def split_minor(self) -> int:
        return sum(minor for _, minor in self.split)


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """Money that the gateway says it took, under the key of an attempt."""

    key: str
    amount_minor: int
    currency: str


def _grouped[K, R](rows: Iterable[R], key: Callable[[R], K]) -> Mapping[K, list[R]]:
    groups: dict[K, list[R]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


@dataclass(frozen=True)
class Snapshot:
    """Every row of the book. `charges` is None where the gateway's books cannot be read."""

    loans: list[LoanRow] = field(default_factory=list)
    instalments: list[InstalmentRow] = field(default_factory=list)
    mandates: list[MandateRow] = field(default_factory=list)
    escalations: list[EscalationRow] = field(default_factory=list)
    borrowers: list[BorrowerRow] = field(default_factory=list)
    cards: list[CardRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    notices: list[NoticeRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    charges: list[ChargeRow] | None = None
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Rows that could not be read, by key, and why."""

    @cached_property
    def loan(self) -> Mapping[str, LoanRow]:
        return {row.loan_id: row for row in self.loans}

    @cached_property
    def instalment(self) -> Mapping[tuple[str, int], InstalmentRow]:
        return {(row.loan_id, row.number): row for row in self.instalments}

    @cached_property
    def mandate(self) -> Mapping[tuple[str, str], MandateRow]:
        return {(row.loan_id, row.mandate_id): row for row in self.mandates}

    @cached_property
    def borrower(self) -> Mapping[str, BorrowerRow]:
        return {row.borrower_id: row for row in self.borrowers}

    @cached_property
    def card(self) -> Mapping[str, CardRow]:
        return {row.borrower_id: row for row in self.cards}

    @cached_property
    def attempt(self) -> Mapping[str, AttemptRow]:
        return {row.key: row for row in self.attempts}

    @cached_property
    def instalments_of(self) -> Mapping[str, list[InstalmentRow]]:
        return _grouped(self.instalments, lambda row: row.loan_id)

    @cached_property
    def mandates_of(self) -> Mapping[str, list[MandateRow]]:
        return _grouped(self.mandates, lambda row: row.loan_id)

    @cached_property
    def escalations_of(self) -> Mapping[str, list[EscalationRow]]:
        return _grouped(self.escalations, lambda row: row.loan_id)

    @cached_property
    def attempts_of(self) -> Mapping[str, list[AttemptRow]]:
        return _grouped(self.attempts, lambda row: row.loan_id)

    @cached_property
    def entries_of(self) -> Mapping[str, list[EntryRow]]:
        return _grouped(self.entries, lambda row: row.loan_id)

    @cached_property
    def notices_covering(self) -> Mapping[str, list[NoticeRow]]:
        """Notices by the tier keys that they tell, those left out that certainly were not sent and may be again."""
        covering: dict[str, list[NoticeRow]] = defaultdict(list)
        for notice in self.notices:
            if notice.counts:
                for tier in notice.covers:
                    covering[tier].append(notice)
        return covering

    @cached_property
    def overdue_notices(self) -> Mapping[str, list[tuple[int, date]]]:
        """By instalment: the day past due of each overdue step that was told, and the business date of its notice."""
        told: dict[str, list[tuple[int, date]]] = defaultdict(list)
        for tier, notices in self.notices_covering.items():
            name, loan_id, number, _ = tier.split("#")
            if name.startswith("OVERDUE_"):
                told[f"{loan_id}#{number}"] += [(int(name.removeprefix("OVERDUE_")), n.business_date) for n in notices]
        return told

    def unpaid(self, loan_id: str) -> list[InstalmentRow]:
        """The loan's unpaid instalments, the oldest first."""
        rows = [row for row in self.instalments_of.get(loan_id, []) if row.outstanding_minor > 0]
        return sorted(rows, key=lambda row: (row.due_on, row.number))

    def product_of(self, notice: NoticeRow) -> str | None:
        """The product whose rules a notice follows: that of the first loan it covers."""
        loan = self.loan.get(notice.covers[0].split("#")[1]) if notice.covers else None
        return loan.product if loan else None
