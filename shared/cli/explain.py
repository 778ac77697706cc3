"""`duebell explain`: why a loan was told, debited or moved on a day, or was not."""

import json
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from shared.cli.output import Json, say, say_json
from shared.cli.session import Session, Stack
from shared.domain.errors import InputError
from shared.runtime import explain_events

LoanId = Annotated[str, typer.Argument(metavar="LOAN", help="The loan's id.")]
On = Annotated[str | None, typer.Option("--on", metavar="DATE", help="The business date, past or ahead; else today.")]

_FUNCTION = "FUNCTION_EXPLAIN"


def explain_command(loan_id: LoanId, on: On = None, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Show every decision of a day about a loan: what was decided, why, until when, and the rule behind it.

    A day that is over is decided again on the facts as they stood; what was really done on it is shown beside. What
    cannot be told exactly is said. Changes nothing.
    """
    event = {"v": 1, "loan_id": loan_id} | ({"on": on} if on is not None else {})
    explain_events.explain(event)
    answer = Session(stack).invoke(_FUNCTION, event)
    if not isinstance(answer, dict) or "decisions" not in answer:
        raise InputError("explain gave no answer that can be read")
    if as_json:
        say_json(answer)
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    zone = ZoneInfo(answer["business_zone"])
    say(f"loan {answer['loan_id']} of borrower {answer['borrower_id']} on {answer['on']}, {answer['business_zone']}")
    unit = None
    for found in answer["decisions"]:
        if unit != (found["line"], found["unit"]):
            unit = found["line"], found["unit"]
            say("")
            say(f"{found['line']} line, {found['unit']}")
        until = f" until {_local(found['until'], zone, '%Y-%m-%d %H:%M')}" if found["until"] else ""
        say(f"  {_local(found['at'], zone)}  {found['decision']}{until}  {found['reason']}: {found['sentence']}")
        if found["what"]:
            say(f"         {_plain(found['what'])}")
        for leaf in found["behind"]:
            why = f"; {leaf['why']}" if leaf["why"] else ""
            say(f"         {leaf['leaf']} = {_plain(leaf['value'])}  ({leaf['pack']}, {leaf['kind']}{why})")
    say("")
    say("done on the day:" if answer["done"] else "nothing was done on the day")
    for event in answer["done"]:
        clock = _local(event["at"], zone) if event["at"] else "     "
        under = f"  under {event['policy_version']}" if event["policy_version"] else ""
        say(f"  {clock}  {event['kind']} {event['key']}  {_plain(event['what'])}{under}")
    for doubt in answer["doubts"]:
        say(f"not exact: {doubt}")


def _local(instant: str, zone: ZoneInfo, shape: str = "%H:%M") -> str:
    return f"{datetime.fromisoformat(instant).astimezone(zone):{shape}}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
