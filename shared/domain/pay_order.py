"""What somebody orders to be paid on the spot, as a value."""

from dataclasses import dataclass

from shared.domain.book import Owner
from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class PayOrder:
    """What is to be paid of a loan: `numbers` None is every unpaid instalment, `amount` None all that they owe.

    `order_id` is the orderer's own name for it: of one name only one attempt is made, whatever was lost on the way.
    """

    loan_id: str
    numbers: tuple[int, ...] | None = None
    amount: Money | None = None
    owner: Owner = Owner.BORROWER
    order_id: str | None = None
