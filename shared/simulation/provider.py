"""Providers of messages as models with their own books: what was on the wire, what arrived, and what they tell."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.outbox import MemoryOutbox
from shared.domain import keys
from shared.domain.book import NoticeRecord
from shared.domain.contact_rules import Channel
from shared.ports.messages import Outgoing, Receipt, What
from shared.ports.world import SendResult, Sent
from shared.simulation.boundaries import Boundary
from shared.simulation.faults import Fault

_FATES = {
    Fault.FAILED_FOR_NOW: What.FAILED_FOR_NOW,
    Fault.DEAD_ADDRESS: What.FAILED_FOR_GOOD,
    Fault.OPTED_OUT: What.OPTED_OUT,
}
_REFUSED = {
    Fault.THROTTLED: Sent(SendResult.RETRY_LATER, detail="throttled"),
    Fault.REFUSED: Sent(SendResult.REFUSED, detail="refused"),
    Fault.OPTED_OUT: Sent(SendResult.OPTED_OUT, detail="opted-out"),
}


@dataclass(frozen=True, slots=True)
class OnTheWire:
    """A request to a provider as it left: `claimed` is the notice's row at that moment."""

    message: Outgoing
    channel: Channel
    provider: str
    at: datetime
    claimed: NoticeRecord | None
    was_taken: bool  # its provider, or another one, took this very notice before


@dataclass(slots=True)
class Carriers:
    """What becomes of messages that a provider took; `tell` puts a receipt on its way to the lender, so much later.

    `knows_our_key`: whether receipts name our key, or the provider's reference alone, is the seed's.
    """

    boundary: Boundary
    chance: Random
    tell: Callable[[Receipt, timedelta], None]
    seen: Callable[[OnTheWire], None]
    knows_our_key: bool
    wire: list[OnTheWire] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """Keys of the messages that a provider took."""

    def carry(self, provider: str, message: Outgoing, ref: str) -> None:
        """A message that was accepted: it arrives, or not; and its provider tells, or not."""
        self.taken.add(message.key)
        fault = self.boundary.plan.draw("carry message")
        if fault is Fault.NEVER_DELIVERED:
            return
        what = _FATES.get(fault, What.DELIVERED) if fault else What.DELIVERED
        took = timedelta(seconds=self.chance.choice((1, 4, 90, 4000)))
        self._tell(provider, message, ref, what, took, dead=fault is Fault.DEAD_ADDRESS)
        if what is What.DELIVERED and self.chance.random() < 0.05:
            more = self.chance.choice((What.OPENED, What.CLICKED, What.UNKNOWN))
            self._tell(provider, message, ref, more, took + timedelta(minutes=self.chance.randint(0, 300)))

    def _tell(
        self, provider: str, message: Outgoing, ref: str, what: What, took: timedelta, *, dead: bool = False
    ) -> None:
        at = self.boundary.clock.at + took
        key = message.key if self.knows_our_key else None
        self.tell(Receipt(provider, what, at, what.value, key, ref, address_is_dead=dead), took)


class SimulatedProvider:
    """Provider. Every request is seen here on its way out, with the claim that stood behind it."""

    def __init__(self, name: str, channel: Channel, outbox: MemoryOutbox, book: MemoryBook, carriers: Carriers) -> None:
        self.name = name
        self._channel = channel
        self._outbox = outbox
        self._book = book
        self._carriers = carriers

    def send(self, message: Outgoing) -> Sent:
        boundary = self._carriers.boundary
        fault = boundary.reach("send message", f"{message.key} over {self._channel}")
        borrower_id, notice_key = keys.parse_notice_hint(message.key)
        row = self._book.notice(borrower_id, notice_key)
        on_wire = OnTheWire(
            message, self._channel, self.name, boundary.clock.at, row, message.key in self._carriers.taken
        )
        self._carriers.wire.append(on_wire)
        self._carriers.seen(on_wire)
        if fault in _REFUSED:
            return _REFUSED[fault]
        if fault is Fault.NO_ANSWER:
            return Sent(SendResult.UNKNOWN)
        sent = self._outbox.send(message)
        sent = replace(sent, provider_ref=f"{self.name}-{sent.provider_ref}") if sent.provider_ref else sent
        if sent.result is SendResult.SENT:
            self._carriers.carry(self.name, message, sent.provider_ref or "")
        boundary.baton.pause()  # the answer is on its way
        boundary.left(fault)
        return Sent(SendResult.UNKNOWN) if fault is Fault.ANSWER_LOST else sent
