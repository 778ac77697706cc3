"""A small stack to play a drill on: the demo's book with its due days close together, and a wire that can be cut."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from demo.driver import BUSINESS_ZONE, Driver, Lived, Plan
from demo.history import buckets
from demo.options import OWN_PHONES
from demo.portfolio import FIRST_DAY, Portfolio, generate
from demo.records import Records, parse_tier_key
from demo.run import checks, deploy_stack, duebell, import_book, records_of
from demo.stack import StackError
from drills.expected import HOME, Charge, Work, work
from drills.metrics import Metrics, metrics, ringing
from drills.packs import countries
from drills.seen import Seen
from drills.watched import Watched
from drills.wire import Faults, Wire
from infra.local import LocalAws, free_port
from shared.domain import keys
from shared.domain.book import Line, NoticeState
from shared.domain.calendar import at_local
from shared.domain.portfolio import BORROWERS, COLUMNS
from shared.domain.tiers import NoticeKind

BAD_DAY = 6
"""The day on which things go wrong: a third of the book falls due on it, on the day before and on the day after."""
DAYS = 9
_DUE = range(BAD_DAY - 2, BAD_DAY + 1)
TRIES = 2
"""How often a scheduled run that fails is tried: once more, as the template says of the functions. The schedules' own
retries are for a run that could not be started."""
_ASKS = frozenset({NoticeKind.REMIND, NoticeKind.PRE_DEBIT, NoticeKind.DUE, NoticeKind.OVERDUE})
_COMES_AGAIN_S = 20
_STUB = "FunctionPaymentStub"

type Tell = Callable[[str], None]


@dataclass
class Lab(Watched):
    """A `World` with a timetable: what happens at an instant, once, before the stack works, and in the evening of a
    day, when its work is over."""

    wire: Wire = field(kw_only=True)
    timetable: dict[datetime, Callable[[], None]] = field(default_factory=dict)
    evenings: dict[int, Callable[[], None]] = field(default_factory=dict)
    failed_runs: int = 0
    gateway_reports: bool = True  # a gateway that is down sends no webhooks either

    def at(self, day: int, clock: time, happens: Callable[[], None]) -> None:
        self.timetable[instant(day, clock)] = happens

    def set_clock(self, now: datetime) -> None:
        super().set_clock(now)
        for at in sorted(at for at in self.timetable if at <= now):
            self.timetable.pop(at)()

    def goes_wrong(self, faults: Faults) -> Callable[[], None]:
        """For the timetable: from then on these faults; `no_fault` ends them."""

        def begin() -> None:
            self.wire.faults = faults

        return begin

    def deliver_webhooks(self) -> int:
        return super().deliver_webhooks() if self.gateway_reports else 0

    def plan_work(self) -> int:
        return int(self._as_scheduled(super().plan_work))

    def reconcile(self) -> bool:
        return bool(self._as_scheduled(super().reconcile))

    def _as_scheduled(self, run: Callable[[], int]) -> int:
        """A run that fails is started again, as Lambda does; what keeps failing leaves its work to the next."""
        for _ in range(TRIES):
            try:
                return run()
            except StackError:
                self.failed_runs += 1
        return 0

    def put_on_the_wire(self) -> None:
        """From now on every function but the gateway reaches the local AWS over the wire only."""
        client = self._client("lambda")
        for output, name in self.outputs.items():
            if output.startswith("Function") and output != _STUB:
                known = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
                client.update_function_configuration(
                    FunctionName=name, Environment={"Variables": known | {"AWS_ENDPOINT_URL": self.wire.url}}
                )

    def comes_again_soon(self) -> None:
        """A message that failed comes again within seconds: they pass in real time, and the clock waits for them."""
        for output in ("QueueContactUrl", "QueueDebitUrl", "QueueStageUrl", "QueueRepaymentsUrl"):
            self._client("sqs").set_queue_attributes(
                QueueUrl=self.outputs[output], Attributes={"VisibilityTimeout": str(_COMES_AGAIN_S)}
            )

    def status(self) -> Mapping[str, Any]:
        """`duebell status --json`."""
        found: Mapping[str, Any] = json.loads(duebell(self.aws, "status", "--json").stdout)
        return found

    def metrics(self) -> Metrics:
        return metrics(self.aws)


@contextmanager
def lab(port: int | None, tell: Tell) -> Iterator[tuple[Lab, Portfolio]]:
    """A stack with its book, one worker a line, so that a drill sees the same each time."""
    book = small_book()
    with LocalAws(port or free_port()) as aws, TemporaryDirectory() as scratch:
        outputs = deploy_stack(aws, OWN_PHONES, PLAN.morning())
        with Wire(aws.port).running() as wire:
            stack = Lab(aws, outputs, wire=wire)
            stack.one_worker_a_line()
            stack.wait()  # a bucket that was just made sends a message, and a function that changes would drop it
            stack.put_on_the_wire()
            stack.warm_gateway()
            tell(f"the stack stands at {aws.url}, its functions behind {wire.url}")
            tell(import_book(aws, book.write(Path(scratch) / "portfolio")))
            yield stack, book


def small_book() -> Portfolio:
    """The demo's book with its due days close together, and nobody in a country without rules."""
    return _served(generate(FIRST_DAY, first_due=_DUE))


