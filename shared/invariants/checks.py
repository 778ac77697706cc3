"""All checks, by name, and one run of them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from shared.invariants import agendas, contacts, debits, money, stages
from shared.invariants.rows import SUSPENSE, Snapshot
from shared.invariants.terms import Breach, Open, Terms

type Function = Callable[[Snapshot, Terms], Iterator[Breach]]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule about the book: its function, and of what it looks at how many there are."""

    function: Function
    counted: str
    count: Callable[[Snapshot], int]
    needs_gateway: bool = False

    @property
    def name(self) -> str:
        return self.function.__name__.replace("_", "-")

    @property
    def sentence(self) -> str:
        """The first paragraph of the function's docstring, on one line."""
        return " ".join((self.function.__doc__ or "").split("\n\n")[0].split())


def _count_rows(book: Snapshot) -> int:
    return sum(len(rows) for rows in vars(book).values() if isinstance(rows, list))


CHECKS = (
    Check(money.rows_can_be_read, "rows", _count_rows),
    Check(money.paid_is_booked, "instalments", lambda b: len(b.instalments)),
    Check(money.gateway_agrees, "charges", lambda b: len(b.charges or []), needs_gateway=True),
    Check(money.attempts_are_booked, "attempts", lambda b: len(b.attempts)),
    Check(money.balances_hold, "instalments", lambda b: len(b.instalments)),
    Check(money.ledger_is_sound, "ledger entries", lambda b: len(b.entries)),
    Check(money.taken_back_at_most, "ledger entries", lambda b: len(b.entries)),
    Check(money.booked_as_marked, "ledger entries", lambda b: len(b.entries)),
    Check(money.principal_adds_up, "loans", lambda b: len(b.loans)),
    Check(money.rows_belong, "loans", lambda b: len(b.loans)),
    Check(debits.claims_match, "instalments", lambda b: len(b.instalments)),
    Check(debits.amounts_were_owed, "attempts", lambda b: len(b.attempts)),
    Check(debits.budget_is_kept, "instalments", lambda b: len(b.instalments)),
    Check(debits.failures_stop, "borrowers", lambda b: len(b.borrowers)),
    Check(debits.debit_hours_are_kept, "attempts", lambda b: len(b.attempts)),
    Check(debits.mandates_cover, "attempts", lambda b: len(b.attempts)),
    Check(debits.debits_were_announced, "attempts", lambda b: len(b.attempts)),
    Check(contacts.told_once, "notices", lambda b: len(b.notices)),
    Check(contacts.contact_hours_are_kept, "notices", lambda b: len(b.notices)),
    Check(contacts.caps_are_kept, "notices", lambda b: len(b.notices)),
    Check(contacts.nobody_contacted_against_his_word, "notices", lambda b: len(b.notices)),
    Check(contacts.holds_win, "loans", lambda b: len(b.loans)),
    Check(contacts.nobody_asked_after_paying, "notices", lambda b: len(b.notices)),
    Check(contacts.rules_were_in_force, "acts", lambda b: len(b.notices) + len(b.attempts) + len(b.escalations)),
    Check(stages.stages_follow, "loans", lambda b: len(b.loans)),
    Check(stages.escalations_stand, "escalations", lambda b: len(b.escalations)),
    Check(stages.stages_were_told, "escalations", lambda b: len(b.escalations)),
    Check(agendas.nothing_is_lost, "rows", lambda b: len(b.cards) + len(b.loans) + len(b.instalments)),
    Check(agendas.answers_come, "attempts and notices", lambda b: len(b.attempts) + len(b.notices)),
)

WATCHED = (
    Check(money.charged_once, "charges", lambda b: len(b.charges or []), needs_gateway=True),
    Check(debits.claims_were_free, "claims", lambda b: len(b.claims or [])),
    Check(debits.requests_were_claimed, "requests", lambda b: len(b.requests or [])),
)
"""Checks of what was seen at the moment at which it happened, as a simulation does; a store does not keep it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found; `skipped` says why it was not run."""

    check: Check
    examined: int
    breaches: tuple[Breach, ...]
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Money on the ledger by source and currency: what came, and what of it paid, is credit, is in suspense."""

    source: str
    currency: str
    amount_minor: int
    paid_minor: int
    credit_minor: int
    suspense_minor: int


@dataclass(frozen=True, slots=True)
class Report:
    results: tuple[Result, ...]
    open: tuple[Open, ...]
    totals: tuple[Total, ...]
    gateway: Mapping[str, int] | None  # charged, by currency; None where the gateway's books cannot be read

    @property
    def breaches(self) -> tuple[Breach, ...]:
        return tuple(breach for result in self.results for breach in result.breaches)

    def confirmed(self, later: "Report") -> "Report":
        """The later report, with those of its breaches that stood here already: others were rows on the move."""
        seen = set(self.breaches)
        results = [replace(r, breaches=tuple(b for b in r.breaches if b in seen)) for r in later.results]
        return replace(later, results=tuple(results))


def run(book: Snapshot, terms: Terms) -> Report:
    """Every check on one snapshot. The snapshot should hold still: a row that moved between two reads is a breach."""
    watched = WATCHED if book.claims is not None and book.requests is not None else ()
    return Report(
        tuple(_result(check, book, terms) for check in (*CHECKS, *watched)),
        tuple(sorted(agendas.open_items(book, terms))),
        _totals(book),
        _charged(book),
    )


def _result(check: Check, book: Snapshot, terms: Terms) -> Result:
    if check.needs_gateway and book.charges is None:
        return Result(check, 0, (), "the gateway's books are not ours to read")
    try:
        found = tuple(sorted(check.function(book, terms)))
    except (ValueError, KeyError, IndexError) as error:
        found = (Breach(check.name, "a row", f"cannot be understood: {type(error).__name__} {error}"),)
    return Result(check, check.count(book), found)


def _totals(book: Snapshot) -> tuple[Total, ...]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for entry in book.entries:
        found = sums[entry.source, entry.currency]
        found[0] += entry.amount_minor
        found[1] += entry.split_minor
        found[3 if entry.loan_id == SUSPENSE else 2] += entry.amount_minor - entry.split_minor
    return tuple(Total(source, currency, *found) for (source, currency), found in sorted(sums.items()))


def _charged(book: Snapshot) -> Mapping[str, int] | None:
    if book.charges is None:
        return None
    sums: dict[str, int] = defaultdict(int)
    for charge in book.charges:
        sums[charge.currency] += charge.amount_minor
    return dict(sorted(sums.items()))
