"""Whether a borrower can be reached at all, by what receipts say of his addresses."""

from collections.abc import Iterable

from shared.domain import keys
from shared.domain.book import Borrower
from shared.domain.consent import Bar, BarredBy
from shared.domain.contact_rules import Channel


def dead_addresses(borrower: Borrower, bars: Iterable[Bar]) -> tuple[Channel, ...]:
    """The channels whose present address some message found dead; text and voice share one."""
    dead = {bar.address for bar in bars if bar.by is BarredBy.DEAD}
    return tuple(c for c in Channel if (a := borrower.address(c)) and keys.address_key(a) in dead)


def is_unreachable(borrower: Borrower, bars: Iterable[Bar]) -> bool:
    """Every address that is known of him is dead, or none is known."""
    known = {channel for channel in Channel if borrower.address(channel)}
    return known <= set(dead_addresses(borrower, bars))
