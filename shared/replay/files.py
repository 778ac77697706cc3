"""A replay's results as files: CSV with amounts as decimal strings, rows sorted by their key, and a summary."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import TextIO

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
type Content = Callable[[TextIO], object]
"""Writes a file's text."""

NO_MORE: Mapping[str, Content] = MappingProxyType({})


def write_played(
    played: Played, first: date, last: date, out: Path, more: Mapping[str, Content] = NO_MORE
) -> dict[str, object]:
    """Writes all files, `more` of them by name among them, and gives the summary back.

    Raises InputError for a folder that holds one already or cannot be written. All are written beside their places
    before the first is moved there, the summary last: what fails leaves no result that a repeat would stumble over.
    """
    summary = summary_of(played, first, last)
    contents = {name: as_table(COLUMNS[name], rows) for name, rows in _tables(played).items()}
    _put({**contents, **more, SUMMARY: as_document(summary)}, out)
    return summary


def refuse_unfit(out: Path, names: Iterable[str]) -> None:
    """Raises InputError for what is no folder, holds a file of one of these names, or cannot be written.

    The last is found by making the folder and a file without a name in it. Nothing of either stays: what is wrong with
    other input is found later, and then there is no folder.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: {out} is no folder")
    _refuse_held(out, names)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out) as trial:
            trial.write(b"\n")
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def as_table(columns: Row, rows: Iterable[Row]) -> Content:
    """CSV with a heading; `rows` are run through as the file is written."""

    def write(stream: TextIO) -> None:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)

    return write


def as_document(value: object) -> Content:
    """JSON for people too: indented, every script as it is."""
    return lambda stream: stream.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


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


def _put(contents: Mapping[str, Content], out: Path) -> None:
    """All files, or none of them."""
    _refuse_held(out, contents)
    parts = {name: out / f".{name}.part" for name in contents}
    moved: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, write in contents.items():
            with parts[name].open("w", encoding="utf-8", newline="") as stream:
                write(stream)
        for name, part in parts.items():
            moved.append(part.replace(out / name))
    except OSError as error:
        _remove(moved)
        raise _unwritable(out, error) from error
    finally:
        _remove(parts.values())


def _refuse_held(out: Path, names: Iterable[str]) -> None:
    if taken := next((name for name in names if (out / name).exists()), None):
        raise InputError(f"{out} holds {taken} already: name an empty folder")


def _unwritable(out: Path, error: OSError) -> InputError:
    problem = error.strerror or error
    return InputError(f"--out: {out} cannot be written ({problem}): mend that, or name another folder")


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _sorted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
