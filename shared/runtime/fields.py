"""Reads a JSON object field by field: what is missing, malformed or unknown raises EventError, naming the field.

No message repeats a value, which may be anything, a phone number too.
"""

import json
import re
from collections.abc import Callable
from datetime import date

from shared.domain import keys
from shared.domain.errors import EventError, InputError

_DATE = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)
_NAME_SHOWN = 40


class Fields:
    """The fields of one object, taken out one by one; `what` names it in every message."""

    def __init__(self, document: object, what: str) -> None:
        if not isinstance(document, dict):
            raise EventError(f"{what}: not a JSON object")
        self.what = what
        self._left = dict(document)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take[T](self, name: str, shape: Callable[[object], T]) -> T:
        """A field that must be there. `shape` reads it or raises; its docstring says what it reads."""
        if name not in self._left:
            raise EventError(f"{self.what}: {name} is missing")
        try:
            return shape(self._left.pop(name))
        except (ValueError, InputError):
            raise EventError(f"{self.what}: {name} must be {shape.__doc__}") from None

    def take_if[T](self, name: str, shape: Callable[[object], T]) -> T | None:
        """A field that may be missing."""
        return self.take(name, shape) if name in self._left else None

    def done(self) -> None:
        """Refuses what nobody took."""
        if self._left:
            raise EventError(f"{self.what}: unknown field {min(map(str, self._left))[:_NAME_SHOWN]!r}")


def read_json(text: str, what: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise EventError(f"{what}: not JSON") from None


def version_1(value: object) -> int:
    """1, the only version there is"""
    if type(value) is not int or value != 1:
        raise ValueError
    return value


def flag(value: object) -> bool:
    """true or false"""
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return value


def day(value: object) -> date:
    """a date such as 2026-03-01"""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


def identifier(value: object) -> str:
    """an id of 1 to 64 letters, digits, dots, dashes or underscores"""
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return keys.checked_id(value)


def identifiers(value: object) -> tuple[str, ...]:
    """a list of 1 to 500 ids, each of 1 to 64 letters, digits, dots, dashes or underscores"""
    if not isinstance(value, list) or not 1 <= len(value) <= 500:
        raise ValueError
    return tuple(identifier(one) for one in value)


def matching(pattern: str, what: str) -> Callable[[object], str]:
    """A shape: text that a pattern matches whole; `what` says in words what the pattern says."""

    def shape(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError
        return value

    shape.__doc__ = what
    return shape


def one_of[T](choices: dict[str, T]) -> Callable[[object], T]:
    """A shape: one of these words."""

    def shape(value: object) -> T:
        if not isinstance(value, str) or value not in choices:
            raise ValueError
        return choices[value]

    shape.__doc__ = " or ".join(choices)
    return shape
