"""What operators order by hand, within which limits, and when a second person has to agree.

An order names its payments; everything that decides about it is part of it, so that who approves a request approves
exactly what will be done. Its text form holds ids, codes, amounts and the operator's reason, and nothing personal.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from shared.domain import keys
from shared.domain.book import AuditEntry, Outcome
from shared.domain.consent_orders import ConsentOrder
from shared.domain.errors import InputError
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.money import Money
from shared.domain.policy import Policy

MOST_TARGETS = 100
"""Payments in one order: what one run of the function can work through."""

REQUEST_LIFE = timedelta(hours=24)
"""How long a request waits for its approval: later, the payments are no longer what was looked at."""

RESOLVE = "resolve"
"""The verb of a request that is none over payment attempts: it moves money out of suspense."""

type Limited = Order | Resolution
"""What has limits, and may wait for a second person."""

REQUESTED, APPROVED = "1#requested", "2#approved"
"""Revisions of a request's audit rows. Each is put once, so that a request is made once and used once."""


class Verb(StrEnum):
    """What may be done to a payment attempt by hand."""

    RECHECK = "recheck"  # ask the gateway what became of it
    RERECORD = "rerecord"  # settle it from evidence
    RECHARGE = "recharge"  # a new attempt on its instalments
    REFUND = "refund"  # give its money back
    REOPEN = "reopen"  # let its instalments be debited again that money taken back, or late money, had closed


@dataclass(frozen=True, slots=True)
class Order:
    """A verb over payment attempts, with its limits.

    `targets` are `keys.intent_key`. `amount` is of each target, None for all of it. `outcome` and `evidence` are a
    rerecord's. `at_most` counts loans; `at_most_amount` is over all targets, and forbids any other currency.
    """

    verb: Verb
    targets: tuple[str, ...]
    reason: str
    at_most: int = 1
    at_most_amount: Money | None = None
    amount: Money | None = None
    outcome: Outcome | None = None
    evidence: str | None = None

    @property
    def loan_ids(self) -> frozenset[str]:
        return frozenset(keys.parse_intent_key(target)[0] for target in self.targets)

    def as_detail(self) -> dict[str, str]:
        """The order as an audit row keeps it; `read_order` reads it again. What is not said is absent."""
        said = {
            "verb": self.verb.value,
            "targets": " ".join(self.targets),
            "at_most": str(self.at_most),
            "at_most_amount": _said(self.at_most_amount),
            "amount": _said(self.amount),
            "outcome": self.outcome.value if self.outcome else "",
            "evidence": self.evidence or "",
        }
        return {name: value for name, value in said.items() if value}


def read_order(entry: AuditEntry) -> Order:
    """The order of a request's audit row, as `Order.as_detail` wrote it."""
    said = entry.detail
    return Order(
        Verb(said["verb"]),
        tuple(said["targets"].split()),
        entry.reason,
        int(said["at_most"]),
        _heard(said.get("at_most_amount")),
        _heard(said.get("amount")),
        Outcome(said["outcome"]) if "outcome" in said else None,
        said.get("evidence"),
    )


def _said(amount: Money | None) -> str:
    return f"{amount.minor} {amount.currency}" if amount else ""


def _heard(text: str | None) -> Money | None:
    minor, _, currency = (text or "").partition(" ")
    return Money(int(minor), currency) if minor else None


@dataclass(frozen=True, slots=True)
class Extent:
    """How far an order reaches: loans, and money by currency in minor units."""

    loans: int
    minor: Mapping[str, int] = field(default_factory=dict)

    def exceeds(self, other: "Extent") -> bool:
        """It reaches further than `other` in anything."""
        return self.loans > other.loans or any(minor > other.minor.get(c, 0) for c, minor in self.minor.items())


def extent_of(order: Order, amounts: Iterable[Money]) -> Extent:
    """`amounts` are what each target would move, settle or open to debits at most; an enquiry moves nothing."""
    minor: Counter[str] = Counter()
    for amount in amounts if order.verb is not Verb.RECHECK else ():
        minor[amount.currency] += amount.minor
    return Extent(len(order.loan_ids), dict(sorted(minor.items())))


def check_order(order: Order) -> None:
    """Raises InputError for an order that does not say what its verb needs, or says what it has no use for."""
    if not order.targets or len(set(order.targets)) != len(order.targets):
        raise InputError("an order names at least one attempt, and each once")
    if len(order.targets) > MOST_TARGETS:
        raise InputError(f"an order names at most {MOST_TARGETS} attempts, and this one {len(order.targets)}")
    if not order.reason.strip():
        raise InputError("an order says its reason")
    needs_evidence = order.verb is Verb.RERECORD
    if needs_evidence != (order.outcome is not None) or needs_evidence != bool(order.evidence):
        raise InputError("outcome and evidence are what a rerecord needs, and no other verb takes")
    if order.outcome is not None and not order.outcome.is_terminal:
        raise InputError(f"{order.outcome} is no outcome that evidence can show: it is the lack of one")
    if order.amount is not None and order.verb not in (Verb.RECHARGE, Verb.REFUND):
        raise InputError("an amount is for recharge and refund")
    if order.amount is not None and len(order.targets) > 1:
        raise InputError("an amount is for one attempt alone")


