"""`duebell policy`: whether the packs are whole, what they come to, and the schema for editors. No stack is needed."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from difflib import get_close_matches
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from shared.adapters.clock import SystemClock
from shared.adapters.pack_folders import examine, read_each
from shared.adapters.policy_files import read_packs
from shared.cli.output import Json, say, say_json
from shared.cli.tables import a_table, show
from shared.domain.contact_rules import Channel
from shared.domain.errors import InputError, PolicyError
from shared.domain.merged_policy import MergedLeaf, Origin, merged_leaves, name_of
from shared.domain.pack_problems import ends_soon, from_memory
from shared.domain.pack_schema import pack_schema
from shared.domain.packs import Pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble, lender_date

Folder = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="A folder of packs; without it, the packs that ship.")
]
Day = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="The lender's business date; without it, today."),
]
Product = Annotated[str | None, typer.Option("--product", metavar="P", help="One product; without it, all of them.")]
Country = Annotated[
    str | None, typer.Option("--country", metavar="CC", help="The borrower's; without it, the lender's rules alone.")
]
RailName = Annotated[
    str | None, typer.Option("--rail", metavar="R", help="The mandate's; without it, no rail's rules.")
]
OneChannel = Annotated[Channel | None, typer.Option("--channel", help="Leave out what is about other channels.")]
Path_ = Annotated[str | None, typer.Argument(metavar="[LEAF]", help="A leaf, or all below it: contact, debit.slots.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="List the leaves that nobody has looked up yet.")]


def check_command(folder: Folder = None, on: Day = None, verbose: Verbose = False, as_json: Json = False) -> None:
    """Read every pack and put together each product's rules, for each country and rail; exit code 2 on a problem.

    Every problem is told, with its pack, its leaf and the way out.
    """
    day = day_of(on, read_each(existing(folder))[0])
    packs, found = examine(folder, day)
    ending, unread = ends_soon(packs, day), from_memory(packs)
    if as_json:
        rows = [{"pack": pack, "leaf": leaf} for pack, leaf in unread]
        answer = {"day": day, "packs": [name_of(p) for p in packs], "problems": [asdict(row) for row in found]}
        say_json({**answer, "ending": [asdict(row) for row in ending], "from_memory": rows})
    else:
        for kind, rows_of in (("problem", found), ("warning", ending)):
            for row in rows_of:
                say(f"{kind}: {': '.join(filter(None, (row.pack, _led(row.leaf, row.problem))))}; {row.way_out}")
        for pack, leaf in unread if verbose else ():
            say(f"from memory: {pack}: {leaf}")
        say(f"{len(packs)} packs on {day}: {_counted(len(found), 'problem')}, {_counted(len(ending), 'warning')}")
        say(f"{_counted(len(unread), 'leaf', 'leaves')} from memory{'' if verbose else ' (--verbose lists them)'}")
    if found:
        raise typer.Exit(2)


def show_command(
    leaf: Path_ = None,
    product: Product = None,
    country: Country = None,
    rail: RailName = None,
    channel: OneChannel = None,
    folder: Folder = None,
    on: Day = None,
    as_json: Json = False,
) -> None:
    """Show the merged value of each leaf, and which pack it comes from, how binding and how sure it is.

    Where several packs have a say, all are named; one that a stricter pack outdoes stands in brackets.
    """
    packs = read_packs(existing(folder))
    day = day_of(on, packs)
    policies = [_merged(packs, name, day, country, rail) for name in _products(packs, product, day)]
    rows = _rows(policies, channel)
    if leaf is not None:
        known = sorted({path for row, _ in rows for path in (row.path, *(o.path for o in row.origins))})
        rows = [(row, names) for row, names in rows if row.is_under(leaf)]
        if not rows:
            near = get_close_matches(leaf, known, n=1)
            raise InputError(f"LEAF: there is no leaf {leaf!r}{f'; there is {near[0]}' if near else ''}")
    if as_json:
        say_json(_document(policies, day, rows))
    else:
        _show(rows, by_product=len(policies) > 1)


def schema_command() -> None:
    """Write the JSON Schema of packs, for editors: shared/policies/pack.schema.json."""
    say_json(shipped_schema())


def shipped_schema() -> dict[str, object]:
    """Made from the packs that ship, on the first day on which all of them are valid."""
    packs = read_packs()
    return pack_schema(packs, max(pack.valid_from for pack in packs))


def day_of(on: datetime | None, packs: Iterable[Pack]) -> date:
    """The day asked for, else the lender's today; in UTC where no lender's pack says where the lender is."""
    if on is not None:
        return on.date()
    now = SystemClock().now()
    try:
        return lender_date(packs, now)
    except PolicyError:
        return now.date()


def existing(folder: Path | None) -> Path | None:
    """The folder that was asked for; raises InputError where it is none."""
    if folder is not None and not folder.is_dir():
        raise InputError(f"--dir: {folder} is no folder")
    return folder


def _led(leaf: str, problem: str) -> str:
    return problem if leaf in problem else f"{leaf}: {problem}"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count or 'no'} {one if count == 1 else many or f'{one}s'}"


def _products(packs: Sequence[Pack], wanted: str | None, day: date) -> list[str]:
    known = sorted({pack.id for pack in packs if pack.type == "product" and pack.is_valid_on(day)})
    if wanted is not None and wanted not in known:
        raise InputError(
            f"--product: {wanted} has no pack that is valid on {day}; there are {', '.join(known) or 'none'}"
        )
    if not known:
        raise PolicyError(f"no product pack is valid on {day}")
    return known if wanted is None else [wanted]


def _merged(packs: Sequence[Pack], product: str, day: date, country: str | None, rail: str | None) -> Policy:
    policy = assemble(packs, product, day)
    if country is not None:
        policy = policy.within(country.upper())
    if rail is None:
        return policy
    merged = policy.under(rail)
    if merged is None:
        raise InputError(
            f"--rail: {rail} has no pack that is valid on {day}; there are {', '.join(sorted(policy.rails))}"
        )
    return merged


def _rows(policies: Sequence[Policy], channel: Channel | None) -> list[tuple[MergedLeaf, list[str]]]:
    """Each rule once, with the products that it is the same for."""
    found: list[tuple[MergedLeaf, list[str]]] = []
    for policy in policies:
        for row in merged_leaves(policy, channel):
            same = next((names for known, names in found if known == row), None)
            if same is None:
                found.append((row, [policy.product]))
            else:
                same.append(policy.product)
    return sorted(found, key=lambda entry: (entry[0].path, entry[0].of, entry[1]))


def _document(policies: Sequence[Policy], day: date, rows: Iterable[tuple[MergedLeaf, list[str]]]) -> dict[str, object]:
    return {
        "day": day,
        "versions": {policy.product: policy.version for policy in policies},
        "leaves": [
            {
                "path": row.path,
                "of": row.of,
                "products": names,
                "value": row.value,
                "merge": row.merge,
                "origins": [_origin(origin) for origin in row.origins],
            }
            for row, names in rows
        ],
    }


def _origin(origin: Origin) -> dict[str, object]:
    leaf = origin.leaf
    said = {"pack": origin.pack, "path": origin.path, "value": leaf.value, "decides": origin.decides}
    return {**said, "kind": leaf.kind, "sure": leaf.sure, "source": leaf.source}


def _show(rows: Iterable[tuple[MergedLeaf, list[str]]], *, by_product: bool) -> None:
    every = max((len(names) for _, names in rows), default=0)
    table = a_table("leaf", "value", "merged", "pack", "kind", "sure", "source")
    for row, names in rows:
        of = "; ".join(filter(None, (row.of, ", ".join(names) if by_product and len(names) < every else "")))
        head = (f"{row.path} ({of})" if of else row.path, written(row.value), row.merge)
        for number, cells in enumerate([_cells(origin, row) for origin in row.origins] or [()]):
            table.add_row(*(("", "", "") if number else head), *cells)
    show(table)


def _cells(origin: Origin, row: MergedLeaf) -> tuple[str, ...]:
    said = origin.pack if origin.path == row.path and len(row.origins) == 1 else f"{origin.pack} {origin.path}"
    if len(row.origins) > 1:
        said = f"{said} = {written(origin.leaf.value)}"
    leaf = origin.leaf
    return said if origin.decides else f"({said})", leaf.kind, leaf.sure, leaf.source


def written(value: object) -> str:
    """A leaf's value in one line."""
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False, default=str)
