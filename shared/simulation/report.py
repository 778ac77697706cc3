"""What a run did, told to people, to programs, and as a page of the documentation."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from shlex import quote
from typing import Any

from shared.invariants import checks
from shared.simulation.breaks import BREAKS
from shared.simulation.engine import AT_REST, CHECKED_EVERY
from shared.simulation.faults import CALLS, Fault
from shared.simulation.liveness import JUDGED
from shared.simulation.series import DAYS, LOANS, Caught, Sum
from shared.simulation.witness import WATCHED

NOT_EXERCISED = (
    "voice and push: no provider of these is wired in the packs that ship",
    "borrowers outside China: their packs are the contact check's",
    "caps that get narrower while contacts count under them",
    "a pack that takes effect in the middle of a day",
    "transactions, throttling and the own-write token of the table itself: the contract suite's",
    "signatures and parsing at the edges: their own tests'",
    "promises to pay, extensions, moved due dates, product closure: not built",
    "the borrower's page, credit limits, reports to a credit bureau: not built",
    "learned send hours: wired in no pack that ships",
    "the pace of providers, which every provider's pack sets and `send_reminders` keeps: no port of the simulation",
    "switches turned by their workflow (`turn_switches`): here a person writes the board himself, unfaulted",
    "webhooks as a gateway signs and words them (`receive_webhooks`): here a report arrives read",
    "short links in messages, made and opened (`notice_links`, `open_links`)",
    "consent set by hand (`set_consent`), though the borrower's own words are heard",
    "accounts of a mandate named anew (`change_mandates`)",
    "the second person's approval of an operator's verbs: no order here is large enough",
    "orders about suspense and the second person's approval of them (`order_resolutions`): here one person resolves",
    "`explain`, imports and exports, and what learns (`learn`)",
    "bank files that get lost or come in another order, and borrowers' words that get lost",
    "a later deploy's field on loans and escalations, of which no commit writes one whole, and on one-time codes",
    "money told of with another amount than was asked for: here a gateway takes the amount of the request, or nothing",
    "chargebacks of transfers",
    "an answer that reaches a living worker after its claim's lease: every function that presents is ended before it",
    "more than a handful of workers at one loan at a time",
)
"""What no seed shows anything about, by name."""

_READS = "rows-can-be-read"
"""Rows in memory are always read: this check is one of a table."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run was made."""

    cores: int
    system: str
    python: str

    @classmethod
    def here(cls) -> "Machine":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(cores, f"{platform.system()} on {platform.machine()}", platform.python_version())


@dataclass(frozen=True, slots=True)
class Run:
    """A series that is over. `asked`: how many seeds were asked for, and `faults` which, as the command was told;
    `patch_seeds`: on how many seeds each patch was tried, 0 for no patches."""

    total: Sum
    asked: int
    faults: str
    caught: Sequence[Caught]
    start: int
    loans: int
    days: int
    jobs: int
    seconds: float  # for the seeds
    patch_seconds: float  # for the patches
    patch_seeds: int
    expects_all: bool

    @property
    def missing(self) -> list[tuple[str, Fault]]:
        """Faults that had to happen in so many seeds, and never did."""
        return self.total.never if self.expects_all else []

    @property
    def is_clean(self) -> bool:
        return not (self.total.failed or self.missing or any(one.seed is None for one in self.caught))


