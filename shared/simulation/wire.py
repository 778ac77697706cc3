"""The gateway's client with faults on the wire: requests that never arrive, arrive late, or are answered to nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from shared.adapters.memory.book import MemoryBook
from shared.domain import keys
from shared.domain.book import Attempt, Outcome
from shared.domain.errors import GatewayError
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest
from shared.simulation.boundaries import Boundary
from shared.simulation.faults import Fault
from shared.simulation.gateway import GatewayModel
from shared.simulation.story import Step

UNKNOWN = DebitAnswer(Outcome.UNKNOWN)

_WITHIN_THE_LEASE = (6, 60, 200)
_PAST_THE_LEASE = (400, 7200)
"""Seconds for which a request is held up; a claim's lease is 300."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stood on the wire: `claimed` is the attempt's row at that moment, None where there was none."""

    call: str
    key: str
    parameters: tuple[object, ...]
    at: datetime
    claimed: Attempt | None


class SimulatedGateway:
    """PaymentGateway over the model. Every request is seen here on its way out, with the claim that stood behind it."""

    def __init__(
        self,
        model: GatewayModel,
        book: MemoryBook,
        boundary: Boundary,
        chance: Random,
        presented: Callable[[Request], None],
    ) -> None:
        self._presented = presented
        self.model = model
        self.requests: list[Request] = []
        self.not_found_is_final = model.manners.not_found_is_final
        self.key_life = model.manners.key_life
        self._book = book
        self._boundary = boundary
        self._chance = chance

    def present(self, request: DebitRequest) -> DebitAnswer:
        parameters = request.amount, request.account_ref, request.mandate_id, request.funding
        return self._wire("present", request.key, parameters, lambda: self.model.present(request))

    def refund(self, request: RefundRequest) -> DebitAnswer:
        parameters = request.amount, request.payment_key
        return self._wire("refund", request.key, parameters, lambda: self.model.refund(request))

    def enquire(self, key: str) -> DebitAnswer | None:
        fault = self._boundary.reach("enquire", key)
        if fault is Fault.NO_ANSWER:
            raise GatewayError("simulated: silent")
        answer = self.model.enquire(key)
        if fault is Fault.LAGS and answer and answer.outcome.is_terminal:
            answer = DebitAnswer(Outcome.PENDING)
        elif fault is Fault.LAGS:
            self._boundary.plan.spared("enquire", fault)
        self._boundary.left(fault)
        return answer

    def _wire(self, call: str, key: str, parameters: tuple[object, ...], act: Callable[[], DebitAnswer]) -> DebitAnswer:
        fault = self._boundary.reach(call, (key, *parameters))
        loan_id, seq = keys.parse_intent_key(key)
        now = self._boundary.clock.at
        request = Request(call, key, parameters, now, self._book.attempt(loan_id, seq))
        self.requests.append(request)
        self._presented(request)
        if fault is Fault.ARRIVES_LATE:
            self.model.later(now + self._held_up(), f"a late {call} comes", lambda: self._comes_late(key, act))
        if fault in (Fault.NO_ANSWER, Fault.ARRIVES_LATE):
            self._boundary.clock.advance(timedelta(seconds=5))
            return UNKNOWN
        answer = act()
        self._boundary.clock.advance(timedelta(milliseconds=300))
        self._boundary.baton.pause()  # the answer is on its way
        if fault is Fault.ANSWER_LOST:
            return UNKNOWN
        self._boundary.left(fault)
        return answer

    def _held_up(self) -> timedelta:
        """How long a request is on its way. Past the lease, and so past the first enquiry, only where the gateway does
        not promise that what it has not found will not come: where it does, the key is void or presented again by then,
        and a request that came still would break the gateway's word, not ours."""
        waits = _WITHIN_THE_LEASE if self.not_found_is_final else (*_WITHIN_THE_LEASE, *_PAST_THE_LEASE)
        return timedelta(seconds=self._chance.choice(waits))

    def _comes_late(self, key: str, act: Callable[[], DebitAnswer]) -> None:
        self._boundary.story.append(Step(self._boundary.clock.at, "gateway", "a late request comes", key))
        act()
