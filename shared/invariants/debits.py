"""Debits: who claimed what, under which mandate, after which notice, how often."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import time, timedelta

from shared.invariants.money import GATEWAY
from shared.invariants.rows import AttemptRow, InstalmentRow, MandateRow, Snapshot
from shared.invariants.rules import Rules
from shared.invariants.terms import Breach, Terms

_ENDS_MANDATE = {"mandate-dead": "revoked", "account-dead": "suspended", "risk": "suspended"}
"""Answers of a rail after which a mandate debits no more, and what the mandate is then."""


def claims_match(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """A claimed instalment has exactly one open attempt, and an open attempt's instalments are claimed."""
    held: dict[tuple[str, int], list[AttemptRow]] = defaultdict(list)
    for attempt in book.attempts:
        if attempt.is_open:
            for number in attempt.numbers:
                held[attempt.loan_id, number].append(attempt)
    for row in book.instalments:
        attempts = held.pop((row.loan_id, row.number), [])
        if row.state == "claimed" and len(attempts) != 1:
            yield Breach("claims-match", row.key, f"claimed, with {len(attempts)} open attempts")
        elif row.state != "claimed" and attempts:
            yield Breach("claims-match", row.key, f"{row.state}, and attempt {attempts[0].seq} on it is open")
    for (loan_id, number), attempts in held.items():
        yield Breach(
            "claims-match", attempts[0].key, f"is open on instalment {number} of {loan_id}, which does not exist"
        )


