"""The tables declared: what operators' commands read through, apart from the hand mapping of the workers.

Reading only. `save()` on a row that was read would erase the attributes that a model does not know, so it is refused.
A model is bound to the tables of one stack by `bind`; rows of one table come out as the model of their kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NoReturn, Self, cast

from pynamodb.attributes import Attribute, ListAttribute, MapAttribute, UnicodeAttribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from shared.adapters.dynamodb.model_attributes import (
    DayAttribute,
    FlagAttribute,
    InstantAttribute,
    LinesAttribute,
    PartsAttribute,
    SplitAttribute,
    TextsAttribute,
    ToldAttribute,
    WholeAttribute,
    WholesAttribute,
    WordsAttribute,
    maybe,
)
from shared.domain import keys
from shared.domain.errors import BookError


class EarlierAttempt(MapAttribute[str, Any]):
    """An attempt on an instalment, as its row remembers it."""

    seq = WholeAttribute()
    slot = UnicodeAttribute()
    claimed_at = InstantAttribute()
    outcome = maybe(UnicodeAttribute)
    settled_on = maybe(DayAttribute)
    amount_minor = WholeAttribute()
    source = maybe(WholeAttribute)
    of_day = maybe(WholeAttribute)
    together = maybe(FlagAttribute)
    mandate_id = maybe(UnicodeAttribute)


class LastAttempt(EarlierAttempt):
    """The newest one, with the one before it while it is open."""

    before: Attribute[EarlierAttempt | None] = cast("Any", EarlierAttempt)(null=True)


class Source(MapAttribute[str, Any]):
    """An account in a mandate's funding order."""

    kind = UnicodeAttribute()
    account_ref = UnicodeAttribute()
    is_dead = maybe(FlagAttribute)


class Evidence(MapAttribute[str, Any]):
    """What the borrower saw and agreed to."""

    text_version = UnicodeAttribute()
    text_hash = UnicodeAttribute()
    seen_at = InstantAttribute()
    channel = UnicodeAttribute()


