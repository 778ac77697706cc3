"""A small book lives through some weeks on the deployed stack while a plan breaks it, and then some days in peace."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from demo.driver import Driver, Lived, Plan
from demo.options import OWN_PHONES
from demo.portfolio import FIRST_DAY, Portfolio, generate
from demo.run import import_book
from demo.stack import Stack
from infra.local import LocalAws
from shared.domain.portfolio import BORROWERS, INSTALMENTS, LOANS, MANDATES, PAYMENTS
from shared.invariants.rows import RequestRow
from shared.simulation.agendas import ARRIVES_WITHIN
from tests.simulation.deployed.faults import CALLS, KILLS, Fault, Faults
from tests.simulation.deployed.judge import Books, Verdict, judge
from tests.simulation.deployed.wire import Wire
from tests.simulation.deployed.world import FaultyWorld

BEGINS = FIRST_DAY + timedelta(days=2)
"""The day before the book's first due date."""
PEACE_DAYS = ARRIVES_WITHIN.days + 1
"""How long after the last fault everything that was due is done."""
_PARAMETERS = {"WithStub": "on", "VirtualTime": "on", "Schedules": "off", "AllowedPhones": OWN_PHONES}
_PAYING = ("paid-", "pending-", "balance-", "slow-", "lost-")
"""How accounts begin from which the stub takes money."""
_FUNCTIONS = (
    "plan_work",
    "send_reminders",
    "attempt_deductions",
    "record_escalations",
    "record_repayments",
    "reconcile",
    "receive_webhooks",
    "payment_stub",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a life came to."""

    only: frozenset[str]  # calls with faults
    loans: int
    seconds: float
    calls: Counter[str]
    hits: Counter[tuple[str, Fault]]
    died: Counter[str]
    did: Counter[str]
    verdict: Verdict

    def never(self) -> list[str]:
        """What the plan promises and this life has not shown."""
        pairs = [(call, fault) for call, faults in CALLS.items() if call in self.only for fault in faults]
        missing = [f"{call}: {fault}" for call, fault in pairs if not self.hits[call, fault]]
        kinds = ("doubled at once", "doubled late", "schedules fired twice")
        return missing + [kind for kind in kinds if not self.did[kind]]

    def moments(self) -> dict[str, int]:
        """How many processes died at which moment of claim, act and settle, over debits and messages."""
        steps = (
            ("claim a debit", "present", "settle a debit"),
            ("claim a message", "send a message", "settle a message"),
        )
        before, after = Fault.KILLED_BEFORE, Fault.KILLED_AFTER
        found: Counter[str] = Counter()
        for claim, act, settle in steps:
            found["before the claim"] += self.hits[claim, before]
            found["between claim and act"] += self.hits[claim, after] + self.hits[act, before]
            found["between act and settlement"] += self.hits[act, after] + self.hits[settle, before]
            found["after the settlement"] += self.hits[settle, after]
        return dict(found)

    @property
    def kills(self) -> int:
        return self.died.total()

    @property
    def cuts(self) -> int:
        return sum(count for (_, fault), count in self.hits.items() if fault not in KILLS)


def live(
    seed: int, days: int, loans: int, port: int, say: Callable[[str], None], only: Collection[str] = tuple(CALLS)
) -> Outcome:
    """Faults for so many days, at these calls only, then peace.

    What is drawn follows from the seed; how processes meet does not. Raises StackError or LocalAwsError where the stack
    itself fails.
    """
    began, faults, plan = time.monotonic(), Faults(seed, only), Plan(BEGINS, days + PEACE_DAYS)
    portfolio = some_of(generate(FIRST_DAY), Random(f"book {seed}"), loans, plan.day(days))
    with Wire(port, faults) as wire, tempfile.TemporaryDirectory() as scratch, LocalAws(port) as aws:
        stack = Stack(aws, aws.deploy(_PARAMETERS, plan.morning()))
        say(f"the stack stands at {aws.url} after {time.monotonic() - began:.0f} s")
        say(import_book(aws, portfolio.write(Path(scratch) / "portfolio")))
        wire.reroute(aws.client("lambda"), {name: f"duebell-{name}" for name in _FUNCTIONS}, stack.outputs)
        stack.warm_gateway()
        world, books = FaultyWorld(stack, wire, faults), Books(stack, aws.client("dynamodb"))
        requests: list[RequestRow] = []

        def presenting(asked: dict[str, Any]) -> None:
            requests.append(books.witness(asked, world.now or plan.morning()))

        def told(lived: Lived) -> None:
            say(_day(lived, wire, world))
            if lived.number == days:
                world.calm()
                world.wait()

        wire.presenting = presenting
        world.begin()
        Driver(world, plan, portfolio.habits.__getitem__, told).run()
        say(f"lived after {time.monotonic() - began:.0f} s")
        verdict = judge(books, requests, wire.sent, world.now or plan.morning())
        say(f"judged after {time.monotonic() - began:.0f} s")
    seconds = time.monotonic() - began
    return Outcome(faults.only, len(portfolio.habits), seconds, wire.calls, wire.hits, wire.died, world.did, verdict)


def _day(lived: Lived, wire: Wire, world: FaultyWorld) -> str:
    attempts, notices = len(lived.records.attempts), len(lived.records.notices)
    cuts = sum(count for (_, fault), count in wire.hits.items() if fault not in KILLS)
    return (
        f"{lived.day} (day {lived.number}): {attempts} debits, {notices} notices,"
        f" {wire.died.total()} killed, {cuts} cut, {world.did['messages']} doubled"
    )


def some_of(portfolio: Portfolio, chance: Random, loans: int, until: date) -> Portfolio:
    """So many loans with something unpaid that is due by a day, and what is theirs; of two thirds the account pays."""
    paid = Counter(row[1] for row in portfolio.rows[PAYMENTS])
    first_open = {
        row[0]: date.fromisoformat(row[2]) for row in portfolio.rows[INSTALMENTS] if int(row[1]) == paid[row[0]] + 1
    }
    asked = sorted(loan_id for loan_id, due_on in first_open.items() if due_on <= until - timedelta(days=1))
    chance.shuffle(asked)
    paying = {row[1] for row in portfolio.rows[MANDATES] if row[3].startswith(_PAYING) and row[5] == "active"}
    first = [loan_id for loan_id in asked if loan_id in paying][: loans * 2 // 3]
    chosen = {*first, *[loan_id for loan_id in asked if loan_id not in first][: loans - len(first)]}
    owners = {row[1] for row in portfolio.rows[LOANS] if row[0] in chosen}

    def kept(name: str) -> Iterator[tuple[str, ...]]:
        place = 0 if name in (LOANS, INSTALMENTS, BORROWERS) else 1
        wanted = owners if name == BORROWERS else chosen
        return (row for row in portfolio.rows[name] if row[place] in wanted)

    habits = {loan_id: habit for loan_id, habit in portfolio.habits.items() if loan_id in chosen}
    return Portfolio({name: tuple(kept(name)) for name in portfolio.rows}, habits)