def amounts_were_owed(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """No attempt was for more than what was outstanding at its claim.

    What had been paid by then is what came with the import and through earlier attempts of the loan; a payment by hand
    may be dated before the claim and booked after it, so that it proves nothing.
    """
    for attempt in book.attempts:
        rows = [row for n in attempt.numbers if (row := book.instalment.get((attempt.loan_id, n)))]
        before = _paid_before(book, attempt)
        owed = sum(row.due_minor - before[row.number] for row in rows)
        if not 0 < attempt.amount_minor <= owed:
            yield Breach("amounts-were-owed", attempt.key, f"for {attempt.amount_minor}, when {owed} was outstanding")
        elif any(row.currency != attempt.currency for row in rows):
            yield Breach("amounts-were-owed", attempt.key, f"in {attempt.currency}, and the instalment is not")


def _paid_before(book: Snapshot, attempt: AttemptRow) -> Mapping[int, int]:
    paid: Counter[int] = Counter()
    for entry in book.entries_of.get(attempt.loan_id, []):
        earlier = book.attempt.get(entry.external_id) if entry.source == GATEWAY else None
        if entry.source == "import" or (earlier and earlier.seq < attempt.seq):
            for number, minor in entry.split:
                paid[number] += minor
    return paid


def budget_is_kept(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """An instalment is presented as often as its row says, at most as often as the rules allow, once in a slot."""
    presented: dict[tuple[str, int], list[AttemptRow]] = defaultdict(list)
    for attempt in book.attempts:
        if not attempt.is_void:
            for number in attempt.numbers:
                presented[attempt.loan_id, number].append(attempt)
    for row in book.instalments:
        attempts = presented[row.loan_id, row.number]
        for problem in _budget_problems(row, attempts, _most(book, row, attempts, terms)):
            yield Breach("budget-is-kept", row.key, problem)


def _most(book: Snapshot, row: InstalmentRow, attempts: list[AttemptRow], terms: Terms) -> int | None:
    """How often the rules of the last attempt's day allow; None where there are none."""
    loan = book.loan.get(row.loan_id)
    day = max((attempt.day for attempt in attempts), default=None)
    rules = terms.rules.on(loan.product, day) if loan and day else None
    return rules.max_attempts if rules else None


def _budget_problems(row: InstalmentRow, attempts: list[AttemptRow], most: int | None) -> Iterator[str]:
    if row.episode == 0 and row.attempts != len(attempts):
        yield f"counts {row.attempts} attempts, {len(attempts)} were made"
    if most is not None and (row.attempts > most or len(attempts) > most * (row.episode + 1)):
        yield f"{len(attempts)} attempts, {row.attempts} in this episode, {most} allowed"
    for slot, times in Counter(attempt.slot for attempt in attempts).items():
        if times > 1:
            yield f"{times} attempts in slot {slot}"


def debit_hours_are_kept(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """An attempt was claimed in its slot's hours, on the slot's day, not before the due date.

    One that was presented again under its own key keeps its slot, so that its last claim says nothing of the first.
    """
    for attempt in book.attempts:
        loan = book.loan.get(attempt.loan_id)
        rules = terms.rules.on(loan.product, attempt.day) if loan else None
        if rules is None:
            continue
        local = attempt.claimed_at.astimezone(rules.zone)
        slot = time.fromisoformat(attempt.slot[11:])
        problem = None
        if slot not in rules.slots:
            problem = f"slot {attempt.slot} is none"
        elif any(
            attempt.day < row.due_on
            for n in attempt.numbers
            if (row := book.instalment.get((attempt.loan_id, n))) and row.episode == 0
        ):
            problem = f"slot {attempt.slot} is before the due date"
        elif not rules.slots[0] <= local.time() < rules.debit_end:
            problem = f"claimed at {local:%H:%M} of the lender's time"
        elif attempt.presented == 1 and (local.date() != attempt.day or local.time() < slot):
            problem = f"claimed at {local:%Y-%m-%dT%H:%M} for slot {attempt.slot}"
        if problem:
            yield Breach("debit-hours-are-kept", attempt.key, problem)


def mandates_cover(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Every attempt had a mandate of its loan, signed by then, for its account, that nothing had ended before."""
    for attempt in book.attempts:
        mandate = book.mandate.get((attempt.loan_id, attempt.mandate_id))
        if problem := _mandate_problem(attempt, mandate, book):
            yield Breach("mandates-cover", attempt.key, problem)


def _mandate_problem(attempt: AttemptRow, mandate: MandateRow | None, book: Snapshot) -> str | None:
    if mandate is None:
        return f"mandate {attempt.mandate_id} does not exist"
    if (mandate.rail, mandate.account_ref) != (attempt.rail, attempt.account_ref):
        return f"another rail or account than mandate {mandate.mandate_id}'s"
    if mandate.signed_on > attempt.day:
        return f"mandate {mandate.mandate_id} was signed on {mandate.signed_on}"
    siblings = [a for a in book.attempts_of[attempt.loan_id] if a.mandate_id == mandate.mandate_id]
    ended = [a for a in siblings if a.outcome in _ENDS_MANDATE]
    for earlier in ended:
        if earlier.settled_at and earlier.settled_at < attempt.claimed_at:
            return f"attempt {earlier.seq} had ended mandate {mandate.mandate_id} with {earlier.outcome}"
    if mandate.status != "active" and mandate.status not in {_ENDS_MANDATE[str(a.outcome)] for a in ended}:
        return f"mandate {mandate.mandate_id} is {mandate.status}, and no answer made it so"
    return None


def debits_were_announced(book: Snapshot, terms: Terms) -> Iterator[Breach]:
    """Where rules ask for a pre-debit notice, one of at least the amount was claimed on an earlier business date."""
    for attempt in book.attempts:
        loan = book.loan.get(attempt.loan_id)
        rules = terms.rules.on(loan.product, attempt.day) if loan else None
        if rules is None or not rules.notice_required:
            continue
        for number in attempt.numbers:
            row = book.instalment.get((attempt.loan_id, number))
            if row and not _is_announced(attempt, row, rules, book):
                yield Breach("debits-were-announced", attempt.key, f"no notice of it for instalment {number} in time")


def _is_announced(attempt: AttemptRow, row: InstalmentRow, rules: Rules, book: Snapshot) -> bool:
    latest = attempt.day - timedelta(days=rules.notice_lead_days)
    told = [
        notice
        for episode in range(row.episode + 1)
        for notice in book.notices_covering.get(f"PRE_DEBIT#{row.key}#{episode}", [])
    ]
    return any(n.business_date <= latest and n.amount_minor >= attempt.amount_minor for n in told)
