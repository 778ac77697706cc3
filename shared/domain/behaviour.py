"""What borrowers did after the messages that are learned: told, delivered, opened, clicked, repaid within some days.

Counted from the rows that stand in the book, so that it can be counted again; nothing is kept beside them. Groups are
by the borrower's id alone, whatever happened to the message, so that the held-out borrowers are like the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain import keys, tiers
from shared.domain.bandit import Tally
from shared.domain.book import Borrower, Instalment, NoticeRecord, NoticeState
from shared.domain.calendar import zone
from shared.domain.contact_rules import Channel
from shared.domain.learning import BEHAVIOUR, Arm, Learning, tally_key, tally_leaf
from shared.domain.lift import Interval, lift
from shared.domain.packs import Kind, Leaf, Pack
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind

ALL = "all"
"""The row of every product and tier together: each borrower's first message."""

_TOLD = frozenset({NoticeState.SENT, NoticeState.UNKNOWN, NoticeState.UNDELIVERABLE})
_ARRIVED = frozenset({"delivered", "answered"})


@dataclass(frozen=True, slots=True)
class Observed:
    """One message and what followed; `repaid` is None while its days are not over."""

    borrower_id: str
    product: str
    tier: str
    arm: Arm
    on: date
    is_held_out: bool
    delivered: bool
    opened: bool
    clicked: bool
    repaid: bool | None


@dataclass(frozen=True, slots=True)
class Group:
    """Of the borrowers of a group, each counted once: how many were told, and what they did."""

    told: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    repaid: int = 0

    @property
    def tally(self) -> Tally:
        return Tally(self.told, self.repaid)


@dataclass(frozen=True, slots=True)
class Compared:
    """Who was learned on beside who was held out; `lift` is the difference of the shares that repaid."""

    product: str
    tier: str
    learned: Group
    held_out: Group
    lift: Interval


def may_be_learned(record: NoticeRecord, policy: Policy) -> bool:
    """A message that went, or may have, and that nothing waited for: only such ones have an hour drawn for them."""
    if record.state not in _TOLD or record.channel not in list(Channel):
        return False
    if record.kind not in (NoticeKind.REMIND, NoticeKind.OVERDUE):
        return False
    needed = {rule.notice_from_dpd for rule in policy.stages}
    return all(tiers.overdue_from(_tier(key)) not in needed for key in record.covers)


def observed(
    record: NoticeRecord,
    borrower: Borrower,
    policy: Policy,
    instalments: Mapping[tuple[str, int], Instalment],
    today: date,
) -> Observed | None:
    """What followed on a message, where that may be learned from; `instalments` are those that it covers, by loan and
    number. None too where one of them is gone."""
    covered = [instalments.get(keys.parse_tier_key(key)) for key in record.covers]
    if not may_be_learned(record, policy) or not covered or None in covered:
        return None
    learning = policy.learning
    last = record.business_date + timedelta(days=learning.repaid_within_days)
    paid_on = [one.paid_on if one and one.is_paid else None for one in covered]
    is_repaid = all(day is not None and day <= last for day in paid_on)
    return Observed(
        record.borrower_id,
        policy.product,
        _tier(record.covers[0]),
        _arm(record, borrower, learning),
        record.business_date,
        learning.is_held_out(record.borrower_id),
        record.delivery in _ARRIVED or record.opened_at is not None,
        record.opened_at is not None,
        record.clicked_at is not None,
        is_repaid if is_repaid or today > last else None,
    )


def _tier(tier_key: str) -> str:
    return tier_key.partition("#")[0]


def _arm(record: NoticeRecord, borrower: Borrower, learning: Learning) -> Arm:
    """The channel that took it, and the last hour that had begun in every zone of the borrower when it was claimed."""
    clock = min(record.claimed_at.astimezone(zone(name)).time() for name in borrower.zones)
    begun = [hour for hour in learning.hours if hour <= clock]
    return Arm(Channel(record.channel), max(begun, default=learning.hours[0]))


def tallies(seen: Iterable[Observed]) -> Mapping[str, Mapping[str, Tally]]:
    """By product and `tally_key`, every message whose days are over, of those who are not held out."""
    found: dict[str, dict[str, Tally]] = {}
    for one in seen:
        if one.is_held_out or one.repaid is None:
            continue
        of_product, key = found.setdefault(one.product, {}), tally_key(one.tier, one.arm)
        old = of_product.get(key, Tally())
        of_product[key] = Tally(old.told + 1, old.repaid + one.repaid)
    return found


def compared(seen: Iterable[Observed]) -> tuple[Compared, ...]:
    """All together first, then by product and tier; each borrower once in a row, by the first message.

    Only the first row compares borrowers as they were drawn: who hears of a later tier depends on the earlier ones.
    """
    done = sorted((one for one in seen if one.repaid is not None), key=lambda one: (one.on, one.tier))
    rows: dict[tuple[str, str], dict[str, Observed]] = {(ALL, ALL): {}}
    for one in done:
        for row in ((ALL, ALL), (one.product, one.tier)):
            rows.setdefault(row, {}).setdefault(one.borrower_id, one)
    whole = rows.pop((ALL, ALL))
    in_order = sorted(rows.items(), key=lambda row: (row[0][0], tiers.rank(row[0][1])))
    parts = (_compared(product, tier, by_id.values()) for (product, tier), by_id in in_order)
    return (_compared(ALL, ALL, whole.values()), *parts)


def _compared(product: str, tier: str, seen: Iterable[Observed]) -> Compared:
    by_group: tuple[list[Observed], list[Observed]] = [], []
    for one in seen:
        by_group[one.is_held_out].append(one)
    learned, held_out = map(_group, by_group)
    return Compared(product, tier, learned, held_out, lift(learned.tally, held_out.tally))


def _group(seen: Sequence[Observed]) -> Group:
    return Group(
        len(seen),
        sum(one.delivered for one in seen),
        sum(one.opened for one in seen),
        sum(one.clicked for one in seen),
        sum(one.repaid is True for one in seen),
    )


def behaviour_pack(seen: Iterable[Observed], first: date, last: date, valid_from: date) -> Pack:
    """What was counted from one business date to another, as the pack that decisions read from a day on. Open-ended:
    a later one takes its place."""
    source = f"counted over the messages from {first} to {last}"
    leaves = {
        tally_leaf(product, key): Leaf([tally.told, tally.repaid], Kind.OWN_DESIGN, source)
        for product, by_arm in sorted(tallies(seen).items())
        for key, tally in sorted(by_arm.items())
    }
    return Pack(f"{BEHAVIOUR}.{valid_from:%Y%m%d}", BEHAVIOUR, "1", valid_from, None, leaves)
