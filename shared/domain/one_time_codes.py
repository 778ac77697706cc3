"""One-time codes: six digits that a borrower sends back; only a digest of them is kept.

A million codes are few. The digest is slow on purpose (scrypt, 16 MiB), so that trying all of them against a stolen row
takes longer than a code lives; the tries are counted by conditional writes, so that guessing through the front door
ends after a few.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.book import AuditEntry, OneTimeCode
from shared.domain.mandates import Refusal
from shared.domain.policy import Policy

USED = ""
"""Stands in place of the digest of a code that was used."""

HOUR = timedelta(hours=1)


def issued(
    loan_id: str, purpose: str, digits: str, before: OneTimeCode | None, policy: Policy, now: datetime
) -> OneTimeCode:
    """The row of a new code, in place of the one before."""
    rev = before.rev + 1 if before else 1
    return OneTimeCode(loan_id, purpose, digest(loan_id, purpose, rev, digits), now + policy.code_life, rev=rev)


def digest(loan_id: str, purpose: str, rev: int, digits: str) -> str:
    """Of a code, for one loan, purpose and issue (the row's revision when it was issued)."""
    salt = f"{loan_id}#{purpose}#{rev}".encode()
    return hashlib.scrypt(digits.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()


def digest_of_guess(code: OneTimeCode, digits: str) -> str:
    """To be compared with the row's own digest in constant time. Each wrong try raised the revision by one."""
    return digest(code.loan_id, code.purpose, code.rev - code.tries, digits)


def standing_refusal(code: OneTimeCode | None, policy: Policy, now: datetime) -> Refusal | None:
    """Why no code, right or wrong, would do now."""
    if code is None:
        return Refusal.NO_CODE
    if code.digest == USED:
        return Refusal.CODE_USED
    if code.tries >= policy.code_tries:
        return Refusal.CODE_LOCKED
    return Refusal.CODE_EXPIRED if now >= code.expires_at else None


def after_wrong_try(code: OneTimeCode) -> OneTimeCode:
    return replace(code, tries=code.tries + 1, rev=code.rev + 1)


def used(code: OneTimeCode) -> OneTimeCode:
    return replace(code, digest=USED, rev=code.rev + 1)


def sent_within_the_hour(sent: Iterable[AuditEntry], now: datetime) -> int:
    return sum(now - HOUR < entry.at for entry in sent)
