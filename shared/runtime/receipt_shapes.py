"""Shapes of fields in what providers say of messages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.errors import EventError
from shared.domain.shape import says
from shared.ports.messages import Receipt
from shared.runtime.fields import matching
from shared.runtime.receipt_words import Meaning

reference = matching(r"[!-~]{1,256}", "1 to 256 printable characters without a blank")
phone = matching(r"\+?[1-9]\d{1,18}", "a phone number")
ours = matching(r"[!-~]{1,64}", "the number or id of ours that got it")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def receipt_of(
    provider: str, meaning: Meaning, at: datetime, key: str | None = None, provider_ref: str | None = None
) -> Receipt:
    return Receipt(provider, meaning.what, at, meaning.code, key, provider_ref, meaning.address_is_dead)


def an_object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EventError(f"{what}: not a JSON object")
    return value


@says("a text")
def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


@says("a text, perhaps an empty one")
def any_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return value


@says("anything")
def anything(value: object) -> object:
    return value


@says("an object")
def mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return value


@says("a list")
def a_list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    return value


@says("1 to 256 printable characters without a blank, or null")
def maybe_reference(value: object) -> str | None:
    return None if value is None or value == "" else reference(value)


@says("milliseconds since 1970")
def milliseconds(value: object) -> datetime:
    if type(value) is not int or not 0 <= value < 10**14:
        raise ValueError
    return _EPOCH + timedelta(milliseconds=value)


@says("an instant such as 2026-03-01T08:00:00.000Z")
def instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError
    return datetime.fromisoformat(value).astimezone(UTC)
