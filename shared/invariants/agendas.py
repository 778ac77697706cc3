"""What nobody would look at again, and what waits for an answer or a person."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.invariants.rows import SUSPENSE, InstalmentRow, Snapshot
from shared.invariants.rules import Rules
from shared.invariants.terms import Breach, Open, Terms

_LEASE = timedelta(minutes=5)
"""How long a claim is simply at work."""


def nothing_is_lost(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """Whatever has something to come stands on its line's agenda, or in quarantine in front of a person."""
    for card in book.cards:
        if card.loan_ids and card.place is None:
            yield Breach("nothing-is-lost", card.borrower_id, "follows loans, and is not on the contact line's agenda")
    for loan in book.loans:
        if not loan.opened or loan.status != "open":
            continue
        if loan.place is None:
            yield Breach("nothing-is-lost", loan.loan_id, "open, and not on the stage line's agenda")
        card_of = book.card.get(loan.borrower_id)
        if card_of and loan.loan_id not in card_of.loan_ids and book.unpaid(loan.loan_id):
            yield Breach("nothing-is-lost", loan.loan_id, "unpaid, and no contact card follows it")
        mandates = book.mandates_of.get(loan.loan_id, [])
        rules = terms.rules_of(loan)
        if rules is None or not any(m.status == "active" for m in mandates):
            continue
        for row in book.unpaid(loan.loan_id):
            if row.place is None and _is_debited_again(row, rules, terms.moment):
                yield Breach("nothing-is-lost", row.key, "may be debited, and is not on the debit line's agenda")


def _is_debited_again(row: InstalmentRow, rules: Rules, moment: datetime) -> bool:
    """A further attempt will come: the last moment for a notice that still leaves a day to debit has not passed."""
    if row.state == "claimed" or row.blocked or row.attempts >= rules.max_attempts:
        return False
    ended = row.last_outcome in (None, "void", "mandate-dead", "account-dead", "risk")
    if not ended and row.last_outcome not in rules.retry_outcomes:
        return False
    lead = rules.notice_lead_days if rules.notice_required else 0
    return rules.date_of(moment) + timedelta(days=lead) <= row.due_on + timedelta(days=rules.catch_up_days)


def answers_come(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """No claim has been without an answer for longer than the limit."""
    for attempt in book.attempts:
        if attempt.is_open and terms.moment - attempt.claimed_at > terms.unknown_limit:
            yield Breach("answers-come", attempt.key, f"{attempt.outcome or 'claimed'} since {_at(attempt.claimed_at)}")
    for notice in book.notices:
        if notice.state == "claimed" and terms.moment - notice.claimed_at > terms.unknown_limit:
            yield Breach("answers-come", notice.key, f"claimed since {_at(notice.claimed_at)}")


def open_items(book: Snapshot, terms: Terms) -> Iterator[Open]:
    """What is unfinished, lawfully so, and better known."""
    yield from _unanswered(book, terms)
    for entry in book.entries:
        if entry.loan_id == SUSPENSE:
            yield Open("suspense", entry.key, f"{entry.amount_minor} {entry.currency} booked on {entry.booked_on}")
    for row in book.instalments:
        if row.blocked:
            yield Open("blocked", row.key, "money came that contradicts an earlier answer")
    yield from _quarantined(book)
    parts = {row.loan_id for row in book.instalments} | {row.loan_id for row in book.mandates}
    closed = {loan.loan_id for loan in book.loans if loan.status == "open" and not loan.opened}
    for loan_id in sorted(parts - book.loan.keys() | closed):
        yield Open("import", loan_id, "not opened: run its import again")


def _unanswered(book: Snapshot, terms: Terms) -> Iterator[Open]:
    for attempt in book.attempts:
        if attempt.is_open and terms.moment - attempt.claimed_at > _LEASE:
            detail = f"{attempt.outcome or 'not answered'} since {_at(attempt.claimed_at)}"
            yield Open("attempt", attempt.key, detail)
    for notice in book.notices:
        if notice.state == "unknown":
            yield Open("message", notice.key, f"perhaps sent at {_at(notice.claimed_at)}; nobody sends it again")
        elif notice.state == "claimed" and terms.moment - notice.claimed_at > _LEASE:
            yield Open("message", notice.key, f"claimed at {_at(notice.claimed_at)}, not settled")


def _quarantined(book: Snapshot) -> Iterator[Open]:
    rows = [
        *(("contact", card.borrower_id, card.place) for card in book.cards),
        *(("debit", row.key, row.place) for row in book.instalments),
        *(("stage", loan.loan_id, loan.place) for loan in book.loans),
    ]
    for line, key, place in rows:
        if place and place.quarantined:
            yield Open("quarantine", key, f"failed on the {line} line again and again")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"
