"""A gateway for days that never were: accounts that say what they do, as the stub's, and one answer for all others."""

from collections.abc import Sequence
from dataclasses import replace

from shared.adapters.memory.gateway import MemoryGateway
from shared.adapters.memory.stub_books import MemoryStubBooks
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest
from shared.workflows.payment_stub import BEHAVIOURS, PaymentStub


class _NoReports:
    """Nobody is told by webhook: what a pending debit came to is found by enquiry."""

    def send(self, bodies: Sequence[str]) -> None:
        pass


class AssumedGateway:
    """PaymentGateway. `assumed` is a behaviour of the stub (`paid-`, `insufficient-`) for accounts that name none, and
    for those that pay from a balance, of which nobody knows here how high it is."""

    def __init__(self, assumed: str = "paid-") -> None:
        self._stub = MemoryGateway(PaymentStub(MemoryStubBooks(), _NoReports()))
        self._assumed = assumed
        self.not_found_is_final = self._stub.not_found_is_final
        self.key_life = self._stub.key_life

    def present(self, request: DebitRequest) -> DebitAnswer:
        funding = tuple(self._behaving(account) for account in request.funding)
        return self._stub.present(replace(request, account_ref=self._behaving(request.account_ref), funding=funding))

    def refund(self, request: RefundRequest) -> DebitAnswer:
        return self._stub.refund(request)

    def enquire(self, key: str) -> DebitAnswer | None:
        return self._stub.enquire(key)

    def _behaving(self, account_ref: str) -> str:
        """The stub knows no accounts of real gateways, whose references look otherwise: only what one does counts."""
        named = (prefix for prefix, does in BEHAVIOURS.items() if not does.from_balance)
        return next((prefix for prefix in named if account_ref.startswith(prefix)), self._assumed) + "account"
