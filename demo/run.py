"""The demo from start to end: start, deploy, import, live, look, stop."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.borrowers import Habit, habit_for
from demo.driver import SLOTS, Driver, Lived, Plan
from demo.figures import days_of
from demo.history import OWN_BOOK, Check, History, Outside, buckets
from demo.options import Options
from demo.picture import Picture, heading, picture, totals
from demo.portfolio import generate
from demo.records import R, Records
from demo.report import build
from demo.stack import Stack
from demo.summary import to_json
from infra.local import LocalAws, free_port
from shared.domain.book import (
    Attempt,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    NoticeRecord,
    NoticeState,
)

DUEBELL = Path(sys.executable).with_name("duebell")
_START_S, _DAY_S = 30, 1.6
"""What starting and a day take on two idle cores; said at the start, and again as measured after the first days."""
_MEASURED_DAYS = 5


class DemoError(Exception):
    """The demo found something wrong; the message is one line for a person."""


def run(options: Options, out: Path) -> None:
    """Raises DemoError, StackError or LocalAwsError.

    The local AWS is stopped on every way out. With `keep` it is left up once the stack stands, whatever is found
    then; an interruption stops it all the same.
    """
    with picture(options.plan.days) as shown, tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        shown.say(_announcement(options))
        aws, kept = LocalAws(options.port or free_port()).start(), False
        try:
            stack = deploy(aws, options.phones, options.plan.morning())
            shown.say(f"a local AWS runs at {aws.url}, and the stack stands, after {time.monotonic() - began:.0f} s")
            try:
                _through(stack, options, Path(scratch), out, shown)
                shown.say(f"{out / 'report.html'} and {out / 'demo.json'}, after {time.monotonic() - began:.0f} s")
            finally:
                kept = options.keep and not isinstance(sys.exception(), KeyboardInterrupt | SystemExit)
                if kept:
                    shown.say(_how_to_look(aws))
        finally:
            if not kept:
                aws.stop()


def _through(stack: Stack, options: Options, scratch: Path, out: Path, shown: Picture) -> None:
    """The book, the days, and what they came to."""
    plan = options.plan
    folder, habit_of = _portfolio(options, scratch)
    shown.say(import_book(stack.aws, folder))
    live(stack, plan, habit_of(stack), shown)
    history = look(stack, plan, options.portfolio.name if options.portfolio else OWN_BOOK)
    write(history, out)
    for line in totals(history.days(), plan.last_day):
        shown.say(line)
    verify(history)
    shown.say(f"no breach in {len(history.outside.checks)} checks; {_invoked(history)}")


def _announcement(options: Options) -> str:
    plan = options.plan
    seconds = _START_S + _DAY_S * (plan.days - len(plan.skipped))
    book = str(options.portfolio) if options.portfolio else "the demo's portfolio"
    first = f"{plan.first_day} ({options.why_first})" if options.why_first else str(plan.first_day)
    skipped = f", {len(plan.skipped)} of them without any run" if plan.skipped else ""
    return (
        f"demo: {plan.days} days from {first}{skipped}, {len(SLOTS)} slots a day, on {book};"
        f" takes about {_minutes(seconds)}"
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def _portfolio(options: Options, scratch: Path) -> tuple[Path, Callable[[Stack], Callable[[str], Habit]]]:
    """The folder with the book, and how each loan's borrower behaves, once the book stands."""
    if options.portfolio is None:
        own = generate(options.plan.first_day)
        return own.write(scratch / "portfolio"), lambda _: own.habits.__getitem__

    def drawn(stack: Stack) -> Callable[[str], Habit]:
        accounts = {mandate.loan_id: mandate.account_ref for mandate in stack.rows(Mandate)}
        return lambda loan_id: habit_for(loan_id, accounts.get(loan_id))

    return options.portfolio, drawn


def deploy(aws: LocalAws, phones: str, clock: datetime) -> Stack:
    """The stack as the demo has it: simulated time, no schedules, the stub as its gateway, one worker a line."""
    stack = Stack(aws, deploy_stack(aws, phones, clock))
    stack.one_worker_a_line()
    stack.warm_gateway()
    return stack


def deploy_stack(aws: LocalAws, phones: str, clock: datetime) -> dict[str, str]:
    """The outputs of a stack with simulated time, no schedules, the stub as its gateway."""
    parameters = {"WithStub": "on", "VirtualTime": "on", "Schedules": "off", "AllowedPhones": phones}
    return aws.deploy(parameters, clock)


def import_book(aws: LocalAws, folder: Path) -> str:
    """`duebell import`; a refused book is told in its own words, its first findings at least."""
    done = duebell(aws, "import", "--dir", str(folder), "--json")
    told = _json(done)
    if done.returncode:
        findings = told.get("findings", [])
        first = "; ".join(f"{f['file']}:{f['line']} {f['column']} {f['reason']}" for f in findings[:3])
        raise DemoError(f"the import refused the book, {len(findings)} findings: {first}" if findings else done.stderr)
    return f"imported {told['lines']['loans.csv']} loans of {told['lines']['borrowers.csv']} borrowers"


