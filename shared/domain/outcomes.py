"""What follows from each outcome of an attempt: one rule each, the same on every rail and for every owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from shared.domain.book import MandateStatus, Outcome


class Retry(StrEnum):
    """When the instalment may be tried again, as far as the answer is concerned; policy may still forbid it."""

    NEVER = "never"
    NEXT_SLOT = "at the next slot"
    NEXT_DAY = "on another day"
    ENQUIRE = "not before it is known what became of this one"


class Tell(StrEnum):
    """Who hears of it beyond the ledger and the metrics; the borrower once the day's last deduction failed."""

    BORROWER = "borrower"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class OutcomeRule:
    """`counts`: against the instalment's budget; `in_a_row`: as a failure of the borrower, over all loans."""

    retry: Retry
    counts: bool = True
    in_a_row: bool = False
    ends_mandate: MandateStatus | None = None
    tells: frozenset[Tell] = frozenset()


_BORROWER, _OPERATOR = frozenset({Tell.BORROWER}), frozenset({Tell.OPERATOR})

RULES: Mapping[Outcome, OutcomeRule] = MappingProxyType(
    {
        Outcome.PAID: OutcomeRule(Retry.NEXT_SLOT, tells=_BORROWER),  # what a lower amount left open
        Outcome.PENDING: OutcomeRule(Retry.ENQUIRE),
        Outcome.UNKNOWN: OutcomeRule(Retry.ENQUIRE, tells=_OPERATOR),
        Outcome.INSUFFICIENT: OutcomeRule(Retry.NEXT_SLOT, in_a_row=True, tells=_BORROWER),
        Outcome.LIMIT: OutcomeRule(Retry.NEXT_DAY, in_a_row=True, tells=_BORROWER),
        Outcome.WINDOW: OutcomeRule(Retry.NEXT_SLOT, counts=False, tells=_BORROWER),
        Outcome.MANDATE_DEAD: OutcomeRule(Retry.NEXT_SLOT, ends_mandate=MandateStatus.REVOKED, tells=_BORROWER),
        Outcome.ACCOUNT_DEAD: OutcomeRule(Retry.NEXT_SLOT, ends_mandate=MandateStatus.SUSPENDED, tells=_BORROWER),
        Outcome.RISK: OutcomeRule(Retry.NEXT_SLOT, ends_mandate=MandateStatus.SUSPENDED, tells=_BORROWER | _OPERATOR),
        Outcome.CONFIG: OutcomeRule(Retry.NEXT_SLOT, counts=False, tells=_BORROWER | _OPERATOR),
        Outcome.VOID: OutcomeRule(Retry.NEXT_SLOT, counts=False),
    }
)
"""Own design after the classes of payment schemes. A dead mandate or account is retried only under another mandate: the
one that it ends debits no more. What the lender or the rail got wrong is never the borrower's failure."""
