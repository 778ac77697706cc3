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
        return self._wire(
            "present", request.key, parameters, lambda: self.model.present(request), lambda: self.present_late(request)
        )

    def refund(self, request: RefundRequest) -> DebitAnswer:
        parameters = request.amount, request.payment_key
        return self._wire("refund", request.key, parameters, lambda: self.model.refund(request), None)

    def present_late(self, request: DebitRequest) -> None:
        """The request was held up on its way, and comes before the lease of its claim is over."""
        self._boundary.story.append(Step(self._boundary.clock.at, "gateway", "a late request comes", request.key))
        self.model.present(request)

    def enquire(self, key: str) -> DebitAnswer | None:
        fault = self._boundary.reach("enquire", key)
        if fault is Fault.NO_ANSWER:
            raise GatewayError("simulated: silent")
        answer = self.model.enquire(key)
        if fault is Fault.LAGS and answer and answer.outcome.is_terminal:
            answer = DebitAnswer(Outcome.PENDING)
        self._boundary.left(fault)
        return answer

    def _wire(
        self,
        call: str,
        key: str,
        parameters: tuple[object, ...],
        act: Callable[[], DebitAnswer],
        late: Callable[[], None] | None,
    ) -> DebitAnswer:
        fault = self._boundary.reach(call, (key, *parameters))
        loan_id, seq = keys.parse_intent_key(key)
        now = self._boundary.clock.at
        request = Request(call, key, parameters, now, self._book.attempt(loan_id, seq))
        self.requests.append(request)
        self._presented(request)
        if fault is Fault.NO_ANSWER or (fault is Fault.ARRIVES_LATE and late is None):
            self._boundary.clock.advance(timedelta(seconds=5))
            return UNKNOWN
        if fault is Fault.ARRIVES_LATE and late is not None:
            wait = timedelta(seconds=self._chance.choice((6, 60, 200)))
            self.model.later(now + wait, "late request", late)
            self._boundary.clock.advance(timedelta(seconds=5))
            return UNKNOWN
        answer = act()
        self._boundary.clock.advance(timedelta(milliseconds=300))
        self._boundary.baton.pause(f"{call}: answer on its way")
        if fault is Fault.ANSWER_LOST:
            return UNKNOWN
        self._boundary.left(fault)
        return answer