class UnreadableRowError(BookError):
    """A stored row that its model cannot read; `key` names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"the stored row {key} cannot be read: {problem}")
        self.key = key
        self.problem = problem


class StoredItem(Model):
    """A row of one of the tables; `KINDS` are the models of a table's rows by how their second key begins, or the key
    at the place `KIND_KEY`."""

    KINDS: ClassVar[Mapping[str, type["StoredItem"]]] = {}
    KIND_KEY: ClassVar[int] = 1

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """The row as the model of its kind; one of a kind that nobody declared has only what all of its table have."""
        kind = cast("type[Self]", cls._kind_of(data))
        try:
            return super(StoredItem, kind).from_raw_data(data)
        except (AttributeDeserializationError, ValueError, TypeError, LookupError) as error:
            key = " ".join(data[cls.get_attributes()[name].attr_name]["S"] for name in cls.key_names())
            raise UnreadableRowError(key, f"{type(error).__name__} {error}") from error

    @classmethod
    def _kind_of(cls, data: dict[str, Any]) -> type["StoredItem"]:
        if not cls.KINDS:
            return cls
        key = data[cls.get_attributes()[cls.key_names()[cls.KIND_KEY]].attr_name]["S"]
        return next((model for start, model in cls.KINDS.items() if key.startswith(start)), cls)

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
    debit_pk = maybe(UnicodeAttribute)
    debit_sk = maybe(UnicodeAttribute)
    stage_pk = maybe(UnicodeAttribute)
    stage_sk = maybe(UnicodeAttribute)
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
    mandates_at_gate = maybe(WholeAttribute)
    stage_rev = WholeAttribute()
    step = maybe(InstantAttribute)
    opened = maybe(InstantAttribute)
    holds = maybe(LinesAttribute)


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
    paid_on = maybe(DayAttribute)
    paid_by = maybe(WholeAttribute)
    blocked = maybe(FlagAttribute)
    varies = maybe(FlagAttribute)
    rev = WholeAttribute()
    step = maybe(InstantAttribute)
    first_attempt_on = maybe(DayAttribute)
    penalty_minor = maybe(WholeAttribute)
    fee_paid_minor = maybe(WholeAttribute)
    penalty_paid_minor = maybe(WholeAttribute)
    interest_paid_minor = maybe(WholeAttribute)

    @property
    def number(self) -> int:
        return int(self.sub_key)

    @property
    def due_minor(self) -> int:
        return self.principal_minor + self.interest_minor + self.fee_minor + (self.penalty_minor or 0)

    @property
    def outstanding_minor(self) -> int:
        return self.due_minor - self.paid_minor

    @property
    def components(self) -> list[tuple[str, int, int]]:
        """Of each component its name, and what is due and paid of it; principal is paid what the others were not."""
        others = [
            ("fee", self.fee_minor, self.fee_paid_minor or 0),
            ("penalty", self.penalty_minor or 0, self.penalty_paid_minor or 0),
            ("interest", self.interest_minor, self.interest_paid_minor or 0),
        ]
        return [*others, ("principal", self.principal_minor, self.paid_minor - sum(paid for _, _, paid in others))]


class MandateItem(LoansItem):
    rail = UnicodeAttribute()
    account_ref = UnicodeAttribute()
    signed_on = DayAttribute()
    status = UnicodeAttribute()
    funding: Attribute[Sequence[Source] | None] = cast("Any", ListAttribute)(of=Source, null=True)
    since = maybe(InstantAttribute)
    expires_on = maybe(DayAttribute)
    evidence: Attribute[Evidence | None] = cast("Any", Evidence)(null=True)
    at_gate = maybe(WholeAttribute)

    @property
    def mandate_id(self) -> str:
        return self.sub_key


class EscalationItem(LoansItem):
    stage = UnicodeAttribute()
    entered_on = DayAttribute()
    dpd = WholeAttribute()
    number = WholeAttribute()
    consequences = TextsAttribute()
    left_on = maybe(DayAttribute)

    @property
    def key(self) -> str:
        return self.sub_key


class BorrowersItem(StoredItem):
    borrower_id = UnicodeAttribute(hash_key=True)
    entity = UnicodeAttribute(range_key=True)
    contact_pk = maybe(UnicodeAttribute)
    contact_sk = maybe(UnicodeAttribute)
    contact_agenda = _index("contact_agenda", "contact_pk", "contact_sk")


class BorrowerItem(BorrowersItem):
    name = UnicodeAttribute()
    phone = maybe(UnicodeAttribute)
    locale = UnicodeAttribute()
    time_zone = UnicodeAttribute()
    country = UnicodeAttribute()
    payday = maybe(WholeAttribute)
    email = maybe(UnicodeAttribute)
    push = maybe(UnicodeAttribute)
    other_zones = maybe(TextsAttribute)
    phone_key = maybe(UnicodeAttribute)


class CardItem(BorrowersItem):
    loan_ids = TextsAttribute()
    told = ToldAttribute()
    contacts = maybe(LinesAttribute)
    bars = maybe(LinesAttribute)
    rev = WholeAttribute()
    step = maybe(InstantAttribute)


class DebitsItem(BorrowersItem):
    """A borrower's debits over all loans."""

    failures = WholeAttribute()
    open = WholeAttribute()
    stopped_at = maybe(InstantAttribute)
    rev = WholeAttribute()


