"""What nobody would look at again, and what waits for an answer or a person."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from shared.invariants.rows import SUSPENSE, InstalmentRow, MandateRow, Snapshot
from shared.invariants.rules import Rules
from shared.invariants.terms import Breach, Open, Terms

_LEASE = timedelta(minutes=5)
"""How long a claim is simply at work."""


_PENDING_LIMIT = timedelta(days=14)
"""Bank rails answer within days: SEPA, Bacs and ACH return an unpaid debit within ten bank days at most."""


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
        rules = terms.rules_of(loan)
        if rules is None:
            continue
        for row in book.unpaid(loan.loan_id):
            if row.place is None and _is_debited_again(row, rules, book, terms):
                yield Breach("nothing-is-lost", row.key, "may be debited, and is not on the debit line's agenda")


def _is_debited_again(row: InstalmentRow, rules: Rules, book: Snapshot, terms: Terms) -> bool:
    """A further attempt on the first days will come: the last moment for a notice that still leaves a day to debit has
    not passed. What is left to retry days is judged by nobody but the rules that choose them."""
    today = rules.date_of(terms.moment)
    mandate = _debiting(book.mandates_of.get(row.loan_id, []), today)
    rail = terms.rules.rail(mandate.rail, today) if mandate else None
    if mandate is None or rail is None or row.state == "claimed" or row.blocked:
        return False
    if not any(a.kind not in rules.funding_deny and not a.is_dead for a in mandate.accounts):
        return False
    if row.attempts >= min(rules.due_day_attempts, rules.max_attempts, rail.max_attempts or rules.max_attempts):
        return False
    if row.attempts and (rail.same_amount or rail.max_per_day or rail.attempts_within_days or rail.failures_in_row):
        return False
    ended = row.last_outcome in (None, "void", "mandate-dead", "account-dead", "risk")
    if not ended and row.last_outcome not in rules.retry_outcomes & rail.retry_outcomes:
        return False
    if rail.failures_in_row is not None and _is_stopped(row, mandate, book, rail.failures_in_row):
        return False
    lead = 0
    if rules.notice_required or rail.notice_required:
        lead = max(rules.notice_lead_days, rail.notice_lead_days)
    after = rules.catch_up_days if rail.days_after_due is None else min(rules.catch_up_days, rail.days_after_due)
    return today + timedelta(days=lead) <= row.due_on + timedelta(days=after)


def _debiting(mandates: Iterable[MandateRow], day: date) -> MandateRow | None:
    valid = [m for m in mandates if m.status == "active" and (m.expires_on is None or day <= m.expires_on)]
    return max(valid, key=lambda m: (m.signed_on, m.mandate_id), default=None)


def _is_stopped(row: InstalmentRow, mandate: MandateRow, book: Snapshot, most: int) -> bool:
    """A limit that was lowered to what is counted stops too."""
    loan = book.loan[row.loan_id]
    cards = [card for card in book.debit_cards if card.borrower_id == loan.borrower_id]
    return any(c.failures >= most or (c.stopped_at and mandate.authorised_at <= c.stopped_at) for c in cards)


def answers_come(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """No claim has been without an answer for longer than the limit, but those that stand in front of a person; what is
    pending at the rail may take longer."""
    for attempt in book.attempts:
        limit = max(terms.unknown_limit, _PENDING_LIMIT) if attempt.outcome == "pending" else terms.unknown_limit
        if attempt.is_open and not attempt.stuck and terms.moment - attempt.born_at > limit:
            yield Breach("answers-come", attempt.key, f"{attempt.outcome or 'claimed'} since {_at(attempt.claimed_at)}")
    for notice in book.notices:
        if notice.state == "claimed" and terms.moment - notice.claimed_at > terms.unknown_limit:
            yield Breach("answers-come", notice.key, f"claimed since {_at(notice.claimed_at)}")


def open_items(book: Snapshot, terms: Terms) -> Iterator[Open]:
    """What is unfinished, lawfully so, and better known."""
    yield from _unanswered(book, terms)
    moved: Counter[str] = Counter()
    for entry in book.entries:
        if entry.loan_id == SUSPENSE and entry.undoes:
            moved[entry.undoes] += entry.amount_minor
    for entry in book.entries:
        left = entry.amount_minor + moved[entry.name]
        if entry.loan_id == SUSPENSE and entry.undoes is None and left:
            yield Open("suspense", entry.key, f"{left} {entry.currency} booked on {entry.booked_on}")
    for row in book.instalments:
        if row.blocked:
            yield Open("blocked", row.key, "its money was taken back, or contradicts an earlier answer")
    yield from _quarantined(book)
    parts = {row.loan_id for row in book.instalments} | {row.loan_id for row in book.mandates}
    closed = {loan.loan_id for loan in book.loans if loan.status == "open" and not loan.opened}
    for loan_id in sorted(parts - book.loan.keys() | closed):
        yield Open("import", loan_id, "not opened: run its import again")


def _unanswered(book: Snapshot, terms: Terms) -> Iterator[Open]:
    for attempt in book.attempts:
        if attempt.is_open and terms.moment - attempt.claimed_at > _LEASE:
            detail = f"{attempt.outcome or 'not answered'} since {_at(attempt.claimed_at)}"
            if attempt.stuck:
                detail += f": {attempt.stuck}"
            yield Open("stuck" if attempt.stuck else "attempt", attempt.key, detail)
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
