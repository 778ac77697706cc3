"""Stages, money and planning broken: what is not undone, not booked, booked twice, or never looked at again."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from shared.domain import keys, settlement, stage
from shared.domain.book import Attempt, EntryKind, Instalment, LedgerEntry, Line, LoanFile, Outcome, Stage
from shared.domain.changes import Change, Insert, LeaveEscalation
from shared.domain.policy import Policy
from shared.simulation.patches import Patch, Patches
from shared.workflows import (
    booking,
    coming_again,
    plan_work,
    record_escalations,
    resolve_suspense,
    settling,
    stage_facts,
    taking_back,
)
from shared.workflows.settling import Settling


def stage_without_its_notice() -> Patches:
    """Whatever the borrower was told counts as the notice that a stage needs."""
    yield Patch(stage, "overdue_from", lambda _tier: 10_000)


def cure_does_not_undo() -> Patches:
    """A loan leaves its stage, and what the stage did stays."""

    def moved(self: Any, *facts: Any) -> tuple[Any, Any, list[Change]]:
        after, following, changes = original(self, *facts)
        return after, following, [c for c in changes if not isinstance(c, LeaveEscalation)]

    original = record_escalations.Escalations._moved
    yield Patch(record_escalations.Escalations, "_moved", moved)


def stage_by_equality() -> Patches:
    """A stage is entered on its day; who missed the day never enters it."""

    def bucket_for(dpd: int, policy: Policy) -> Stage:
        reached = [rule.stage for rule in policy.stages if rule.from_dpd == dpd]
        return reached[-1] if reached else Stage.CURRENT

    yield Patch(stage, "bucket_for", bucket_for)


def hold_forgotten_by_the_stage() -> Patches:
    """The stage line decides on the loan as if nothing held it."""

    def decide(self: Any, now: datetime) -> Any:
        loan = replace(self.file.loan, holds=())
        return original(replace(self, file=replace(self.file, loan=loan)), now)

    original = stage_facts.StageFacts.decide
    yield Patch(stage_facts.StageFacts, "decide", decide)


def allocation_loses_a_minor_unit() -> Patches:
    """Of each payment that covers less than an instalment, one minor unit reaches the ledger and not the instalment."""

    def with_pieces(instalment: Instalment, pieces: Iterable[tuple[Any, int]]) -> Instalment:
        row = original(instalment, pieces)
        return replace(row, paid_minor=row.paid_minor - 1) if 0 < row.paid_minor < row.due_minor else row

    original = settlement._with_pieces
    yield Patch(settlement, "_with_pieces", with_pieces)


def webhook_booked_twice() -> Patches:
    """A second report of a payment is booked once more."""

    def again(self: Settling, attempt: Attempt, file: LoanFile, outcome: Outcome, ref: str | None) -> str | None:
        if attempt.outcome is Outcome.PAID and outcome is Outcome.PAID:
            return "conflict" if self._suspend(attempt, file, self.clock.now()) else None
        return original(self, attempt, file, outcome, ref)

    original = settling.Settling._again
    yield Patch(settling.Settling, "_again", again)


def undo_takes_no_place() -> Patches:
    """Two that take back the same money at the same moment do not collide: neither by place nor by number."""
    numbers = iter(range(10**9))

    def place_after(original: Any, _undone: Any) -> Insert:
        mark: Any = real(original, ()).row
        return Insert(replace(mark, external_id=f"{mark.external_id}-{next(numbers)}"))

    def suffixed(change: Change) -> Change:
        row = change.row if isinstance(change, Insert) else None
        if isinstance(row, LedgerEntry) and row.undoes and row.kind in (EntryKind.REVERSAL, EntryKind.CHARGEBACK):
            return Insert(replace(row, external_id=f"{row.external_id}-{next(numbers)}"))
        return change

    def take_off_loan(*args: Any, **kwargs: Any) -> tuple[Change, ...]:
        return tuple(suffixed(change) for change in take_off(*args, **kwargs))

    real, take_off = booking.place_after, booking.take_off_loan
    yield Patch(booking, "place_after", place_after)
    for module in (taking_back, coming_again, resolve_suspense):
        yield Patch(module, "place_after", place_after)
    yield Patch(taking_back, "take_off_loan", take_off_loan)


def whole_row_written() -> Patches:
    """An instalment is written as this deploy knows it: a field of a later one is gone."""

    def with_pieces(instalment: Instalment, pieces: Iterable[tuple[Any, int]]) -> Instalment:
        row = original(instalment, pieces)
        return Instalment(**{one.name: getattr(row, one.name) for one in fields(Instalment)})

    original = settlement._with_pieces
    yield Patch(settlement, "_with_pieces", with_pieces)


def whole_attempt_written() -> Patches:
    """An attempt is settled as this deploy knows it: a field of a later one is gone."""

    def rebuilt(row: Any, **changes: Any) -> Any:
        if isinstance(row, Attempt):
            row = Attempt(**{one.name: getattr(row, one.name) for one in fields(Attempt)})
        return replace(row, **changes)

    yield Patch(settlement, "replace", rebuilt)


def cursor_past_the_lag() -> Patches:
    """The planner goes on where it ended the last time: what its index showed too late, or what got lost on the way, is
    never looked at again."""
    reached: dict[tuple[int, Line, int], str] = {}

    def due(self: Any, line: Line, until: datetime | None) -> Iterator[str]:
        for number in range(self.book.shards()):
            place = id(self.clock), line, number
            page = self.book.agenda(line, keys.shard_name(number), until, 10_000, reached.get(place))
            if until:
                reached[place] = keys.agenda_bound(until)
            yield from page.keys

    yield Patch(plan_work.Planner, "_due", due)


def sleepers_stay_asleep() -> Patches:
    """A repaid loan wakes neither line: the stage stays, and the end of the loan is not told."""
    for module in (booking, settling):
        yield Patch(module, "wakes", lambda *_: [])
