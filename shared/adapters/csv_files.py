"""A portfolio's files: read line by line with everything that is wrong with their form, and written for an export.

UTF-8 with or without a byte order mark, comma-separated, the header's order free. What cannot be read becomes a Finding
in place of the line; nothing of a line's content is ever repeated in one.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.domain.errors import InputError
from shared.domain.portfolio import COLUMNS, EXPORT_ONLY, MORE_COLUMNS, OPTIONAL, Finding, SourceLine, columns_of

if TYPE_CHECKING:
    from _csv import Reader


def open_portfolio(folder: Path) -> dict[str, Iterable[SourceLine | Finding]]:
    """The lines of each file by file name, read as they are asked for.

    Raises InputError for a folder that is none. A required file that is missing, and a CSV file that is no part of a
    portfolio (a misspelt one would else be passed over), are findings.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    files: dict[str, Iterable[SourceLine | Finding]] = {}
    for name in COLUMNS:
        if (folder / name).is_file():
            files[name] = read_lines(folder / name, name, COLUMNS[name], MORE_COLUMNS.get(name, ()))
        elif name not in OPTIONAL:
            files[name] = [Finding(name, 1, "", "is missing")]
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() == ".csv" and path.name not in COLUMNS.keys() | EXPORT_ONLY.keys():
            files[path.name] = [Finding(path.name, 1, "", f"is no file of a portfolio: {', '.join(COLUMNS)}")]
    return files


def read_lines(
    path: Path, name: str, columns: Sequence[str], more: Sequence[str] = ()
) -> Iterator[SourceLine | Finding]:
    """The rows of a file by column, each with the line on which it begins. Blank lines are passed over.

    The file must have the `columns` and may have `more`.
    """
    spoilt: dict[int, str] = {}
    try:
        with path.open("rb") as stream:
            rows = csv.reader(_decoded(stream, spoilt), strict=True)
            try:
                header = next(rows, None)
            except csv.Error as error:
                yield Finding(name, 1, "", f"is not CSV: {error}")
                return
            if header is None:
                yield Finding(name, 1, "", f"is empty: the first line names the columns {','.join(columns)}")
                return
            if problems := [spoilt[1]] if 1 in spoilt else _header_problems(header, columns, more):
                yield from (Finding(name, 1, "", problem) for problem in problems)
                return
            yield from _rows(rows, header, name, spoilt)
    except OSError as error:
        yield Finding(name, 1, "", f"cannot be read: {error.strerror}")


def _rows(
    rows: "Reader", header: Sequence[str], name: str, spoilt: Mapping[int, str]
) -> Iterator[SourceLine | Finding]:
    while True:
        begins = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Finding(name, begins, "", f"is not CSV from here on: {error}")
            return
        if row is None:
            return
        problem = next((spoilt[n] for n in range(begins, rows.line_num + 1) if n in spoilt), None)
        if problem:
            yield Finding(name, begins, "", problem)
        elif row and len(row) != len(header):
            yield Finding(name, begins, "", f"has {len(row)} fields, the header has {len(header)}")
        elif row:
            yield SourceLine(begins, dict(zip(header, row, strict=True)))


def _decoded(stream: Iterable[bytes], spoilt: dict[int, str]) -> Iterator[str]:
    """Lines as text; for one that is no text, an empty stand-in and its problem in `spoilt`."""
    for number, raw in enumerate(stream, 1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            spoilt[number] = f"is not UTF-8 (byte {error.start + 1} of the line): save the file as UTF-8"
            yield "-\n"
            continue
        if "\0" in text:
            spoilt[number] = "holds a NUL character"
            text = "-\n"
        yield text


def _header_problems(header: Sequence[str], columns: Sequence[str], more: Sequence[str]) -> list[str]:
    known = (*columns, *more)
    if not set(header) & set(columns):
        return [f"must name the columns: {','.join(columns)}"]
    problems = [
        f"column {place} is none of {', '.join(known)}" for place, found in enumerate(header, 1) if found not in known
    ]
    problems += [f"has no column {column}" for column in columns if column not in header]
    problems += [f"has column {column} more than once" for column in known if list(header).count(column) > 1]
    return problems


def write_files(folder: Path, rows: Mapping[str, Iterable[Mapping[str, str]]]) -> dict[str, int]:
    """Writes an export's files, header first, and returns their row counts.

    Each is written beside its place and moved there whole. Raises InputError when the folder holds one of them already,
    or cannot be written.
    """
    if taken := [name for name in rows if (folder / name).exists()]:
        raise InputError(f"{folder} holds {taken[0]} already: name an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {name: _write(folder, name, lines) for name, lines in rows.items()}
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}") from error


def _write(folder: Path, name: str, lines: Iterable[Mapping[str, str]]) -> int:
    columns = columns_of(name)
    part = folder / f".{name}.part"
    count = 0
    with part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for count, line in enumerate(lines, 1):  # noqa: B007 - read after the loop
            writer.writerow([line[column] for column in columns])
    part.replace(folder / name)
    return count
