"""Money that reaches the lender outside its own attempts, money that is taken back, and what a gateway reports.

The same money may be told of by a webhook, a bank file and a person, in any order. It is known by its source and its
reference alone: a transfer by the bank's reference, a debit of ours by the key of its intent.
"""

from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum

from shared.domain import keys
from shared.domain.book import EntryKind, Outcome
from shared.domain.errors import EventError
from shared.domain.money import Money

TRANSFER = "transfer"
"""The ledger's source of money that is no debit of ours, whichever way the news of it came."""
GATEWAY = "gateway"
"""The ledger's source of our own debits; the external id is the intent's key."""


class Channel(StrEnum):
    """By which way news of money came."""

    WEBHOOK = "webhook"
    FILE = "file"
    HAND = "hand"


class Misfit(Enum):
    """Why what arrived stands in front of a person. Money is kept in suspense; the rest is counted, and changes
    nothing."""

    NO_SUCH_LOAN = "no such loan"
    OTHER_CURRENCY = "the loan is in another currency"
    TOO_MANY_INSTALMENTS = "pays more instalments at once than one transaction takes"
    NO_KEY_OF_OURS = "no key of ours"
    NO_SUCH_ATTEMPT = "no such attempt"
    ATTEMPT_CURRENCY = "the attempt was in another currency"
    ABOVE_ATTEMPT = "more than the attempt was for"
    BELOW_ATTEMPT = "less than the attempt was for"
    OTHER_AMOUNT = "this reference came before with another amount"
    OTHER_LOAN = "this reference came before for another loan"
    NO_SUCH_PAYMENT = "takes back a payment that is not on the ledger"
    TAKES_TOO_MUCH = "takes back more than is left of the payment"
    REFUND_CAME_BACK = "money came in under the key of a refund"
    NEVER_TAKEN = "comes again, and was not taken back before"
    TWO_STORIES = "paid and not paid: the money came after another outcome"


@dataclass(frozen=True, slots=True)
class Repayment:
    """A transfer; `external_id` is the bank's reference, which names this money and no other.

    `numbers` are the instalments that the borrower chose to pay first; they count where policy lets him choose.
    """

    source: str
    external_id: str
    loan_id: str  # empty: nobody said whose it is
    amount: Money
    paid_on: date
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What a gateway says, unasked, of an intent's key.

    `came_in`: it says so because the money reached an account of the lender, which no refund's does.
    """

    key: str
    outcome: Outcome
    amount: Money
    gateway_ref: str | None
    came_in: bool = False


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Money of an earlier payment that left again: `reference` is that payment's, `amount` positive.

    `event_id` tells two reversals of one payment apart, on one channel. `outcome` is the class of the reason that the
    rail gave, None where it gave none.
    """

    kind: EntryKind  # reversal or chargeback
    reference: str
    amount: Money
    taken_on: date | None  # None: the day on which it is booked
    event_id: str
    channel: Channel
    outcome: Outcome | None = None

    @property
    def source(self) -> str:
        return source_of(self.reference)


@dataclass(frozen=True, slots=True)
class GivenAgain:
    """Money that was taken back, and came again: a dispute that was won, a refund that failed.

    `kind`, `reference` and `event_id` are those of the news that took it; of a refund of ours, `reference` is its key.
    """

    kind: EntryKind  # chargeback, reversal or refund
    reference: str
    amount: Money
    event_id: str
    channel: Channel

    @property
    def source(self) -> str:
        return source_of(self.reference)


type Arrived = Repayment | GatewayReport | TakenBack | GivenAgain


def source_of(reference: str) -> str:
    """Whose reference it is: an intent's key is ours, any other the bank's."""
    try:
        keys.parse_intent_key(reference)
    except EventError:
        return TRANSFER
    return GATEWAY


def reference_of(news: Arrived) -> str:
    """By which the money is known that the news is about."""
    match news:
        case Repayment(external_id=reference) | GatewayReport(key=reference):
            return reference
        case TakenBack(reference=reference) | GivenAgain(reference=reference):
            return reference


def arrived(reference: str, loan_id: str, amount: Money, paid_on: date, numbers: tuple[int, ...] = ()) -> Arrived:
    """What money under a reference is: evidence that an attempt of ours was paid, or a transfer."""
    if source_of(reference) == GATEWAY:
        return GatewayReport(reference, Outcome.PAID, amount, None, came_in=True)
    return Repayment(TRANSFER, reference, loan_id, amount, paid_on, numbers)
