"""`duebell import` and `duebell export`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shared.adapters.csv_files import open_portfolio, write_files
from shared.adapters.phones import phone_problem, phone_zones
from shared.adapters.policy_files import PolicyFiles
from shared.cli.output import Json, complain, progress, say, say_json
from shared.cli.session import Session, Stack
from shared.domain.portfolio import Finding
from shared.workflows.export_portfolio import export_portfolio
from shared.workflows.import_portfolio import Refused, import_portfolio

ImportFolder = Annotated[Path, typer.Option("--dir", help="The folder with the CSV files.", metavar="DIR")]
ExportFolder = Annotated[Path, typer.Option("--dir", help="An empty or new folder.", metavar="DIR")]


def import_command(folder: ImportFolder, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Import a portfolio from a folder of CSV files.

    borrowers.csv, loans.csv and instalments.csv, and where there are any mandates.csv and payments.csv.
    Everything is checked before anything is written: each bad line is listed, and then nothing is imported.
    An import that was interrupted is completed by running it again; the same files once more write nothing.
    Files may have more columns: borrowers payday, email, push (an app's endpoint) and other_zones (where the borrower
    may be too, as Europe/London;America/New_York: those of the phone's area code are added), instalments penalty,
    mandates expires_on and funding (the accounts in their order: balance:acc-1 debit-card:acc-2). A mandate under which
    nothing may be debited comes with a warning.
    """
    files = open_portfolio(folder)
    session = Session(stack)
    with progress(quiet=as_json) as step:
        result = import_portfolio(
            files, session.portfolio, PolicyFiles(), phone_problem, phone_zones, session.now(), step
        )
    if isinstance(result, Refused):
        if as_json:
            say_json({"written": 0, "findings": list(map(asdict, result.findings))})
        else:
            for finding in result.findings:
                complain(_told(finding))
            count = len(result.findings)
            complain(f"duebell: nothing was imported: {count} finding{'' if count == 1 else 's'}")
        raise typer.Exit(2)
    if as_json:
        counts = {"lines": result.lines, "written": result.written, "opened": result.opened}
        say_json(counts | {"findings": [], "warnings": list(map(asdict, result.warnings))})
        return
    for warning in result.warnings:
        complain(f"warning: {_told(warning)}")
    for name, count in result.lines.items():
        say(f"{name:16}{count:>9}")
    say(f"written: {result.written}")
    say(f"opened: {result.opened}")


def _told(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}: {f'{finding.column} ' if finding.column else ''}{finding.reason}"


def export_command(folder: ExportFolder, stack: Stack = "duebell", as_json: Json = False) -> None:
    """Export the book to a folder: the files of an import, and attempts, notices, escalations, ledger and audit."""
    counts = write_files(folder, export_portfolio(Session(stack).portfolio))
    if as_json:
        say_json({"rows": counts})
        return
    for name, count in counts.items():
        say(f"{name:16}{count:>9}")
