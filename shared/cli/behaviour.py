"""`duebell behaviour`: what borrowers did after messages, what learning is worth, and the pack that it learns from."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from shared.adapters.dynamodb.book import DynamoBook
from shared.adapters.policy_files import PolicyFiles
from shared.adapters.tokens import RandomTokens
from shared.cli.output import Json, say, say_json
from shared.cli.session import PORTFOLIO_TABLES, Session, Stack
from shared.cli.tables import a_table, show
from shared.domain import keys
from shared.domain.behaviour import Compared, Group, Observed, behaviour_pack, compared, tallies
from shared.domain.errors import InputError
from shared.domain.lift import wilson
from shared.domain.packs import Pack
from shared.workflows.learn import Behaviour

_FORMATS = ["%Y-%m-%d"]
First = Annotated[
    datetime,
    typer.Option("--from", formats=_FORMATS, metavar="DATE", help="The first business date: when learning was on."),
]
Last = Annotated[
    datetime | None,
    typer.Option("--to", formats=_FORMATS, metavar="DATE", help="The last business date; without it, today."),
]
ValidFrom = Annotated[
    datetime | None,
    typer.Option("--valid-from", formats=_FORMATS, metavar="DATE", help="The pack's first day; else tomorrow."),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of packs that the pack is written into.")]


def report_command(
    first: First,
    last: Last = None,
    borrower: Annotated[
        str | None, typer.Option("--borrower", metavar="ID", help="One borrower's messages, one by one.")
    ] = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Compare who was learned on with who was held out: told, delivered, opened, clicked, repaid, and the lift.

    Each borrower counts once in a row. The lift is in points of a hundred, with its 95 % interval; one that holds 0
    shows no difference.
    """
    session = Session(stack)
    begins, ends = _days(session, first, last)
    if borrower is not None:
        book = DynamoBook(session.dynamodb, session.store(*PORTFOLIO_TABLES).tables, RandomTokens())
        seen = _reader(session).of_borrower(book, keys.checked_id(borrower))
        _tell_each([one for one in seen if begins <= one.on <= ends], as_json=as_json)
        return
    seen = _reader(session).of_book(session.portfolio, begins, ends)
    rows, early = compared(seen), sum(one.repaid is None for one in seen)
    if as_json:
        arms = [_arm_row(*row) for row in _arms(seen)]
        say_json({"from": begins, "to": ends, "too_early": early, "rows": [_row(row) for row in rows], "arms": arms})
        return
    _show(rows)
    say("")
    _show_arms(seen)
    say(f"{len(seen)} messages from {begins} to {ends}, {early} of them too early to tell")


def learn_command(
    first: First,
    out: Out,
    last: Last = None,
    valid_from: ValidFrom = None,
    stack: Stack = "duebell",
    as_json: Json = False,
) -> None:
    """Write what was counted as a pack, which decisions read from its first day on, once it is deployed.

    Decisions read it only where `contact.learning.mode` is on. A pack that is there is never written over.
    """
    session = Session(stack)
    begins, ends = _days(session, first, last)
    today = _reader(session).today()
    day = valid_from.date() if valid_from else today + timedelta(days=1)
    if not out.is_dir():
        raise InputError(f"--out: {out} is no folder")
    if day <= today:
        raise InputError(f"--valid-from: {day} has begun: decisions of that day were made without it")
    seen = _reader(session).of_book(session.portfolio, begins, ends)
    pack = behaviour_pack(seen, begins, ends, day)
    if not pack.leaves:
        raise InputError(f"no message from {begins} to {ends} can be learned from yet")
    path = out / f"{pack.id}.toml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written(pack))
    except FileExistsError as error:
        raise InputError(f"{path} is there already: a pack is never edited; choose a later --valid-from") from error
    if as_json:
        say_json({"file": str(path), "pack": pack.id, "valid_from": day, "arms": len(pack.leaves)})
    else:
        say(f"{path}: {len(pack.leaves)} arms, valid from {day}")


