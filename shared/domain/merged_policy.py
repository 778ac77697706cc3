"""The merged rules as rows: what holds for a product, in a country, over a rail, and which packs say so."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.packs import Leaf, Pack
from shared.domain.policy import Policy
from shared.domain.weeks import MINUTES_A_DAY, Day, Week


class Merge(StrEnum):
    """How what several packs say becomes one rule."""

    ALONE = "stated once"
    INTERSECTION = "all must allow"
    ALL = "all apply"
    UNION = "united"
    LEAST = "the least"
    MOST = "the most"
    EITHER = "where any asks"


@dataclass(frozen=True, slots=True)
class Origin:
    """A leaf as one pack states it. `decides` is false where a stricter pack outdoes it."""

    pack: str  # its id and version
    path: str
    leaf: Leaf
    decides: bool = True


@dataclass(frozen=True, slots=True)
class MergedLeaf:
    """A rule in effect. `of` says for what it holds, where its path alone does not."""

    path: str
    of: str
    value: object
    merge: Merge
    origins: tuple[Origin, ...]

    def is_under(self, path: str) -> bool:
        """The path, or one above it, of the rule or of a leaf behind it."""
        return any(own == path or own.startswith(path + ".") for own in (self.path, *(o.path for o in self.origins)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule that the packs' merge decides, with the leaves that take part in it."""

    merge: Merge
    value: Callable[[Policy], object]
    paths: tuple[str, ...] = ()  # beside its own


def _channels_of(message_class: MessageClass) -> Callable[[Policy], object]:
    return lambda policy: list(map(str, policy.channels[message_class]))


_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "contact.confirm_minutes": _Rule(Merge.LEAST, lambda p: _or_none(p.contact.confirm_minutes)),
        "contact.recipients": _Rule(Merge.INTERSECTION, lambda p: sorted(map(str, p.contact.recipients or ()))),
        "contact.retention_days": _Rule(Merge.MOST, lambda p: _or_none(p.contact.retention_days)),
        "debit.catch_up_days": _Rule(Merge.LEAST, lambda p: p.catch_up_days, ("rail.days_after_due",)),
        "debit.lead_days_varied": _Rule(
            Merge.MOST,
            lambda p: p.notice_lead_days_varied,
            ("debit.lead_days", "debit.notice_lead_days", "rail.notice_lead_days"),
        ),
        "debit.max_attempts": _Rule(Merge.LEAST, lambda p: p.max_attempts, ("rail.max_attempts",)),
        "debit.notice_lead_days": _Rule(
            Merge.MOST, lambda p: p.notice_lead_days, ("debit.lead_days", "rail.notice_lead_days")
        ),
        "debit.notice_required": _Rule(Merge.EITHER, lambda p: p.notice_required, ("rail.notice_required",)),
        "debit.partial_percent": _Rule(Merge.ALL, lambda p: p.partial_percent, ("rail.partial", "rail.same_amount")),
        "debit.retry_outcomes": _Rule(
            Merge.INTERSECTION, lambda p: sorted(map(str, p.retry_outcomes)), ("rail.retry_outcomes",)
        ),
        "delinquency.grace_days": _Rule(Merge.MOST, lambda p: _or_none(p.contact.grace_days)),
        **{f"contact.channels.{c}": _Rule(Merge.INTERSECTION, _channels_of(c)) for c in MessageClass},
    }
)

_PART_OF = {path: rule for rule, row in _RULES.items() for path in (rule, *row.paths)}
_WINDOWS = "contact.windows"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def merged_leaves(policy: Policy, channel: Channel | None = None) -> tuple[MergedLeaf, ...]:
    """Every rule of a policy, by path: of the lender, the product and the wording, and of the country and the rail
    that it was merged with. With a channel, without what is about others only."""
    stated: dict[str, list[Origin]] = {}
    for pack in taking_part(policy):
        for path, leaf in pack.leaves.items():
            if not path.startswith(_WINDOWS + ".") and _is_about(leaf, channel):
                stated.setdefault(_PART_OF.get(path, path), []).append(Origin(name_of(pack), path, leaf))
    rows = [row for path, origins in stated.items() for row in _rows(path, origins, policy)]
    return tuple(sorted((*rows, *_windows(policy, channel)), key=lambda row: (row.path, row.of)))


def taking_part(policy: Policy) -> tuple[Pack, ...]:
    """The packs that the policy's version names, out of all that are valid on its day."""
    names = set(policy.version.split("+"))
    return tuple(pack for pack in policy.packs if name_of(pack) in names)


