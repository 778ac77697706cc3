"""The tables declared: what operators' commands read through, apart from the hand mapping of the workers.

Reading only. `save()` on a row that was read would erase the attributes that a model does not know, so it is refused.
A model is bound to the tables of one stack by `bind`; rows of one table come out as the model of their kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar, NoReturn, Self, cast

from pynamodb.attributes import Attribute, MapAttribute, UnicodeAttribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from shared.domain.errors import BookError


class DayAttribute(Attribute[date]):
    """A date as `2026-03-01`."""

    attr_type = "S"

    def serialize(self, value: date) -> str:
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        return date.fromisoformat(value)


class InstantAttribute(Attribute[datetime]):
    """An aware UTC instant as `2026-03-01T00:00:00Z`."""

    attr_type = "S"

    def serialize(self, value: datetime) -> str:
        return value.isoformat().replace("+00:00", "Z")

    def deserialize(self, value: str) -> datetime:
        return datetime.fromisoformat(value)


class WholeAttribute(Attribute[int]):
    """A whole number; the library's own number may come out as a float, which no amount should meet."""

    attr_type = "N"

    def serialize(self, value: int) -> str:
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class FlagAttribute(Attribute[bool]):
    """A flag that is either up or absent."""

    attr_type = "BOOL"

    def serialize(self, value: bool) -> bool:
        return value

    def deserialize(self, value: bool) -> bool:
        return value


class TextsAttribute(Attribute[tuple[str, ...]]):
    attr_type = "L"

    def serialize(self, value: tuple[str, ...]) -> list[dict[str, str]]:
        return [{"S": text} for text in value]

    def deserialize(self, value: list[dict[str, str]]) -> tuple[str, ...]:
        return tuple(text["S"] for text in value)


class WholesAttribute(Attribute[tuple[int, ...]]):
    attr_type = "L"

    def serialize(self, value: tuple[int, ...]) -> list[dict[str, str]]:
        return [{"N": str(number)} for number in value]

    def deserialize(self, value: list[dict[str, str]]) -> tuple[int, ...]:
        return tuple(int(number["N"]) for number in value)


class SplitAttribute(Attribute[tuple[tuple[int, int], ...]]):
    """What money paid: pairs of an instalment's number and minor units."""

    attr_type = "L"

    def serialize(self, value: tuple[tuple[int, int], ...]) -> list[dict[str, list[dict[str, str]]]]:
        return [{"L": [{"N": str(number)}, {"N": str(minor)}]} for number, minor in value]

    def deserialize(self, value: list[dict[str, list[dict[str, str]]]]) -> tuple[tuple[int, int], ...]:
        return tuple((int(number["N"]), int(minor["N"])) for number, minor in (part["L"] for part in value))


class ToldAttribute(Attribute[dict[str, dict[str, str | int]]]):
    """What was told, by key: a map of maps of texts and whole numbers."""

    attr_type = "M"

    def serialize(self, value: dict[str, dict[str, str | int]]) -> dict[str, Any]:
        return {
            key: {"M": {name: {"N": str(of)} if isinstance(of, int) else {"S": of} for name, of in told.items()}}
            for key, told in value.items()
        }

    def deserialize(self, value: dict[str, Any]) -> dict[str, dict[str, str | int]]:
        return {
            key: {name: int(of["N"]) if "N" in of else of["S"] for name, of in told["M"].items()}
            for key, told in value.items()
        }


def _maybe[T](kind: Callable[..., Attribute[T]]) -> Attribute[T | None]:
    """An attribute that a row may lack; the library types it as if it were always there."""
    return cast("Attribute[T | None]", kind(null=True))


class LastAttempt(MapAttribute[str, Any]):
    """The newest attempt on an instalment, as its row remembers it."""

    seq = WholeAttribute()
    slot = UnicodeAttribute()
    claimed_at = InstantAttribute()
    outcome = _maybe(UnicodeAttribute)
    settled_on = _maybe(DayAttribute)
    amount_minor = WholeAttribute()


