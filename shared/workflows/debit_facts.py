"""From stored facts to the debit line's decision."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain import keys
from shared.domain.book import DebitCard, Instalment, LoanFile, Mandate, Told
from shared.domain.calendar import business_date
from shared.domain.debit import Presentment
from shared.domain.debit_mandates import plan_under_mandates
from shared.domain.decision import Act, Decision, Defer, Reason
from shared.domain.policy import Policy
from shared.domain.switches import ALL_ON, Switches
from shared.ports.book import Book
from shared.ports.world import PolicyShelf
from shared.workflows.facts import NO_POLICY_RETRY, owner_of, policy_or_none, rules_of

SWITCHED_OFF_RETRY = timedelta(minutes=15)
"""How soon a row looks again for an operator's switch."""


@dataclass(frozen=True, slots=True)
class DebitFacts:
    file: LoanFile
    instalment: Instalment
    told: Told | None
    policy: Policy | None
    payday: int | None = None
    debits: DebitCard | None = None  # read only where the rail's rule spans loans

    @property
    def rules(self) -> Policy:
        return rules_of(self.policy, self.file)

    def mandate(self, now: datetime) -> Mandate | None:
        return self.file.mandate_on(business_date(now, self.rules.business_zone))

    def decide(self, now: datetime, switches: Switches = ALL_ON) -> Decision[Presentment]:
        """The decision by the rules; what would act waits while an operator has it switched off."""
        if self.policy is None:
            return Defer(now + NO_POLICY_RETRY, Reason.POLICY_MISSING)
        decision = plan_under_mandates(
            self.file, self.instalment, self.told, self.policy, now, payday=self.payday, debits=self.debits
        )
        if isinstance(decision, Act) and switches.stops_debits(decision.do.rail, self.file.loan.product):
            return Defer(now + SWITCHED_OFF_RETRY, Reason.SWITCHED_OFF)
        return decision


def debit_facts(book: Book, shelf: PolicyShelf, key: str, now: datetime) -> DebitFacts | None:
    loan_id, number = keys.parse_debit_key(key)
    file = book.loan_file(loan_id)
    instalment = file.instalment(number) if file else None
    if file is None or instalment is None:
        return None
    owner = owner_of(book, file)
    policy = policy_or_none(shelf, file.loan.product, now, owner.borrower.country)
    told = owner.card.told.get(keys.told_key(instalment.loan_id, instalment.number, instalment.episode))
    facts = DebitFacts(file, instalment, told, policy, owner.borrower.payday)
    mandate = facts.mandate(now) if policy else None
    rail = policy.rails.get(mandate.rail) if policy and mandate else None
    if rail is None or rail.failures_in_row is None:
        return facts
    return replace(facts, debits=book.debit_card(file.loan.borrower_id))
