"""What every line's facts begin with: the policy that is valid, and what the borrower was told."""

from datetime import datetime, timedelta

from shared.domain.book import BorrowerFile, LoanFile
from shared.domain.errors import BookError, PolicyError
from shared.domain.policy import Policy
from shared.ports.book import Book
from shared.ports.world import PolicyShelf

NO_POLICY_RETRY = timedelta(hours=1)


def policy_or_none(shelf: PolicyShelf, product: str, now: datetime, country: str | None = None) -> Policy | None:
    """The policy, or None where there is no valid one: the caller then does nothing. With the borrower's country, the
    stricter of the lender's rules and the country's: whatever contacts, debits or escalates asks for these."""
    try:
        policy = shelf.policy(product, now)
        return policy if country is None else policy.within(country)
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
