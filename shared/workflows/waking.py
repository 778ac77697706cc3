"""What money brings forward on the other lines."""

from collections.abc import Collection
from datetime import date, datetime

from shared.domain.book import Instalment, Line, LoanFile, Outcome, Stage
from shared.domain.calendar import days_past_due
from shared.domain.changes import Change, WakeContact, WakeStage
from shared.ports.world import WorkQueue


def wakes(
    file: LoanFile, changed: Collection[Instalment], now: datetime, today: date, dpd_origin: int = 0
) -> list[Change]:
    """What money brings forward: the stage line where a stage may end, or where it may have waited for a person to look
    at the instalment that is paid now; both lines where the loan is repaid.

    Money for an instalment that is late wakes the stage line though the loan stands in no stage: it may be entering one
    at this moment. Any other payment brings nothing forward: the contact line looks after each deduction anyway.
    """
    after = {i.number: i for i in file.instalments} | {i.number: i for i in changed}
    if all(i.is_paid for i in after.values()):
        return [WakeContact(file.loan.borrower_id, now), WakeStage(file.loan.loan_id, now)]
    is_late = any(days_past_due(i.due_on, today, dpd_origin) for i in changed)
    may_move = file.loan.stage is not Stage.CURRENT or is_late or any(i.blocked for i in file.unpaid)
    return [WakeStage(file.loan.loan_id, now)] if may_move else []


class Touched:
    """Whom outcomes concern, so that the other lines hear at once instead of at their next pass."""

    def __init__(self) -> None:
        self._borrowers: set[str] = set()
        self._loans: set[str] = set()

    def note(self, borrower_id: str, loan_id: str, outcome: Outcome) -> None:
        if outcome.is_terminal:
            self._borrowers.add(borrower_id)
        if outcome is Outcome.PAID:
            self._loans.add(loan_id)

    def tell(self, queue: WorkQueue, run: str) -> None:
        """Hints only: lost ones cost time, not messages, since both lines have their own next step."""
        if self._borrowers:
            queue.send(Line.CONTACT, sorted(self._borrowers), run)
        if self._loans:
            queue.send(Line.STAGE, sorted(self._loans), run)
