"""Domain rows as DynamoDB attributes, by hand. What a row leaves empty is absent in its item; so is a lowered flag."""

from typing import assert_never

from shared.adapters.dynamodb.attributes import AGENDAS, KEY_NAMES, Item, Values, moment, text
from shared.adapters.dynamodb.card_rows import card_values
from shared.adapters.dynamodb.contact_rows import borrower_values, notice_values, receipt_values
from shared.adapters.dynamodb.debit_rows import (
    attempt_values,
    audit_values,
    debit_card_values,
    entry_values,
    mark_values,
)
from shared.adapters.dynamodb.loan_rows import (
    escalation_values,
    instalment_values,
    loan_values,
)
from shared.adapters.dynamodb.mandate_rows import code_values, mandate_values
from shared.adapters.row_keys import RowKey, hint_of, row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    NoticeState,
    OneTimeCode,
)
from shared.ports.portfolio import StoredRow


def key_of(row: RowKey) -> Item:
    owner, entity = KEY_NAMES[row.table]
    return {owner: {"S": row.owner}, entity: {"S": row.entity}}


def revision_name(row: Loan | Instalment | ContactCard) -> str:
    """The counter that guards a row's step."""
    return "stage_rev" if isinstance(row, Loan) else "rev"


def values_of(row: StoredRow | OneTimeCode) -> Values:  # noqa: C901, PLR0912 - one case for each row
    """All attributes of a row but its keys, its step and its place in an index."""
    match row:
        case Loan():
            return loan_values(row)
        case Instalment():
            return instalment_values(row)
        case Mandate():
            return mandate_values(row)
        case Escalation():
            return escalation_values(row)
        case OneTimeCode():
            return code_values(row)
        case Borrower():
            return borrower_values(row)
        case ContactCard():
            return card_values(row)
        case NoticeRecord():
            return notice_values(row) | receipt_values(row)
        case Attempt():
            return attempt_values(row)
        case LedgerEntry():
            return entry_values(row)
        case MoneyMark():
            return mark_values(row)
        case DebitCard():
            return debit_card_values(row)
        case AuditEntry():
            return audit_values(row)
        case _:
            assert_never(row)


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
    """The place of a row among what is open, by when it is to be asked about; absent where it is not open."""
    match row:
        case Attempt():
            owner, hint, is_open = row.loan_id, keys.intent_key(row.loan_id, row.seq), row.state != AttemptState.SETTLED
            at = row.enquire_at or row.claimed_at
        case NoticeRecord():
            hint = keys.notice_hint(row.borrower_id, row.notice_key)
            owner, is_open, at = row.borrower_id, row.state == NoticeState.CLAIMED, row.claimed_at
        case _:
            assert_never(row)
    if not is_open:
        return {"open_pk": None, "open_sk": None}
    return {"open_pk": text(keys.shard(owner, shards)), "open_sk": text(keys.agenda_sort(at, hint))}
