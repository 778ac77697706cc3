"""What a receipt makes of a notice.

Receipts come late, twice and out of order: each is applied by what it says and never by when it came, so that the same
ones in any order leave the same row.
"""

from dataclasses import replace

from shared.domain.book import NoticeRecord, NoticeState
from shared.domain.changes import Change, SaveReceipt
from shared.domain.contact_rules import MessageClass
from shared.ports.messages import Receipt, What

_ORDER = (
    *(What.UNKNOWN, What.FAILED_FOR_NOW, What.FAILED_FOR_GOOD, What.OPTED_OUT),
    *(What.DELIVERED, What.ANSWERED),
)
"""The weaker first: nothing takes back a stronger word. What failed may still arrive; what arrived has."""

_SEEN = frozenset({What.OPENED, What.CLICKED})
FAILED = frozenset({What.FAILED_FOR_NOW, What.FAILED_FOR_GOOD, What.OPTED_OUT})
FAILED_FOR_GOOD = frozenset({What.FAILED_FOR_GOOD, What.OPTED_OUT})
_OPEN = frozenset({NoticeState.CLAIMED, NoticeState.UNKNOWN})

REQUIRED_BY_LAW = frozenset({MessageClass.LEGAL_NOTICE, MessageClass.PRE_DEBIT_NOTICE})
"""Classes that a step waits for: one of these that certainly never arrived is told again, over another channel."""


def heard(record: NoticeRecord, receipt: Receipt) -> NoticeRecord:
    """The notice once this receipt is known; the very same row where it says nothing new.

    It settles a notice that nobody knew the end of (claimed by a worker that died, or unknown) as sent: a provider that
    speaks of it had it. What became of it then is its delivery. That a provider accepted it is news of an open notice
    only. A released notice certainly never went out, and stays as it is.
    """
    if record.state is NoticeState.RELEASED:
        return record
    said = What.DELIVERED if receipt.what in _SEEN else receipt.what
    now = record
    if _rank(said) > _rank(record.delivery):
        code = receipt.code if said in FAILED or said is What.UNKNOWN else None
        now = replace(now, delivery=said.value, delivery_code=code, delivery_at=receipt.at)
    if receipt.what in _SEEN:
        now = replace(now, opened_at=min(now.opened_at or receipt.at, receipt.at))
    if receipt.what is What.CLICKED:
        now = replace(now, clicked_at=min(now.clicked_at or receipt.at, receipt.at))
    return _settled(now, receipt, said)


def changes_of(before: NoticeRecord, after: NoticeRecord) -> list[Change]:
    """What is written, under the word that stood there: the delivery, and the end of an open notice."""
    return [SaveReceipt(after, before.delivery)] if after != before else []


def is_news(record: NoticeRecord, after: NoticeRecord) -> bool:
    """What is said of the delivery has changed."""
    return record.delivery != after.delivery


def never_arrived(record: NoticeRecord) -> bool:
    """It certainly did not arrive, and the same message over the same channel never would."""
    return record.delivery in FAILED_FOR_GOOD


def _settled(record: NoticeRecord, receipt: Receipt, said: What) -> NoticeRecord:
    if record.state not in _OPEN or said is What.UNKNOWN:
        return record
    return replace(
        record,
        state=NoticeState.SENT,
        # by what the provider knows it: its own reference, or our key where it keeps that
        provider_ref=record.provider_ref or receipt.provider_ref or receipt.key,
        settled_at=record.settled_at or receipt.at,
    )


def _rank(said: str | None) -> int:
    """Of what a receipt says; none and what is no word about the delivery are the weakest."""
    return next((place for place, what in enumerate(_ORDER) if what == said), -1)
