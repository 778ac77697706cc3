"""`duebell check`: the money sums and the invariants, recomputed from the tables and the gateway's books."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from shared.adapters.dynamodb.models import Models
from shared.cli.book import models_of, read_snapshot
from shared.cli.output import Json, say, say_json
from shared.cli.rules import read_rules
from shared.cli.session import Session, Stack
from shared.cli.tables import a_table, show
from shared.domain.errors import InputError
from shared.domain.money import Money
from shared.invariants import checks
from shared.invariants.checks import Report, Result, Total
from shared.invariants.terms import Terms

AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Judge by the end of this day, today or to come, not by now.",
    ),
]
UnknownLimit = Annotated[
    float, typer.Option("--unknown-limit", min=0, metavar="HOURS", help="How long an answer may be missing.")
]


def check(
    stack: Stack = "duebell", as_of: AsOf = None, unknown_limit: UnknownLimit = 24, as_json: Json = False
) -> None:
    """Recompute the money sums and the invariants; exit code 1 on a breach.

    Reads every table. Rows that changed while they were read look like breaches: what is found is read once more, and
    only what still stands is told. What is open is no breach, and better known.
    """
    session, rules = Session(stack), read_rules()
    moment = session.now()
    if as_of:
        if rules.end_of(as_of.date()) < moment:
            raise InputError(f"--as-of: {as_of.date()} is over, and the rows tell what has happened since")
        moment = rules.end_of(as_of.date())
    report = examine(models_of(session), Terms(moment, rules, timedelta(hours=unknown_limit)))
    if as_json:
        say_json(_document(report, moment))
    else:
        _show(report, moment)
    if report.breaches:
        raise typer.Exit(1)


def examine(models: Models, terms: Terms) -> Report:
    """Runs every check, and again where one finds something; a breach is what both runs found."""
    first = checks.run(read_snapshot(models), terms)
    return first.confirmed(checks.run(read_snapshot(models), terms)) if first.breaches else first


def _document(report: Report, moment: datetime) -> dict[str, object]:
    return {
        "moment": _iso(moment),
        "clean": not report.breaches,
        "checks": [_of_check(result) for result in report.results],
        "breaches": [asdict(breach) for breach in report.breaches],
        "open": [asdict(item) for item in report.open],
        "ledger": [asdict(total) for total in report.totals],
        "gateway": report.gateway,
    }


def _of_check(result: Result) -> dict[str, object]:
    return {
        "name": result.check.name,
        "sentence": result.check.sentence,
        "of": result.check.counted,
        "examined": result.examined,
        "breaches": len(result.breaches),
        "skipped": result.skipped,
    }


def _show(report: Report, moment: datetime) -> None:
    table = a_table("check", "examined", "breaches", right=("breaches",))
    for result in report.results:
        found = "skipped" if result.skipped else str(len(result.breaches))
        table.add_row(result.check.name, f"{result.examined} {result.check.counted}", found)
    show(table)
    if report.totals:
        show(_money(report))
    for item in report.open:
        say(f"open: {item.kind} {item.subject}: {item.detail}")
    for result in report.results:
        if result.skipped:
            say(f"skipped: {result.check.name}: {result.skipped}")
    for breach in report.breaches:
        say(f"breach: {breach.check}: {breach.subject}: {breach.problem}")
    count = len(report.breaches)
    found = f"{count} breach{'es' * (count != 1)}" if count else "no breach"
    say(f"{found}, {len(report.open)} open, at {_iso(moment)}")


def _money(report: Report) -> Table:
    amounts = ("came", "paid", "credit", "suspense")
    table = a_table("ledger", "currency", *amounts, right=amounts)
    for total in report.totals:
        table.add_row(total.source, total.currency, *_amounts(total))
    for currency, minor in (report.gateway or {}).items():
        table.add_row("gateway's books", currency, Money(minor, currency).grouped())
    return table


def _amounts(total: Total) -> list[str]:
    minors = (total.amount_minor, total.paid_minor, total.credit_minor, total.suspense_minor)
    return [Money(minor, total.currency).grouped() for minor in minors]


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
