"""Items as domain rows."""

from collections.abc import Callable
from typing import cast

from shared.adapters.dynamodb.attributes import (
    Item,
    get_day,
    get_moment,
    get_money,
    get_number,
    get_outcome,
    get_text,
    get_texts,
    maybe,
)
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Borrower,
    ContactCard,
    Escalation,
    Instalment,
    InstalmentState,
    LastAttempt,
    LedgerEntry,
    Loan,
    LoanStatus,
    Mandate,
    MandateStatus,
    NoticeRecord,
    NoticeState,
    Stage,
    Told,
)
from shared.domain.errors import AmountError, BookError
from shared.ports.portfolio import StoredRow


def read[R: StoredRow](kind: type[R], item: Item) -> R:
    """The row that an item holds; raises BookError where it lacks an attribute or holds one that cannot be."""
    try:
        return cast("R", _READERS[cast("type[StoredRow]", kind)](item))
    except KeyError as error:
        raise BookError(f"a stored {kind.__name__} has no {error}") from error
    except (ValueError, AmountError) as error:
        raise BookError(f"a stored {kind.__name__} has a value that cannot be") from error


def _read_loan(item: Item) -> Loan:
    return Loan(
        get_text(item, "loan_id"),
        get_text(item, "borrower_id"),
        get_text(item, "product"),
        get_text(item, "currency"),
        get_day(item, "disbursed_on"),
        get_number(item, "principal_minor"),
        LoanStatus(get_text(item, "status")),
        get_texts(item, "entered"),
        get_number(item, "episode"),
        get_number(item, "first_open"),
        get_number(item, "last_seq"),
        get_number(item, "gate_rev"),
        get_number(item, "stage_rev"),
        maybe(get_moment, item, "step"),
    )


def _read_instalment(item: Item) -> Instalment:
    return Instalment(
        get_text(item, "loan_id"),
        int(get_text(item, "entity").removeprefix(keys.INSTALMENT)),
        get_day(item, "due_on"),
        get_number(item, "principal_minor"),
        get_number(item, "interest_minor"),
        get_number(item, "fee_minor"),
        get_text(item, "currency"),
        get_number(item, "paid_minor"),
        InstalmentState(get_text(item, "state")),
        get_number(item, "episode"),
        get_number(item, "attempts"),
        _read_last_attempt(item["last_attempt"]["M"]) if "last_attempt" in item else None,
        maybe(get_day, item, "paid_on"),
        maybe(get_number, item, "paid_by"),
        "blocked" in item,
        get_number(item, "rev"),
        maybe(get_moment, item, "step"),
    )


def _read_last_attempt(item: Item) -> LastAttempt:
    return LastAttempt(
        get_number(item, "seq"),
        get_text(item, "slot"),
        get_moment(item, "claimed_at"),
        get_outcome(item),
        maybe(get_day, item, "settled_on"),
        get_number(item, "amount_minor"),
    )


def _read_card(item: Item) -> ContactCard:
    return ContactCard(
        get_text(item, "borrower_id"),
        get_texts(item, "loan_ids"),
        {key: _read_told(told["M"]) for key, told in item["told"]["M"].items()},
        get_number(item, "rev"),
        maybe(get_moment, item, "step"),
    )


def _read_told(item: Item) -> Told:
    return Told(
        get_text(item, "tier"),
        get_day(item, "on"),
        maybe(get_day, item, "announced_on"),
        maybe(get_number, item, "announced_minor") or 0,
    )


def _read_borrower(item: Item) -> Borrower:
    return Borrower(
        get_text(item, "borrower_id"),
        get_text(item, "name"),
        maybe(get_text, item, "phone"),
        get_text(item, "locale"),
        get_text(item, "time_zone"),
        get_text(item, "country"),
    )


def _read_mandate(item: Item) -> Mandate:
    return Mandate(
        get_text(item, "entity").removeprefix(keys.MANDATE),
        get_text(item, "loan_id"),
        get_text(item, "rail"),
        get_text(item, "account_ref"),
        get_day(item, "signed_on"),
        MandateStatus(get_text(item, "status")),
    )


def _read_attempt(item: Item) -> Attempt:
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
    )


def _read_notice(item: Item) -> NoticeRecord:
    return NoticeRecord(
        get_text(item, "borrower_id"),
        get_text(item, "notice_key"),
        get_text(item, "kind"),
        get_texts(item, "covers"),
        get_money(item),
        get_text(item, "channel"),
        get_day(item, "business_date"),
        get_moment(item, "claimed_at"),
        get_text(item, "policy_version"),
        NoticeState(get_text(item, "state")),
        get_number(item, "sends"),
        maybe(get_text, item, "provider_ref"),
        maybe(get_moment, item, "settled_at"),
        maybe(get_text, item, "detail"),
    )


def _read_entry(item: Item) -> LedgerEntry:
    return LedgerEntry(
        get_text(item, "loan_id"),
        get_text(item, "source"),
        get_text(item, "external_id"),
        get_money(item),
        get_day(item, "booked_on"),
        tuple((int(part["L"][0]["N"]), int(part["L"][1]["N"])) for part in item["split"]["L"]),
        maybe(get_text, item, "detail"),
    )


def _read_escalation(item: Item) -> Escalation:
    return Escalation(
        get_text(item, "loan_id"),
        get_text(item, "entity").removeprefix(keys.ESCALATION),
        Stage(get_text(item, "stage")),
        get_day(item, "entered_on"),
        get_number(item, "dpd"),
        get_number(item, "number"),
        get_texts(item, "consequences"),
        maybe(get_day, item, "left_on"),
    )


_READERS: dict[type[StoredRow], Callable[[Item], StoredRow]] = {
    Loan: _read_loan,
    Instalment: _read_instalment,
    ContactCard: _read_card,
    Borrower: _read_borrower,
    Mandate: _read_mandate,
    Attempt: _read_attempt,
    NoticeRecord: _read_notice,
    LedgerEntry: _read_entry,
    Escalation: _read_escalation,
}
