"""Messages: each told once, in hours when people are awake, and not to whom had paid."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.invariants.contact_terms import Cap
from shared.invariants.rows import AttemptRow, NoticeRow, Snapshot
from shared.invariants.terms import Breach, Terms

_AT_ONCE = frozenset({"failed", "settled", "received"})
_DAY = timedelta(days=1)
_ASKS_FOR_MONEY = frozenset({"remind", "pre-debit", "due", "failed", "overdue"})


def told_once(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """No step is told by two notices, and every message that was sent has a provider's reference of its own.

    A debit may be announced again on another day: for a higher amount, or where the notice has lapsed. A notice that
    certainly never arrived told nothing.
    """
    for tier, covering in sorted(book.notices_covering.items()):
        notices = [notice for notice in covering if not notice.never_arrived]
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
    """What went out, or may have, was claimed within the hours of every pack, in every zone where its borrower may be.

    What is no outcome of a deduction waits for the lender's sending hour too.
    """
    for notice in book.notices:
        product, borrower = book.product_of(notice), book.borrower.get(notice.borrower_id)
        rules = terms.rules.on(product, notice.business_date) if product else None
        if not notice.went_out or borrower is None or rules is None or product is None:
            continue
        packs = terms.rules.contact(product, borrower.country, notice.business_date)
        if packs is None:
            yield Breach("contact-hours-are-kept", notice.key, f"no pack says when {borrower.country} may be contacted")
            continue
        for zone in borrower.zones:
            local = notice.claimed_at.astimezone(ZoneInfo(zone))
            is_early = notice.kind not in _AT_ONCE and local.time() < rules.send_from
            if is_early or not all(pack.admits(local, notice.message_class, notice.channel) for pack in packs):
                yield Breach("contact-hours-are-kept", notice.key, f"claimed at {local:%H:%M} in {zone}")


def caps_are_kept(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """No cap was ever exceeded by what went out, or may have, on the calendar of any zone of the borrower."""
    for borrower_id, notices in sorted(_sent_by_borrower(book).items()):
        borrower = book.borrower.get(borrower_id)
        last = max(notices, key=lambda notice: notice.claimed_at)
        product = book.product_of(last)
        packs = terms.rules.contact(product, borrower.country, last.business_date) if product and borrower else None
        for cap in (cap for pack in packs or () for cap in pack.caps):
            counted = [n for n in notices if cap.applies_to(n.message_class, n.channel)]
            for name, moments in sorted(_by_scope(cap, counted).items()):
                most = max(cap.most_at_once(moments, ZoneInfo(zone)) for zone in borrower.zones) if borrower else 0
                if most > cap.limit:
                    yield Breach("caps-are-kept", name, f"{most} contacts under {cap.name}, which allows {cap.limit}")


def _sent_by_borrower(book: Snapshot) -> dict[str, list[NoticeRow]]:
    sent: dict[str, list[NoticeRow]] = defaultdict(list)
    for notice in book.notices:
        if notice.went_out and notice.covers:
            sent[notice.borrower_id].append(notice)
    return sent


def _by_scope(cap: Cap, notices: Iterable[NoticeRow]) -> dict[str, list[datetime]]:
    """When contacts were made, by the borrower or by each debt of his, as the cap counts; a borrower has one address a
    channel, so that of an address is that of the borrower."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for notice in notices:
        debts = {tier.split("#")[1] for tier in notice.covers} if cap.scope == "debt" else {notice.borrower_id}
        for name in debts:
            found[name].append(notice.claimed_at)
    return found


def nobody_contacted_against_his_word(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """No message went to an address after its borrower opted out there, or after it was known to be dead."""
    for notice in book.notices:
        borrower, card = book.borrower.get(notice.borrower_id), book.card.get(notice.borrower_id)
        if not notice.went_out or borrower is None or card is None:
            continue
        for bar in card.bars:
            stands = (bar.channel, bar.address) in borrower.addresses and bar.channel == notice.channel
            if stands and notice.message_class in bar.classes and bar.since + terms.skew < notice.claimed_at:
                yield Breach("nobody-contacted-against-his-word", notice.key, f"{bar.channel} is barred for it")


def holds_win(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """No message, no debit of the schedule and no stage under a hold that stops it and was set before."""
    for notice in book.notices:
        for loan_id in {tier.split("#")[1] for tier in notice.covers} if notice.went_out else ():
            if _is_held(book, loan_id, "contact", notice.claimed_at - terms.skew, notice.business_date):
                yield Breach("holds-win", notice.key, f"claimed while {loan_id} was on hold")
    for attempt in book.attempts:
        if attempt.owner == "borrower" or attempt.refunds is not None or attempt.is_void:
            continue
        if _is_held(
            book, attempt.loan_id, "debit", attempt.claimed_at - terms.skew, _day_of_claim(book, attempt, terms)
        ):
            yield Breach("holds-win", attempt.key, "claimed while the loan was on hold")
    for row in book.escalations:  # a day, not an instant: that of the hold itself proves nothing
        midnight = datetime.combine(row.entered_on, time.min, UTC) - _DAY
        if _is_held(book, row.loan_id, "escalation", midnight, row.entered_on):
            yield Breach("holds-win", f"{row.loan_id} {row.key}", "entered while the loan was on hold")


def _day_of_claim(book: Snapshot, attempt: AttemptRow, terms: Terms) -> date:
    """The business date of its last claim: what is claimed again keeps the slot of its first one."""
    loan = book.loan.get(attempt.loan_id)
    rules = terms.rules.at(loan.product, attempt.claimed_at) if loan and attempt.presented > 1 else None
    return rules.date_of(attempt.claimed_at) if rules else attempt.day


def _is_held(book: Snapshot, loan_id: str, what: str, moment: datetime, day: date) -> bool:
    loan = book.loan.get(loan_id)
    return loan is not None and any(hold.stands(what, moment, day) for hold in loan.holds)


def nobody_asked_after_paying(book: Snapshot, terms: Terms) -> Iterator[Breach]:
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
            if attempt and attempt.settled_at and attempt.settled_at + terms.skew < notice.claimed_at:
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
