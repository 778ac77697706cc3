"""`duebell switch`: what is stopped, and stopping it or letting it go on."""

from typing import Annotated, Any

import typer

from shared.adapters.dynamodb.switches import stored
from shared.cli.orders import Because, ordered
from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.domain.switches import ALL

_NAMES = "debit, send, rail:NAME, channel:NAME, provider:NAME or product:NAME."

Name = Annotated[str, typer.Argument(metavar="NAME", help=_NAMES)]
NameOn = Annotated[str, typer.Argument(metavar="NAME", help=f"{_NAMES} Or all.")]


def list_command(stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show what is switched off. A stack whose board nobody has opened yet debits nobody and sends nothing."""
    session = Session(stack)
    board = stored(session.dynamodb, session.value("TABLE_CONTROL"))
    _finish({"open": board.on, "off": sorted(board.off)}, as_json=as_json)


def off_command(name: Name, reason: Because, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Stop all debiting, all messages, a rail, a channel, a provider or a product, from now on.

    The work waits, and is done by the rules of the day on which it goes on: a deduction whose days for catching up
    are over by then is left to the borrower and to `pay_now`. A message whose channel or provider is off goes over
    no other one.
    """
    _turn(name, reason, stack, on=False, as_json=as_json)


def on_command(name: NameOn, reason: Because, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Let what was stopped go on. `all` opens the board of a new stack, and turns everything on."""
    _turn(name, reason, stack, on=True, as_json=as_json)


def _turn(name: str, reason: str, stack: str, *, on: bool, as_json: bool) -> None:
    answer = ordered(Session(stack), {"verb": "switch", "name": name, "on": on, "reason": reason})
    _finish(answer, as_json=as_json)


def _finish(board: Any, *, as_json: bool) -> None:
    if as_json:
        say_json(board)
    elif not board["open"]:
        say(f"everything is off: nobody has opened this board yet (duebell switch on {ALL} --reason …)")
    elif board["off"]:
        for name in board["off"]:
            say(f"off: {name}")
    else:
        say("everything is on")
