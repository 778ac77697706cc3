"""Contact caps: how often a borrower may be contacted, counted on the log of contacts that his card keeps.

A contact is logged when it is claimed, so that two claims never share the last place under a cap. While nobody knows
how far it came, it counts as the most that it may have been; after a definite non-send it is taken out again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo

from shared.domain.contact_rules import CalendarDays, Cap, Channel, ContactEvent, MessageClass, Reached, Scope
from shared.domain.contact_windows import known_zones

_COUNTED_AS = {
    Reached.ATTEMPT: frozenset({None, Reached.ATTEMPT, Reached.SENT, Reached.CONNECTED}),
    Reached.SENT: frozenset({None, Reached.SENT, Reached.CONNECTED}),
    Reached.CONNECTED: frozenset({None, Reached.CONNECTED}),
}


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact, or one try at it."""

    key: str  # the notice's, under which it is settled or taken out
    at: datetime
    channel: Channel
    message_class: MessageClass
    debts: tuple[str, ...]  # loan ids; none: it counts for every debt
    address: str  # a key of the address, never the address itself
    outcome: Reached | None = None  # None: not known
    event: ContactEvent | None = None
    counted: bool = True  # False: the borrower called or had asked for it; only its event matters


@dataclass(frozen=True, slots=True)
class Limit:
    """From when the caps allow a contact, and the one that holds it longest; None and None: no zone is known."""

    until: datetime | None  # None: never
    cap: Cap | None


def first_allowed(
    now: datetime,
    log: Sequence[Contact],
    caps: Iterable[Cap],
    channel: Channel,
    message_class: MessageClass,
    debts: tuple[str, ...],
    address: str,
    zones: tuple[str, ...],
) -> datetime | None:
    """The first instant from `now` on at which no cap is full; None: never, or no zone is known.

    It stays allowed from then on, so `opens(first_allowed(now, ...), ...)` satisfies the caps and the windows. A
    calendar day is over when it is in every zone where the borrower may be. A message about no debt in particular
    counts against each.
    """
    return _limit(now, log, caps, channel, message_class, debts, address, zones)[0]


def limit_of(
    now: datetime,
    log: Sequence[Contact],
    caps: Iterable[Cap],
    channel: Channel,
    message_class: MessageClass,
    debts: tuple[str, ...],
    address: str,
    zones: tuple[str, ...],
) -> Limit:
    """As `first_allowed`, with the cap that stands in the way; a limit of `now` under no cap means that none does."""
    return Limit(*_limit(now, log, caps, channel, message_class, debts, address, zones))


def _limit(
    now: datetime,
    log: Sequence[Contact],
    caps: Iterable[Cap],
    channel: Channel,
    message_class: MessageClass,
    debts: tuple[str, ...],
    address: str,
    zones: tuple[str, ...],
) -> tuple[datetime | None, Cap | None]:
    clocks = known_zones(zones)
    if not clocks:
        return None, None
    latest, binding = now, None
    for cap in caps:
        if not cap.applies_to(channel, message_class):
            continue
        if cap.after:
            until = _after_events(cap, log, debts, address, clocks)
        elif cap.limit:
            until = _room(cap, log, debts, address, clocks, now)
        else:
            return None, cap
        if until and until > latest:
            latest, binding = until, cap
    return latest, binding


def _room(
    cap: Cap,
    log: Sequence[Contact],
    debts: tuple[str, ...],
    address: str,
    clocks: tuple[tzinfo, ...],
    now: datetime,
) -> datetime | None:
    """When one more fits under the cap: once the oldest of the last `limit` contacts has left its window.

    None where there are not so many.
    """
    if len(log) < cap.limit:
        return None
    counted = _counted(cap, log, now - _memory(cap.window))
    if len(counted) < cap.limit:
        return None
    found = []
    for debt in _debts(cap, debts):
        times = sorted(contact.at for contact in counted if _is_within(cap, contact, debt, address))
        if len(times) >= cap.limit:
            found.append(_over(times[-cap.limit], cap, clocks))
    return max(found, default=None)


def _after_events(
    cap: Cap, log: Sequence[Contact], debts: tuple[str, ...], address: str, clocks: tuple[tzinfo, ...]
) -> datetime | None:
    """When the windows are over that events opened and in which `limit` later contacts were made already."""
    found = []
    for event in log:
        if event.event is not cap.after and not _may_have_talked(event):
            continue
        later = _counted(cap, log, event.at)
        for debt in _debts(cap, debts):
            if _is_within(cap, event, debt, address):
                made = sum(_is_within(cap, contact, debt, address) for contact in later)
                if made >= cap.limit:
                    found.append(_over(event.at, cap, clocks))
    return max(found, default=None)


def _may_have_talked(contact: Contact) -> bool:
    return contact.channel is Channel.VOICE and contact.outcome is None


def _counted(cap: Cap, log: Sequence[Contact], since: datetime) -> list[Contact]:
    """The contacts later than `since` that the cap is about, of whichever debt and address."""
    outcomes, channels, classes = _COUNTED_AS[cap.counts], cap.channels, cap.classes
    return [
        contact
        for contact in log
        if contact.at > since
        and contact.channel in channels
        and contact.outcome in outcomes
        and contact.message_class in classes
        and contact.counted
    ]


def _debts(cap: Cap, debts: tuple[str, ...]) -> tuple[str | None, ...]:
    return debts or (None,) if cap.scope is Scope.DEBT else (None,)


def _is_within(cap: Cap, contact: Contact, debt: str | None, address: str) -> bool:
    if cap.scope is Scope.ADDRESS:
        return contact.address == address
    return debt is None or debt in contact.debts or not contact.debts


def _over(at: datetime, cap: Cap, clocks: tuple[tzinfo, ...]) -> datetime:
    """The instant at which the window of a contact or an event is over, in every zone."""
    if isinstance(cap.window, timedelta):
        return at + cap.window
    days = timedelta(days=cap.window.count)
    return max(datetime.combine(at.astimezone(z).date() + days, time.min, z).astimezone(UTC) for z in clocks)


def longest(caps: Iterable[Cap]) -> timedelta:
    """How long a contact can still count under these caps, in any zone."""
    return max((_memory(cap.window) for cap in caps), default=timedelta())


def _memory(window: CalendarDays | timedelta) -> timedelta:
    """A calendar day may have 25 hours, and end later in another zone."""
    return window if isinstance(window, timedelta) else timedelta(days=window.count + 1)


def logged(log: Iterable[Contact], contact: Contact, caps: Iterable[Cap]) -> tuple[Contact, ...]:
    """The log with one more contact, without those that count no longer under any of the rules' caps."""
    return (*trimmed(log, caps, contact.at), contact)


def trimmed(log: Iterable[Contact], caps: Iterable[Cap], now: datetime) -> tuple[Contact, ...]:
    """The contacts that can still count."""
    since = now - longest(caps)
    return tuple(contact for contact in log if contact.at > since)


def settled(
    log: Iterable[Contact], key: str, outcome: Reached, event: ContactEvent | None = None
) -> tuple[Contact, ...]:
    """The log once it is known how far a notice's contact came."""
    return tuple(replace(c, outcome=outcome, event=event) if c.key == key else c for c in log)


def released(log: Iterable[Contact], key: str) -> tuple[Contact, ...]:
    """The log without a notice's contact, which certainly did not go out."""
    return tuple(contact for contact in log if contact.key != key)
