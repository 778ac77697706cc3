"""What commands say: results on standard output, for people or as JSON; all else on standard error."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]
"""The option that every command takes."""


def say(text: str) -> None:
    """A line of a result, as it is."""
    Console(soft_wrap=True, markup=False, highlight=False, emoji=False).print(text)


def say_json(value: object) -> None:
    """A result for a program: one JSON document, keys in the order in which they were made."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def complain(text: str) -> None:
    """A line on standard error."""
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False, emoji=False).print(text)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Bars on a terminal, one for each thing that is being done; nothing elsewhere."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield step
