"""What differs between two sets of packs, leaf by leaf, and whether it got tighter or looser, where that can be said.

Tighter means: whatever may be done after the change might have been done before it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from itertools import product
from math import inf
from types import MappingProxyType
from typing import Any

from shared.domain.contact_rules import CalendarDays, Cap, Channel, MessageClass, Reached, Scope, WindowGroup
from shared.domain.jurisdiction import a_cap, a_hold, a_window, some_phrases
from shared.domain.packs import Leaf, Pack, windows
from shared.domain.weeks import Week, covers, either, week_of


class Direction(StrEnum):
    TIGHTER = "tighter"
    LOOSER = "looser"
    OTHER = "changed"  # different, neither more nor less
    RESTATED = "same rule"  # its kind, its source or how sure it is differs


@dataclass(frozen=True, slots=True)
class Change:
    """A leaf before and after; None where it was not there or is no more. An empty path is the whole pack."""

    pack: str  # its id
    path: str
    before: Leaf | None
    after: Leaf | None
    direction: Direction


def changes(one: Iterable[Pack], other: Iterable[Pack]) -> tuple[Change, ...]:
    """From one set of packs to another, by pack and path. Each has at most one version of a pack; one that comes or
    goes is all its leaves, and they are neither tighter nor looser: without a country's pack nothing goes out there."""
    before, after = ({pack.id: pack for pack in packs} for packs in (one, other))
    return tuple(row for name in sorted({*before, *after}) for row in pack_changes(before.get(name), after.get(name)))


def pack_changes(before: Pack | None, after: Pack | None) -> Iterator[Change]:
    """From one version of a pack to another, by path."""
    for path in sorted({*(before.leaves if before else ()), *(after.leaves if after else ())}):
        was, now = (pack.leaves.get(path) if pack else None for pack in (before, after))
        if was == now:
            continue
        direction = Direction.OTHER
        if was and now and was.value == now.value:
            direction = Direction.RESTATED
        elif before and after:
            direction = _direction(path, before, after)
        yield Change(after.id if after else before.id if before else "", path, was, now, direction)


def _direction(path: str, before: Pack, after: Pack) -> Direction:
    try:
        tighter, looser = _is_as_strict(path, after, before), _is_as_strict(path, before, after)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Direction.OTHER  # a value that no rule could read
    if tighter is looser:
        return Direction.OTHER
    return Direction.TIGHTER if tighter else Direction.LOOSER


def _is_as_strict(path: str, one: Pack, other: Pack) -> bool:
    """What a pack says at a path allows nothing that another one's leaf forbids."""
    if path.startswith("contact.windows."):
        pairs = product(MessageClass, Channel)
        return all(covers(_week(other, *pair), _week(one, *pair)) for pair in pairs)
    mine, theirs = (pack.leaves.get(path) for pack in (one, other))
    if path.startswith("operator.approve_above_minor."):  # in a currency that is not stated, no amount is small
        return mine is None or (theirs is not None and _less(mine.value, theirs.value))
    tree = next((tree for tree in _TREES if path.startswith(tree)), None)
    if tree is not None:  # a rule that is not stated forbids nothing
        return theirs is None or (mine is not None and _TREES[tree](mine.value, theirs.value))
    if mine is None or theirs is None or path not in LEAVES:
        return False
    return LEAVES[path](mine.value, theirs.value)


def _week(pack: Pack, message_class: MessageClass, channel: Channel) -> Week:
    """When a pack's windows admit a message; one that states none leaves every hour to the others."""
    found = frozenset(a_window(leaf.value) for path, leaf in pack.leaves.items() if path.startswith("contact.windows."))
    if not found:
        return week_of(range(1, 8), time.min, time.min)
    return WindowGroup(pack.id, found).week(message_class, channel)


def _cap(mine: object, theirs: object) -> bool:
    one, other = a_cap(mine), a_cap(theirs)
    return (
        other.channels <= one.channels
        and other.classes <= one.classes
        and list(Reached).index(one.counts) <= list(Reached).index(other.counts)
        and one.scope in (other.scope, Scope.BORROWER)
        and one.after == other.after
        and type(one.window) is type(other.window)
        and one.limit <= other.limit
        and _length(one) >= _length(other)
    )


def _length(cap: Cap) -> timedelta:
    return timedelta(days=cap.window.count) if isinstance(cap.window, CalendarDays) else cap.window


def _banned(mine: object, theirs: object) -> bool:
    one, other = some_phrases(mine), some_phrases(theirs)
    return other.classes <= one.classes and other.channels <= one.channels and other.phrases <= one.phrases


def _required(mine: object, theirs: object) -> bool:
    """One of the phrases is enough, so that fewer leave less choice."""
    one, other = some_phrases(mine), some_phrases(theirs)
    return other.classes <= one.classes and other.channels <= one.channels and one.phrases <= other.phrases


def _hold(mine: object, theirs: object) -> bool:
    one, other = a_hold(mine), a_hold(theirs)
    return other.stops <= one.stops and _number(one.days) >= _number(other.days)


def _number(value: Any) -> Any:
    return inf if value in (None, "none") else value


def _less(mine: Any, theirs: Any) -> bool:
    return bool(_number(mine) <= _number(theirs))


def _more(mine: Any, theirs: Any) -> bool:
    return bool(mine >= theirs)


def _only(mine: Any, theirs: Any) -> bool:
    return set(mine) <= set(theirs)


def _also(mine: Any, theirs: Any) -> bool:
    return set(mine) >= set(theirs)


def _hours(mine: object, theirs: object) -> bool:
    """Of a rail: none are all."""
    one, other = (either(week_of((1,), *span) for span in windows(v) or [(time.min, time.min)]) for v in (mine, theirs))
    return covers(other, one)


type _Compare = Callable[[Any, Any], bool]

_TREES: Mapping[str, _Compare] = MappingProxyType(
    {
        "contact.caps.": _cap,
        "text.banned.": _banned,
        "text.required.": _required,
        "holds.": _hold,
        "keywords.": _also,
    }
)

_SAME_SENSE: tuple[tuple[_Compare, str], ...] = (
    (
        _less,
        (
            "contact.confirm_minutes contact.max_sends debit.catch_up_days debit.due_day_attempts debit.max_attempts"
            " debit.partial_percent debit.window_end mandate.code_minutes mandate.code_tries mandate.codes_per_hour"
            " operator.approve_above_loans rail.attempts_within_days rail.days_after_due"
            " rail.days_before_due rail.failures_in_row rail.max_attempts rail.max_per_day rail.notice_valid_days"
        ),
    ),
    (
        _more,
        (
            "contact.retention_days contact.send_from debit.lead_days debit.lead_days_varied debit.notice_lead_days"
            " debit.notice_required delinquency.grace_days rail.notice_lead_days rail.notice_required rail.same_amount"
        ),
    ),
    (
        _only,
        "contact.recipients contact.reminder_days debit.retry_days debit.retry_outcomes debit.slots"
        " rail.retry_outcomes rail.settle_weekdays " + " ".join(f"contact.channels.{c}" for c in MessageClass),
    ),
    (_also, "debit.funding_deny rail.closed_on"),
    (_hours, "rail.windows"),
    (lambda mine, theirs: mine <= theirs, "rail.partial"),
)

LEAVES: Mapping[str, _Compare] = MappingProxyType(
    {path: compare for compare, paths in _SAME_SENSE for path in paths.split()}
)
"""Leaves of which more, or less, is stricter; of all others nobody can say."""