def as_table(run: Run) -> Iterator[str]:
    """Lines for a terminal."""
    total = run.total
    yield f"{total.seeds} seeds in {run.seconds:.0f} s: {total.years:.1f} virtual years, {total.messages:,} messages,"
    yield f"{total.charges:,} charges, refunds and returns: {_money(total)}; packs: {_eras(total)}"
    yield f"judged at the end, once nothing failed: {_judged(total)}"
    yield f"{sum(total.tally.calls.values()):,} port calls, {sum(total.tally.hits.values()):,} faults"
    yield ""
    for call, count, hits in _calls(total):
        told = ", ".join(f"{fault} {hit:,}" for fault, hit in hits)
        yield f"{call:<30} {count:>12,}  {told}"
    if total.never:
        word = "NEVER HAPPENED" if run.missing else "not reached in so few seeds"
        yield f"\n{word}: " + "; ".join(f"{call}: {fault}" for call, fault in total.never)
    yield "\nnot exercised: " + "; ".join(NOT_EXERCISED)
    for one in run.caught:
        found = f"caught by seed {one.seed}: {one.breach}" if one.seed is not None else "NOT CAUGHT"
        yield f"broken as {one.name:<34} {found}"
    yield f"\n{len(total.failed)} of {total.seeds} seeds breached an invariant"
    for result in total.failed:
        yield f"  {result.breaches[0]}    {result.task.line}"


def _calls(total: Sum) -> Iterator[tuple[str, int, list[tuple[Fault, int]]]]:
    """Every call with how often it was made and each fault happened at it, the most frequent first."""
    tally = total.tally
    names = tally.calls.keys() | {name for name, _ in tally.hits} | CALLS.keys()
    for call in sorted(names, key=lambda name: (-tally.calls[name], name)):
        hits = sorted((fault, count) for (name, fault), count in tally.hits.items() if name == call)
        yield call, tally.calls[call], hits


def _money(total: Sum) -> str:
    """Both ways: what is given back must not hide what was taken."""
    ways = (
        (total.charged_minor, "in"),
        (total.returned_minor, "back out"),
        (total.transferred_minor, "in by transfer"),
    )
    return ", ".join(f"{minor / 100:,.2f} {way}" for minor, way in ways)


def _judged(total: Sum) -> str:
    """How much work the quiet days asked for: of none, its check has shown nothing."""
    return ", ".join(f"{total.counts[kind]:,} {kind.partition('.')[2]}" for kind in JUDGED)


def _eras(total: Sum) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(total.eras.items()))


def as_document(run: Run) -> dict[str, Any]:
    """The same for programs."""
    total = run.total
    return {
        "seeds": total.seeds,
        "start": run.start,
        "years": round(total.years, 2),
        "packs": dict(total.eras),
        "messages": total.messages,
        "charges": total.charges,
        "charged_minor": total.charged_minor,
        "returned_minor": total.returned_minor,
        "transferred_minor": total.transferred_minor,
        "judged": {kind.partition(".")[2]: total.counts[kind] for kind in JUDGED},
        "seconds": round(run.seconds, 1),
        "patch_seconds": round(run.patch_seconds, 1),
        "calls": dict(total.tally.calls),
        "faults": [{"call": c, "fault": f, "count": n} for (c, f), n in sorted(total.tally.hits.items())],
        "never": [{"call": call, "fault": fault} for call, fault in total.never],
        "not_exercised": NOT_EXERCISED,
        "breaks": [asdict(one) for one in run.caught],
        "failed": [{"seed": r.task.seed, "again": r.task.line, "breaches": r.breaches} for r in total.failed],
        "clean": run.is_clean,
    }


def as_page(run: Run, machine: Machine, written: date) -> str:
    """docs/reliability.md."""
    return "\n".join(_page(run, machine, written)) + "\n"


