"""What every line's facts begin with: the policy that is valid, and what the borrower was told."""

from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import BorrowerFile, Instalment, LoanFile, Told
from shared.domain.errors import BookError, PolicyError
from shared.domain.policy import Policy
from shared.ports.book import Book
from shared.ports.world import PolicyShelf

NO_POLICY_RETRY = timedelta(hours=1)


def policy_or_none(shelf: PolicyShelf, product: str, now: datetime) -> Policy | None:
    """The policy, or None where there is no valid one: the caller then does nothing."""
    try:
        return shelf.policy(product, now)
    except PolicyError:
        return None


def rules_of(policy: Policy | None, file: LoanFile) -> Policy:
    if policy is None:
        raise PolicyError(f"no valid policy for product {file.loan.product}")
    return policy


def owner_of(book: Book, file: LoanFile) -> BorrowerFile:
    borrower = book.borrower_file(file.loan.borrower_id)
    if borrower is None:
        raise BookError(f"loan {file.loan.loan_id} has no borrower")
    return borrower


def told_of(book: Book, file: LoanFile, instalment: Instalment) -> Told | None:
    return owner_of(book, file).card.told.get(keys.told_key(instalment.loan_id, instalment.number, instalment.episode))
