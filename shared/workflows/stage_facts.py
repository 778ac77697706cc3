"""From stored facts to the stage line's decision."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain import keys
from shared.domain.book import LoanFile, Told
from shared.domain.decision import Decision, Defer, Reason
from shared.domain.policy import Policy
from shared.domain.stage import StageMove, plan_stage
from shared.ports.book import Book
from shared.ports.world import PolicyShelf
from shared.workflows.facts import NO_POLICY_RETRY, owner_of, policy_or_none, rules_of


@dataclass(frozen=True, slots=True)
class StageFacts:
    file: LoanFile
    told: Told | None
    policy: Policy | None

    @property
    def rules(self) -> Policy:
        return rules_of(self.policy, self.file)

    def decide(self, now: datetime) -> Decision[StageMove]:
        if self.policy is None:
            return Defer(now + NO_POLICY_RETRY, Reason.POLICY_MISSING)
        return plan_stage(self.file, self.told, self.policy, now)


def stage_facts(book: Book, shelf: PolicyShelf, loan_id: str, now: datetime) -> StageFacts | None:
    file = book.loan_file(loan_id)
    if file is None:
        return None
    owner, oldest = owner_of(book, file), file.oldest_unpaid
    told = owner.card.told.get(keys.told_key(oldest.loan_id, oldest.number, oldest.episode)) if oldest else None
    return StageFacts(file, told, policy_or_none(shelf, file.loan.product, now, owner.borrower.country))
