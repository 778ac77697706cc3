"""Lists of small values as short lines of text, so that a card with its contacts stays under a kilobyte.

A line is words with single blanks between them; ids within a word stand between `#` and `,`. An id or word that stood
in the list before is written as `~` and its number in order of appearance: `~0` is the first. No key holds a blank or a
tilde, so nothing else looks like one.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from shared.adapters.dynamodb.attributes import Value

_SEPARATORS = re.compile(r"([ #,])")
_LEAST = 4
"""Shorter words are as short as a reference, and are not counted."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MICROSECOND = timedelta(microseconds=1)


def lines(rows: Iterable[Iterable[str]]) -> Value | None:
    """The rows of words as an attribute; None for none. A word may be empty and holds no blank and no tilde."""
    found: dict[str, str] = {}
    written = [{"S": _written(row, found)} for row in rows]
    return {"L": written} if written else None


def read_lines(value: Value) -> Iterator[list[str]]:
    """The rows of words, as they went in."""
    found: list[str] = []
    for line in value["L"]:
        yield "".join(_long(part, found) for part in _SEPARATORS.split(line["S"])).split(" ")


def _written(row: Iterable[str], found: dict[str, str]) -> str:
    return "".join(_short(part, found) for part in _SEPARATORS.split(" ".join(row)))


def _short(part: str, found: dict[str, str]) -> str:
    if len(part) < _LEAST:
        return part
    if part in found:
        return found[part]
    found[part] = f"~{len(found)}"
    return part


def _long(part: str, found: list[str]) -> str:
    if part.startswith("~"):
        return found[int(part[1:])]
    if len(part) >= _LEAST:
        found.append(part)
    return part


def brief(at: datetime) -> str:
    """An instant in ten characters: its microseconds since 1970, in base 36."""
    left, text = (at - _EPOCH) // _MICROSECOND, ""
    while left:
        left, digit = divmod(left, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def read_brief(text: str) -> datetime:
    return _EPOCH + int(text, len(_DIGITS)) * _MICROSECOND
