"""Messages: each told once, in hours when people are awake, and not to whom had paid."""

from collections import defaultdict
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from shared.invariants.rows import NoticeRow, Snapshot
from shared.invariants.terms import Breach, Terms

_ASKS_FOR_MONEY = frozenset({"remind", "pre-debit", "due", "failed", "overdue"})


def told_once(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """No step is told by two notices, and every message that was sent has a provider's reference of its own.

    A debit may be announced again on another day: for a higher amount, or where the notice has lapsed.
    """
    for tier, notices in sorted(book.notices_covering.items()):
        days = {notice.business_date for notice in notices}
        if len(notices) > (len(days) if tier.startswith("PRE_DEBIT#") else 1):
            keys = ", ".join(sorted(notice.key for notice in notices))
            yield Breach("told-once", tier, f"told by {len(notices)} notices: {keys}")
    senders: dict[str, list[NoticeRow]] = defaultdict(list)
    for notice in book.notices:
        if notice.provider_ref:
            senders[notice.provider_ref].append(notice)
        elif notice.state == "sent":
            yield Breach("told-once", notice.key, "sent, without a provider's reference")
    for notices in senders.values():
        for notice in notices[1:]:
            yield Breach("told-once", notice.key, f"has the provider's reference of {notices[0].key}")


def contact_hours_are_kept(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """What went out, or may have, was claimed within contact hours of the borrower's own zone."""
    for notice in book.notices:
        product, borrower = book.product_of(notice), book.borrower.get(notice.borrower_id)
        rules = terms.rules.on(product, notice.business_date) if product else None
        if not notice.went_out or borrower is None or rules is None:
            continue
        local = notice.claimed_at.astimezone(ZoneInfo(borrower.time_zone))
        if not rules.window_start <= local.time() < rules.window_end:
            yield Breach("contact-hours-are-kept", notice.key, f"claimed at {local:%H:%M} in {borrower.time_zone}")


def nobody_asked_after_paying(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """No message asked for an instalment that an attempt had paid before the message was claimed.

    A payment by hand may be dated before the message and booked after it, so that it proves nothing.
    """
    for notice in book.notices:
        if notice.kind not in _ASKS_FOR_MONEY or not notice.went_out:
            continue
        for tier in notice.covers:
            _, loan_id, number, episode = tier.split("#")
            row = book.instalment.get((loan_id, int(number)))
            if row is None or row.paid_by is None or row.episode != int(episode):
                continue
            attempt = book.attempt.get(f"{loan_id}:P{row.paid_by:06d}")
            if attempt and attempt.settled_at and attempt.settled_at < notice.claimed_at:
                yield Breach("nobody-asked-after-paying", notice.key, f"instalment {row.key} had been paid")


def rules_were_in_force(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """Nothing was sent, debited or escalated on a day without valid policy packs."""
    for notice in book.notices:
        product = book.product_of(notice)
        if product is None or terms.rules.on(product, notice.business_date) is None:
            yield Breach("rules-were-in-force", notice.key, f"no valid packs on {notice.business_date}")
    for attempt in book.attempts:
        loan = book.loan.get(attempt.loan_id)
        if loan and terms.rules.on(loan.product, attempt.day) is None:
            yield Breach("rules-were-in-force", attempt.key, f"no valid packs on {attempt.day}")
    for row in book.escalations:
        loan = book.loan.get(row.loan_id)
        if loan and terms.rules.on(loan.product, row.entered_on) is None:
            yield Breach("rules-were-in-force", f"{row.loan_id} {row.key}", f"no valid packs on {row.entered_on}")
