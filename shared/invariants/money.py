"""Money: what the gateway took, what the ledger says, what came off the instalments."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from shared.invariants.rows import SUSPENSE, AttemptRow, EntryRow, Snapshot
from shared.invariants.terms import Breach, Terms

GATEWAY = "gateway"


def paid_is_booked(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """What an instalment says is paid is the sum of what the ledger's entries paid of it."""
    booked: dict[tuple[str, int], int] = defaultdict(int)
    for entry in book.entries:
        for number, minor in entry.split:
            booked[entry.loan_id, number] += minor
    for row in book.instalments:
        found = booked[row.loan_id, row.number]
        if found != row.paid_minor:
            yield Breach("paid-is-booked", row.key, f"{row.paid_minor} paid on the row, {found} on the ledger")


def gateway_agrees(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Each charge in the gateway's books stands on the ledger once, in suspense or on its loan, and nothing else does.

    A charge whose attempt is still open is on its way there: its amount must be that of the attempt.
    """
    charges = {charge.key: (charge.amount_minor, charge.currency) for charge in book.charges or []}
    booked: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for entry in book.entries:
        if entry.source == GATEWAY:
            booked[entry.external_id].append((entry.amount_minor, entry.currency))
    for key in sorted(charges.keys() | booked.keys()):
        found = booked.get(key, [])
        attempt = book.attempt.get(key)
        if not found and attempt and attempt.is_open:
            found = [(attempt.amount_minor, attempt.currency)]
        if found != ([charges[key]] if key in charges else []):
            told = _amount(charges[key]) if key in charges else "nothing"
            entries = " and ".join(map(_amount, found)) or "nothing"
            yield Breach("gateway-agrees", key, f"the gateway took {told}, on the ledger stands {entries}")


def _amount(amount: tuple[int, str]) -> str:
    return f"{amount[0]} {amount[1]}"


def attempts_are_booked(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """A paid attempt has one ledger entry of its amount on its loan, and such an entry has a paid attempt."""
    on_loans = {e.external_id: e for e in book.entries if e.source == GATEWAY and e.loan_id != SUSPENSE}
    for attempt in book.attempts:
        entry = on_loans.pop(attempt.key, None)
        if problem := _booking_problem(attempt, entry):
            yield Breach("attempts-are-booked", attempt.key, problem)
    for key in sorted(on_loans):
        yield Breach("attempts-are-booked", key, "a ledger entry without an attempt")


def _booking_problem(attempt: AttemptRow, entry: EntryRow | None) -> str | None:
    if attempt.outcome != "paid":
        return (
            f"the attempt is {attempt.outcome or attempt.state}, and its money is booked on a loan" if entry else None
        )
    if entry is None:
        return "paid, and not on the ledger"
    if entry.loan_id != attempt.loan_id:
        return f"booked on loan {entry.loan_id}"
    if (entry.amount_minor, entry.currency) != (attempt.amount_minor, attempt.currency):
        return f"{attempt.amount_minor} {attempt.currency} attempted, {entry.amount_minor} {entry.currency} booked"
    if not {number for number, _ in entry.split} <= set(attempt.numbers):
        return "its money paid instalments that it was not for"
    return None


def balances_hold(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Nothing is paid beyond what is due or below nothing, and states and balances say the same."""
    for row in book.instalments:
        problem = None
        if not 0 <= row.paid_minor <= row.due_minor:
            problem = f"{row.paid_minor} paid of {row.due_minor}"
        elif row.state == "paid" and row.outstanding_minor:
            problem = f"paid by its state, {row.outstanding_minor} outstanding by its balance"
        elif row.state == "open" and not row.outstanding_minor:
            problem = "open by its state, paid by its balance"
        elif row.state not in ("open", "claimed", "paid"):
            problem = f"state {row.state} is none"
        if problem:
            yield Breach("balances-hold", row.key, problem)
    for loan in book.loans:
        if loan.status == "settled" and (unpaid := book.unpaid(loan.loan_id)):
            yield Breach("balances-hold", loan.loan_id, f"settled, and instalment {unpaid[0].number} is unpaid")


def ledger_is_sound(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """An entry pays out at most what came in, to instalments that exist, in the one currency of its loan."""
    for entry in book.entries:
        for problem in _entry_problems(entry, book):
            yield Breach("ledger-is-sound", entry.key, problem)
    for row in book.instalments:
        loan = book.loan.get(row.loan_id)
        if loan and row.currency != loan.currency:
            yield Breach("ledger-is-sound", row.key, f"in {row.currency}, its loan in {loan.currency}")


def _entry_problems(entry: EntryRow, book: Snapshot) -> Iterator[str]:
    if entry.amount_minor <= 0:
        yield f"amount {entry.amount_minor}"
    if entry.split_minor > entry.amount_minor:
        yield f"{entry.split_minor} paid out of {entry.amount_minor}"
    if any(minor <= 0 for _, minor in entry.split):
        yield "a part of nothing or less"
    numbers = [number for number, _ in entry.split]
    if len(set(numbers)) < len(numbers):
        yield "pays an instalment twice"
    if entry.loan_id == SUSPENSE:
        if entry.split:
            yield "in suspense, and paid out"
        return
    loan = book.loan.get(entry.loan_id)
    if loan and entry.currency != loan.currency:
        yield f"in {entry.currency}, its loan in {loan.currency}"
    if unknown := [n for n in numbers if (entry.loan_id, n) not in book.instalment]:
        yield f"pays instalment {unknown[0]}, which does not exist"


def principal_adds_up(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """The instalments' principals add up to the loan's."""
    for loan in book.loans:
        total = sum(row.principal_minor for row in book.instalments_of.get(loan.loan_id, []))
        if total != loan.principal_minor:
            yield Breach("principal-adds-up", loan.loan_id, f"{loan.principal_minor} lent, {total} in its instalments")


def rows_can_be_read(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Every stored row has what a row of its kind has."""
    for key, problem in book.unreadable:
        yield Breach("rows-can-be-read", key, problem)


def rows_belong(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Every row's owner exists. Rows of a loan that is still being imported are left to the list of what is open."""
    for loan in book.loans:
        if loan.borrower_id not in book.borrower or loan.borrower_id not in book.card:
            yield Breach("rows-belong", loan.loan_id, f"borrower {loan.borrower_id} has no profile or no contact card")
    owned: Iterator[tuple[str, str]] = chain(
        ((row.loan_id, f"escalation {row.key}") for row in book.escalations),
        ((row.loan_id, f"attempt {row.seq}") for row in book.attempts),
        ((row.loan_id, f"ledger entry {row.source}") for row in book.entries if row.source != "import"),
    )
    for loan_id, what in owned:
        if loan_id not in book.loan and loan_id != SUSPENSE:
            yield Breach("rows-belong", loan_id, f"{what} of a loan that does not exist")
    for card in book.cards:
        for loan_id in card.loan_ids:
            followed = book.loan.get(loan_id)
            if followed is None or followed.borrower_id != card.borrower_id:
                yield Breach(
                    "rows-belong", card.borrower_id, f"follows loan {loan_id}, which is none of this borrower's"
                )
