"""Over which channels a borrower can be reached, by his addresses and what receipts and he himself said of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import Borrower
from shared.domain.consent import Bar, BarredBy, bar_of
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.policy import Policy


def dead_addresses(borrower: Borrower, bars: Iterable[Bar]) -> tuple[Channel, ...]:
    """The channels whose present address some message found dead; text and voice share one."""
    dead = {bar.address for bar in bars if bar.by is BarredBy.DEAD}
    return tuple(c for c in Channel if (a := borrower.address(c)) and keys.address_key(a) in dead)


def is_unreachable(borrower: Borrower, bars: Iterable[Bar]) -> bool:
    """Every address that is known of him is dead, or none is known."""
    known = {channel for channel in Channel if borrower.address(channel)}
    return known <= set(dead_addresses(borrower, bars))


def ways_to(
    borrower: Borrower, bars: Iterable[Bar], policy: Policy, message_class: MessageClass
) -> tuple[Channel, ...]:
    """The channels by which a message of a class reaches the borrower, in the policy's order: those with an address
    that is not barred."""
    return tuple(c for c in policy.channels[message_class] if _is_open_to(borrower, bars, c, message_class))


def _is_open_to(borrower: Borrower, bars: Iterable[Bar], channel: Channel, message_class: MessageClass) -> bool:
    address = borrower.address(channel)
    return address is not None and not (bars and bar_of(bars, channel, keys.address_key(address), message_class))


def waits_for_provider(borrower: Borrower, bars: Iterable[Bar], policy: Policy, message_class: MessageClass) -> bool:
    """Nobody carries messages of the class in the country, or a channel that would reach the borrower is without its
    provider's pack: a person has to see to that, and the borrower is not to be counted as one out of reach."""
    lost = policy.lost.get(message_class, ())
    return not policy.channels[message_class] or any(_is_open_to(borrower, bars, c, message_class) for c in lost)


@dataclass(frozen=True, slots=True)
class Reachable:
    """The classes of which a message reaches the borrower, or would if its provider were there."""

    borrower: Borrower
    bars: Iterable[Bar]
    policy: Policy

    def __contains__(self, message_class: object) -> bool:
        return isinstance(message_class, MessageClass) and (
            bool(ways_to(self.borrower, self.bars, self.policy, message_class))
            or waits_for_provider(self.borrower, self.bars, self.policy, message_class)
        )