def duebell(aws: LocalAws, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, on this local AWS."""
    return subprocess.run([str(DUEBELL), *arguments], env=aws.environment, capture_output=True, text=True, check=False)


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise DemoError(f"{' '.join(map(str, done.args[:2]))} said no JSON: {done.stderr or done.stdout}") from None


def live(stack: Stack, plan: Plan, habit_of: Callable[[str], Habit], shown: Picture) -> None:
    """All days, each told when it is over."""
    bucket_of, began = buckets(plan), time.monotonic()
    shown.say(heading())

    def told(lived: Lived) -> None:
        (figures,) = days_of(lived.records, [lived.day], bucket_of)
        shown.day(lived.number, figures, lived.number in plan.skipped)
        if lived.number == _MEASURED_DAYS < plan.days:
            left = (time.monotonic() - began) / _MEASURED_DAYS * (plan.days - _MEASURED_DAYS)
            shown.say(f"at this pace the other days take {_minutes(left)}")

    Driver(stack, plan, habit_of, told).run()


def look(stack: Stack, plan: Plan, book: str) -> History:
    """Everything that stands in the tables and outside of them, once the run is over."""
    records = records_of(stack)
    decisions = stack.decisions()
    inbox = stack.inbox()
    outside = Outside(
        {reference: text for reference, (_, text) in inbox.items()},
        len({phone for phone, _ in inbox.values()}),
        stack.invocations(),
        decisions,
        checks(stack.aws),
    )
    return History(plan, book, records, outside)


def records_of(stack: Stack) -> Records:
    """All rows as they stand now."""
    return Records(
        _sorted(stack, Borrower),
        _sorted(stack, Loan),
        _sorted(stack, Instalment),
        _sorted(stack, Mandate),
        _sorted(stack, Attempt),
        _sorted(stack, NoticeRecord),
        _sorted(stack, Escalation),
        _sorted(stack, LedgerEntry),
    )


def _sorted(stack: Stack, kind: type[R]) -> tuple[R, ...]:
    """A table's order is its own; the report's must not depend on it."""
    return tuple(sorted(stack.rows(kind), key=repr))


def checks(aws: LocalAws) -> tuple[Check, ...]:
    """`duebell check`, check by check."""
    done = duebell(aws, "check", "--json")
    if done.returncode not in (0, 1):
        raise DemoError(done.stderr or "duebell check failed and said nothing")
    told = _json(done)
    found: dict[str, list[str]] = {}
    for breach in told["breaches"]:
        found.setdefault(breach["check"], []).append(f"{breach['subject']}: {breach['problem']}")
    return tuple(
        Check(c["name"], c["sentence"], c["examined"], c["of"], tuple(found.get(c["name"], ()))) for c in told["checks"]
    )


def write(history: History, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "demo.json").write_text(to_json(history), encoding="utf-8")
    (out / "report.html").write_text(build(history), encoding="utf-8")


_NOT_CALLED = {"change_mandates", "pay_now", "operate", "explain", "record_receipts", "open_links"}
"""Functions that people, providers and borrowers' phones call, and nobody in the demo does."""


def verify(history: History) -> None:
    """Raises DemoError for what a good run never shows."""
    outside = history.outside
    if breaches := [f"{c.name}: {breach}" for c in outside.checks for breach in c.breaches]:
        raise DemoError(f"duebell check found {len(breaches)} breaches, first {breaches[0]}")
    if idle := [name for name, count in outside.invocations.items() if not count and name not in _NOT_CALLED]:
        raise DemoError(f"never invoked: {', '.join(idle)}")
    sent = {n.provider_ref for n in history.records.notices if n.state is NoticeState.SENT}
    if strays := sent.symmetric_difference(outside.texts):
        raise DemoError(
            f"the SMS inbox holds {len(outside.texts)} messages, and {len(sent)} notices are marked sent:"
            f" {len(strays)} have no counterpart"
        )


def _invoked(history: History) -> str:
    counts = history.outside.invocations
    return f"{sum(counts.values())} invocations: " + ", ".join(f"{name} {count}" for name, count in counts.items())


def _how_to_look(aws: LocalAws) -> str:
    exports = " ".join(f"{name}={aws.environment[name]}" for name in _EXPORTED)
    return (
        f"kept. To look:  export {exports}\n"
        f"                .venv/bin/duebell status   (or loan show LOAN, check, doctor)\n"
        f"To stop:        .venv/bin/python -m infra.local stop --port {aws.port}"
    )


_EXPORTED = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
