"""A replay's results as files: CSV with amounts as decimal strings, rows sorted by their key, and a summary."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from shared.domain.book import Stage
from shared.domain.errors import InputError
from shared.domain.keys import instant
from shared.replay.record import Played

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "notices.csv": (
        *("borrower_id", "notice", "stage", "loans", "channel"),
        *("business_date", "decided_at", "decision", "reason"),
    ),
    "attempts.csv": ("loan_id", "instalments", "seq", "business_date", "amount", "outcome", "reason"),
    "escalations.csv": ("loan_id", "instalment", "bucket", "entered_on", "left_on"),
    "daily.csv": ("date", "bucket", "loans", "instalments", "outstanding"),
}
SUMMARY = "summary.json"
_STAGES = list(Stage)

type Row = Sequence[object]


def write_played(played: Played, first: date, last: date, out: Path) -> dict[str, object]:
    """Writes all files and gives the summary back; raises InputError for a folder that holds one already or cannot be
    written. Each file is written beside its place and moved there whole."""
    names = (*COLUMNS, SUMMARY)
    if taken := [name for name in names if (out / name).exists()]:
        raise InputError(f"{out} holds {taken[0]} already: name an empty folder")
    summary = summary_of(played, first, last)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, rows in _tables(played).items():
            _write(out, name, rows)
        part = out / f".{SUMMARY}.part"
        part.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        part.replace(out / SUMMARY)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return summary


def summary_of(played: Played, first: date, last: date) -> dict[str, object]:
    """The sums over everything; amounts as decimal strings."""

    amount = played.decimal
    messages = [line for line in played.notices if line.decision == "act"]
    outcomes = Counter(line.outcome for line in played.attempts)
    debited = sum(line.amount_minor for line in played.attempts if line.outcome == "paid")
    entered = Counter(stay.bucket for stay in played.stays if first <= stay.entered_on <= last)
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "currency": played.currency,
        "policies": list(played.versions),
        "days_outside_pack_validity": played.days_outside,
        "borrowers": played.borrowers,
        "borrowers_without_zone": played.zoneless,
        "loans": played.loans,
        "instalments": played.instalments,
        "payments": played.payments,
        "paid": amount(played.paid_minor),
        "left_out_as_later": played.later,
        "messages": len(messages),
        "messages_by_kind": _sorted(line.notice.partition("#")[0] for line in messages),
        "messages_by_channel": _sorted(line.channel for line in messages),
        "held_back": _sorted(line.reason for line in played.notices if line.decision == "defer"),
        "unreachable": sum(line.decision == "drop" for line in played.notices),
        "attempts": sum(outcomes.values()),
        "attempts_by_outcome": dict(sorted(outcomes.items())),
        "debited": amount(debited),
        "escalations": {stage.value: entered[stage] for stage in _STAGES if stage is not Stage.CURRENT},
        "at_the_end": {
            level.bucket.value: {
                "loans": level.loans,
                "instalments": level.instalments,
                "outstanding": amount(level.outstanding_minor),
            }
            for level in played.levels
            if level.day == last
        },
        "failures": dict(sorted(played.failures.items())),
    }


def _tables(played: Played) -> dict[str, Iterable[Row]]:
    return {
        "notices.csv": (
            (
                *(line.borrower_id, line.notice, line.stage, " ".join(line.loans), line.channel),
                *(line.business_date, instant(line.decided_at), line.decision, line.reason),
            )
            for line in played.notices
        ),
        "attempts.csv": (
            (
                *(line.loan_id, " ".join(map(str, line.numbers)), line.seq, line.business_date),
                *(played.decimal(line.amount_minor), line.outcome, line.reason),
            )
            for line in played.attempts
        ),
        "escalations.csv": (
            (stay.loan_id, stay.number, stay.bucket, stay.entered_on, stay.left_on or "") for stay in played.stays
        ),
        "daily.csv": (
            (level.day, level.bucket, level.loans, level.instalments, played.decimal(level.outstanding_minor))
            for level in played.levels
        ),
    }


def _write(out: Path, name: str, rows: Iterable[Row]) -> None:
    part = out / f".{name}.part"
    with part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS[name])
        writer.writerows(rows)
    part.replace(out / name)


def _sorted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
