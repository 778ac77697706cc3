"""Reads a JSON object field by field: what is missing, malformed or unknown raises EventError, naming the field.

No message repeats a value, which may be anything, a phone number too.
"""

import json
import re
from datetime import date

from shared.domain import keys
from shared.domain.errors import EventError, InputError
from shared.domain.shape import Shape, says

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

    def take[T](self, name: str, shape: Shape[T]) -> T:
        """A field that must be there."""
        if name not in self._left:
            raise EventError(f"{self.what}: {name} is missing")
        try:
            return shape(self._left.pop(name))
        except (ValueError, InputError):
            raise EventError(f"{self.what}: {name} must be {shape.says}") from None

    def take_if[T](self, name: str, shape: Shape[T]) -> T | None:
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


@says("1, the only version there is")
def version_1(value: object) -> int:
    if type(value) is not int or value != 1:
        raise ValueError
    return value


@says("true or false")
def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return value


@says("a date such as 2026-03-01")
def day(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


@says("an id of 1 to 64 letters, digits, dots, dashes or underscores")
def identifier(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return keys.checked_id(value)


@says("a list of 1 to 500 ids, each of 1 to 64 letters, digits, dots, dashes or underscores")
def identifiers(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 500:
        raise ValueError
    return tuple(identifier(one) for one in value)


def matching(pattern: str, what: str) -> Shape[str]:
    """A shape: text that a pattern matches whole; `what` says in words what the pattern says."""

    @says(what)
    def shape(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError
        return value

    return shape


def one_of[T](choices: dict[str, T]) -> Shape[T]:
    """A shape: one of these words."""

    @says(" or ".join(choices))
    def shape(value: object) -> T:
        if not isinstance(value, str) or value not in choices:
            raise ValueError
        return choices[value]

    return shape
