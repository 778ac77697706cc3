"""Tiers: the steps of what a borrower is told about one instalment, from the first reminder to the settled loan.

Codes are `REMIND_7`, `PRE_DEBIT`, `DUE`, `FAILED`, `OVERDUE_15`, `RECEIVED`, `SETTLED`. Their rank only rises within an
episode, so that a step is told once and an older one never follows a newer one.
"""

from enum import StrEnum


class NoticeKind(StrEnum):
    """What a message is about, most urgent first: the order in which a borrower's messages go."""

    FAILED = "failed"
    SETTLED = "settled"
    RECEIVED = "received"
    OVERDUE = "overdue"
    PRE_DEBIT = "pre-debit"
    DUE = "due"
    REMIND = "remind"

    @property
    def at_once(self) -> bool:
        """An outcome is told as soon as contact hours allow; all else from the policy's sending hour on."""
        return self in (NoticeKind.FAILED, NoticeKind.SETTLED, NoticeKind.RECEIVED)


PRE_DEBIT, DUE, FAILED, RECEIVED, SETTLED = "PRE_DEBIT", "DUE", "FAILED", "RECEIVED", "SETTLED"


def remind(days: int) -> str:
    return f"REMIND_{days}"


def overdue(from_dpd: int) -> str:
    return f"OVERDUE_{from_dpd}"


def overdue_from(tier: str) -> int | None:
    """The dpd from which an overdue tier holds; None for any other tier."""
    name, _, number = tier.partition("_")
    return int(number) if name == "OVERDUE" else None


def rank(tier: str) -> int:
    """Where a tier stands in the order of telling."""
    name, _, number = tier.partition("_")
    if name == "REMIND":
        return -int(number)
    if name == "OVERDUE":
        return 100 + int(number)
    return {PRE_DEBIT: 0, DUE: 1, FAILED: 2, RECEIVED: 1_000_000, SETTLED: 1_000_001}[tier]
