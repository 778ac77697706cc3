"""Consent: over which channel, and to which address, a borrower gets no message of which class any more."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.domain.contact_rules import Channel, MessageClass


class BarredBy(StrEnum):
    OPTED_OUT = "opted-out"  # the borrower said stop, to us or to the provider
    DEAD = "dead"  # no message to this address will ever arrive


@dataclass(frozen=True, slots=True)
class Bar:
    """No message of these classes goes to this address over this channel.

    One of OPTED_OUT is lifted by the borrower's START or a person, one of DEAD only by another address.
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
    """The bars with one more, of the classes that were not barred so already: each class keeps its own beginning."""
    kept = tuple(bars)
    same = (old for old in kept if (old.channel, old.address, old.by) == (bar.channel, bar.address, bar.by))
    more = bar.classes.difference(*(old.classes for old in same))
    return (*kept, replace(bar, classes=more)) if more else kept


def lifted(
    bars: Iterable[Bar], channel: Channel, address: str, classes: frozenset[MessageClass] = frozenset(MessageClass)
) -> tuple[Bar, ...]:
    """The bars without the opt-outs of these classes from this address and channel."""
    opted_out = channel, address, BarredBy.OPTED_OUT
    left = (replace(b, classes=b.classes - classes) if (b.channel, b.address, b.by) == opted_out else b for b in bars)
    return tuple(b for b in left if b.classes)
