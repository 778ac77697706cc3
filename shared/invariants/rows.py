"""Stored rows as the checks read them: plain values, and states as the words that stand in the tables."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property

_INTENT = re.compile(r".+?:P\d{6}", re.ASCII)

SUSPENSE = "SUSPENSE"
"""The ledger's owner of money without a loan."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands on its line's agenda: when it is looked at next, or in front of a person."""

    at: datetime
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold in force: what it stops, from when, and its last business date."""

    code: str
    stops: frozenset[str]
    since: datetime
    until: date | None

    def stands(self, what: str, moment: datetime, day: date) -> bool:
        return what in self.stops and self.since < moment and (self.until is None or day <= self.until)


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
    holds: tuple[HoldRow, ...] = ()

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
    penalty_minor: int = 0
    fee_paid_minor: int = 0  # these three are part of `paid_minor`; the rest of it is principal
    penalty_paid_minor: int = 0
    interest_paid_minor: int = 0

    @property
    def key(self) -> str:
        return f"{self.loan_id}#{self.number:03d}"

    @property
    def due_minor(self) -> int:
        return self.principal_minor + self.interest_minor + self.fee_minor + self.penalty_minor

    @property
    def due(self) -> Mapping[str, int]:
        """What is due, by component."""
        return {
            "fee": self.fee_minor,
            "penalty": self.penalty_minor,
            "interest": self.interest_minor,
            "principal": self.principal_minor,
        }

    @property
    def paid(self) -> Mapping[str, int]:
        """What is paid, by component."""
        others = {
            "fee": self.fee_paid_minor,
            "penalty": self.penalty_paid_minor,
            "interest": self.interest_paid_minor,
        }
        return {**others, "principal": self.paid_minor - sum(others.values())}

    @property
    def outstanding_minor(self) -> int:
        return self.due_minor - self.paid_minor


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account of a mandate's funding order."""

    kind: str
    account_ref: str
    is_dead: bool = False


@dataclass(frozen=True, slots=True)
class MandateRow:
    mandate_id: str
    loan_id: str
    rail: str
    account_ref: str
    signed_on: date
    status: str
    since: datetime | None = None  # of its status; None for one that was imported
    expires_on: date | None = None
    funding: tuple[AccountRow, ...] = ()
    agreed_at: datetime | None = None  # when the borrower last agreed to it; None: on the day on which he signed

    @property
    def authorised_at(self) -> datetime:
        return self.agreed_at or datetime.combine(self.signed_on, time.min, UTC)

    @property
    def accounts(self) -> tuple[AccountRow, ...]:
        return self.funding or (AccountRow("account", self.account_ref),)


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
    country: str
    zones: tuple[str, ...]  # every one where the borrower may be
    addresses: tuple[tuple[str, str], ...] = ()  # channel and the key that stands for the address


@dataclass(frozen=True, slots=True)
class BarRow:
    """No message to this address over this channel from then on, of these classes."""

    channel: str
    address: str
    classes: frozenset[str]
    since: datetime


@dataclass(frozen=True, slots=True)
class CardRow:
    borrower_id: str
    loan_ids: tuple[str, ...]
    place: Place | None
    bars: tuple[BarRow, ...] = ()


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
    owner: str = "schedule"
    funding: tuple[str, ...] = ()
    first_claimed_at: datetime | None = None
    stuck: str | None = None  # why no enquiry can tell: it stands in front of a person
    reserves: bool = False  # it held a place among the borrower's debits over all loans
    refunds: int | None = None  # the number of the attempt whose money this one gives back

    @property
    def born_at(self) -> datetime:
        return self.first_claimed_at or self.claimed_at

    @property
    def counts(self) -> bool:
        """Against the instalment's budget: all but what never went out and what was not the borrower's failure."""
        return self.refunds is None and self.outcome not in ("void", "window", "config")

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
    channel: str = "sms"
    message_class: str = ""
    delivery: str | None = None

    @property
    def key(self) -> str:
        return f"{self.borrower_id}#{self.notice_key}"

    @property
    def never_arrived(self) -> bool:
        """Its provider says that it never did nor will: what it told may be told again, under a key of its own."""
        return self.delivery in ("failed-for-good", "opted-out")

    @property
    def counts(self) -> bool:
        """It was told, or may have been: all but a certain non-send that may be tried again."""
        return self.state != "released"

    @property
    def went_out(self) -> bool:
        """It was sent, or may have been: not where it only records that no channel reached the borrower."""
        return self.state in ("claimed", "sent", "unknown") and self.channel != "none"


