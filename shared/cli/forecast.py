"""`duebell forecast`: what would be sent and debited in the days to come, on nothing but memory."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.adapters.csv_files import open_portfolio
from shared.adapters.jinja_texts import fill
from shared.adapters.policy_files import PolicyFiles, lender_zone, read_packs
from shared.cli.output import Json, complain, progress, say, say_json
from shared.cli.replay import First, Last, Packs, history_of, read_days, refuse_taken
from shared.cli.session import Session, Stack
from shared.cli.standing import stack_book
from shared.domain.errors import InputError
from shared.domain.money import Money
from shared.domain.switches import Switches
from shared.replay.files import COLUMNS, SUMMARY, summary_of, write_played
from shared.replay.forecast import Day, days_of, forecast
from shared.replay.gateway import AssumedGateway
from shared.replay.play import Progress, Rules, play
from shared.replay.record import Played


class Assume(StrEnum):
    """What every account does with a debit, unless it says otherwise."""

    PAID = "paid"
    INSUFFICIENT = "insufficient"


Folder = Annotated[
    Path | None,
    typer.Option("--dir", help="A portfolio, the files of an import; else the stack's book.", metavar="DIR"),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="An empty or new folder for the files of a replay.", metavar="OUT")
]
Assumed = Annotated[Assume, typer.Option("--assume", help="What accounts do that are none of the payment stub's.")]
Currency = Annotated[
    str | None, typer.Option("--currency", help="Of the stack's book, the loans in this one.", metavar="CODE")
]


def forecast_command(
    first: First,
    last: Last,
    folder: Folder = None,
    assume: Assumed = Assume.PAID,
    policy: Packs = None,
    currency: Currency = None,
    out: Out = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Show day by day what would be sent and debited, held back and escalated; nobody is asked, nothing is written.

    The lines are played forward on a copy of the stack's book as it stands now, with what was told and attempted, its
    holds and switches. Nobody pays of his own will meanwhile. A folder is taken on as an import on the first morning
    would; payments in it book on their day.
    """
    days = read_days(first, last)
    if out:
        refuse_taken(out)
    packs = read_packs(policy)
    rules = Rules(PolicyFiles(packs), lender_zone(packs), fill, lambda: AssumedGateway(f"{assume}-"))
    with progress(quiet=as_json) as step:
        if folder:
            played, switches = _of_files(folder, days, rules, currency, step), None
        else:
            book = stack_book(Session(stack), currency)
            played, switches = forecast(book, *days, rules, step), book.switches
    off = [] if switches is None else _off(switches)
    told = days_of(played, *days)
    summary = write_played(played, *days, out) if out else summary_of(played, *days)
    if as_json:
        listed = [_document(day, played.currency) for day in told]
        say_json({"assumed": assume, "switched_off": off, "days": listed, "summary": summary})
        return
    if off:
        complain(f"switched off, and played so: {', '.join(off)}")
    _tell(told, played)
    if out:
        say(f"written to {out}: {', '.join((*COLUMNS, SUMMARY))}")


def _of_files(folder: Path, days: tuple[date, date], rules: Rules, currency: str | None, step: Progress) -> Played:
    if currency:
        raise InputError("--currency is for the stack's book: files hold one currency")
    return play(history_of(open_portfolio(folder), rules, *days), *days, rules, step)


def _off(switches: Switches) -> list[str]:
    return sorted(switches.off) if switches.on else ["everything: nobody has opened the board yet"]


def _document(day: Day, currency: str) -> dict[str, Any]:
    kinds: dict[str, dict[str, int]] = {}
    for (kind, channel), count in sorted(day.messages.items()):
        kinds.setdefault(kind, {})[channel] = count
    waits: dict[str, dict[str, int]] = {}
    for (line, reason), count in sorted(day.waits.items()):
        waits.setdefault(line, {})[reason] = count
    return {
        "date": day.date,
        "messages": kinds,
        "unreached": day.unreached,
        "debits": {
            outcome: {"count": count, "amount": _amount(minor, currency)}
            for outcome, (count, minor) in sorted(day.debits.items())
        },
        "deferred": waits,
        "stages": {stage: day.stages[stage] for stage in sorted(day.stages, key=lambda stage: stage.rank)},
    }


def _tell(days: list[Day], played: Played) -> None:
    for day in days:
        _tell_day(day, played.currency)
    messages = sum(sum(day.messages.values()) for day in days)
    debited = sum(line.amount_minor for line in played.attempts if line.outcome == "paid")
    amount = f"{_amount(debited, played.currency)} {played.currency}".strip()
    say(f"{messages} messages, {len(played.attempts)} debits, debited {amount}")
    for name, count in sorted(played.failures.items()):
        complain(f"{count} rows could not be worked through: {name}")


def _tell_day(day: Day, currency: str) -> None:
    debits = sum(count for count, _ in day.debits.values())
    asked = _amount(sum(minor for _, minor in day.debits.values()), currency)
    say(f"{day.date}  {sum(day.messages.values())} messages, {debits} debits for {asked}")
    parts = {
        "messages": [f"{kind} {channel} {count}" for (kind, channel), count in sorted(day.messages.items())],
        "unreached": [str(day.unreached)] if day.unreached else [],
        "debits": [f"{outcome} {count}" for outcome, (count, _) in sorted(day.debits.items())],
        "deferred": [f"{line} {reason} {count}" for (line, reason), count in sorted(day.waits.items())],
        "stages": [f"{s} {day.stages[s]}" for s in sorted(day.stages, key=lambda stage: stage.rank)],
    }
    for name, told in parts.items():
        if told:
            say(f"    {name:10}{', '.join(told)}")


def _amount(minor: int, currency: str) -> str:
    return Money(minor, currency).decimal() if currency else "0"