class UnreadableRowError(BookError):
    """A stored row that its model cannot read; `key` names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"the stored row {key} cannot be read: {problem}")
        self.key = key
        self.problem = problem


class StoredItem(Model):
    """A row of one of the tables; `KINDS` are the models of a table's rows by how their second key begins."""

    KINDS: ClassVar[Mapping[str, type["StoredItem"]]] = {}

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """The row as the model of its kind; one of a kind that nobody declared has only what all of its table have."""
        kinds = (model for start, model in cls.KINDS.items() if data["entity"]["S"].startswith(start))
        kind = cast("type[Self]", next(kinds, cls))
        try:
            return super(StoredItem, kind).from_raw_data(data)
        except (AttributeDeserializationError, ValueError, KeyError) as error:
            key = " ".join(data[cls.get_attributes()[name].attr_name]["S"] for name in cls.key_names())
            raise UnreadableRowError(key, f"{type(error).__name__} {error}") from error

    @classmethod
    def key_names(cls) -> list[str]:
        """The names of the table's keys, partition first."""
        named = [
            (of.is_range_key, name) for name, of in cls.get_attributes().items() if of.is_hash_key or of.is_range_key
        ]
        return [name for _, name in sorted(named)]

    def lacking(self) -> str | None:
        """The first attribute that every such row has and this one lacks; an index gives rows that have only keys."""
        named = self.get_attributes().items()
        return next((name for name, of in named if not of.null and self.attribute_values.get(name) is None), None)

    def save(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("models only read: a row is written by the book's own mapping")

    def update(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("models only read: a row is written by the book's own mapping")

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("models only read: a row is written by the book's own mapping")


def _index(name: str, partition: str, sort: str) -> GlobalSecondaryIndex[Any]:
    meta = type("Meta", (), {"index_name": name, "projection": KeysOnlyProjection()})
    keys = {partition: UnicodeAttribute(hash_key=True), sort: UnicodeAttribute(range_key=True)}
    index: GlobalSecondaryIndex[Any] = type(name, (GlobalSecondaryIndex,), {"Meta": meta, **keys})()
    return index


class LoansItem(StoredItem):
    loan_id = UnicodeAttribute(hash_key=True)
    entity = UnicodeAttribute(range_key=True)
    debit_pk = _maybe(UnicodeAttribute)
    debit_sk = _maybe(UnicodeAttribute)
    stage_pk = _maybe(UnicodeAttribute)
    stage_sk = _maybe(UnicodeAttribute)
    debit_agenda = _index("debit_agenda", "debit_pk", "debit_sk")
    stage_agenda = _index("stage_agenda", "stage_pk", "stage_sk")

    @property
    def sub_key(self) -> str:
        """What follows the first `#` of the second key: an instalment's number, a mandate's id, an escalation's key."""
        return self.entity.partition("#")[2]


class LoanItem(LoansItem):
    borrower_id = UnicodeAttribute()
    product = UnicodeAttribute()
    currency = UnicodeAttribute()
    disbursed_on = DayAttribute()
    principal_minor = WholeAttribute()
    status = UnicodeAttribute()
    entered = TextsAttribute()
    episode = WholeAttribute()
    first_open = WholeAttribute()
    last_seq = WholeAttribute()
    gate_rev = WholeAttribute()
    stage_rev = WholeAttribute()
    step = _maybe(InstantAttribute)
    opened = _maybe(InstantAttribute)


class InstalmentItem(LoansItem):
    due_on = DayAttribute()
    principal_minor = WholeAttribute()
    interest_minor = WholeAttribute()
    fee_minor = WholeAttribute()
    currency = UnicodeAttribute()
    paid_minor = WholeAttribute()
    state = UnicodeAttribute()
    episode = WholeAttribute()
    attempts = WholeAttribute()
    last_attempt: Attribute[LastAttempt | None] = cast("Any", LastAttempt)(null=True)
    paid_on = _maybe(DayAttribute)
    paid_by = _maybe(WholeAttribute)
    blocked = _maybe(FlagAttribute)
    rev = WholeAttribute()
    step = _maybe(InstantAttribute)

    @property
    def number(self) -> int:
        return int(self.sub_key)


class MandateItem(LoansItem):
    rail = UnicodeAttribute()
    account_ref = UnicodeAttribute()
    signed_on = DayAttribute()
    status = UnicodeAttribute()

    @property
    def mandate_id(self) -> str:
        return self.sub_key


class EscalationItem(LoansItem):
    stage = UnicodeAttribute()
    entered_on = DayAttribute()
    dpd = WholeAttribute()
    number = WholeAttribute()
    consequences = TextsAttribute()
    left_on = _maybe(DayAttribute)

    @property
    def key(self) -> str:
        return self.sub_key


class BorrowersItem(StoredItem):
    borrower_id = UnicodeAttribute(hash_key=True)
    entity = UnicodeAttribute(range_key=True)
    contact_pk = _maybe(UnicodeAttribute)
    contact_sk = _maybe(UnicodeAttribute)
    contact_agenda = _index("contact_agenda", "contact_pk", "contact_sk")


class BorrowerItem(BorrowersItem):
    name = UnicodeAttribute()
    phone = _maybe(UnicodeAttribute)
    locale = UnicodeAttribute()
    time_zone = UnicodeAttribute()
    country = UnicodeAttribute()


class CardItem(BorrowersItem):
    loan_ids = TextsAttribute()
    told = ToldAttribute()
    rev = WholeAttribute()
    step = _maybe(InstantAttribute)


LoansItem.KINDS = {"LOAN": LoanItem, "INST#": InstalmentItem, "MANDATE#": MandateItem, "ESC#": EscalationItem}
BorrowersItem.KINDS = {"PROFILE": BorrowerItem, "CONTACT": CardItem}


class AttemptItem(StoredItem):
    loan_id = UnicodeAttribute(hash_key=True)
    seq_key = UnicodeAttribute(range_key=True, attr_name="seq")
    numbers = WholesAttribute()
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    mandate_id = UnicodeAttribute()
    rail = UnicodeAttribute()
    account_ref = UnicodeAttribute()
    slot = UnicodeAttribute()
    claimed_at = InstantAttribute()
    policy_version = UnicodeAttribute()
    state = UnicodeAttribute()
    outcome = _maybe(UnicodeAttribute)
    gateway_ref = _maybe(UnicodeAttribute)
    settled_at = _maybe(InstantAttribute)
    presented = WholeAttribute()
    open_pk = _maybe(UnicodeAttribute)
    open_sk = _maybe(UnicodeAttribute)
    open_attempts = _index("open_attempts", "open_pk", "open_sk")

    @property
    def seq(self) -> int:
        return int(self.seq_key.removeprefix("P#"))


class NoticeItem(StoredItem):
    borrower_id = UnicodeAttribute(hash_key=True)
    notice_key = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    covers = TextsAttribute()
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    channel = UnicodeAttribute()
    business_date = DayAttribute()
    claimed_at = InstantAttribute()
    policy_version = UnicodeAttribute()
    state = UnicodeAttribute()
    sends = WholeAttribute()
    provider_ref = _maybe(UnicodeAttribute)
    settled_at = _maybe(InstantAttribute)
    detail = _maybe(UnicodeAttribute)
    open_pk = _maybe(UnicodeAttribute)
    open_sk = _maybe(UnicodeAttribute)
    open_notices = _index("open_notices", "open_pk", "open_sk")


class EntryItem(StoredItem):
    loan_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    source = UnicodeAttribute()
    external_id = UnicodeAttribute()
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    booked_on = DayAttribute()
    split = SplitAttribute()
    detail = _maybe(UnicodeAttribute)


class ControlItem(StoredItem):
    """A switch or a counter; `now` is the simulated instant's."""

    name = UnicodeAttribute(hash_key=True)
    value = _maybe(WholeAttribute)
    now = _maybe(InstantAttribute)


class StubPaymentItem(StoredItem):
    """A payment in the stub's books, of which the table holds other rows too: query it by `PAYMENTS`."""

    PAYMENTS: ClassVar[str] = "PAYMENTS"

    book = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True, attr_name="entry")
    account_ref = UnicodeAttribute()
    mandate_id = UnicodeAttribute()
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    status = UnicodeAttribute()
    code = UnicodeAttribute()
    gateway_ref = UnicodeAttribute()


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one stack's tables."""

    loans: type[LoansItem]
    borrowers: type[BorrowersItem]
    attempts: type[AttemptItem]
    notices: type[NoticeItem]
    ledger: type[EntryItem]
    control: type[ControlItem]
    stub_books: type[StubPaymentItem] | None


def bind(tables: Mapping[str, str], region: str, endpoint: str | None = None) -> Models:
    """Models of the tables with these real names, by short name; `stub_books` only where it is named.

    The same tables get the same models: each has a client of its own, which is the slow part.
    """
    return _bind(tuple(sorted(tables.items())), region, endpoint)


@cache
def _bind(named: tuple[tuple[str, str], ...], region: str, endpoint: str | None) -> Models:
    tables = dict(named)

    def to[M: StoredItem](model: type[M], short: str) -> type[M]:
        meta = type("Meta", (), {"table_name": tables[short], "region": region, "host": endpoint})
        make: Any = type(model)
        return cast("type[M]", make(model.__name__, (model,), {"Meta": meta, "__module__": __name__}))

    return Models(
        to(LoansItem, "loans"),
        to(BorrowersItem, "borrowers"),
        to(AttemptItem, "attempts"),
        to(NoticeItem, "notices"),
        to(EntryItem, "ledger"),
        to(ControlItem, "control"),
        to(StubPaymentItem, "stub_books") if "stub_books" in tables else None,
    )
