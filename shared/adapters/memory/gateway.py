"""The payment gateway in memory: the stub itself, asked in process, without waiting."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

from shared.adapters.gateway_answers import (
    KEY_LIFE,
    UNKNOWN,
    read_answer,
    read_lookup,
    refund_body,
    request_body,
)
from shared.adapters.policy_files import rail_codes
from shared.domain.book import Outcome
from shared.domain.errors import InputError
from shared.domain.gateway import CLIENT_TIMEOUT_SECONDS
from shared.domain.money import Money
from shared.ports.stub import Reply, Stub
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest


class MemoryGateway:
    """PaymentGateway over a stub. An answer that would come after the client's time-out is UNKNOWN: perhaps charged.

    `codes` are the stub's own unless another rail's are given. `key_life` and `not_found_is_final` say what the stub
    promises of its keys: it forgets none, and its lookup is authoritative.
    """

    def __init__(
        self,
        stub: Stub,
        codes: Mapping[str, Outcome] | None = None,
        *,
        key_life: timedelta = KEY_LIFE,
        not_found_is_final: bool = True,
    ) -> None:
        self.key_life = key_life
        self.not_found_is_final = not_found_is_final
        self._stub = stub
        self._codes = rail_codes("stub") if codes is None else codes
        self.presented: list[DebitRequest] = []
        self.refunded: list[RefundRequest] = []

    def present(self, request: DebitRequest) -> DebitAnswer:
        self.presented.append(request)
        return self._act(self._stub.present, request_body(request), request.amount)

    def refund(self, request: RefundRequest) -> DebitAnswer:
        self.refunded.append(request)
        return self._act(self._stub.refund, refund_body(request), request.amount)

    def _act(self, act: Callable[[str], Reply], body: bytes, asked: Money) -> DebitAnswer:
        try:
            reply = act(body.decode())
        except InputError:
            return DebitAnswer(Outcome.CONFIG)
        if reply.after_seconds >= CLIENT_TIMEOUT_SECONDS:
            return UNKNOWN
        return read_answer(reply.status, _bytes(reply), self._codes, asked)

    def enquire(self, key: str) -> DebitAnswer | None:
        reply = self._stub.look_up(key)
        return read_lookup(reply.status, _bytes(reply), self._codes)


def _bytes(reply: Reply) -> bytes:
    return json.dumps(dict(reply.body)).encode()
