"""Tables for people: aligned columns, and nothing cut or wrapped where no terminal is."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

_AS_WIDE_AS_NEEDED = 1000


def a_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def show(table: Table) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, emoji=False, width=_AS_WIDE_AS_NEEDED)
    console.print(table)
