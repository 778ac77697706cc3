"""Switches: what operators have stopped, for as long as they say. The work waits on its agenda and is not lost."""

import re
from dataclasses import dataclass, replace

from shared.domain.errors import IdentifierError

ALL = "all"
"""Every switch at once; it can only be turned on, which is how a board is opened."""
DEBIT = "debit"
"""All debiting."""
SEND = "send"
"""All sending of notices."""

_RAIL, _PRODUCT, _CHANNEL, _PROVIDER = "rail:", "product:", "channel:", "provider:"
_NAME = re.compile(r"(rail|product|channel|provider):[A-Za-z0-9._-]{1,64}", re.ASCII)


def rail(name: str) -> str:
    return f"{_RAIL}{name}"


def product(name: str) -> str:
    return f"{_PRODUCT}{name}"


def channel(name: str) -> str:
    return f"{_CHANNEL}{name}"


def provider(name: str) -> str:
    return f"{_PROVIDER}{name}"


def checked_name(text: str) -> str:
    """The name of a switch, or IdentifierError."""
    if text in (ALL, DEBIT, SEND) or _NAME.fullmatch(text):
        return text
    raise IdentifierError(
        f"a switch is {DEBIT}, {SEND}, {_RAIL}NAME, {_CHANNEL}NAME, {_PROVIDER}NAME or {_PRODUCT}NAME "
        f"(and {ALL}, to turn everything on)"
    )


@dataclass(frozen=True, slots=True)
class Switches:
    """The names that are off. A board that was never written (`on` False) stops everything: a new stack debits nobody
    before somebody said that it may."""

    on: bool = False
    off: frozenset[str] = frozenset()

    def stops(self, *names: str) -> str | None:
        """The first of the names that is off, or None."""
        if not self.on:
            return ALL
        return next((name for name in names if name in self.off), None)

    def stops_debits(self, rail_name: str, product_name: str) -> bool:
        """Debits over this rail for this product are off."""
        return self.stops(DEBIT, rail(rail_name), product(product_name)) is not None

    def stops_sending(self, channel_name: str, provider_name: str, product_name: str) -> bool:
        """Messages over this channel and provider about this product are off."""
        names = SEND, channel(channel_name), provider(provider_name), product(product_name)
        return self.stops(*names) is not None

    def turned(self, name: str, *, on: bool) -> "Switches":
        """The board with one switch turned. Raises IdentifierError for what cannot be said: a single switch of a board
        that was never opened (off already, and turning one on would turn on all others too), or `all` off."""
        if name == ALL:
            if on:
                return ALL_ON
            raise IdentifierError(f"to stop all debiting, turn {DEBIT} off; to stop all messages, turn {SEND} off")
        if not self.on:
            raise IdentifierError(f"everything is off: nobody has opened this board yet (duebell switch on {ALL})")
        return replace(self, off=self.off - {name} if on else self.off | {name})


NEVER_WRITTEN = Switches()
ALL_ON = Switches(on=True)
