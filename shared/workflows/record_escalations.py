"""The stage line's worker: records the stage a loan enters or leaves, with the consequences, in one transaction.

Safe to run twice: an escalation's key is derived from episode and stage, and the loan's stage revision must still hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain.book import InstalmentState, Line, Loan, LoanFile, LoanStatus
from shared.domain.calendar import business_date
from shared.domain.changes import Change, HoldInstalment, Insert, LeaveEscalation, SaveStage
from shared.domain.decision import Act, Decision, Defer
from shared.domain.stage import StageMove, plan_stage
from shared.ports.book import Book
from shared.ports.decisions import DecisionSink
from shared.ports.world import Clock, PolicyShelf
from shared.workflows.passes import Summary, for_each, next_step
from shared.workflows.stage_facts import StageFacts, stage_facts

_TOLD_FOR = timedelta(days=31)
"""Paid instalments are read on for a month, so that their receipt can still be told."""


@dataclass(frozen=True, slots=True)
class Escalations:
    """The ports of the stage line."""

    book: Book
    shelf: PolicyShelf
    clock: Clock
    sink: DecisionSink | None = None

    def work(
        self,
        loan_ids: Sequence[str],
        run: str,
        has_time: Callable[[], bool] = lambda: True,
        summary: Summary | None = None,
    ) -> Summary:
        """Works through loans' hints; safe to run twice on the same ones at once."""
        del run  # the stage line gives no hints
        return for_each(Line.STAGE, loan_ids, self.book, self._loan, has_time, summary)

    def _loan(self, loan_id: str, summary: Summary) -> None:
        now = self.clock.now()
        facts = stage_facts(self.book, self.shelf, loan_id, now)
        if facts is None:
            return
        decision = facts.decide(now)
        summary.note(decision)
        if self.sink:
            self.sink.note(Line.STAGE, loan_id, now, decision)
        loan, changes = facts.file.loan, list[Change]()
        if isinstance(decision, Act):
            since = self._entered_on(loan) if decision.do.leave else {}
            if not decision.do.close and any(
                self._today(facts, now) < since.get(key, date.min) for key in decision.do.leave
            ):
                summary.counts["clock-behind"] += 1  # of the worker who entered it at midnight: the row stays due
                return
            loan, following, changes = self._moved(facts, decision.do, since, now)
        elif isinstance(decision, Defer) or loan.step is not None:
            following = decision
        else:
            return
        step, first_open = next_step(following, now), _first_open(facts.file, now)
        saved = replace(loan, step=step, first_open=first_open, stage_rev=loan.stage_rev + 1)
        if not self.book.commit([*changes, SaveStage(saved)]):
            summary.counts["lost"] += 1
        elif isinstance(decision, Act):
            summary.counts.update(f"stage.entered.{escalation.stage}" for escalation in decision.do.enter)
            summary.counts.update({"stage.left": len(decision.do.leave)})

    def _entered_on(self, loan: Loan) -> Mapping[str, date]:
        """When each stage was entered that the loan is in."""
        return {row.key: row.entered_on for row in self.book.escalations(loan.loan_id)}

    def _today(self, facts: StageFacts, now: datetime) -> date:
        return business_date(now, facts.rules.business_zone)

    def _moved(
        self, facts: StageFacts, move: StageMove, since: Mapping[str, date], now: datetime
    ) -> tuple[Loan, Decision[StageMove], list[Change]]:
        loan, policy, today = facts.file.loan, facts.rules, self._today(facts, now)
        changes: list[Change] = [
            LeaveEscalation(loan.loan_id, key, max(today, since.get(key, today))) for key in move.leave
        ]
        changes += [Insert(escalation) for escalation in move.enter]
        oldest = facts.file.oldest_unpaid
        if move.enter and oldest:  # a payment that came since must win: one on a loan in no stage does not wake it
            changes.append(HoldInstalment(loan.loan_id, oldest.number, oldest.rev))
        after = replace(
            loan,
            entered=(*(k for k in loan.entered if k not in move.leave), *(e.key for e in move.enter)),
            episode=loan.episode + 1 if move.leave else loan.episode,
            status=LoanStatus.SETTLED if move.close else loan.status,
        )
        return after, plan_stage(replace(facts.file, loan=after), facts.told, policy, now), changes


def _first_open(file: LoanFile, now: datetime) -> int:
    """The lowest instalment that a decision may still need: unpaid, or paid within the last month."""
    needed = [
        i.number
        for i in file.instalments
        if i.state is not InstalmentState.PAID or i.paid_on is None or i.paid_on >= now.date() - _TOLD_FOR
    ]
    return min(needed, default=file.loan.first_open)
