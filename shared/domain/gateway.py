"""The words in which a gateway says what became of a payment. What its codes mean stands in the pack of its rail."""

from collections.abc import Mapping

from shared.domain.book import Outcome

CLIENT_TIMEOUT_SECONDS = 5
"""How long we wait for an answer; what takes longer is UNKNOWN. The stub times its late answers by it."""

PAID = "paid"
PENDING = "pending"
DECLINED = "declined"
NOT_FOUND = "not_found"


def outcome_of(status: object, code: object, codes: Mapping[str, Outcome]) -> Outcome:
    """The outcome that an answer or a webhook reports, by the codes of its rail.

    UNKNOWN for a code that stands in no table, and for one that contradicts its status: either may have charged.
    """
    if not isinstance(status, str) or not isinstance(code, str):
        return Outcome.UNKNOWN
    found = codes.get(code, Outcome.UNKNOWN)
    return found if status == _status_of(found) else Outcome.UNKNOWN


def _status_of(outcome: Outcome) -> str | None:
    if outcome is Outcome.PAID:
        return PAID
    if outcome is Outcome.PENDING:
        return PENDING
    return DECLINED if outcome.is_failure else None
