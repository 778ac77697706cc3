"""Money: what the gateway took, what the ledger says, what came off the instalments."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from shared.invariants.rows import SUSPENSE, AttemptRow, ChargeRow, EntryRow, Snapshot
from shared.invariants.terms import Breach, Terms

GATEWAY = "gateway"


def paid_is_booked(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """What an instalment says is paid, in all and of each component, is the sum of what the ledger's entries paid of
    it, less what they took back."""
    booked: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for entry in book.entries:
        for number, component, minor in entry.pieces:
            booked[entry.loan_id, number][component] += minor
    for row in book.instalments:
        found = booked[row.loan_id, row.number]
        if found.total() != row.paid_minor:
            yield Breach("paid-is-booked", row.key, f"{row.paid_minor} paid on the row, {found.total()} on the ledger")
        for component, paid in row.paid.items():
            if paid != found[component] and found.total() == row.paid_minor:
                said = f"{paid} of its {component} paid on the row, {found[component]} on the ledger"
                yield Breach("paid-is-booked", row.key, said)


def gateway_agrees(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Each payment in the gateway's books stands on the ledger with what of it was taken back, in suspense or on its
    loan, and nothing else does.

    A charge whose attempt is still open is on its way there: its amount must be that of the attempt. One of which the
    news is still on its way may stand there or not. A resolution moves money within the ledger and is left out, but for
    one that puts into suspense what leaves a loan under its own name instead.
    """
    charged: dict[str, Counter[str]] = defaultdict(Counter)
    untold: dict[str, list[ChargeRow]] = defaultdict(list)
    for charge in book.charges or []:
        charged[charge.key][charge.currency] += charge.amount_minor
        if charge.untold:
            untold[charge.key].append(charge)
    booked: dict[str, Counter[str]] = defaultdict(Counter)
    moved = {(e.source, e.external_id) for e in book.entries if e.loan_id != SUSPENSE and e.kind != "resolution"}
    for entry in book.entries:
        if entry.source == GATEWAY and (entry.kind != "resolution" or (entry.source, entry.external_id) in moved):
            booked[entry.payment][entry.currency] += entry.amount_minor
    for key in sorted(charged.keys() | booked.keys()):
        found, attempt = booked[key], book.attempt.get(key)
        if not found and attempt and attempt.is_open and key in charged:
            found[attempt.currency] += attempt.amount_minor if attempt.refunds is None else -attempt.amount_minor
        if not _agrees(found, charged[key], untold[key]):
            problem = f"the gateway took {_sum(charged[key])}, on the ledger stands {_sum(found)}"
            yield Breach("gateway-agrees", key, problem)


def _agrees(booked: Counter[str], charged: Counter[str], untold: Sequence[ChargeRow]) -> bool:
    """What is booked is what was charged, less some of that which nobody has told of yet: any of it, for an enquiry
    finds the one, and the other comes by itself."""
    for currency in booked.keys() | charged.keys():
        sums = {charged[currency]}
        for charge in untold:
            if charge.currency == currency:
                sums |= {minor - charge.amount_minor for minor in sums}
        if booked[currency] not in sums:
            return False
    return True


def _sum(amounts: Counter[str]) -> str:
    return " and ".join(f"{minor} {currency}" for currency, minor in sorted(amounts.items()) if minor) or "nothing"


