"""`duebell replay`: history through the lines, on nothing but memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.adapters.csv_files import open_portfolio
from shared.adapters.jinja_texts import fill
from shared.adapters.phones import phone_problem
from shared.adapters.policy_files import PolicyFiles, lender_zone, read_packs
from shared.cli.output import Json, complain, progress, say, say_json
from shared.domain.calendar import at_local
from shared.domain.errors import InputError, PolicyError
from shared.domain.packs import Pack
from shared.replay.comparison import CHANGES, COMPARED, compare, files_of, sums_of
from shared.replay.files import COLUMNS, SUMMARY, refuse_unfit, write_played
from shared.replay.gateway import AssumedGateway
from shared.replay.history import Files, History, read_history
from shared.replay.play import Rules, play
from shared.replay.record import Played
from shared.replay.validity import days_outside, throughout


def a_folder(param: typer.CallbackParam, folder: Path | None) -> Path | None:
    """Raises InputError for what is none, before anything is read."""
    if folder is not None and not folder.is_dir():
        raise InputError(f"{param.opts[0]}: {folder} is no folder")
    return folder


Folder = Annotated[Path, typer.Option("--dir", help="The portfolio: the files of an import.", metavar="DIR")]
Out = Annotated[Path, typer.Option("--out", help="An empty or new folder for the results.", metavar="OUT")]
First = Annotated[str, typer.Option("--from", help="The first business date.", metavar="DATE")]
Last = Annotated[str, typer.Option("--to", help="The last business date, itself included.", metavar="DATE")]
Packs = Annotated[
    Path | None,
    typer.Option("--policy", help="A folder of packs; else those that ship.", metavar="P", callback=a_folder),
]
Other = Annotated[
    Path | None,
    typer.Option(
        "--compare", help="A second folder of packs: what would it have changed?", metavar="P2", callback=a_folder
    ),
]


@dataclass(frozen=True, slots=True)
class _Side:
    """Packs to play under: as they are written, and as rules that have been in force throughout the history."""

    name: str  # the option that named them; empty for those that ship
    written: tuple[Pack, ...]
    rules: Rules


def replay_command(
    folder: Folder,
    first: First,
    last: Last,
    out: Out,
    policy: Packs = None,
    other: Other = None,
    as_json: Json = False,
) -> None:
    """Play a portfolio's history through the lines, and write what they would have done.

    Payments book on their day before its passes. Debits are attempted under the portfolio's mandates, each from the day
    on which it was signed: an account that begins like one of the stub's does what it says, any other pays; without
    mandates nothing is debited. A borrower whose time zone is empty or unknown is not contacted. Nothing but OUT is
    written, and nobody is asked.
    """
    days = read_days(first, last)
    more = (CHANGES, COMPARED) if other else ()
    refuse_taken(out, more)
    sides = [_side(policy, "--policy", keeps_texts=other is not None)]
    if other:
        sides.append(_side(other, "--compare", keeps_texts=True))
    history = _read(folder, sides[0], days)
    for side in sides[1:]:
        _read(folder, side, days)  # the history is the same, what is wrong with it may not be
    outside = [_days_outside(side, history, days) for side in sides]
    with progress(quiet=as_json) as step:
        played = [
            replace(play(history, *days, side.rules, step), days_outside=found)
            for side, found in zip(sides, outside, strict=True)
        ]
    summary = _written(played, days, out)
    if as_json:
        say_json(summary)
    else:
        _tell(summary, out, (*COLUMNS, SUMMARY, *more))


def read_days(first: str, last: str) -> tuple[date, date]:
    """Raises InputError for what is no date, and for a last day before the first."""
    days = read_day(first, "--from"), read_day(last, "--to")
    if days[1] < days[0]:
        raise InputError(f"--to {last} is before --from {first}")
    return days


def refuse_taken(out: Path, more: Iterable[str] = ()) -> None:
    """Raises InputError for a folder that holds results, `more` among them, or cannot be written, before anything is
    played."""
    refuse_unfit(out, (*COLUMNS, SUMMARY, *more))


def read_day(text: str, option: str) -> date:
    """Raises InputError for what is no date, and for one that no file of a portfolio may name."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text} is no date such as 2026-03-01") from None
    if not 1970 <= day.year <= 2199:
        raise InputError(f"{option} {text} is before 1970 or after 2199")
    return day


def _side(folder: Path | None, option: str, *, keeps_texts: bool) -> _Side:
    name = f"{option} {folder}" if folder else ""
    try:
        written = read_packs(folder)
        lasting = throughout(written)
        rules = Rules(PolicyFiles(lasting), lender_zone(lasting), fill, AssumedGateway, keeps_texts)
    except PolicyError as error:
        raise _named(name, error) from error
    return _Side(name, written, rules)


def _read(folder: Path, side: _Side, days: tuple[date, date]) -> History:
    return history_of(open_portfolio(folder), side.rules, *days, f" under {side.name}" if side.name else "")


def _days_outside(side: _Side, history: History, days: tuple[date, date]) -> int:
    """Asks for the rules of every day, so that what is wrong with one of them is known before any is played."""
    try:
        return days_outside(side.written, history, side.rules, *days)
    except PolicyError as error:
        raise _named(side.name, error) from error


def _named(name: str, error: PolicyError) -> InputError:
    return InputError(f"{name}: {error}" if name else str(error))


def history_of(files: Files, rules: Rules, first: date, last: date, under: str = "") -> History:
    """The files as history; raises InputError once every finding in them is told. `under` names packs."""
    evening = at_local(last, time(23, 59), rules.business_zone)
    history = read_history(files, lambda product: rules.shelf.policy(product, evening), phone_problem, first, last)
    if isinstance(history, History):
        return history
    for finding in history:
        complain(f"{finding.file}:{finding.line}: {finding.column} {finding.reason}")
    findings = f"{len(history)} finding{'' if len(history) == 1 else 's'}"
    raise InputError(f"nothing was played: {findings} in the files{under}")


def _written(played: Sequence[Played], days: tuple[date, date], out: Path) -> dict[str, Any]:
    """Writes the first of one or two replays, with what the second changes, and gives the sums back."""
    if len(played) == 1:
        return write_played(played[0], *days, out)
    found = compare(*played)
    sums = sums_of(found)
    return {**write_played(played[0], *days, out, files_of(found, sums)), "compared": sums}


def _tell(summary: dict[str, Any], out: Path, names: Iterable[str]) -> None:
    for name, value in summary.items():
        if isinstance(value, dict):
            say(f"{name}:")
            for key, inner in value.items():
                say(f"    {key:28}{_said(inner)}")
        else:
            say(f"{name:32}{', '.join(map(str, value)) if isinstance(value, list) else value}")
    say(f"written to {out}: {', '.join(names)}")


def _said(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return ", ".join(
        f"{key} {f'({_said(inner)})' if isinstance(inner, dict) else inner}" for key, inner in value.items()
    )
