"""From stored facts to a line's decision: what workers act on, and what a dry run shows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import BorrowerFile, Instalment, Line, LoanFile, Told
from shared.domain.contact import Notice, plan_contact
from shared.domain.debit import Presentment, plan_debit
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.errors import BookError, PolicyError
from shared.domain.policy import Policy
from shared.domain.stage import StageMove, plan_stage
from shared.ports.book import Book
from shared.ports.world import PolicyShelf

_NO_POLICY_RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ContactFacts:
    file: BorrowerFile
    loans: tuple[LoanFile, ...]
    policies: Mapping[str, Policy]

    def decide(self, now: datetime) -> Decision[Notice]:
        if any(loan.loan.product not in self.policies for loan in self.loans):
            return Defer(now + _NO_POLICY_RETRY, Reason.POLICY_MISSING)
        return plan_contact(self.file.borrower, self.file.card, self.loans, self.policies, now)

    def with_loans_of_now(self, book: Book) -> "ContactFacts":
        """The same card, beside the loans as they stand by now."""
        return replace(self, loans=tuple(_loan_file(book, file.loan.loan_id) for file in self.loans))


@dataclass(frozen=True, slots=True)
class DebitFacts:
    file: LoanFile
    instalment: Instalment
    told: Told | None
    policy: Policy | None

    @property
    def rules(self) -> Policy:
        return _rules(self.policy, self.file)

    def decide(self, now: datetime) -> Decision[Presentment]:
        if self.policy is None:
            return Defer(now + _NO_POLICY_RETRY, Reason.POLICY_MISSING)
        return plan_debit(self.instalment, self.file.loan, self.file.mandate, self.told, self.policy, now)


@dataclass(frozen=True, slots=True)
class StageFacts:
    file: LoanFile
    told: Told | None
    policy: Policy | None

    @property
    def rules(self) -> Policy:
        return _rules(self.policy, self.file)

    def decide(self, now: datetime) -> Decision[StageMove]:
        if self.policy is None:
            return Defer(now + _NO_POLICY_RETRY, Reason.POLICY_MISSING)
        return plan_stage(self.file, self.told, self.policy, now)


type Facts = ContactFacts | DebitFacts | StageFacts


def policy_or_none(shelf: PolicyShelf, product: str, now: datetime) -> Policy | None:
    """The policy, or None where there is no valid one: the caller then does nothing."""
    try:
        return shelf.policy(product, now)
    except PolicyError:
        return None


def _rules(policy: Policy | None, file: LoanFile) -> Policy:
    if policy is None:
        raise PolicyError(f"no valid policy for product {file.loan.product}")
    return policy


def contact_facts(book: Book, shelf: PolicyShelf, borrower_id: str, now: datetime) -> ContactFacts | None:
    file = book.borrower_file(borrower_id)
    if file is None:
        return None
    loans = tuple(_loan_file(book, loan_id) for loan_id in file.card.loan_ids)
    found = {p: policy_or_none(shelf, p, now) for p in {f.loan.product for f in loans}}
    return ContactFacts(file, loans, {product: policy for product, policy in found.items() if policy})


def debit_facts(book: Book, shelf: PolicyShelf, key: str, now: datetime) -> DebitFacts | None:
    loan_id, number = keys.parse_debit_key(key)
    file = book.loan_file(loan_id)
    instalment = file.instalment(number) if file else None
    if file is None or instalment is None:
        return None
    told = _told(book, file, instalment)
    return DebitFacts(file, instalment, told, policy_or_none(shelf, file.loan.product, now))


def stage_facts(book: Book, shelf: PolicyShelf, loan_id: str, now: datetime) -> StageFacts | None:
    file = book.loan_file(loan_id)
    if file is None:
        return None
    oldest = file.oldest_unpaid
    told = _told(book, file, oldest) if oldest else None
    return StageFacts(file, told, policy_or_none(shelf, file.loan.product, now))


def decision_for(
    line: Line, book: Book, shelf: PolicyShelf, key: str, now: datetime
) -> Act[Notice] | Act[Presentment] | Act[StageMove] | Defer | Drop:
    """A line's decision on one key, changing nothing."""
    find = {Line.CONTACT: contact_facts, Line.DEBIT: debit_facts, Line.STAGE: stage_facts}[line]
    facts = find(book, shelf, key, now)
    return facts.decide(now) if facts else Drop(Reason.UNKNOWN_KEY)


def _loan_file(book: Book, loan_id: str) -> LoanFile:
    file = book.loan_file(loan_id)
    if file is None:
        raise BookError(f"loan {loan_id} is followed by a borrower and does not exist")
    return file


def _told(book: Book, file: LoanFile, instalment: Instalment) -> Told | None:
    borrower = book.borrower_file(file.loan.borrower_id)
    if borrower is None:
        raise BookError(f"loan {file.loan.loan_id} has no borrower")
    return borrower.card.told.get(keys.told_key(instalment.loan_id, instalment.number, instalment.episode))
