"""What a borrower reads before he turns deduction on or off, from the loan's own figures of that moment.

The text's SHA-256 is what he acknowledges: where a figure has changed since, another debit was claimed or the day is
another one, the hash is another one too, and the old acknowledgement is worth nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from shared.domain import keys
from shared.domain.book import Attempt, Borrower, Instalment, LoanFile
from shared.domain.mandates import Purpose
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.wording import language_of, locale_for, signature_for, written_amount, written_date


@dataclass(frozen=True, slots=True)
class ClaimedDebit:
    """A debit that cannot be stopped any more; `reference` is its key at the gateway."""

    reference: str
    amount: Money
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RiskNotice:
    """`version` names the packs whose words they are; `claimed` is empty where deduction is turned on."""

    purpose: Purpose
    text: str
    version: str
    claimed: tuple[ClaimedDebit, ...]

    @property
    def text_hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def risk_notice(
    purpose: Purpose, file: LoanFile, claims: Iterable[Attempt], borrower: Borrower, policy: Policy, today: date
) -> RiskNotice:
    """The notice in the borrower's language, a paragraph a line; `claims` are the loan's open attempts."""
    claimed = tuple(_claimed(a) for a in claims) if purpose is Purpose.CANCEL else ()

    def part(name: str, **fields: Money | date | int | str) -> str:
        return _rendered(name, borrower, policy, **fields)

    def parts() -> Iterator[str]:
        yield part(purpose)
        unpaid = file.unpaid
        overdue = [i for i in unpaid if i.due_on < today]
        if coming := min((i.due_on for i in unpaid if i.due_on >= today), default=None):
            yield part(f"{purpose}_next", amount=_owed(unpaid), count=len(unpaid), date=coming)
        if overdue:
            yield part(f"{purpose}_overdue", amount=_owed(overdue))
        if purpose is Purpose.CANCEL:
            yield part("cancel_risk")
        for debit in claimed:
            numbers = ", ".join(str(number) for number in debit.numbers)
            yield part("cancel_claimed", amount=debit.amount, list=numbers, code=debit.reference)
        yield part(f"{purpose}_end")

    return RiskNotice(purpose, "\n".join(parts()), policy.version, claimed)


def code_message(purpose: Purpose, digits: str, borrower: Borrower, policy: Policy) -> str:
    """The message that carries a one-time code."""
    minutes = int(policy.code_life.total_seconds() // 60)
    return _rendered(f"code_{purpose}", borrower, policy, code=digits, minutes=minutes)


def _rendered(name: str, borrower: Borrower, policy: Policy, **fields: Money | date | int | str) -> str:
    found = locale_for(borrower.locale, policy)
    signature = signature_for(found, borrower.country, policy)
    own = {"signature": signature, "product": policy.product_name[found], "hotline": policy.hotline}
    written = {field: _written(value, language_of(found)) for field, value in fields.items()}
    return policy.mandate_texts[found][name].format_map(own | written)


def _written(value: Money | date | int | str, language: str) -> str:
    match value:
        case Money():
            return written_amount(value, language)
        case date():
            return written_date(value, language)
        case _:
            return str(value)


def _claimed(attempt: Attempt) -> ClaimedDebit:
    return ClaimedDebit(keys.intent_key(attempt.loan_id, attempt.seq), attempt.amount, attempt.numbers)


def _owed(instalments: Iterable[Instalment]) -> Money:
    rows = list(instalments)
    return Money(sum(i.outstanding_minor for i in rows), rows[0].currency)
