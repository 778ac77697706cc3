"""A town whose borrower is reached over several channels, and providers that count who was asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import BorrowerFile, ContactCard, Instalment
from shared.domain.contact_rules import Channel, MessageClass
from shared.domain.policy import Policy
from shared.ports.messages import Outgoing, Provider, Sender
from shared.ports.world import SendResult, Sent
from tests.unit.builders import a_borrower, an_instalment, at
from tests.unit.town import Town

SMS, PUSH, EMAIL = Channel.SMS, Channel.PUSH, Channel.EMAIL
PACKS = PolicyFiles()


class WiredShelf:
    """The packs' rules for a country, with these channels wired, and other fields where a test says so."""

    def __init__(self, *channels: Channel, country: str = "CN", **changes: Any) -> None:
        self.order = dict.fromkeys(MessageClass, channels or (SMS, PUSH, EMAIL))
        self.changes, self.country = changes, country
        self._policy = cache(self._made)

    def today(self, now: datetime) -> date:
        return PACKS.today(now)

    def policy(self, product: str, now: datetime) -> Policy:
        return self._policy(product, PACKS.today(now))

    def _made(self, product: str, day: date) -> Policy:
        rules = PACKS.policy(product, at(f"{day} 12:00")).within(self.country)
        names = {**rules.wired, PUSH: "push-1", EMAIL: "email-1"}
        fields: dict[str, Any] = {"channels": self.order, "wired": names}
        wired = replace(rules, **fields | self.changes)
        wired._within[self.country] = wired  # the country's rules are in it, and what the test changed stays changed
        return wired


class Asked:
    """A provider that remembers whom it was asked to reach, whatever it answered."""

    def __init__(self, channel: Channel, provider: Provider, log: list[Channel]) -> None:
        self._channel, self._provider, self._log = channel, provider, log
        self.meanwhile: Callable[[], object] = lambda: None
        self.seen: list[Outgoing] = []

    def send(self, message: Outgoing) -> Sent:
        self._log.append(self._channel)
        self.seen.append(message)
        self.meanwhile()
        return self._provider.send(message)


class Street(Town):
    """A town with SMS, push and e-mail; `asked` lists the channels in the order in which they were asked."""

    def __init__(self, *instalments: Instalment, now: str = "2026-03-10 12:00", **more: Any) -> None:
        who = more.pop("borrower", a_borrower(push="arn:push:1", email="wang@example.com"))
        super().__init__(*instalments or (an_instalment(),), account=more.pop("account", None), borrower=who, **more)
        self.asked: list[Channel] = []
        self.boxes = {channel: MemoryOutbox(self.clock) for channel in (SMS, PUSH, EMAIL)}
        self.ways = {channel: Asked(channel, box, self.asked) for channel, box in self.boxes.items()}
        self.inbox, self.sms = self.boxes[SMS], self.ways[SMS]
        self.more = {channel: Sender(f"{channel}-1", self.ways[channel]) for channel in (PUSH, EMAIL)}
        self.shelf = WiredShelf()
        self.clock.set(at(now))

    def script(self, channel: Channel, *answers: Sent | SendResult | Exception) -> None:
        self.boxes[channel].script(*answers)

    def later(self, when: str) -> None:
        """One pass at another time, in Shanghai."""
        self.clock.set(at(when))
        self.pass_now()

    @property
    def card(self) -> ContactCard:
        file = self.store.borrower_file("b-1")
        assert isinstance(file, BorrowerFile)
        return file.card

    @property
    def states(self) -> list[tuple[str, str, str]]:
        """(tier, channel, state) of every notice, in order."""
        return [(n.notice_key.split("#")[0], n.channel, n.state.value) for n in self.notices()]
