"""Which hour and channel a message takes where policy learns them: of those that policy allows, and of these only.

It is learned for messages that no step waits for: a reminder, or an overdue message that no stage needs. What a law, a
debit or a stage needs goes as early as it may, and so does an outcome. An hour only narrows the lender's own window of
the day: caps, windows, bars and holds are asked as always. An arm is a channel and an hour, of one product and tier; of
the borrower nothing enters but the id, which decides who is held out and what is drawn.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time

from shared.domain.bandit import Drawn, Tally, drawn, uniform
from shared.domain.contact_rules import Channel
from shared.domain.errors import LeafError
from shared.domain.packs import Pack, Reader, clocks, count
from shared.domain.shape import says

BEHAVIOUR = "behaviour"
"""The type of the packs that hold what was counted."""
_ARMS = "arms"
_TIER = re.compile(r"(REMIND|OVERDUE)_[0-9]{1,4}", re.ASCII)
"""Those that are learned: the others go as early as they may."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A channel, and the hour of the borrower's day from which a message goes over it."""

    channel: Channel
    hour: time

    def __str__(self) -> str:
        """Its name in a pack: `sms-0900`."""
        return f"{self.channel}-{self.hour:%H%M}"


@dataclass(frozen=True, slots=True)
class Learning:
    """What a product's policy says about learning, and what was counted for it so far."""

    is_on: bool
    hours: tuple[time, ...]  # ascending, none before the lender's sending hour
    holdout_percent: int  # of the borrowers, who are told as if nothing were learned
    repaid_within_days: int
    tallies: Mapping[str, Tally] = field(default_factory=dict)  # by `tally_key`
    pack: str = ""  # id-version of the pack that they stand in; empty: nothing was counted yet

    def is_held_out(self, borrower_id: str) -> bool:
        """The same for ever, as long as the percentage only rises."""
        return uniform("holdout", borrower_id) * 100 < self.holdout_percent

    def tally(self, tier: str, arm: Arm) -> Tally:
        return self.tallies.get(tally_key(tier, arm), Tally())

    def chosen(self, borrower_id: str, notice_key: str, tier: str, day: date, arms: Iterable[Arm]) -> Drawn[Arm] | None:
        """The arm for a message of a business date out of those that policy allows; None where it allows none."""
        known = {arm: self.tally(tier, arm) for arm in arms}
        return drawn(known, borrower_id, notice_key, day.isoformat()) if known else None


def tally_key(tier: str, arm: Arm) -> str:
    """`REMIND_3.sms-0900`"""
    return f"{tier}.{arm}"


def tally_leaf(product: str, key: str) -> str:
    """The leaf that holds what was counted under a `tally_key`."""
    return f"{_ARMS}.{product}.{key}"


@says('"off" or "on"', {"enum": ["off", "on"]})
def a_mode(value: object) -> bool:
    if value not in ("off", "on"):
        raise ValueError
    return value == "on"


@says("a list of times of day, of at least one", {**clocks.json, "minItems": 1})
def some_hours(value: object) -> list[time]:
    found = clocks(value)
    if not found:
        raise ValueError
    return found


@says(
    "how many were told, and how many of them repaid: [1033, 412]",
    {"type": "array", "items": count.json, "minItems": 2, "maxItems": 2},
)
def a_tally(value: object) -> Tally:
    if not isinstance(value, list):
        raise TypeError
    told, repaid = value
    return Tally(count(told), count(repaid))


def read_learning(reader: Reader, product: str, send_from: time, packs: Iterable[Pack]) -> Learning:
    """The lender's leaves about learning, with what the newest valid pack of behaviour counted of a product."""
    hours = tuple(sorted({max(hour, send_from) for hour in reader.take("contact.learning.hours", some_hours)}))
    is_on = reader.take("contact.learning.mode", a_mode)
    holdout = reader.take("contact.learning.holdout_percent", a_holdout)
    within = reader.take("contact.learning.repaid_within_days", count)
    found = [pack for pack in packs if pack.type == BEHAVIOUR]
    newest = max(found, key=lambda pack: (pack.valid_from, pack.id), default=None)
    if newest is None:
        return Learning(is_on, hours, holdout, within)
    counted = read_behaviour(newest).get(product, {})
    return Learning(is_on, hours, holdout, within, counted, f"{newest.id}-{newest.version}")


@says(
    "a whole number from 1 to 99: without a holdout nobody knows what it is worth",
    {**count.json, "minimum": 1, "maximum": 99},
)
def a_holdout(value: object) -> int:
    if not 1 <= count(value) <= 99:
        raise ValueError
    return count(value)


def read_behaviour(pack: Pack) -> Mapping[str, Mapping[str, Tally]]:
    """What a pack of behaviour counted, by product and `tally_key`. Raises LeafError for a leaf that is no arm's."""
    reader = Reader(pack.leaves)
    found: dict[str, dict[str, Tally]] = {}
    for path, tally in reader.take_all(_ARMS, a_tally).items():
        product, _, rest = path.rpartition(".")
        product, _, tier = product.rpartition(".")
        if not product or not _TIER.fullmatch(tier) or not _is_arm(rest):
            leaf = f"{_ARMS}.{path}"
            raise LeafError(leaf, f"{leaf} names no product, tier and arm, such as {_ARMS}.jiebei.REMIND_3.sms-0900")
        found.setdefault(product, {})[f"{tier}.{rest}"] = tally
    reader.refuse_rest()
    return found


def _is_arm(text: str) -> bool:
    channel, _, clock = text.partition("-")
    try:
        return str(Arm(Channel(channel), time.fromisoformat(clock))) == text
    except ValueError:
        return False