def _page(run: Run, machine: Machine, written: date) -> Iterator[str]:
    total, hits = run.total, sum(run.total.tally.hits.values())
    yield "# Reliability"
    yield ""
    yield "Written by the run itself, and by nobody's hand. What is simulated, and who judges, says"
    yield "[simulation.md](simulation.md)."
    yield ""
    yield "| what | how much |"
    yield "|---|---|"
    reached = "" if total.seeds == run.asked else f" of {run.asked:,} asked for"
    yield f"| seeds | {total.seeds:,}{reached}, from {run.start}; each at least {run.loans} loans and {run.days} days |"
    yield f"| virtual years | {total.years:,.1f} |"
    yield f"| port calls | {sum(total.tally.calls.values()):,} |"
    yield f"| faults | {hits:,} |"
    yield f"| messages on the wire | {total.messages:,} |"
    yield f"| charges, refunds and returns | {total.charges:,}: {_money(total)} |"
    yield f"| work of the quiet days, judged | {_judged(total)} |"
    yield f"| seeds with a violation | **{len(total.failed)}** |"
    noticed = sum(one.seed is not None for one in run.caught)
    patches = f"{noticed} of {len(run.caught)}, within {run.patch_seeds} seeds each" if run.caught else "not tried"
    yield f"| patches of the workflows that were noticed | {patches} |"
    yield f"| time | {_time(run)} |"
    cores = "core" if machine.cores == 1 else "cores"
    yield f"| machine | {machine.cores} {cores}, {machine.system}, Python {machine.python} |"
    yield f"| written | {written} |"
    yield ""
    yield from _how(run)
    yield from _faults(run)
    yield from _checks()
    yield from _patches(run)
    yield "## Not exercised"
    yield ""
    for one in NOT_EXERCISED:
        yield f"- {one}"


def _time(run: Run) -> str:
    patches = f" and {run.patch_seconds / 60:,.1f} for the patches" if run.caught else ""
    return f"{run.seconds / 60:,.1f} minutes for the seeds{patches}, {run.jobs} processes"


def _how(run: Run) -> Iterator[str]:
    size = "" if (run.loans, run.days) == (LOANS, DAYS) else f" --loans {run.loans} --days {run.days}"
    patches = f" --breaks {run.patch_seeds}" if run.patch_seeds else ""
    yield "## Again"
    yield ""
    yield "```"
    yield f"duebell simulate --seeds {run.total.seeds} --start {run.start}{size}{patches} --faults {quote(run.faults)}"
    yield f"duebell simulate --seed {run.start}{size}    # one of them; a failing one prints its own line"
    yield "```"
    yield ""
    for result in run.total.failed:
        yield f"- {result.breaches[0]}: `{result.task.line}`"
    if run.total.failed:
        yield ""


def _faults(run: Run) -> Iterator[str]:
    yield "## Faults by call and kind"
    yield ""
    yield "`crash before` is a process that died before the call, `crash after` one that died behind it."
    if run.expects_all:
        yield "A fault of the table that never happened fails the run."
    yield ""
    yield "| call | made | faults |"
    yield "|---|--:|---|"
    for call, count, hits in _calls(run.total):
        yield f"| {call} | {count:,} | {', '.join(f'{fault} {hit:,}' for fault, hit in hits)} |"
    yield ""
    yield f"Packs: {_eras(run.total)}."
    yield ""
    if run.total.never:
        yield "Not reached: " + "; ".join(f"{call}: {fault}" for call, fault in run.total.never) + "."
        yield ""


def _checks() -> Iterator[str]:
    rows = [check.name for check in (*checks.CHECKS, *checks.WATCHED) if check.name != _READS]
    yield "## Checked"
    yield ""
    yield f"Every {CHECKED_EVERY} days and at the end: {', '.join((*rows, 'fields-survive'))}."
    yield f"At every commit and every request: {', '.join((*WATCHED, 'unexpected-error'))}."
    yield f"At the end, after the days without faults: {', '.join(AT_REST)}."
    yield ""


def _patches(run: Run) -> Iterator[str]:
    if not run.caught:
        return
    yield "## Patches"
    yield ""
    yield "| the workflows broken so | seed | noticed as |"
    yield "|---|--:|---|"
    for one in run.caught:
        noticed = one.breach.replace("|", "/") if one.seed is not None else "**by nobody**"
        yield f"| {one.name}: {BREAKS[one.name].sentence} | {'' if one.seed is None else one.seed} | {noticed} |"
    yield ""
