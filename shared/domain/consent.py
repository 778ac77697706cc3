"""Consent: over which channel, and to which address, a borrower gets no message of which class any more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.contact_rules import Channel, MessageClass


class BarredBy(StrEnum):
    OPTED_OUT = "opted-out"  # the borrower said stop, to us or to the provider
    DEAD = "dead"  # no message to this address will ever arrive


@dataclass(frozen=True, slots=True)
class Bar:
    """No message of these classes goes to this address over this channel.

    One of OPTED_OUT is lifted by the borrower's START, one of DEAD only by another address.
    """

    channel: Channel
    address: str  # `keys.address_key`: never the address itself
    by: BarredBy
    since: datetime
    classes: frozenset[MessageClass] = frozenset(MessageClass)


def bar_of(bars: Iterable[Bar], channel: Channel, address: str, message_class: MessageClass) -> Bar | None:
    """The bar that stands before such a message, the dead address first; None where there is none."""
    found = [b for b in bars if (b.channel, b.address) == (channel, address) and message_class in b.classes]
    return min(found, key=lambda b: (b.by is not BarredBy.DEAD, b.since), default=None)


def barred(bars: Iterable[Bar], bar: Bar) -> tuple[Bar, ...]:
    """The bars with one more; the same one again changes nothing but its classes, which only grow."""
    kept, classes, since = [], bar.classes, bar.since
    for old in bars:
        if (old.channel, old.address, old.by) == (bar.channel, bar.address, bar.by):
            classes, since = classes | old.classes, min(since, old.since)
        else:
            kept.append(old)
    return (*kept, Bar(bar.channel, bar.address, bar.by, since, classes))


def lifted(bars: Iterable[Bar], channel: Channel, address: str) -> tuple[Bar, ...]:
    """The bars without the opt-outs of this address and channel."""
    return tuple(b for b in bars if (b.channel, b.address, b.by) != (channel, address, BarredBy.OPTED_OUT))
