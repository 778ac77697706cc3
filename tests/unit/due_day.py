"""A town on the due day, with other rules and a gateway that loses things."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Instalment, Outcome
from shared.domain.errors import GatewayError
from shared.domain.policy import Policy
from shared.domain.rail import Rail
from shared.ports.world import DebitAnswer, DebitRequest
from tests.unit.builders import DUE, at
from tests.unit.town import Town


class Shelf:
    """The shelf with other rules for the stub's rail, and for the product."""

    def __init__(self, rail: dict[str, Any] | None = None, **policy: Any) -> None:
        self._rail, self._policy, self._packs = rail or {}, policy, PolicyFiles()

    def today(self, now: datetime) -> date:
        return self._packs.today(now)

    def policy(self, product: str, now: datetime) -> Policy:
        policy = self._packs.policy(product, now)
        stub: Rail = replace(policy.rails["stub"], **self._rail)
        return replace(policy, rails={"stub": stub}, **self._policy)


class Lossy:
    """The stub, with requests or answers that get lost, and lookups that fail."""

    def __init__(self, town: Town) -> None:
        self._stub = town.stub
        self.not_found_is_final = True
        self.key_life = timedelta(days=365)
        self.loses_request, self.loses_answer, self.silent = False, False, False
        self.asked: list[str] = []
        self.lookup: DebitAnswer | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def present(self, request: DebitRequest) -> DebitAnswer:
        if self.loses_request:
            return DebitAnswer(Outcome.UNKNOWN)
        answer = self._stub.present(request)
        return DebitAnswer(Outcome.UNKNOWN) if self.loses_answer else answer

    def enquire(self, key: str) -> DebitAnswer | None:
        self.asked.append(key)
        self.meanwhile()
        if self.silent:
            raise GatewayError("the gateway did not answer")
        return self.lookup or self._stub.enquire(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)


def announced_town(
    *instalments: Instalment, account: str = "paid-1", shelf: Shelf | None = None, **more: Any
) -> tuple[Town, Lossy]:
    """On the due day just before eight, announced the day before."""
    town = Town(*instalments, account=account, **more)
    if shelf:
        town.shelf = shelf
    town.live_through("2026-03-01", "2026-03-09")
    town.clock.set(at(f"{DUE} 08:00"))
    gateway = Lossy(town)
    town.gateway = gateway
    return town, gateway


def later(town: Town, **delta: float) -> None:
    town.clock.advance(timedelta(**delta))
    town.pass_now()
