"""`duebell policy diff` over a book: whose messages and debits of a day differ between two sets of packs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from shared.adapters.csv_files import open_portfolio
from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import PolicyFiles, lender_zone
from shared.cli.replay import history_of
from shared.cli.session import Session
from shared.cli.standing import stack_book
from shared.domain.calendar import business_date
from shared.domain.errors import InputError
from shared.domain.packs import Pack
from shared.domain.policy import Policy
from shared.ports.world import PolicyShelf
from shared.replay.comparison import Change, compare
from shared.replay.forecast import forecast
from shared.replay.gateway import AssumedGateway
from shared.replay.play import Rules, play
from shared.replay.record import Played

Book = Annotated[
    Path | None, typer.Option("--book", help="Over a portfolio's files: whose messages and debits.", metavar="DIR")
]
StackBook = Annotated[
    str | None, typer.Option("--stack", help="Over the book of this CloudFormation stack.", metavar="NAME")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="With --book: play from this day on, under A until the day itself; without it, from the day.",
    ),
]
Currency = Annotated[
    str | None, typer.Option("--currency", help="Of the stack's book, the loans in this one.", metavar="CODE")
]


@dataclass(frozen=True, slots=True)
class Over:
    """A book to look at: a portfolio's folder, else a stack."""

    folder: Path | None
    stack: str | None
    since: date | None
    currency: str | None

    def __post_init__(self) -> None:
        if self.folder and self.stack:
            raise InputError("--book and --stack: name one of them")
        if (self.since and not self.folder) or (self.currency and not self.stack):
            raise InputError("--from goes with --book, --currency with --stack")

    def __bool__(self) -> bool:
        return bool(self.folder or self.stack)


class _From:
    """A PolicyShelf: one set of packs until a day, another from it on."""

    def __init__(self, before: PolicyShelf, day: date, after: PolicyShelf) -> None:
        self._before, self._day, self._after = before, day, after

    def policy(self, product: str, now: datetime) -> Policy:
        return (self._after if self.today(now) >= self._day else self._before).policy(product, now)

    def today(self, now: datetime) -> date:
        return self._before.today(now)


def changes_over(over: Over, one: Iterable[Pack], other: Iterable[Pack], *, day: date) -> Sequence[Change]:
    """Whose messages and debits of the day differ if the second packs are in force from it on, and not the first.

    Everything before the day is played under the first packs both times; every pack counts as valid throughout. As the
    day begins every row is looked at again, both times.
    """
    before, after = (tuple(replace(p, valid_from=date.min, valid_to=None) for p in packs) for packs in (one, other))
    zone = lender_zone(before)
    if lender_zone(after) != zone:
        raise InputError("the two lenders' business_zone differ: their days cannot be laid side by side")
    shelves = PolicyFiles(before), _From(PolicyFiles(before), day, PolicyFiles(after))
    rules = [Rules(shelf, zone, fill, AssumedGateway, keeps_texts=True, swept_on=day) for shelf in shelves]
    found = compare(*(played.within(day, day) for played in _played(over, rules, day)))
    return found.changes


def _played(over: Over, rules: Sequence[Rules], day: date) -> list[Played]:
    if over.folder:
        first = over.since or day
        if first > day:
            raise InputError(f"--from {first} is after --on {day}")
        folder = over.folder
        return [play(history_of(open_portfolio(folder), each, first, day), first, day, each) for each in rules]
    book = stack_book(Session(over.stack or ""), over.currency)
    if day < (today := business_date(book.at, rules[0].business_zone)):
        raise InputError(f"--on {day} is over: the stack's book stands as of {today}")
    return [forecast(book, day, day, each) for each in rules]
