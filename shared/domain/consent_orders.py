"""Opt-outs that a person writes down because the borrower said so, on the phone or in a letter; and their lifting.

A bar is of a channel, the borrower's present address there, and classes of messages. It may name any class, also one
that a law requires: over which channels that one goes is the borrower's to say, as it is with his STOP.
"""

from dataclasses import dataclass

from shared.domain.consent import Bar
from shared.domain.contact_rules import Channel, MessageClass

BARRED, LIFTED = "consent.bar", "consent.lift"
"""The `what` of the audit entries."""


@dataclass(frozen=True, slots=True)
class ConsentOrder:
    """No message of these classes goes to the borrower's address over this channel any more; where it `lifts`, they may
    go there again, and what no message can reach stays barred."""

    borrower_id: str
    channel: Channel
    classes: frozenset[MessageClass]
    reason: str
    lifts: bool = False


def said_classes(classes: frozenset[MessageClass]) -> str:
    """Classes as the audit and the command say them."""
    return "all" if classes == frozenset(MessageClass) else " ".join(sorted(classes))


def as_detail(order: ConsentOrder) -> dict[str, str]:
    """What was ordered, as the audit keeps it: never the address."""
    return {"channel": order.channel, "classes": said_classes(order.classes)}


def bars_at(bars: tuple[Bar, ...], channel: Channel, address: str) -> tuple[Bar, ...]:
    """The bars of one address (`keys.address_key`) over one channel."""
    return tuple(bar for bar in bars if (bar.channel, bar.address) == (channel, address))
