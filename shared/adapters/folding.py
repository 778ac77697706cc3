"""What a list of changes comes to, for every store alike: at most one write of each field."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.adapters.row_keys import RowKey, card_key, loan_key, rows_of
from shared.domain import keys
from shared.domain.changes import (
    Change,
    HoldGate,
    SaveCard,
    SaveHolds,
    SaveMandate,
    SaveStage,
    TakeSeq,
    WakeContact,
    WakeStage,
)

MOST_ROWS = 100
"""What one transaction takes."""

_FIELDS: dict[type[Change], str] = {SaveStage: "stage", SaveHolds: "stage"}
"""Both write a loan's stage step; of any other change of a loan's row the fields are its own."""


def folded(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The same changes with every wake folded into the save of its row, or into the earliest wake.

    Changes of a loan's own row may stand together, because each has its own fields. Raises ValueError where two changes
    write the same fields of a row, a gate is held at two revisions, or the list touches more rows than one transaction
    takes: a mistake of the caller, and nothing was written.
    """
    if len(changes) == 1:
        return tuple(changes)
    wakes: dict[RowKey, datetime] = {}
    others: list[Change] = []
    for change in changes:
        if isinstance(change, WakeStage | WakeContact):
            (row,) = rows_of(change)
            wakes[row] = min(wakes.get(row, change.at), change.at)
        else:
            others.append(change)
    made = [_woken(change, wakes) for change in others]
    made += [
        WakeStage(row.owner, at) if row.table == "loans" else WakeContact(row.owner, at) for row, at in wakes.items()
    ]
    _check(made)
    return tuple(made)


def _woken(change: Change, wakes: dict[RowKey, datetime]) -> Change:
    """A save takes the wake of its row along; `wakes` keeps the others."""
    if not wakes:
        return change
    match change:
        case SaveStage():
            at = wakes.pop(loan_key(change.row.loan_id), None)
            return SaveStage(replace(change.row, step=_earlier(change.row.step, at)))
        case SaveHolds():
            at = wakes.pop(loan_key(change.loan_id), change.at)
            return replace(change, at=min(change.at, at))
        case SaveCard():
            at = wakes.pop(card_key(change.row.borrower_id), None)
            return SaveCard(replace(change.row, step=_earlier(change.row.step, at)))
        case _:
            return change


def _earlier(step: datetime | None, at: datetime | None) -> datetime | None:
    return min((moment for moment in (step, at) if moment), default=None)


def _check(changes: Sequence[Change]) -> None:
    fields: Counter[tuple[RowKey, str]] = Counter()
    gates: dict[str, set[int]] = {}
    for change in changes:
        if isinstance(change, TakeSeq | SaveMandate | SaveHolds | HoldGate):
            gates.setdefault(rows_of(change)[-1].owner, set()).add(change.gate_rev)
        for row in rows_of(change):
            is_loan = row.entity == keys.LOAN
            if not (is_loan and isinstance(change, HoldGate | SaveMandate)):
                fields[row, _FIELDS.get(type(change), type(change).__name__) if is_loan else ""] += 1
    if doubled := [row for (row, _), count in fields.items() if count > 1]:
        raise ValueError(f"two changes of one row: {doubled[0].table} {doubled[0].owner} {doubled[0].entity}")
    if split := [loan_id for loan_id, revisions in gates.items() if len(revisions) > 1]:
        raise ValueError(f"decided on two revisions of one gate: loan {split[0]}")
    if len(touched := {row for change in changes for row in rows_of(change)}) > MOST_ROWS:
        raise ValueError(f"{len(touched)} rows in one list of changes, a transaction takes {MOST_ROWS}")
