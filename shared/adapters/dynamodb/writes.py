"""A list of changes as conditional writes, one for each row."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from shared.adapters.dynamodb.attributes import (
    AGENDAS,
    KEY_NAMES,
    Value,
    Values,
    maybe_day,
    moment,
    number,
    present,
    text,
)
from shared.adapters.dynamodb.hold_rows import HOLDS, hold_values
from shared.adapters.dynamodb.loan_rows import stage_values
from shared.adapters.dynamodb.notice_writes import save_notice, save_receipt
from shared.adapters.dynamodb.rows import open_values, revision_name, step_values, values_of
from shared.adapters.dynamodb.write import Write
from shared.adapters.row_keys import RowKey, card_key, escalation_key, instalment_key, loan_key, row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    MoneyMark,
    NoticeRecord,
    NoticeState,
    OneTimeCode,
)
from shared.domain.changes import (
    Change,
    HoldGate,
    HoldInstalment,
    Insert,
    LeaveEscalation,
    SaveAttempt,
    SaveCard,
    SaveCode,
    SaveDebitCard,
    SaveHolds,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveReceipt,
    SaveStage,
    TakeSeq,
    WakeContact,
    WakeStage,
)

AT_GATE, MANDATES_AT_GATE = "at_gate", "mandates_at_gate"
"""On a mandate the gate that its last change raised, on LOAN the newest of these: whoever reads both, one after the
other, sees whether a change came between."""

FAILURES, FAILED_BY = "failures", "failed_by"
_MENDED: Values = {FAILURES: None, FAILED_BY: None}


def writes_of(changes: Iterable[Change], shards: int) -> list[Write]:  # noqa: C901, PLR0912 - one case for each change
    """One write for each row of the changes, in their order."""
    writes: dict[RowKey, Write] = {}

    def write(row: RowKey) -> Write:
        return writes.setdefault(row, Write(row))

    for change in changes:
        match change:
            case Insert(row):
                _insert(write(row_key(row)), row, shards)
            case SaveInstalment(row) | SaveCard(row):
                _save(write(row_key(row)), row, values_of(row), row.rev, shards)
            case SaveStage(row):
                _save(write(row_key(row)), row, stage_values(row), row.stage_rev, shards)
            case SaveAttempt(row, was_presented):
                _save_attempt(write(row_key(row)), row, was_presented, shards)
            case SaveNotice(row):
                save_notice(write(row_key(row)), row, shards)
            case SaveMandate(row, gate_rev):
                write(row_key(row)).values |= values_of(row) | {AT_GATE: number(gate_rev + 1)}
                _hold_gate(write(loan_key(row.loan_id)), gate_rev)
                raised = {"gate_rev": number(gate_rev + 1), MANDATES_AT_GATE: number(gate_rev + 1)}
                write(loan_key(row.loan_id)).values |= raised
            case SaveHolds(loan_id, holds, gate_rev, at):
                _hold_gate(write(loan_key(loan_id)), gate_rev)
                write(loan_key(loan_id)).values |= {HOLDS: hold_values(holds), "gate_rev": number(gate_rev + 1)}
                _wake(write(loan_key(loan_id)), Line.STAGE, "stage_rev", at, shards)
            case SaveReceipt(row, was):
                save_receipt(write(row_key(row)), row, was)
            case SaveDebitCard(row) | SaveCode(row):
                _save_or_begin(write(row_key(row)), row)
            case TakeSeq(loan_id, seq, gate_rev):
                _hold_gate(write(loan_key(loan_id)), gate_rev)
                write(loan_key(loan_id)).require("#last_seq = :was_seq", "last_seq", was_seq=number(seq - 1))
                write(loan_key(loan_id)).values["last_seq"] = number(seq)
            case HoldGate(loan_id, gate_rev):
                _hold_gate(write(loan_key(loan_id)), gate_rev)
            case HoldInstalment():
                held = write(instalment_key(change.loan_id, change.number))
                held.require("#rev = :was_rev", "rev", was_rev=number(change.rev))
            case LeaveEscalation(loan_id, key, left_on):
                _leave(write(escalation_key(loan_id, key)), maybe_day(left_on))
            case WakeStage(loan_id, at):
                _wake(write(loan_key(loan_id)), Line.STAGE, "stage_rev", at, shards)
            case WakeContact(borrower_id, at):
                _wake(write(card_key(borrower_id)), Line.CONTACT, "rev", at, shards)
            case _:
                assert_never(change)
    return list(writes.values())


def opening(row: Loan | Instalment, at: datetime, shards: int) -> Write:
    """Puts an imported row that was never opened on its agenda; one that was woken or saved since keeps its step.

    The revision rises, so that a save that was decided before loses instead of taking the step away again.
    """
    write = Write(row_key(row), {"opened": moment(at)}, {revision_name(row): None})
    write.kept |= present(step_values(row, shards))
    exists, _ = KEY_NAMES[write.row.table]
    write.require(f"attribute_exists(#{exists}) AND attribute_not_exists(#opened)", exists, "opened")
    return write


def following(card: ContactCard, loan_ids: Iterable[str], at: datetime, shards: int) -> Write:
    """Adds loans to the card as it was read, and brings its step to `at` or leaves it where that is earlier."""
    index = AGENDAS[Line.CONTACT]
    step = min(card.step or at, at)
    followed = replace(card, loan_ids=tuple(dict.fromkeys((*card.loan_ids, *loan_ids))), step=step, rev=card.rev + 1)
    write = Write(row_key(card), step_values(followed, shards))
    partition = write.values.pop(index.partition)
    write.values |= {name: value for name, value in values_of(followed).items() if name in ("loan_ids", "rev")}
    write.kept |= present({index.partition: partition})  # a quarantined card stays there
    write.require("#rev = :was_rev", "rev", was_rev=number(card.rev))
    return write


def _insert(
    write: Write, row: Attempt | NoticeRecord | LedgerEntry | Escalation | MoneyMark | AuditEntry, shards: int
) -> None:
    exists, _ = KEY_NAMES[write.row.table]
    write.values |= values_of(row)
    match row:
        case NoticeRecord():
            # Updated, not put: over a released notice a put would take along what this version does not know.
            write.values |= open_values(row, shards)
            is_free = f"attribute_not_exists(#{exists}) OR #state = :released"
            write.require(is_free, exists, "state", released=text(NoticeState.RELEASED))
            return
        case Attempt():
            write.values |= open_values(row, shards)
        case LedgerEntry() | Escalation() | MoneyMark() | AuditEntry():
            pass
    write.puts = True
    write.require(f"attribute_not_exists(#{exists})", exists)


def _save(write: Write, row: Loan | Instalment | ContactCard, values: Values, rev: int, shards: int) -> None:
    """A save mends the row: failures are counted anew, and a quarantined row is back on its agenda."""
    name = revision_name(row)
    write.values |= values | step_values(row, shards) | _MENDED
    write.require(f"#{name} = :was_{name}", name, **{f"was_{name}": number(rev - 1)})


def _save_or_begin(write: Write, row: DebitCard | OneTimeCode) -> None:
    """The first revision is for a row that is not there; it is updated all the same, so that a newer one survives."""
    write.values |= values_of(row)
    exists, _ = KEY_NAMES[write.row.table]
    if row.rev == 1:
        write.require(f"attribute_not_exists(#{exists})", exists)
    else:
        write.require("#rev = :was_rev", "rev", was_rev=number(row.rev - 1))


def _save_attempt(write: Write, row: Attempt, was_presented: int | None, shards: int) -> None:
    write.values |= values_of(row) | open_values(row, shards)
    write.require(
        "#state IN (:claimed, :unknown)",
        "state",
        claimed=text(AttemptState.CLAIMED),
        unknown=text(AttemptState.UNKNOWN),
    )
    if was_presented is not None:
        write.require("#presented = :was_presented", "presented", was_presented=number(was_presented))


def _hold_gate(write: Write, gate_rev: int) -> None:
    write.require("#gate_rev = :was_gate_rev", "gate_rev", was_gate_rev=number(gate_rev))


def _leave(write: Write, left_on: Value | None) -> None:
    write.values["left_on"] = left_on
    write.require("attribute_exists(#stage) AND attribute_not_exists(#left_on)", "stage", "left_on")


def _wake(write: Write, line: Line, revision: str, at: datetime, shards: int) -> None:
    """Sets the step whatever it was, and raises the revision.

    A condition on the step would make the whole commit fail where the row is due already. And whoever decided on the
    row before this must lose even then: a worker who read it and defers it while this is written did not see what woke
    it. The partition is kept, because waking a quarantined row does not mend it.
    """
    index = AGENDAS[line]
    exists, _ = KEY_NAMES[write.row.table]
    write.values |= {"step": moment(at), index.sort: text(keys.agenda_sort(at, write.row.owner))}
    write.kept[index.partition] = text(keys.shard(write.row.owner, shards))
    write.raised[revision] = None
    write.require(f"attribute_exists(#{exists})", exists)