LoansItem.KINDS = {
    keys.LOAN: LoanItem,
    keys.INSTALMENT: InstalmentItem,
    keys.MANDATE: MandateItem,
    keys.ESCALATION: EscalationItem,
}
BorrowersItem.KINDS = {keys.PROFILE: BorrowerItem, keys.CONTACT: CardItem, keys.DEBIT: DebitsItem}


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
    outcome = maybe(UnicodeAttribute)
    gateway_ref = maybe(UnicodeAttribute)
    settled_at = maybe(InstantAttribute)
    presented = WholeAttribute()
    owner = maybe(UnicodeAttribute)
    funding = maybe(TextsAttribute)
    first_claimed_at = maybe(InstantAttribute)
    enquire_at = maybe(InstantAttribute)
    stuck = maybe(UnicodeAttribute)
    reserves = maybe(FlagAttribute)
    refunds = maybe(WholeAttribute)
    open_pk = maybe(UnicodeAttribute)
    open_sk = maybe(UnicodeAttribute)
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
    provider_ref = maybe(UnicodeAttribute)
    settled_at = maybe(InstantAttribute)
    detail = maybe(UnicodeAttribute)
    message_class = maybe(UnicodeAttribute)
    tried = maybe(TextsAttribute)
    delivery = maybe(UnicodeAttribute)
    delivery_code = maybe(UnicodeAttribute)
    delivery_at = maybe(InstantAttribute)
    opened_at = maybe(InstantAttribute)
    clicked_at = maybe(InstantAttribute)
    open_pk = maybe(UnicodeAttribute)
    open_sk = maybe(UnicodeAttribute)
    open_notices = _index("open_notices", "open_pk", "open_sk")


class LedgerItem(StoredItem):
    loan_id = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    source = UnicodeAttribute()
    external_id = UnicodeAttribute()


class EntryItem(LedgerItem):
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    booked_on = DayAttribute()
    split = SplitAttribute()
    detail = maybe(UnicodeAttribute)
    kind = maybe(UnicodeAttribute)
    undoes = maybe(UnicodeAttribute)
    parts = maybe(PartsAttribute)

    @property
    def credit_minor(self) -> int:
        return self.amount_minor - sum(minor for _, minor in self.split)


class MarkItem(LedgerItem):
    """Says where money was booked; `loan_id` is the mark's own key."""

    booked_under = UnicodeAttribute()


LedgerItem.KINDS = {keys.MONEY: MarkItem, "": EntryItem}


class AuditItem(StoredItem):
    subject = UnicodeAttribute(hash_key=True)
    revision = UnicodeAttribute(range_key=True)
    at = InstantAttribute()
    actor = UnicodeAttribute()
    what = UnicodeAttribute()
    reason = UnicodeAttribute()
    detail = maybe(WordsAttribute)


class ControlItem(StoredItem):
    """A switch or a counter; `now` is the simulated instant's."""

    name = UnicodeAttribute(hash_key=True)
    value = maybe(WholeAttribute)
    now = maybe(InstantAttribute)


class StubBooksItem(StoredItem):
    """A row of the stub's books; query them by `PAYMENTS` and `REFUNDS`."""

    KIND_KEY: ClassVar[int] = 0
    PAYMENTS: ClassVar[str] = "PAYMENTS"
    REFUNDS: ClassVar[str] = "REFUNDS"

    book = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True, attr_name="entry")


class StubPaymentItem(StubBooksItem):
    account_ref = UnicodeAttribute()
    mandate_id = UnicodeAttribute()
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    status = UnicodeAttribute()
    code = UnicodeAttribute()
    gateway_ref = UnicodeAttribute()
    refunded_minor = maybe(WholeAttribute)


class StubRefundItem(StubBooksItem):
    """Money of a payment that was given back."""

    payment_key = UnicodeAttribute()
    amount_minor = WholeAttribute()
    currency = UnicodeAttribute()
    gateway_ref = UnicodeAttribute()


StubBooksItem.KINDS = {StubBooksItem.PAYMENTS: StubPaymentItem, StubBooksItem.REFUNDS: StubRefundItem}


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one stack's tables."""

    loans: type[LoansItem]
    borrowers: type[BorrowersItem]
    attempts: type[AttemptItem]
    notices: type[NoticeItem]
    ledger: type[LedgerItem]
    audit: type[AuditItem]
    control: type[ControlItem]
    stub_books: type[StubBooksItem] | None


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
        to(LedgerItem, "ledger"),
        to(AuditItem, "audit"),
        to(ControlItem, "control"),
        to(StubBooksItem, "stub_books") if "stub_books" in tables else None,
    )
