"""The words in which the gateway says what became of a payment, and what each means here."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.domain.book import Outcome

CLIENT_TIMEOUT_SECONDS = 5
"""How long we wait for an answer; what takes longer is UNKNOWN. The stub times its late answers by it."""

PAID = "paid"
DECLINED = "declined"
NOT_FOUND = "not_found"

OUTCOMES: Mapping[tuple[str, str], Outcome] = MappingProxyType(
    {
        (PAID, "paid"): Outcome.PAID,
        (DECLINED, "insufficient"): Outcome.INSUFFICIENT,
        (DECLINED, "limit"): Outcome.LIMIT,
        (DECLINED, "mandate_dead"): Outcome.MANDATE_DEAD,
        (DECLINED, "account_dead"): Outcome.ACCOUNT_DEAD,
        (DECLINED, "risk"): Outcome.RISK,
    }
)
"""By status and code. What stands here is definite, and nothing else is."""


def outcome_of(status: object, code: object) -> Outcome:
    """The outcome that an answer or a webhook reports; UNKNOWN for words that are not in the table."""
    if not isinstance(status, str) or not isinstance(code, str):
        return Outcome.UNKNOWN
    return OUTCOMES.get((status, code), Outcome.UNKNOWN)
