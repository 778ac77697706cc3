"""A loan's three lines at any instant: decided on the facts as they stood before now, else as they stand."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.domain import keys
from shared.domain.as_of import Past, as_of
from shared.domain.book import BorrowerFile
from shared.domain.decision import Drop, Reason
from shared.domain.history import History
from shared.domain.policy import Policy
from shared.ports.book import Book
from shared.ports.world import PolicyShelf
from shared.workflows.contact_facts import ContactFacts, in_force
from shared.workflows.debit_facts import DebitFacts
from shared.workflows.facts import policy_or_none
from shared.workflows.stage_facts import StageFacts


@dataclass(slots=True)
class PastDecisions:
    """Each instant is rewound once; `doubts` gather what could not be rewound exactly."""

    book: Book
    shelf: PolicyShelf
    business_zone: str
    history: History
    loan_id: str
    now: datetime
    doubts: list[str] = field(default_factory=list)
    _rewound: dict[datetime, Past] = field(default_factory=dict)

    def facts(self, at: datetime) -> Past:
        if at >= self.now:
            return Past(self.history.card, {h.file.loan.loan_id: h.file for h in self.history.loans})
        if at not in self._rewound:
            past = self._rewound[at] = as_of(self.history, at, self.business_zone)
            self.doubts += past.doubts
        return self._rewound[at]

    def policy(self, product: str, at: datetime) -> Policy | None:
        return policy_or_none(self.shelf, product, at, self.history.borrower.country)

    def contact(self, at: datetime) -> Any:
        facts = self.facts(at)
        loans = tuple(facts.files[loan_id] for loan_id in facts.card.loan_ids if loan_id in facts.files)
        found = {product: self.policy(product, at) for product in {f.loan.product for f in loans}}
        policies = {product: policy for product, policy in found.items() if policy}
        borrower_id = self.history.borrower.borrower_id
        loans = in_force(loans, policies, self.book, borrower_id)
        return ContactFacts(BorrowerFile(self.history.borrower, facts.card), loans, policies).decide(at)

    def debit(self, number: int, at: datetime) -> Any:
        facts = self.facts(at)
        file = facts.files[self.loan_id]
        row = file.instalment(number)
        if row is None:
            return Drop(Reason.UNKNOWN_KEY)
        told = facts.card.told.get(keys.told_key(self.loan_id, number, row.episode))
        policy = self.policy(file.loan.product, at)
        of = DebitFacts(file, row, told, policy, self.history.borrower.payday)
        mandate = of.mandate(at) if policy else None
        rail = policy.rails.get(mandate.rail) if policy and mandate else None
        if rail is not None and rail.failures_in_row is not None:
            if at < self.now:
                self.doubts.append("failures in a row over all loans are counted as they stand now")
            of = replace(of, debits=self.book.debit_card(file.loan.borrower_id))
        return of.decide(at)

    def stage(self, at: datetime) -> Any:
        facts = self.facts(at)
        file = facts.files[self.loan_id]
        oldest = file.oldest_unpaid
        told = facts.card.told.get(keys.told_key(oldest.loan_id, oldest.number, oldest.episode)) if oldest else None
        return StageFacts(file, told, self.policy(file.loan.product, at)).decide(at)
