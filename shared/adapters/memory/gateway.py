"""The payment gateway in memory: the stub itself, asked in process, without waiting."""

import json

from shared.adapters.gateway_answers import UNKNOWN, read_answer, read_lookup, request_body
from shared.domain.book import Outcome
from shared.domain.errors import InputError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.ports.stub import Reply, Stub
from shared.ports.world import DebitAnswer, DebitRequest


class MemoryGateway:
    """PaymentGateway over a stub. An answer that would come after the client's time-out is UNKNOWN: perhaps charged."""

    not_found_is_final = True

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self.presented: list[DebitRequest] = []

    def present(self, request: DebitRequest) -> DebitAnswer:
        self.presented.append(request)
        try:
            reply = self._stub.present(request_body(request).decode())
        except InputError:
            return DebitAnswer(Outcome.CONFIG)
        return UNKNOWN if reply.after_seconds >= CLIENT_TIMEOUT_SECONDS else read_answer(reply.status, _bytes(reply))

    def enquire(self, key: str) -> DebitAnswer | None:
        reply = self._stub.look_up(key)
        return read_lookup(reply.status, _bytes(reply))


def _bytes(reply: Reply) -> bytes:
    return json.dumps(dict(reply.body)).encode()
