"""Packs as a replay takes them. History is often older than every pack: it is asked what the packs would have done."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from shared.domain.learning import BEHAVIOUR
from shared.domain.merged_policy import name_of
from shared.domain.packs import Pack
from shared.replay.history import History
from shared.replay.play import Rules, policies_of

_DAY = timedelta(days=1)


def throughout(packs: Iterable[Pack]) -> tuple[Pack, ...]:
    """The packs without a day on which one of them is missing.

    The first version of each counts from the beginning of time, the last one for ever, and each other one until the
    next begins. What was learned from borrowers counts from its own day on: no policy lacks it before.
    """
    versions: dict[str, list[Pack]] = defaultdict(list)
    for pack in packs:
        versions[pack.id].append(pack)
    return tuple(pack for found in versions.values() for pack in _unbroken(found))


def _unbroken(versions: Sequence[Pack]) -> Iterator[Pack]:
    ordered = sorted(versions, key=lambda pack: pack.valid_from)
    if ordered[0].type == BEHAVIOUR:
        yield from ordered
        return
    for place, pack in enumerate(ordered):
        following = ordered[place + 1 : place + 2]
        last = pack.valid_to and max((pack.valid_to, *(one.valid_from - _DAY for one in following)))
        yield replace(pack, valid_from=pack.valid_from if place else date.min, valid_to=last if following else None)


def days_outside(written: Collection[Pack], history: History, rules: Rules, first: date, last: date) -> int:
    """Of a range, the days for which a pack counts that is not valid on them as it is written.

    Asked are the packs behind the policies of the history's loans, and those of the rails of its mandates.
    """
    days = (first + place * _DAY for place in range((last - first).days + 1))
    return sum(bool(_counting(history, rules, day) - _valid(written, day)) for day in days)


def _counting(history: History, rules: Rules, day: date) -> set[str]:
    """The names of the packs by which a day is played."""
    policy_of = policies_of(rules)
    policies = [policy_of(group, day) for group in history.groups]
    rails = {name_of(pack) for policy in policies for pack in policy.packs if pack.id in history.rails}
    return rails.union(*(policy.version.split("+") for policy in policies))


def _valid(packs: Iterable[Pack], day: date) -> set[str]:
    return {name_of(pack) for pack in packs if pack.is_valid_on(day)}