def check_limits(order: Limited, extent: Extent) -> None:
    """Raises InputError, naming the limit, where the order reaches further than it says of itself."""
    if extent.loans > order.at_most:
        loans = f"{extent.loans} loan{'' if extent.loans == 1 else 's'}"
        raise InputError(f"the selection has {loans}, and --at-most allows {order.at_most}")
    limit = order.at_most_amount
    for currency, minor in extent.minor.items():
        if limit and (currency != limit.currency or minor > limit.minor):
            comes_to = f"{Money(minor, currency).grouped()} {currency}"
            allowed = f"{limit.grouped()} {limit.currency}"
            raise InputError(f"the selection comes to {comes_to}, and --at-most-amount allows {allowed}")


def needs_second_person(extent: Extent, policies: Sequence[Policy | None]) -> bool:
    """The order reaches above a threshold of a policy of its loans. Without a valid policy it always does, and in a
    currency for which a policy names no threshold."""
    for policy in policies:
        if policy is None:
            return True
        if policy.approve_above_loans is not None and extent.loans > policy.approve_above_loans:
            return True
        for currency, minor in extent.minor.items():
            most = policy.approve_above_minor.get(currency, 0)
            if most is not None and minor > most:
                return True
    return False


def request_id(order: Limited, on: date) -> str:
    """The same for the same order on the same business date: asked for twice, it is one request."""
    parts = [f"{name}={value}" for name, value in sorted(order.as_detail().items())]
    text = "\n".join([on.isoformat(), order.reason, *parts])
    return f"R-{sha256(text.encode()).hexdigest()[:16]}"


def requested(order: Limited, request: str, extent: Extent, actor: str, at: datetime) -> AuditEntry:
    """The row that asks for a second person."""
    reach = {"loans": str(extent.loans)} | {f"minor.{c}": str(minor) for c, minor in extent.minor.items()}
    return AuditEntry(request, REQUESTED, at, actor, "requested", order.reason, order.as_detail() | reach)


def extent_asked(entry: AuditEntry) -> Extent:
    """How far the request reached when it was made."""
    minor = {name.removeprefix("minor."): int(v) for name, v in entry.detail.items() if name.startswith("minor.")}
    return Extent(int(entry.detail["loans"]), minor)


def approved(request: str, actor: str, at: datetime, reason: str) -> AuditEntry:
    """The row that uses a request up, put before anything is done."""
    return AuditEntry(request, APPROVED, at, actor, "approved", reason)


def check_approval(entries: Sequence[AuditEntry], request: str, actor: str, now: datetime) -> AuditEntry:
    """The request's row; raises InputError where it cannot be approved by this person or at this time."""
    asked = next((entry for entry in entries if entry.revision == REQUESTED), None)
    if asked is None:
        raise InputError(f"there is no request {request}")
    if any(entry.revision == APPROVED for entry in entries):
        raise InputError(f"request {request} was used already: each is used once")
    if asked.actor == actor:
        raise InputError(f"request {request} is your own: another person approves it")
    if now - asked.at > REQUEST_LIFE:
        raise InputError(f"request {request} is older than {REQUEST_LIFE // timedelta(hours=1)} hours: ask anew")
    return asked


@dataclass(frozen=True, slots=True)
class Approval:
    """Another person's yes to a request."""

    request: str


@dataclass(frozen=True, slots=True)
class SwitchOrder:
    """A switch to be turned."""

    name: str
    on: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """Money in suspense, as `source#external_id`, and the loan that it belongs to; None: it went elsewhere.

    `at_most` counts loans that it pays or opens; `at_most_amount` forbids any other currency.
    """

    entry: str
    loan_id: str | None
    numbers: tuple[int, ...]
    reason: str
    at_most: int = 1
    at_most_amount: Money | None = None

    def as_detail(self) -> dict[str, str]:
        """The resolution as an audit row keeps it; `read_resolution` reads it again. What is not said is absent."""
        said = {
            "verb": RESOLVE,
            "entry": self.entry,
            "loan_id": self.loan_id or "",
            "instalments": " ".join(map(str, self.numbers)),
            "at_most": str(self.at_most),
            "at_most_amount": _said(self.at_most_amount),
        }
        return {name: value for name, value in said.items() if value}


def is_resolution(entries: Sequence[AuditEntry]) -> bool:
    """The request asks to resolve money in suspense."""
    return any(entry.revision == REQUESTED and entry.detail.get("verb") == RESOLVE for entry in entries)


def read_resolution(entry: AuditEntry) -> Resolution:
    """The resolution of a request's audit row, as `Resolution.as_detail` wrote it."""
    said = entry.detail
    return Resolution(
        said["entry"],
        said.get("loan_id"),
        tuple(map(int, said.get("instalments", "").split())),
        entry.reason,
        int(said["at_most"]),
        _heard(said.get("at_most_amount")),
    )


type OperatorRequest = Order | Approval | SwitchOrder | Resolution | HoldAdd | HoldEnd | ConsentOrder