def _served(book: Portfolio) -> Portfolio:
    """The book with everybody of a country without rules moved home: whoever nothing may go to shows no drill."""
    place, known = COLUMNS[BORROWERS].index("country"), countries()
    people = tuple((*row[:place], row[place] if row[place] in known else HOME) for row in book.rows[BORROWERS])
    return replace(book, rows={**book.rows, BORROWERS: people})


PLAN = Plan(FIRST_DAY, DAYS)


def instant(day: int, clock: time) -> datetime:
    """An hour of the lender's on a day of the plan, the first being 1."""
    return at_local(PLAN.day(day), clock, BUSINESS_ZONE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands once the days are over."""

    records: Records
    charges: list[Charge]
    texts: Mapping[str, tuple[str, str]]
    work: list[Work]


def live(stack: Lab, book: Portfolio, tell: Tell) -> Outcome:
    """All days; then whatever is still due at the last instant."""

    def told(lived: Lived) -> None:
        queued = ", ".join(f"{name} {one.due}" for name, one in stack.seen[lived.day].items() if one.due)
        tell(f"day {lived.number} of {PLAN.days}, {lived.day}: most due at once: {queued or 'nothing'}")
        stack.evenings.get(lived.number, lambda: None)()

    Driver(stack, PLAN, book.habits.__getitem__, told).run()
    stack.quiet()
    records, outside = records_of(stack), stack.outside()
    done = work(book, PLAN, outside, records, buckets(PLAN), countries())
    return Outcome(records, list(outside.charges), stack.inbox(), done)


def must_hold_always(seen: Seen, stack: Lab, ended: Outcome) -> None:
    """What no fault may break: nothing lost or done twice in the end, nothing given up, nothing before a person, no
    breach of any check."""
    for one in ended.work:
        if one.due and not one.on_a_day:
            seen.must(f"{one.what}: {one.done} of {one.due}, none twice", [*one.missing, *one.twice])
    seen.must("each instalment was charged once at most", charged_twice(ended))
    stack.backlog()
    seen.must_be("no queue has a dead letter", stack.dead, 0)
    now = stack.status()
    quarantined = [key for line in now["lines"].values() for key in line["quarantined"]]
    seen.must("nothing is in quarantine", quarantined)
    seen.must("nothing is due that nobody looks at", [line for line in Line if stack.agenda(line).due])
    found = checks(stack.aws)
    breaches = [f"{check.name}: {breach}" for check in found for breach in check.breaches]
    seen.must(f"the {len(found)} checks over the tables find nothing", breaches)


def charged_twice(ended: Outcome) -> list[str]:
    """Instalments that the gateway took money for more than once, by its own books."""
    attempts = {keys.intent_key(a.loan_id, a.seq): a for a in ended.records.attempts}
    charged = Counter((attempts[c.key].loan_id, n) for c in ended.charges if c.minor for n in attempts[c.key].numbers)
    return [f"{loan_id}#{number}" for (loan_id, number), times in charged.items() if times > 1]


def asked_twice(ended: Outcome, day: date) -> list[str]:
    """Instalments that a borrower was asked for more than once on a day; what a debit came to asks for nothing."""
    asked = Counter(
        parse_tier_key(key)[1:]
        for notice in ended.records.notices
        if notice.business_date == day and notice.state is NoticeState.SENT and notice.kind in _ASKS
        for key in notice.covers
    )
    return [f"{loan_id}#{number}" for (loan_id, number), times in asked.items() if times > 1]


def rang(stack: Lab, before: Metrics, after: Metrics) -> str:
    return ", ".join(ringing(stack.aws, before, after)) or "none"
