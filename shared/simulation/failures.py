"""What a witness sees of a rule over all of a borrower's loans: failures in a row, by the order of the commits.

Stamps of workers whose clocks are apart leave that order open; whoever sees every commit as it is made knows it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock
from shared.domain import keys
from shared.domain.book import Attempt, AttemptState, Mandate, MandateStatus, Outcome
from shared.domain.changes import Change, Insert, SaveAttempt, SaveMandate
from shared.invariants.rules import RuleBook
from shared.invariants.terms import Breach
from shared.simulation.boundaries import MOST_APART

_FAILED = (Outcome.INSUFFICIENT, Outcome.LIMIT)
_AGREED = (MandateStatus.SIGNED, MandateStatus.ACTIVE)
_APART = timedelta(seconds=2 * MOST_APART)
"""An authorisation this short before the last failure may bear the later stamp, and counts as newer by it."""


@dataclass(slots=True)
class FailuresInRow:
    """Counts every borrower's failures, and says which debit was claimed after the last one that was allowed."""

    book: MemoryBook
    clock: FixedClock
    rules: RuleBook
    _answered: set[str] = field(default_factory=set)
    _failures: Counter[str] = field(default_factory=Counter)
    _stopped: dict[str, datetime] = field(default_factory=dict)  # by borrower, in true time
    _agreed: dict[tuple[str, str], tuple[datetime, datetime]] = field(default_factory=dict)  # as stamped, and truly

    def saw(self, changes: Sequence[Change]) -> Iterator[Breach]:
        """A commit, at the moment at which it was made."""
        for change in changes:
            match change:
                case Insert(Attempt() as attempt):
                    yield from self._claimed(attempt)
                case SaveAttempt(attempt) if attempt.state is AttemptState.CLAIMED:
                    yield from self._claimed(attempt)
                case SaveAttempt(attempt) if attempt.state is AttemptState.SETTLED:
                    self._settled(attempt)
                case SaveMandate(mandate):
                    self._authorised(mandate)
                case _:
                    pass

    def _claimed(self, attempt: Attempt) -> Iterator[Breach]:
        borrower_id, most = self._borrower(attempt), self._most(attempt)
        _, agreed = self._agreed.get((attempt.loan_id, attempt.mandate_id), (None, None))
        stopped = self._stopped.get(borrower_id)
        if most is not None and stopped and (agreed is None or agreed + _APART < stopped):
            key = keys.intent_key(attempt.loan_id, attempt.seq)
            yield Breach("claims-were-right", key, f"after {most} failures in a row, and not authorised since")

    def _settled(self, attempt: Attempt) -> None:
        """Its first answer; what comes to light later is a person's business, and undoes no failure."""
        key, most = keys.intent_key(attempt.loan_id, attempt.seq), self._most(attempt)
        if most is None or key in self._answered:
            return
        self._answered.add(key)
        borrower_id = self._borrower(attempt)
        if attempt.outcome is Outcome.PAID:
            self._failures[borrower_id] = 0
        elif attempt.outcome in _FAILED:
            self._failures[borrower_id] += 1
        if self._failures[borrower_id] >= most:
            self._failures[borrower_id], self._stopped[borrower_id] = 0, self.clock.at

    def _authorised(self, mandate: Mandate) -> None:
        """The borrower's own word lets debit; a change by another hand leaves his word of before."""
        place, said = (mandate.loan_id, mandate.mandate_id), mandate.evidence
        if said and mandate.status in _AGREED and self._agreed.get(place, (None, None))[0] != said.seen_at:
            self._agreed[place] = said.seen_at, self.clock.at

    def _most(self, attempt: Attempt) -> int | None:
        """How many stop the borrower's debits; None where no rule spans loans."""
        rail = self.rules.rail(attempt.rail, date.fromisoformat(attempt.slot[:10]))
        return rail.failures_in_row if rail and attempt.refunds is None else None

    def _borrower(self, attempt: Attempt) -> str:
        file = self.book.loan_file(attempt.loan_id)
        return file.loan.borrower_id if file else attempt.loan_id