@dataclass(frozen=True, slots=True)
class EntryRow:
    loan_id: str
    source: str
    external_id: str
    amount_minor: int
    currency: str
    booked_on: date
    split: tuple[tuple[int, int], ...]
    kind: str = "payment"
    undoes: str | None = None  # `source#external_id` of the entry that this one takes back or moves
    parts: tuple[tuple[int, str, int], ...] = ()  # the split by component

    @property
    def key(self) -> str:
        return f"{self.loan_id} {self.source}#{self.external_id}"

    @property
    def name(self) -> str:
        """What another entry's `undoes` says of this one."""
        return f"{self.source}#{self.external_id}"

    @property
    def payment(self) -> str:
        """The key of the payment or refund whose money it is, of an entry that takes it back or moves it too."""
        found = _INTENT.match(self.external_id)
        return found[0] if found else self.external_id

    @property
    def pieces(self) -> tuple[tuple[int, str, int], ...]:
        """Its parts; of an entry from before components were kept, all is principal."""
        return self.parts or tuple((number, "principal", minor) for number, minor in self.split)

    @property
    def split_minor(self) -> int:
        return sum(minor for _, minor in self.split)


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """Money that the gateway says it took, under the key of an attempt; negative where it gave money back, under the
    key of the refund or, where the payer's bank took it, of the payment.

    `contradicts`: the gateway had said before that it was not paid. `untold`: the news of it is still on its way.
    """

    key: str
    amount_minor: int
    currency: str
    contradicts: bool = False
    untold: bool = False


@dataclass(frozen=True, slots=True)
class DebitCardRow:
    """A borrower's debits over all loans."""

    borrower_id: str
    failures: int
    open: int
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """The mark that money was booked, and where."""

    source: str
    external_id: str
    loan_id: str


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A claim as it was seen at the moment at which it was made."""

    key: str
    at: datetime
    outstanding_minor: int
    open_others: tuple[str, ...]  # other attempts that were open on its instalments
    mandate_status: str | None  # of the mandate that it names; None where there is no such row
    mandate_expired: bool


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request on the wire as it was seen leaving; `presented` is that of its claim, None where none stood open."""

    key: str
    parameters: tuple[object, ...]
    at: datetime
    presented: int | None


def _grouped[K, R](rows: Iterable[R], key: Callable[[R], K]) -> Mapping[K, list[R]]:
    groups: dict[K, list[R]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


@dataclass(frozen=True)
class Snapshot:
    """Every row of the book. `charges` is None where the gateway's books cannot be read, `claims` and `requests` where
    nobody watched, as a simulation does."""

    loans: list[LoanRow] = field(default_factory=list)
    instalments: list[InstalmentRow] = field(default_factory=list)
    mandates: list[MandateRow] = field(default_factory=list)
    escalations: list[EscalationRow] = field(default_factory=list)
    borrowers: list[BorrowerRow] = field(default_factory=list)
    cards: list[CardRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    notices: list[NoticeRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    debit_cards: list[DebitCardRow] = field(default_factory=list)
    money: list[MoneyRow] = field(default_factory=list)
    charges: list[ChargeRow] | None = None
    claims: list[ClaimRow] | None = None
    requests: list[RequestRow] | None = None
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
    def overdue_notices(self) -> Mapping[str, list[tuple[int, NoticeRow]]]:
        """By instalment, in all its episodes: the day past due of each overdue step that was told, and its notice."""
        told: dict[str, list[tuple[int, NoticeRow]]] = defaultdict(list)
        for (key, _), found in self.overdue_in_episode.items():
            told[key] += found
        return told

    @cached_property
    def overdue_in_episode(self) -> Mapping[tuple[str, int], list[tuple[int, NoticeRow]]]:
        """The same by instalment and episode."""
        told: dict[tuple[str, int], list[tuple[int, NoticeRow]]] = defaultdict(list)
        for tier, notices in self.notices_covering.items():
            name, loan_id, number, episode = tier.split("#")
            if name.startswith("OVERDUE_"):
                dpd = int(name.removeprefix("OVERDUE_"))
                told[f"{loan_id}#{number}", int(episode)] += [(dpd, n) for n in notices]
        return told

    def unpaid(self, loan_id: str) -> list[InstalmentRow]:
        """The loan's unpaid instalments, the oldest first."""
        rows = [row for row in self.instalments_of.get(loan_id, []) if row.outstanding_minor > 0]
        return sorted(rows, key=lambda row: (row.due_on, row.number))

    def product_of(self, notice: NoticeRow) -> str | None:
        """The product whose rules a notice follows: that of the first loan it covers."""
        loan = self.loan.get(notice.covers[0].split("#")[1]) if notice.covers else None
        return loan.product if loan else None
