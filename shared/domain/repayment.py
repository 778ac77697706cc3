"""Money that reaches the lender outside its own attempts, and what a gateway reports of them."""

from dataclasses import dataclass
from datetime import date

from shared.domain.book import Outcome
from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class Repayment:
    """A payment booked by hand or from a file; `source` and `external_id` together name this money and no other."""

    source: str
    external_id: str
    loan_id: str
    amount: Money
    paid_on: date


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What a gateway says, unasked, of an intent's key."""

    key: str
    outcome: Outcome
    amount: Money
    gateway_ref: str | None
