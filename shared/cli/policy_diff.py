"""`duebell policy diff`: what changed between two folders, two days or two versions of packs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from shared.adapters.policy_files import read_packs
from shared.cli.output import Json, say, say_json
from shared.cli.policy import Day, Folder, day_of, existing, written
from shared.cli.policy_on_book import Book, Currency, Over, Since, StackBook, changes_over
from shared.domain.errors import InputError
from shared.domain.merged_policy import name_of
from shared.domain.packs import Leaf, Pack
from shared.domain.policy_changes import Change, Direction, changes, pack_changes
from shared.replay.comparison import Change as Lived

_WHAT = "a folder of packs, a date, or a pack's version such as lender-1"
One = Annotated[str, typer.Argument(metavar="A", help=f"Before: {_WHAT}.")]
Other = Annotated[str, typer.Argument(metavar="B", help="After: the same.")]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Packs under a name: those that are valid on a day, or one version of one, whenever it is."""

    name: str
    packs: tuple[Pack, ...]
    is_one_pack: bool = False


def diff_command(
    one: One,
    other: Other,
    folder: Folder = None,
    on: Day = None,
    book: Book = None,
    stack: StackBook = None,
    since: Since = None,
    currency: Currency = None,
    as_json: Json = False,
) -> None:
    """Show leaf by leaf what changed from A to B, and whether it got tighter or looser where that can be said.

    Dates and versions are looked up among the packs of --dir, or those that ship. Of folders, the packs that are valid
    on the day are compared. With --book or --stack, show as well whose messages and debits of the day change; accounts
    are taken to pay, and nothing is written.
    """
    over = Over(book, stack, since.date() if since else None, currency)
    shelves = [_shelf(argument, name, folder, on) for argument, name in (("A", one), ("B", other))]
    found = leaf_changes(*shelves)
    day = day_of(on, read_packs(existing(folder))) if over else None
    lived = changes_over(over, *(_whole(shelf, folder, day) for shelf in shelves), day=day) if day else ()
    if as_json:
        answer = {"a": one, "b": other, "changes": [_row(change) for change in found]}
        say_json({**answer, "day": day, "of_the_day": [asdict(change) for change in lived]} if day else answer)
        return
    for change in found:
        before, after = (_said(leaf, change.direction) for leaf in (change.before, change.after))
        say(f"{change.direction}: {change.pack}: {change.path}: {before} -> {after}")
    counts = [f"{sum(change.direction is d for change in found)} {d}" for d in Direction]
    say(f"{len(found)} leaves differ: {', '.join(counts)}" if found else "no leaf differs")
    if day:
        _tell(lived, day)


def _tell(lived: Sequence[Lived], day: date) -> None:
    for change in lived:
        before, after = change.before or "nothing", change.after or "nothing"
        say(f"{change.what}: {change.subject}: {change.key}: {before} -> {after}")
    of = {what: {change.subject for change in lived if change.what == what} for what in ("message", "debit")}
    said = f"messages of {len(of['message'])} borrowers, debits of {len(of['debit'])} loans"
    say(f"on {day} change: {said}" if lived else f"on {day} nobody's messages or debits change")


def _whole(shelf: Shelf, folder: Path | None, day: date) -> tuple[Pack, ...]:
    """All packs that a shelf stands for: a single version takes its place among those that are valid on the day."""
    if not shelf.is_one_pack:
        return shelf.packs
    (version,) = shelf.packs
    return (version, *(p for p in _valid(read_packs(existing(folder)), day) if p.id != version.id))


def leaf_changes(one: Shelf, other: Shelf) -> tuple[Change, ...]:
    """What differs in the rules."""
    if one.is_one_pack and other.is_one_pack:
        return tuple(pack_changes(one.packs[0], other.packs[0]))
    return changes(one.packs, other.packs)


def _shelf(argument: str, name: str, folder: Path | None, on: datetime | None) -> Shelf:
    """Raises InputError for a name that is none of the three."""
    if Path(name).is_dir():
        packs = read_packs(Path(name))
        return Shelf(name, _valid(packs, day_of(on, packs)))
    packs = read_packs(existing(folder))
    if version := next((pack for pack in packs if name_of(pack) == name), None):
        return Shelf(name, (version,), is_one_pack=True)
    try:
        return Shelf(name, _valid(packs, date.fromisoformat(name)))
    except ValueError:
        raise InputError(f"{argument}: {name} is none of {_WHAT}") from None


def _valid(packs: tuple[Pack, ...], day: date) -> tuple[Pack, ...]:
    return tuple(pack for pack in packs if pack.is_valid_on(day))


def _said(leaf: Leaf | None, direction: Direction) -> str:
    if leaf is None:
        return "nothing"
    return f"{leaf.kind}, {leaf.sure}: {leaf.source}" if direction is Direction.RESTATED else written(leaf.value)


def _row(change: Change) -> dict[str, object]:
    both = {"before": _leaf(change.before), "after": _leaf(change.after)}
    return {"pack": change.pack, "path": change.path, "direction": change.direction, **both}


def _leaf(leaf: Leaf | None) -> dict[str, object] | None:
    if leaf is None:
        return None
    return {"value": leaf.value, "kind": leaf.kind, "sure": leaf.sure, "source": leaf.source}