def charged_once(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """No instalments were charged beyond what is due on them, but for money that the gateway took after it had said
    that it did not, and for what was given back."""
    charged: Counter[str] = Counter()
    for charge in book.charges or []:
        attempt = book.attempt.get(charge.key)
        if attempt is None or charge.contradicts:
            continue
        paid_for = f"{attempt.loan_id}:P{attempt.refunds:06d}" if attempt.refunds is not None else charge.key
        charged[paid_for] += charge.amount_minor
    groups: dict[tuple[str, tuple[int, ...]], int] = defaultdict(int)
    for key, minor in charged.items():
        groups[book.attempt[key].loan_id, book.attempt[key].numbers] += minor
    for (loan_id, numbers), _ in sorted(groups.items()):
        covered = [n for of, n in groups if of == loan_id and set(n) & set(numbers)]
        reach = sorted({number for n in covered for number in n})
        due = sum(row.due_minor for n in reach if (row := book.instalment.get((loan_id, n))))
        took = sum(groups[loan_id, n] for n in covered)
        if took > due:
            yield Breach("charged-once", f"{loan_id}#{numbers[0]:03d}", f"charged {took}, {due} was due")


def attempts_are_booked(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """A paid attempt has one ledger entry of its amount, on its loan or for a refund where the payment was, and such an
    entry has a paid attempt. Money of it that came with another amount stands in suspense, and nowhere else."""
    entries = {e.external_id: e for e in book.entries if e.source == GATEWAY and e.kind in ("payment", "refund")}
    on_loans = {key: entry for key, entry in entries.items() if entry.loan_id != SUSPENSE}
    for attempt in book.attempts:
        entry = on_loans.pop(attempt.key, None)
        if attempt.refunds is not None:
            entry = entries.get(attempt.key)
        is_held = entry is None and attempt.key in entries
        if not is_held and (problem := _booking_problem(attempt, entry)):
            yield Breach("attempts-are-booked", attempt.key, problem)
    for key in sorted(on_loans):
        yield Breach("attempts-are-booked", key, "a ledger entry without an attempt")


def _booking_problem(attempt: AttemptRow, entry: EntryRow | None) -> str | None:
    is_refund = attempt.refunds is not None
    if attempt.outcome != "paid":
        if entry is None or is_refund:  # a refund that went although it was settled otherwise is booked as it went
            return None
        return f"the attempt is {attempt.outcome or attempt.state}, and its money is booked on a loan"
    if entry is None:
        return "paid, and not on the ledger"
    if entry.loan_id != attempt.loan_id and not is_refund:
        return f"booked on loan {entry.loan_id}"
    minor = -attempt.amount_minor if is_refund else attempt.amount_minor
    if (entry.amount_minor, entry.currency) != (minor, attempt.currency):
        return f"{minor} {attempt.currency} attempted, {entry.amount_minor} {entry.currency} booked"
    if not is_refund and not {number for number, _ in entry.split} <= set(attempt.numbers):
        return "its money paid instalments that it was not for"
    return None


def taken_back_at_most(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """What takes money of an entry back, refunds on their way included, is at most what came; and money that left
    suspense for a loan arrived there."""
    entries = {(entry.loan_id, entry.name): entry for entry in book.entries}
    undone: Counter[tuple[str, str]] = Counter()
    for entry in book.entries:
        if entry.undoes and (entry.kind != "resolution" or entry.loan_id == SUSPENSE):
            undone[entry.loan_id, entry.undoes] += entry.amount_minor
    for (loan_id, name), minor in sorted(undone.items()):
        original = entries.get((loan_id, name))
        if original is None:
            yield Breach("taken-back-at-most", f"{loan_id} {name}", "taken back, and it never came")
        elif original.amount_minor > 0 and original.amount_minor + minor < 0:
            yield Breach("taken-back-at-most", original.key, f"{-minor} taken back of {original.amount_minor}")
        elif original.amount_minor < 0 and original.amount_minor + minor > 0:
            yield Breach("taken-back-at-most", original.key, f"{minor} came again of {-original.amount_minor}")
    yield from _refund_problems(book)
    arrivals = {(e.source, e.external_id): e for e in book.entries if e.kind == "resolution" and e.loan_id != SUSPENSE}
    departures = {
        (e.source, e.external_id): e for e in book.entries if e.kind == "resolution" and e.loan_id == SUSPENSE
    }
    for key, entry in sorted(arrivals.items()):
        left = departures.get(key)
        if left is None or left.amount_minor + entry.amount_minor != 0 or left.currency != entry.currency:
            yield Breach("taken-back-at-most", entry.key, "out of suspense, and suspense does not say so")


def _refund_problems(book: Snapshot) -> Iterator[Breach]:
    asked: Counter[tuple[str, int]] = Counter()
    came = {e.external_id: e.amount_minor for e in book.entries if e.source == GATEWAY and e.kind == "payment"}
    for attempt in book.attempts:
        if attempt.refunds is not None and (attempt.is_open or attempt.outcome == "paid"):
            asked[attempt.loan_id, attempt.refunds] += attempt.amount_minor
    for (loan_id, seq), minor in sorted(asked.items()):
        key = f"{loan_id}:P{seq:06d}"
        paid, held = book.attempt.get(key), came.get(key, 0)
        if paid is None or minor > max(held, paid.amount_minor):
            given = max(held, paid.amount_minor) if paid else "nothing"
            yield Breach("taken-back-at-most", key, f"{minor} to be given back of {given}")


def booked_as_marked(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Money that is marked as booked stands where the mark says, and a transfer stands on the ledger once."""
    entries = {(entry.loan_id, entry.source, entry.external_id) for entry in book.entries}
    reversed_as = {mark.external_id for mark in book.money if mark.external_id.count(":") >= 2}
    for mark in book.money:
        if mark.external_id in reversed_as:
            continue
        if (mark.loan_id, mark.source, mark.external_id) not in entries:
            yield Breach(
                "booked-as-marked", f"{mark.source}#{mark.external_id}", f"not on the ledger of {mark.loan_id}"
            )
    owners: dict[str, set[str]] = defaultdict(set)
    for entry in book.entries:
        if entry.kind == "payment" and entry.source != "import":
            owners[entry.name].add(entry.loan_id)
    for name, loans in sorted(owners.items()):
        if len(loans) > 1:
            yield Breach("booked-as-marked", name, f"booked on {' and '.join(sorted(loans))}")


def balances_hold(book: Snapshot, _terms: Terms) -> Iterator[Breach]:
    """Nothing is paid beyond what is due or below nothing, and states and balances say the same."""
    for row in book.instalments:
        problem = None
        over = [c for c, minor in row.paid.items() if not 0 <= minor <= row.due[c]]
        if not 0 <= row.paid_minor <= row.due_minor:
            problem = f"{row.paid_minor} paid of {row.due_minor}"
        elif over:
            problem = f"{row.paid[over[0]]} paid of {row.due[over[0]]} {over[0]}"
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
    yield from _amount_problems(entry)
    if entry.loan_id == SUSPENSE:
        if entry.split:
            yield "in suspense, and paid out"
        return
    loan = book.loan.get(entry.loan_id)
    if loan and entry.currency != loan.currency:
        yield f"in {entry.currency}, its loan in {loan.currency}"
    if unknown := [n for n, _ in entry.split if (entry.loan_id, n) not in book.instalment]:
        yield f"pays instalment {unknown[0]}, which does not exist"


def _amount_problems(entry: EntryRow) -> Iterator[str]:
    sign = -1 if entry.amount_minor < 0 else 1
    if entry.amount_minor == 0:
        yield "amount 0"
    if (sign < 0) != (entry.kind in ("reversal", "chargeback", "refund") or _leaves_suspense(entry)):
        yield f"a {entry.kind} of {entry.amount_minor}"
    if entry.split_minor * sign > entry.amount_minor * sign:
        yield f"{entry.split_minor} paid out of {entry.amount_minor}"
    if any(minor * sign <= 0 for _, minor in entry.split):
        yield "a part of nothing or less"
    if len({number for number, _ in entry.split}) < len(entry.split):
        yield "pays an instalment twice"
    by_number: Counter[int] = Counter()
    for number, _, minor in entry.parts:
        by_number[number] += minor
    if entry.parts and dict(by_number) != dict(entry.split):
        yield "its parts are not its split"


def _leaves_suspense(entry: EntryRow) -> bool:
    """A resolution takes money out of suspense, or (of money that left) puts the lack of it straight."""
    return entry.kind == "resolution" and entry.loan_id == SUSPENSE and entry.amount_minor < 0


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