def name_of(pack: Pack) -> str:
    return f"{pack.id}-{pack.version}"


def _is_about(leaf: Leaf, channel: Channel | None) -> bool:
    channels = leaf.value.get("channels", "all") if isinstance(leaf.value, Mapping) else "all"
    return channel is None or channels == "all" or channel in channels


def _rows(path: str, origins: list[Origin], policy: Policy) -> Iterator[MergedLeaf]:
    if rule := _RULES.get(path):
        value = rule.value(policy)
        strictest = rule.merge in {Merge.LEAST, Merge.MOST, Merge.EITHER}
        told = (Origin(o.pack, o.path, o.leaf, not strictest or o.leaf.value == value) for o in origins)
        yield MergedLeaf(path, "", value, rule.merge if len(origins) > 1 else Merge.ALONE, tuple(told))
    elif len(origins) == 1:
        yield MergedLeaf(path, "", origins[0].leaf.value, Merge.ALONE, tuple(origins))
    elif path.startswith("holds."):
        hold = policy.contact.hold(path.removeprefix("holds."))
        value = {"stops": sorted(map(str, hold.stops)), "days": _or_none(hold.days)} if hold else None
        yield MergedLeaf(path, "", value, Merge.UNION, tuple(origins))
    elif path.startswith("keywords."):
        yield MergedLeaf(path, "", sorted(set(_words(origins))), Merge.UNION, tuple(origins))
    elif path.startswith(("contact.caps.", "text.")):
        yield MergedLeaf(path, "", [origin.leaf.value for origin in origins], Merge.ALL, tuple(origins))
    else:  # the same word in packs that share nothing, such as two providers
        yield from (MergedLeaf(path, origin.pack, origin.leaf.value, Merge.ALONE, (origin,)) for origin in origins)


def _words(origins: Iterable[Origin]) -> Iterator[str]:
    for origin in origins:
        listed: Any = origin.leaf.value
        yield from listed


def _windows(policy: Policy, channel: Channel | None) -> Iterator[MergedLeaf]:
    """When a message may go, of any class over any channel: where that is the same, in one row."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], dict[MessageClass, list[Channel]]] = {}
    if not policy.contact.groups:
        return
    leaves = {(name_of(pack), path): leaf for pack in taking_part(policy) for path, leaf in pack.leaves.items()}
    for c in MessageClass:
        for ch in (channel,) if channel else Channel:
            at = [
                (g.pack, w.id) for g in policy.contact.groups for w in g.windows if c in w.classes and ch in w.channels
            ]
            key = written_week(policy.contact.week(c, ch)), tuple(sorted(set(at) & set(leaves)))
            found.setdefault(key, {}).setdefault(c, []).append(ch)
    for (week, stated), pairs in found.items():
        origins = tuple(Origin(*key, leaves[key]) for key in stated)
        for channels in sorted(set(map(tuple, pairs.values()))):
            classes = [c for c, some in pairs.items() if tuple(some) == channels]
            of = f"{_all_or(classes, MessageClass)} over {_all_or(channels, Channel)}"
            several = len({origin.pack for origin in origins}) > 1
            yield MergedLeaf(_WINDOWS, of, week, Merge.INTERSECTION if several else Merge.ALONE, origins)


def written_week(week: Week) -> str:
    """`every day 08:00-22:00`, `Mon-Sat 08:00-21:00, Sun 10:00-18:00`, `never`."""
    if not any(week):
        return "never"
    runs: list[tuple[int, int, Day]] = []
    for number, spans in enumerate(week):
        if runs and runs[-1][2] == spans:
            runs[-1] = (runs[-1][0], number, spans)
        else:
            runs.append((number, number, spans))
    return ", ".join(f"{_run(first, last)} {_hours(spans)}" for first, last, spans in runs if spans)


def _run(first: int, last: int) -> str:
    if (first, last) == (0, 6):
        return "every day"
    return _DAYS[first] if first == last else f"{_DAYS[first]}-{_DAYS[last]}"


def _hours(spans: Day) -> str:
    return " and ".join(f"{_clock(start)}-{_clock(end)}" for start, end in spans)


def _clock(minute: int) -> str:
    return "24:00" if minute == MINUTES_A_DAY else f"{minute // 60:02}:{minute % 60:02}"


def _all_or(some: Iterable[StrEnum], kind: type[StrEnum]) -> str:
    listed = list(some)
    return "all" if len(listed) == len(kind) else ", ".join(listed)


def _or_none(value: int | None) -> int | str:
    return "none" if value is None else value