def written(pack: Pack) -> str:
    """A pack of behaviour as TOML."""
    head = [f"{name} = {dumps(getattr(pack, name))}" for name in ("id", "type", "version")]
    lines = ["# Written by duebell behaviour learn.", *head, f"valid_from = {pack.valid_from}"]
    table = ""
    for path, leaf in pack.leaves.items():
        above, _, name = path.rpartition(".")
        if above != table:
            table = above
            tree, _, rest = above.partition(".")
            product, _, tier = rest.rpartition(".")
            lines += ["", f"[{tree}.{product}.{tier}]"]
        said = f"kind = {dumps(leaf.kind)}, sure = {dumps(leaf.sure)}, source = {dumps(leaf.source)}"
        lines.append(f"{name} = {{ value = {dumps(leaf.value)}, {said} }}")
    return "\n".join([*lines, ""])


def _reader(session: Session) -> Behaviour:
    return Behaviour(PolicyFiles(), session.clock)


def _days(session: Session, first: datetime, last: datetime | None) -> tuple[date, date]:
    begins, ends = first.date(), last.date() if last else _reader(session).today()
    if ends < begins:
        raise InputError(f"--to: {ends} is before {begins}")
    return begins, ends


def _row(row: Compared) -> dict[str, object]:
    lift = row.lift
    groups = {"learned": asdict(row.learned), "held_out": asdict(row.held_out)}
    points = {name: round(value, 6) for name, value in asdict(lift).items()}
    return {"product": row.product, "tier": row.tier, **groups, "lift": points}


def _show(rows: Iterable[Compared]) -> None:
    numbers = ("told", "delivered", "opened", "clicked", "repaid", "lift", "95 % interval")
    table = a_table("product", "tier", "group", *numbers, right=numbers)
    for row in rows:
        lift = row.lift
        said = (f"{100 * lift.value:+.1f}", f"{100 * lift.low:+.1f} to {100 * lift.high:+.1f}")
        if not row.learned.told or not row.held_out.told:
            said = ("", "a group is empty")
        table.add_row(row.product, row.tier, "learned", *_counts(row.learned), *said)
        table.add_row("", "", "held out", *_counts(row.held_out), "", "")
    show(table)


def _counts(group: Group) -> tuple[str, ...]:
    parts = (group.delivered, group.opened, group.clicked, group.repaid)
    return str(group.told), *(f"{part} ({100 * part / group.told:.1f} %)" if group.told else "0" for part in parts)


def _arms(seen: Sequence[Observed]) -> list[tuple[str, str, int, int]]:
    return [
        (product, key, tally.told, tally.repaid)
        for product, by_arm in sorted(tallies(seen).items())
        for key, tally in sorted(by_arm.items())
    ]


def _arm_row(product: str, key: str, told: int, repaid: int) -> dict[str, object]:
    tier, _, arm = key.partition(".")
    return {"product": product, "tier": tier, "arm": arm, "told": told, "repaid": repaid}


def _show_arms(seen: Sequence[Observed]) -> None:
    table = a_table("product", "tier", "arm", "told", "repaid", "95 % interval", right=("told", "repaid"))
    for product, key, told, repaid in _arms(seen):
        tier, _, arm = key.partition(".")
        share = wilson(repaid, told)
        table.add_row(product, tier, arm, str(told), str(repaid), f"{100 * share.low:.1f} to {100 * share.high:.1f} %")
    show(table)


def _tell_each(seen: Sequence[Observed], *, as_json: bool) -> None:
    if as_json:
        say_json([asdict(one) | {"arm": str(one.arm)} for one in seen])
        return
    table = a_table("day", "product", "tier", "arm", "group", "delivered", "opened", "clicked", "repaid")
    for one in sorted(seen, key=lambda row: row.on):
        facts = [one.delivered, one.opened, one.clicked, one.repaid]
        group = "held out" if one.is_held_out else "learned"
        table.add_row(str(one.on), one.product, one.tier, str(one.arm), group, *map(_said, facts))
    show(table)


def _said(fact: bool | None) -> str:
    return {True: "yes", False: "no", None: "too early"}[fact]
