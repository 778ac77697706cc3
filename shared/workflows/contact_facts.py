"""From stored facts to the contact line's decision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.book import BorrowerFile, DebitCard, LoanFile
from shared.domain.contact import plan_contact
from shared.domain.decision import Decision, Defer, Reason
from shared.domain.errors import BookError
from shared.domain.mandates import is_stopped
from shared.domain.notices import Notice
from shared.domain.policy import Policy
from shared.ports.book import Book
from shared.ports.world import PolicyShelf
from shared.workflows.facts import NO_POLICY_RETRY, policy_or_none


@dataclass(frozen=True, slots=True)
class ContactFacts:
    file: BorrowerFile
    loans: tuple[LoanFile, ...]
    policies: Mapping[str, Policy]
    without: frozenset[str] = frozenset()  # steps whose message cannot go, and keeps no other back

    def decide(self, now: datetime) -> Decision[Notice]:
        """The decision by the rules, whatever is switched off."""
        if any(loan.loan.product not in self.policies for loan in self.loans):
            return Defer(now + NO_POLICY_RETRY, Reason.POLICY_MISSING)
        return plan_contact(self.file.borrower, self.file.card, self.loans, self.policies, now, self.without)

    def with_loans_of_now(self, book: Book) -> "ContactFacts":
        """The same card, beside the loans as they stand by now."""
        loans = tuple(_loan_file(book, file.loan.loan_id) for file in self.loans)
        return replace(self, loans=in_force(loans, self.policies, book, self.file.borrower.borrower_id))


def contact_facts(book: Book, shelf: PolicyShelf, borrower_id: str, now: datetime) -> ContactFacts | None:
    file = book.borrower_file(borrower_id)
    if file is None:
        return None
    loans = tuple(_loan_file(book, loan_id) for loan_id in file.card.loan_ids)
    country = file.borrower.country
    found = {p: policy_or_none(shelf, p, now, country) for p in {f.loan.product for f in loans}}
    policies = {product: policy for product, policy in found.items() if policy}
    return ContactFacts(file, in_force(loans, policies, book, borrower_id), policies)


def in_force(
    loans: tuple[LoanFile, ...], policies: Mapping[str, Policy], book: Book, borrower_id: str
) -> tuple[LoanFile, ...]:
    """The loans without mandates that failures over all loans stopped: no deduction will speak for these."""
    if not any(_counts_over_loans(loan, policies) for loan in loans):
        return loans
    debits = book.debit_card(borrower_id)
    return tuple(
        _without_stopped(loan, debits, policies[loan.loan.product]) if _counts_over_loans(loan, policies) else loan
        for loan in loans
    )


def _counts_over_loans(file: LoanFile, policies: Mapping[str, Policy]) -> bool:
    """A rail of the loan's mandates counts failures over all loans of the borrower."""
    policy = policies.get(file.loan.product)
    rails = [policy.rails.get(m.rail) for m in file.mandates] if policy else []
    return any(rail is not None and rail.failures_in_row is not None for rail in rails)


def _without_stopped(file: LoanFile, debits: DebitCard, policy: Policy) -> LoanFile:
    limits = {name: rail.failures_in_row for name, rail in policy.rails.items()}
    return replace(file, mandates=tuple(m for m in file.mandates if not is_stopped(m, debits, limits.get(m.rail))))


def _loan_file(book: Book, loan_id: str) -> LoanFile:
    file = book.loan_file(loan_id)
    if file is None:
        raise BookError(f"loan {loan_id} is followed by a borrower and does not exist")
    return file
