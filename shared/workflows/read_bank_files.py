"""Bank files: read line by line, passed on in messages of fifty rows, booked like any other news of money.

Safe to run twice: each row is known by its reference, so the same file again, or one that overlaps it, changes nothing;
the results are written over themselves. A file is read in the version that was told of, so that another one under its
name takes nothing away, however late the first is read.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import batched

from shared.domain.bank_file import (
    COLUMNS,
    NAME_RULE,
    ROWS_PER_MESSAGE,
    BadRow,
    BankFile,
    BankRow,
    BankRows,
    header_problem,
    is_file_name,
    read_row,
    result_name,
)
from shared.domain.errors import InputError
from shared.domain.repayment import Arrived
from shared.ports.stub import EventQueue
from shared.ports.webhooks import BankFiles
from shared.workflows.booking import lender_today
from shared.workflows.passes import Summary
from shared.workflows.record_repayments import Repayments

_MESSAGES_AT_ONCE = 100
_MOST_LISTED = 1000
"""Bad rows that a result lists; more are counted."""


class _RefusedError(InputError):
    """The file is refused whole."""


@dataclass(slots=True)
class _Bad:
    """Bad rows, of which the first ones are kept."""

    count: int = 0
    listed: list[BadRow] = field(default_factory=list)

    def note(self, row: BadRow) -> None:
        self.count += 1
        if len(self.listed) < _MOST_LISTED:
            self.listed.append(row)


@dataclass(frozen=True, slots=True)
class BankFileReader:
    """The ports of reading; `queue` is the one of repayments, on which rows come back to be booked."""

    repayments: Repayments
    files: BankFiles
    queue: EventQueue

    def read(self, arrived: Sequence[BankFile], summary: Summary | None = None) -> Summary:
        """Queues the rows of files, and puts down what of each was refused."""
        summary = summary or Summary()
        for file in arrived:
            self._read(file, summary)
        return summary

    def _read(self, file: BankFile, summary: Summary) -> None:
        if not is_file_name(file.name):
            self._refuse(file, f"the name must be {NAME_RULE}", 0, summary)
            return
        today = lender_today(self.repayments.shelf, self.repayments.clock.now())
        bad, count = _Bad(), 0
        try:
            good = _good_rows(self.files.lines(file), today, bad)
            for messages in batched(batched(good, ROWS_PER_MESSAGE, strict=False), _MESSAGES_AT_ONCE, strict=False):
                self.queue.send([_message(file, rows) for rows in messages])
                count += sum(len(rows) for rows in messages)
        except InputError as error:
            self._refuse(file, str(error), count, summary)
            return
        rows = [{"line": row.line, "problem": row.problem} for row in bad.listed]
        self.files.keep_result(file.name, _result(file, rows=count, quarantined=bad.count, lines=rows))
        summary.counts.update({"file.read": 1, "file.rows": count})
        if bad.count:
            summary.counts["quarantine.BAD_ROW"] += bad.count

    def _refuse(self, file: BankFile, problem: str, count: int, summary: Summary) -> None:
        """Puts down why a file was refused; `count` is how many of its rows had gone on before that."""
        self.files.keep_result(result_name(file.name), _result(file, refused=problem, rows=count))
        summary.counts["file.refused"] += 1

    def book(self, batch: BankRows, run: str, summary: Summary | None = None) -> Summary:
        """Books rows; those in front of a person by now are put down, on a repeat too."""
        summary = summary or Summary()
        arrived: list[Arrived] = [row.arrived() for row in batch.rows]
        verdicts = self.repayments.judge(arrived, run, summary)
        pairs = zip(batch.rows, verdicts, strict=True)
        lines = [{"line": r.line, "became": v.became, "problem": v.problem} for r, v in pairs if v.problem]
        if lines:
            name = f"{batch.name}.from-line-{batch.rows[0].line}"
            file = BankFile(batch.name, batch.version)
            self.files.keep_result(name, _result(file, rows=len(batch.rows), lines=lines))
        return summary


def _good_rows(lines: Iterator[bytes], today: date, bad: _Bad) -> Iterator[BankRow]:
    """The rows that can be read; the others are noted. Raises InputError where the header is none."""
    order: list[str] = []
    for number, raw in enumerate(lines, 1):
        cells = _cells(raw, number)
        if number == 1:
            header = None if cells == [] else cells
            if isinstance(header, BadRow):
                raise _RefusedError(f"line 1 {header.problem}")
            if problem := header_problem(header):
                raise _RefusedError(f"the file {problem}")
            order = [name.strip() for name in header or ()]
        elif isinstance(cells, BadRow):
            bad.note(cells)
        elif cells and len(cells) != len(order):
            bad.note(BadRow(number, f"has {len(cells)} fields, the header has {len(order)}"))
        elif cells:
            row = read_row(number, dict(zip(order, cells, strict=True)), today)
            if isinstance(row, BadRow):
                bad.note(row)
            else:
                yield row
    if not order:
        raise _RefusedError(f"the file {header_problem(None)}")


def _cells(raw: bytes, number: int) -> list[str] | BadRow:
    """The cells of one line, none for a blank one. Each stands alone, so that a stray quote spoils only its own."""
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return BadRow(number, "is not UTF-8")
    if "\0" in text:
        return BadRow(number, "holds a NUL character")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return BadRow(number, "is not CSV: a quote is not closed or stands inside a field")


def _message(file: BankFile, rows: Sequence[BankRow]) -> str:
    listed = [[r.line, r.reference, r.minor, r.currency, r.booked_on.isoformat(), r.loan_id] for r in rows]
    return json.dumps({"v": 1, "kind": "rows"} | _named(file) | {"rows": listed}, separators=(",", ":"))


def _result(file: BankFile, **said: object) -> str:
    return json.dumps({"v": 1} | _named(file) | {"columns": list(COLUMNS)} | said, indent=1)


def _named(file: BankFile) -> dict[str, object]:
    named: dict[str, object] = {"file": file.name}
    return named | {"version": file.version} if file.version else named
