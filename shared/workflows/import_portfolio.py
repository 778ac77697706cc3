"""Imports a portfolio: everything is checked first, then written off every agenda, then opened.

Safe to run again, and meant to be after an interruption: rows that stand in the book are left alone, a loan's own row
is written after all that belongs to it, and nothing is opened before everything is written. So until an import is
complete its loans are on no agenda, and a book never follows half a loan.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import batched

from shared.domain.book import Borrower, Instalment, Loan
from shared.domain.errors import StoreError
from shared.domain.policy import Policy
from shared.domain.portfolio import COLUMNS, LOANS, Finding, Portfolio, SourceLine
from shared.domain.portfolio_rows import Prepared, Sourced, group_by_loan, prepare
from shared.domain.portfolio_rules import check, in_order
from shared.ports.portfolio import Imported, PortfolioStore
from shared.ports.world import PolicyShelf

BATCH = 500
"""Rows asked about or written between two reports of progress."""

type Progress = Callable[[str, int, int], None]
"""Told what is done (`checked`, `written`, `opened`), how much of it, and how much there is."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Bad or changed lines; nothing was written."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`lines` by file; `written` counts those of them that were new, `opened` the loans that went on the agendas.

    `warnings` are about good lines that will not do what they seem to: a mandate over a rail without a pack.
    """

    lines: Mapping[str, int]
    written: int
    opened: int
    warnings: tuple[Finding, ...] = ()


def import_portfolio(
    files: Mapping[str, Iterable[SourceLine | Finding]],
    store: PortfolioStore,
    shelf: PolicyShelf,
    phone_problem: Callable[[str], str | None],
    phone_zones: Callable[[str], tuple[str, ...]],
    at: datetime,
    progress: Progress = lambda *_: None,
) -> Report | Refused:
    """Imports the lines of a portfolio's files as of an instant, or refuses all of them.

    `phone_zones` gives the zones in which a number's area code lies, which are added to those of the borrower's line.
    Raises StoreError when the store does not answer, or when another import writes the same rows meanwhile: run it
    again.
    """

    @cache
    def policy_of(product: str) -> Policy:
        return shelf.policy(product, at)

    portfolio = check(files, policy_of, phone_problem, at)
    if not isinstance(portfolio, Portfolio):
        return Refused(portfolio)
    products = {read.row.product for read in portfolio.loans}
    prepared = prepare(portfolio, {product: policy_of(product) for product in products}, at)
    prepared = replace(prepared, borrowers=tuple(_in_every_zone(prepared.borrowers, phone_zones)))
    order = (prepared.cards, prepared.borrowers, prepared.parts, prepared.loans)
    stored = _stored(store, [row for rows in order for row in rows], progress)
    if findings := tuple(_changed(prepared, stored)):
        return Refused(in_order(findings))
    written = _write(store, order, stored, progress)
    opened = _open(store, prepared, at, progress)
    lines = (portfolio.borrowers, portfolio.loans, portfolio.instalments, portfolio.mandates, portfolio.payments)
    return Report(dict(zip(COLUMNS, map(len, lines), strict=True)), written, opened, portfolio.warnings)


def _in_every_zone(borrowers: Iterable[Sourced], phone_zones: Callable[[str], tuple[str, ...]]) -> Iterator[Sourced]:
    """The fingerprint stays that of the line: numbering plans change, and the line is the same one as before."""
    for sourced in borrowers:
        row = sourced.row
        if isinstance(row, Borrower) and row.phone:
            others = (*row.other_zones, *(zone for zone in phone_zones(row.phone) if zone not in row.zones))
            yield replace(sourced, row=replace(row, other_zones=others))
        else:
            yield sourced


def _imported(rows: Iterable[Sourced]) -> list[Imported]:
    return [Imported(sourced.row, sourced.fingerprint) for sourced in rows]


def _stored(store: PortfolioStore, rows: Sequence[Sourced], progress: Progress) -> dict[int, str]:
    """The fingerprints that stand in the book, by the identity of the row that has the same key."""
    found: dict[int, str] = {}
    done = 0
    for batch in batched(rows, BATCH, strict=False):
        found |= {id(batch[place]): stored for place, stored in store.fingerprints(_imported(batch)).items()}
        done += len(batch)
        progress("checked", done, len(rows))
    return found


def _changed(prepared: Prepared, stored: Mapping[int, str]) -> Iterator[Finding]:
    """Lines that say something else than what was imported from them, and loans that were imported otherwise."""
    for sourced in prepared.borrowers:
        if not sourced.is_same_line(stored.get(id(sourced), sourced.fingerprint)):
            yield _differs(sourced)
    by_loan = group_by_loan((*prepared.parts, *prepared.loans))
    for rows in by_loan.values():
        known = [sourced for sourced in rows if id(sourced) in stored]
        if all(sourced.fingerprint == stored[id(sourced)] for sourced in known):
            continue
        changed = [_differs(sourced) for sourced in known if not sourced.is_same_line(stored[id(sourced)])]
        added = [
            Finding(s.file, s.line, "", "was not there when its loan was imported: a loan is imported as a whole")
            for s in rows
            if id(s) not in stored
        ]
        loan = rows[-1]
        gone = Finding(LOANS, loan.line, "loan_id", "was imported with more instalments, mandates or payments than now")
        yield from changed or added or [gone]


def _differs(sourced: Sourced) -> Finding:
    return Finding(sourced.file, sourced.line, "", "differs from what was imported from it before")


def _write(
    store: PortfolioStore, order: Sequence[Sequence[Sourced]], stored: Mapping[int, str], progress: Progress
) -> int:
    """Writes what is missing, one kind after the other; returns how many lines that were."""
    missing = [[sourced for sourced in rows if id(sourced) not in stored] for rows in order]
    total, done, lost = sum(map(len, missing)), 0, False
    for rows in missing:
        for batch in batched(rows, BATCH, strict=False):
            lost |= store.write(_imported(batch)) != len(batch)
            done += len(batch)
            progress("written", done, total)
    if lost:
        raise StoreError("another import wrote some of these rows meanwhile: run this one again")
    return total - len(missing[0])  # a card is no line of its own


def _open(store: PortfolioStore, prepared: Prepared, at: datetime, progress: Progress) -> int:
    """Puts on the agendas what never was; a loan's own row, by which it counts as open, after its instalments."""
    opened = 0
    done = 0
    for batch in batched(prepared.agenda, BATCH // 10, strict=False):
        unopened = store.unopened(batch)
        rows = [row for loan_id in batch if loan_id in unopened for row in prepared.agenda[loan_id]]
        store.open([row for row in rows if isinstance(row, Instalment)], at)
        store.open([row for row in rows if isinstance(row, Loan)], at)
        opened += len(unopened)
        done += len(batch)
        progress("opened", done, len(prepared.agenda))
    return opened
