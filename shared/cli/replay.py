"""`duebell replay`: history through the lines, on nothing but memory."""

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
from shared.domain.errors import InputError
from shared.replay.comparison import compare, write_changes
from shared.replay.files import COLUMNS, SUMMARY, write_played
from shared.replay.gateway import AssumedGateway
from shared.replay.history import Files, History, read_history
from shared.replay.play import Progress, Rules, play
from shared.replay.record import Played

Folder = Annotated[Path, typer.Option("--dir", help="The portfolio: the files of an import.", metavar="DIR")]
Out = Annotated[Path, typer.Option("--out", help="An empty or new folder for the results.", metavar="OUT")]
First = Annotated[str, typer.Option("--from", help="The first business date.", metavar="DATE")]
Last = Annotated[str, typer.Option("--to", help="The last business date, itself included.", metavar="DATE")]
Packs = Annotated[Path | None, typer.Option("--policy", help="A folder of packs; else those that ship.", metavar="P")]
Other = Annotated[
    Path | None, typer.Option("--compare", help="A second folder of packs: what would it have changed?", metavar="P2")
]


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

    Payments book on their day before its passes. Debits are attempted under the portfolio's mandates: an account that
    begins like one of the stub's does what it says, any other pays; without mandates nothing is debited. A borrower
    whose time zone is empty or unknown is not contacted. Nothing but OUT is written, and nobody is asked.
    """
    days = read_days(first, last)
    refuse_taken(out)
    with progress(quiet=as_json) as step:
        played = _played(open_portfolio(folder), policy, *days, step)
        second = _played(open_portfolio(folder), other, *days, step) if other else None
    summary: dict[str, Any] = write_played(played, *days, out)
    if second:
        summary["compared"] = write_changes(compare(played, second), out)
    if as_json:
        say_json(summary)
    else:
        _tell(summary, out)


def read_days(first: str, last: str) -> tuple[date, date]:
    """Raises InputError for what is no date, and for a last day before the first."""
    days = read_day(first, "--from"), read_day(last, "--to")
    if days[1] < days[0]:
        raise InputError(f"--to {last} is before --from {first}")
    return days


def refuse_taken(out: Path) -> None:
    """Raises InputError for a folder that holds results, before anything is played."""
    if taken := [name for name in (*COLUMNS, SUMMARY) if (out / name).exists()]:
        raise InputError(f"{out} holds {taken[0]} already: name an empty folder")


def read_day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text} is no date such as 2026-03-01") from None


def _played(files: Files, folder: Path | None, first: date, last: date, step: Progress) -> Played:
    packs = read_packs(folder)
    rules = Rules(PolicyFiles(packs), lender_zone(packs), fill, AssumedGateway)
    return play(history_of(files, rules, first, last), first, last, rules, step)


def history_of(files: Files, rules: Rules, first: date, last: date) -> History:
    """The files as history; raises InputError once every finding in them is told."""
    evening = at_local(last, time(23, 59), rules.business_zone)
    history = read_history(files, lambda product: rules.shelf.policy(product, evening), phone_problem, first, last)
    if isinstance(history, History):
        return history
    for finding in history:
        complain(f"{finding.file}:{finding.line}: {finding.column} {finding.reason}")
    raise InputError(f"nothing was played: {len(history)} finding{'' if len(history) == 1 else 's'} in the files")


def _tell(summary: dict[str, Any], out: Path) -> None:
    for name, value in summary.items():
        if isinstance(value, dict):
            say(f"{name}:")
            for key, inner in value.items():
                told = ", ".join(f"{k} {v}" for k, v in inner.items()) if isinstance(inner, dict) else inner
                say(f"    {key:28}{told}")
        else:
            say(f"{name:32}{', '.join(map(str, value)) if isinstance(value, list) else value}")
    say(f"written to {out}: {', '.join((*COLUMNS, SUMMARY))}")
