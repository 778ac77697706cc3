"""The attributes of DynamoDB items: their types, and each kind of value on its way in and out."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from shared.domain import keys
from shared.domain.book import Line, Outcome
from shared.domain.money import Money

type Value = dict[str, Any]
"""A typed attribute value: `{"S": "open"}`, `{"N": "12"}`."""
type Item = dict[str, Value]
type Values = dict[str, Value | None]
"""Attributes to write; None for one that shall be absent."""

KEY_NAMES = {
    "loans": ("loan_id", "entity"),
    "borrowers": ("borrower_id", "entity"),
    "attempts": ("loan_id", "seq"),
    "notices": ("borrower_id", "notice_key"),
    "ledger": ("loan_id", "entry"),
    "audit": ("subject", "revision"),
}


class Index(NamedTuple):
    """A sparse index: its table, its name and its two keys."""

    table: str
    name: str
    partition: str
    sort: str


AGENDAS = {
    Line.CONTACT: Index("borrowers", "contact_agenda", "contact_pk", "contact_sk"),
    Line.DEBIT: Index("loans", "debit_agenda", "debit_pk", "debit_sk"),
    Line.STAGE: Index("loans", "stage_agenda", "stage_pk", "stage_sk"),
}
OPEN_ATTEMPTS = Index("attempts", "open_attempts", "open_pk", "open_sk")
OPEN_NOTICES = Index("notices", "open_notices", "open_pk", "open_sk")


class Lookup(NamedTuple):
    """A sparse index by one value, which few rows share: its table, its name and its key."""

    table: str
    name: str
    key: str


BY_REF = Lookup("notices", "by_ref", "provider_ref")
"""For providers that keep no key of ours."""
BY_PHONE = Lookup("borrowers", "by_phone", "phone_key")


def text(value: str) -> Value:
    return {"S": value}


def number(value: int) -> Value:
    return {"N": str(value)}


def moment(value: datetime) -> Value:
    return {"S": keys.instant(value)}


def maybe_day(value: date | None) -> Value | None:
    return {"S": value.isoformat()} if value else None


def maybe_text(value: str | None) -> Value | None:
    return {"S": value} if value is not None else None


def maybe_moment(value: datetime | None) -> Value | None:
    return moment(value) if value else None


def maybe_number(value: int | None) -> Value | None:
    return number(value) if value is not None else None


def above_zero(value: int) -> Value | None:
    """A number that most rows of its kind have not: absent where it is zero."""
    return number(value) if value else None


def flag(value: bool) -> Value | None:
    """A flag that is either up or absent; read by whether it is there."""
    return {"BOOL": True} if value else None


def unless(usual: str, value: str) -> Value | None:
    """A word that is absent where it is the usual one."""
    return text(value) if value != usual else None


def texts(values: Iterable[str]) -> Value:
    return {"L": [{"S": value} for value in values]}


def texts_if_any(values: Iterable[str]) -> Value | None:
    """A list that most rows of its kind have not: absent where it is empty."""
    found = texts(values)
    return found if found["L"] else None


def present(values: Mapping[str, Value | None]) -> Item:
    return {name: value for name, value in values.items() if value is not None}


def get_text(item: Item, name: str) -> str:
    value: str = item[name]["S"]
    return value


def get_number(item: Item, name: str) -> int:
    return int(item[name]["N"])


def get_day(item: Item, name: str) -> date:
    return date.fromisoformat(item[name]["S"])


def get_moment(item: Item, name: str) -> datetime:
    return datetime.fromisoformat(item[name]["S"])


def get_texts(item: Item, name: str) -> tuple[str, ...]:
    return tuple(value["S"] for value in item[name]["L"])


def some_texts(item: Item, name: str) -> tuple[str, ...]:
    """A list that is absent where it is empty."""
    return get_texts(item, name) if name in item else ()


def maybe[T](get: Callable[[Item, str], T], item: Item, name: str) -> T | None:
    return get(item, name) if name in item else None


def get_count(item: Item, name: str) -> int:
    """A number that is absent where it is zero."""
    return get_number(item, name) if name in item else 0


def get_money(item: Item) -> Money:
    return Money(get_number(item, "amount_minor"), get_text(item, "currency"))


def get_outcome(item: Item) -> Outcome | None:
    return Outcome(item["outcome"]["S"]) if "outcome" in item else None
