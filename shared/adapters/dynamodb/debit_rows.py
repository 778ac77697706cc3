"""Attempts, money, a borrower's debits over all loans, and the audit, as attributes and back."""

from shared.adapters.dynamodb.attributes import (
    Item,
    Value,
    Values,
    flag,
    get_day,
    get_moment,
    get_money,
    get_number,
    get_outcome,
    get_text,
    get_texts,
    maybe,
    maybe_day,
    maybe_moment,
    maybe_number,
    maybe_text,
    moment,
    number,
    text,
    texts,
    unless,
)
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    Component,
    DebitCard,
    EntryKind,
    LedgerEntry,
    MoneyMark,
    Owner,
)


def attempt_values(row: Attempt) -> Values:
    return {
        "numbers": {"L": [number(n) for n in row.numbers]},
        "amount_minor": number(row.amount.minor),
        "currency": text(row.amount.currency),
        "mandate_id": text(row.mandate_id),
        "rail": text(row.rail),
        "account_ref": text(row.account_ref),
        "slot": text(row.slot),
        "claimed_at": moment(row.claimed_at),
        "policy_version": text(row.policy_version),
        "state": text(row.state),
        "outcome": maybe_text(row.outcome),
        "gateway_ref": maybe_text(row.gateway_ref),
        "settled_at": maybe_moment(row.settled_at),
        "presented": number(row.presented),
        "owner": unless(Owner.SCHEDULE, row.owner),
        "funding": texts(row.funding) if row.funding else None,
        "first_claimed_at": maybe_moment(row.first_claimed_at),
        "enquire_at": maybe_moment(row.enquire_at),
        "stuck": maybe_text(row.stuck),
        "reserves": flag(row.reserves),
        "refunds": maybe_number(row.refunds),
    }


def read_attempt(item: Item) -> Attempt:
    return Attempt(
        get_text(item, "loan_id"),
        keys.parse_seq_entity(get_text(item, "seq")),
        tuple(int(value["N"]) for value in item["numbers"]["L"]),
        get_money(item),
        get_text(item, "mandate_id"),
        get_text(item, "rail"),
        get_text(item, "account_ref"),
        get_text(item, "slot"),
        get_moment(item, "claimed_at"),
        get_text(item, "policy_version"),
        AttemptState(get_text(item, "state")),
        get_outcome(item),
        maybe(get_text, item, "gateway_ref"),
        maybe(get_moment, item, "settled_at"),
        get_number(item, "presented"),
        owner=Owner(maybe(get_text, item, "owner") or Owner.SCHEDULE),
        funding=maybe(get_texts, item, "funding") or (),
        first_claimed_at=maybe(get_moment, item, "first_claimed_at"),
        enquire_at=maybe(get_moment, item, "enquire_at"),
        stuck=maybe(get_text, item, "stuck"),
        reserves="reserves" in item,
        refunds=maybe(get_number, item, "refunds"),
    )


def entry_values(row: LedgerEntry) -> Values:
    return {
        "source": text(row.source),
        "external_id": text(row.external_id),
        "amount_minor": number(row.amount.minor),
        "currency": text(row.amount.currency),
        "booked_on": maybe_day(row.booked_on),
        "split": {"L": [{"L": [number(n), number(minor)]} for n, minor in row.split]},
        "detail": maybe_text(row.detail),
        "kind": unless(EntryKind.PAYMENT, row.kind),
        "undoes": maybe_text(row.undoes),
        "parts": {"L": [_part_value(*part) for part in row.parts]} if row.parts else None,
    }


def _part_value(number_: int, component: Component, minor: int) -> Value:
    return {"L": [number(number_), text(component), number(minor)]}


def read_entry(item: Item) -> LedgerEntry:
    parts = [part["L"] for part in item["parts"]["L"]] if "parts" in item else []
    return LedgerEntry(
        get_text(item, "loan_id"),
        get_text(item, "source"),
        get_text(item, "external_id"),
        get_money(item),
        get_day(item, "booked_on"),
        tuple((int(part["L"][0]["N"]), int(part["L"][1]["N"])) for part in item["split"]["L"]),
        maybe(get_text, item, "detail"),
        kind=EntryKind(maybe(get_text, item, "kind") or EntryKind.PAYMENT),
        undoes=maybe(get_text, item, "undoes"),
        parts=tuple((int(part[0]["N"]), Component(part[1]["S"]), int(part[2]["N"])) for part in parts),
    )


def mark_values(row: MoneyMark) -> Values:
    """`booked_under` is the loan: the table's own `loan_id` holds the mark's key."""
    return {
        "source": text(row.source),
        "external_id": text(row.external_id),
        "booked_under": text(row.loan_id),
    }


def read_mark(item: Item) -> MoneyMark:
    return MoneyMark(get_text(item, "source"), get_text(item, "external_id"), get_text(item, "booked_under"))


def debit_card_values(row: DebitCard) -> Values:
    return {
        "failures": number(row.failures),
        "open": number(row.open),
        "stopped_at": maybe_moment(row.stopped_at),
        "rev": number(row.rev),
    }


def read_debit_card(item: Item) -> DebitCard:
    return DebitCard(
        get_text(item, "borrower_id"),
        get_number(item, "failures"),
        get_number(item, "open"),
        maybe(get_moment, item, "stopped_at"),
        get_number(item, "rev"),
    )


def audit_values(row: AuditEntry) -> Values:
    return {
        "at": moment(row.at),
        "actor": text(row.actor),
        "what": text(row.what),
        "reason": text(row.reason),
        "detail": {"M": {name: text(value) for name, value in row.detail.items()}} if row.detail else None,
    }


def read_audit(item: Item) -> AuditEntry:
    return AuditEntry(
        get_text(item, "subject"),
        get_text(item, "revision"),
        get_moment(item, "at"),
        get_text(item, "actor"),
        get_text(item, "what"),
        get_text(item, "reason"),
        {name: value["S"] for name, value in item["detail"]["M"].items()} if "detail" in item else {},
    )
