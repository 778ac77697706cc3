"""Items as domain rows. What an item of an older version lacks has the value that it had before there was a name."""

from collections.abc import Callable
from typing import cast

from shared.adapters.dynamodb.attributes import Item
from shared.adapters.dynamodb.card_rows import read_card
from shared.adapters.dynamodb.contact_rows import read_borrower, read_notice
from shared.adapters.dynamodb.debit_rows import read_attempt, read_audit, read_debit_card, read_entry, read_mark
from shared.adapters.dynamodb.loan_rows import (
    read_escalation,
    read_instalment,
    read_loan,
)
from shared.adapters.dynamodb.mandate_rows import read_code, read_mandate
from shared.domain.book import (
    Attempt,
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
    OneTimeCode,
)
from shared.domain.errors import AmountError, BookError
from shared.ports.portfolio import StoredRow

type _Row = StoredRow | OneTimeCode


def read[R: StoredRow | OneTimeCode](kind: type[R], item: Item) -> R:
    """The row that an item holds; raises BookError where it lacks an attribute or holds one that cannot be."""
    try:
        return cast("R", _READERS[cast("type[_Row]", kind)](item))
    except KeyError as error:
        raise BookError(f"a stored {kind.__name__} has no {error}") from error
    except (ValueError, TypeError, IndexError, AmountError) as error:
        raise BookError(f"a stored {kind.__name__} has a value that cannot be") from error


_READERS: dict[type[_Row], Callable[[Item], _Row]] = {
    Loan: read_loan,
    Instalment: read_instalment,
    Mandate: read_mandate,
    Escalation: read_escalation,
    OneTimeCode: read_code,
    Borrower: read_borrower,
    ContactCard: read_card,
    NoticeRecord: read_notice,
    Attempt: read_attempt,
    LedgerEntry: read_entry,
    MoneyMark: read_mark,
    DebitCard: read_debit_card,
    AuditEntry: read_audit,
}
