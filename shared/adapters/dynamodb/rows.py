"""Domain rows as DynamoDB attributes, by hand. What a row leaves empty is absent in its item; so is a lowered flag."""

from typing import assert_never

from shared.adapters.dynamodb.attributes import (
    AGENDAS,
    KEY_NAMES,
    Item,
    Values,
    maybe_day,
    maybe_moment,
    maybe_text,
    moment,
    number,
    present,
    text,
)
from shared.adapters.row_keys import RowKey, hint_of, row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    Borrower,
    ContactCard,
    Escalation,
    Instalment,
    LastAttempt,
    LedgerEntry,
    Loan,
    Mandate,
    NoticeRecord,
    NoticeState,
    Told,
)
from shared.ports.portfolio import StoredRow


def key_of(row: RowKey) -> Item:
    owner, entity = KEY_NAMES[row.table]
    return {owner: {"S": row.owner}, entity: {"S": row.entity}}


def revision_name(row: Loan | Instalment | ContactCard) -> str:
    """The counter that guards a row's step."""
    return "stage_rev" if isinstance(row, Loan) else "rev"


def values_of(row: StoredRow) -> Values:
    """All attributes of a row but its keys, its step and its place in an index."""
    match row:
        case Instalment():
            return _instalment_values(row)
        case ContactCard():
            return {
                "loan_ids": {"L": [{"S": loan_id} for loan_id in row.loan_ids]},
                "told": {"M": {key: {"M": _told_values(told)} for key, told in row.told.items()}},
                "rev": number(row.rev),
            }
        case Loan():
            return stage_values(row) | {
                "borrower_id": text(row.borrower_id),
                "product": text(row.product),
                "currency": text(row.currency),
                "disbursed_on": maybe_day(row.disbursed_on),
                "principal_minor": number(row.principal_minor),
                "last_seq": number(row.last_seq),
                "gate_rev": number(row.gate_rev),
            }
        case Mandate():
            return {
                "rail": text(row.rail),
                "account_ref": text(row.account_ref),
                "signed_on": maybe_day(row.signed_on),
                "status": text(row.status),
            }
        case Attempt():
            return _attempt_values(row)
        case NoticeRecord():
            return _notice_values(row)
        case LedgerEntry():
            return {
                "source": text(row.source),
                "external_id": text(row.external_id),
                "amount_minor": number(row.amount.minor),
                "currency": text(row.amount.currency),
                "booked_on": maybe_day(row.booked_on),
                "split": {"L": [{"L": [number(n), number(minor)]} for n, minor in row.split]},
                "detail": maybe_text(row.detail),
            }
        case Escalation():
            return {
                "stage": text(row.stage),
                "entered_on": maybe_day(row.entered_on),
                "dpd": number(row.dpd),
                "number": number(row.number),
                "consequences": {"L": [{"S": name} for name in row.consequences]},
                "left_on": maybe_day(row.left_on),
            }
        case Borrower():
            return {
                "name": text(row.name),
                "phone": maybe_text(row.phone),
                "locale": text(row.locale),
                "time_zone": text(row.time_zone),
                "country": text(row.country),
            }
        case _:
            assert_never(row)


def stage_values(row: Loan) -> Values:
    """The part of a loan's row that the stage line writes."""
    return {
        "status": text(row.status),
        "entered": {"L": [{"S": key} for key in row.entered]},
        "episode": number(row.episode),
        "first_open": number(row.first_open),
        "stage_rev": number(row.stage_rev),
    }


def step_values(row: Loan | Instalment | ContactCard, shards: int) -> Values:
    """The step of a row and its place on its line's agenda; all absent where it has no step."""
    line, hint = hint_of(row)
    index = AGENDAS[line]
    if row.step is None:
        return {"step": None, index.partition: None, index.sort: None}
    return {
        "step": moment(row.step),
        index.partition: text(keys.shard(row_key(row).owner, shards)),
        index.sort: text(keys.agenda_sort(row.step, hint)),
    }


def open_values(row: Attempt | NoticeRecord, shards: int) -> Values:
    """The place of a row among what is open; absent where it is not."""
    match row:
        case Attempt():
            owner, hint, is_open = row.loan_id, keys.intent_key(row.loan_id, row.seq), row.state != AttemptState.SETTLED
        case NoticeRecord():
            hint = keys.notice_hint(row.borrower_id, row.notice_key)
            owner, is_open = row.borrower_id, row.state == NoticeState.CLAIMED
        case _:
            assert_never(row)
    if not is_open:
        return {"open_pk": None, "open_sk": None}
    return {"open_pk": text(keys.shard(owner, shards)), "open_sk": text(keys.agenda_sort(row.claimed_at, hint))}


def _instalment_values(row: Instalment) -> Values:
    last = row.last_attempt
    return {
        "due_on": maybe_day(row.due_on),
        "principal_minor": number(row.principal_minor),
        "interest_minor": number(row.interest_minor),
        "fee_minor": number(row.fee_minor),
        "currency": text(row.currency),
        "paid_minor": number(row.paid_minor),
        "state": text(row.state),
        "episode": number(row.episode),
        "attempts": number(row.attempts),
        "last_attempt": {"M": _last_attempt_values(last)} if last else None,
        "paid_on": maybe_day(row.paid_on),
        "paid_by": number(row.paid_by) if row.paid_by is not None else None,
        "blocked": {"BOOL": True} if row.blocked else None,
        "rev": number(row.rev),
    }


def _last_attempt_values(last: LastAttempt) -> Item:
    return present(
        {
            "seq": number(last.seq),
            "slot": text(last.slot),
            "claimed_at": moment(last.claimed_at),
            "outcome": maybe_text(last.outcome),
            "settled_on": maybe_day(last.settled_on),
            "amount_minor": number(last.amount_minor),
        }
    )


def _told_values(told: Told) -> Item:
    return present(
        {
            "tier": text(told.tier),
            "on": maybe_day(told.on),
            "announced_on": maybe_day(told.announced_on),
            "announced_minor": number(told.announced_minor) if told.announced_minor else None,
        }
    )


def _attempt_values(row: Attempt) -> Values:
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
    }


def _notice_values(row: NoticeRecord) -> Values:
    return {
        "kind": text(row.kind),
        "covers": {"L": [{"S": key} for key in row.covers]},
        "amount_minor": number(row.amount.minor),
        "currency": text(row.amount.currency),
        "channel": text(row.channel),
        "business_date": maybe_day(row.business_date),
        "claimed_at": moment(row.claimed_at),
        "policy_version": text(row.policy_version),
        "state": text(row.state),
        "sends": number(row.sends),
        "provider_ref": maybe_text(row.provider_ref),
        "settled_at": maybe_moment(row.settled_at),
        "detail": maybe_text(row.detail),
    }
