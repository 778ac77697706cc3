"""Orders to the function `operate`: signed by who runs the command, sent once, and what became of them."""

from typing import Annotated, Any

import typer

from shared.cli.output import say, say_json
from shared.cli.session import Session
from shared.cli.signing import signed
from shared.cli.tables import a_table, show
from shared.runtime import operator_events
from shared.runtime.callers import CALLER

FUNCTION = "FUNCTION_OPERATE"

Because = Annotated[str, typer.Option("--reason", help="Why, for the audit: nothing personal.")]

_UNDONE = {"refused", "lost", "left", "not-found", "other-amount", "gateway-silent", "unsure", "stale"}
_MEANING = {
    "known": "it was settled so already",
    "conflict": "money against another outcome: it is in suspense, and its instalments are closed to debits",
    "opened": "what was closed of it may be debited again, under the budget that it had",
    "other-amount": "the gateway names another amount than was asked for: it is in suspense, its instalments closed",
    "lost": "something else changed the loan at the same moment: look, and order again",
    "left": "there was no time for it: order again",
    "not-found": "the gateway does not know it",
    "gateway-silent": "the gateway could not be asked",
    "unsure": "the tables did not answer: look before you order again",
    "stale": "claimed, and too late to be sent: an enquiry will tell",
    "unknown": "no answer in time: an enquiry will tell",
    "pending": "the gateway has it and has not decided",
}


def ordered(session: Session, event: dict[str, Any]) -> Any:
    """The function's answer to an event that is checked, then signed by the caller's own credentials, and sent once."""
    checked = {"v": 1} | {name: value for name, value in event.items() if value is not None}
    operator_events.operate(checked | {CALLER: {"none": "yet"}})
    return session.invoke(FUNCTION, signed(checked))


def finish(answer: Any, *, as_json: bool) -> None:
    """Says what became of an order; exit code 1 where something of it was not done."""
    if as_json:
        say_json(answer)
    elif "request" in answer:
        _say_request(answer)
    elif "entry" in answer:
        _say_resolved(answer)
    else:
        _say_results(answer)
    if "request" in answer or any(found["result"] in _UNDONE for found in answer.get("results", ())):
        raise typer.Exit(1)


def _say_request(answer: Any) -> None:
    sums = " and ".join(f"{one['amount']} {one['currency']}" for one in answer["amounts"])
    reach = f"{answer['loans']} loan{'' if answer['loans'] == 1 else 's'}{f', {sums}' if sums else ''}"
    say(f"nothing was done yet: {reach} needs a second person. Another one than {answer['actor']} looks at it with")
    say(f"  duebell audit {answer['request']}")
    say("and, within 24 hours, agrees with")
    say(f"  duebell approve {answer['request']}")


def _say_resolved(answer: Any) -> None:
    where = f"loan {answer['loan_id']}" if answer["loan_id"] else "other books"
    say(f"{answer['amount']} {answer['currency']} of {answer['entry']} went to {where}")


def _say_results(answer: Any) -> None:
    table = a_table("attempt", "result", "new attempt", "meaning")
    for found in answer["results"]:
        until = f"; not before {found['until']}" if "until" in found else ""
        meaning = found["sentence"] + until if "sentence" in found else _MEANING.get(found["result"], "")
        table.add_row(found["attempt"], found["result"], found.get("made", ""), meaning)
    show(table)
