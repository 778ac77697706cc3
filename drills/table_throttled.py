"""The tables are throttled for half a day: one request in seven is turned away, in each way that DynamoDB has."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import time
from itertools import cycle
from random import Random
from typing import Any

from drills.lab import BAD_DAY, PLAN, Tell, lab, live, must_hold_always, rang
from drills.seen import Seen
from drills.wire import Fault, Refused, Request, no_fault
from shared.domain import keys
from shared.domain.book import NoticeState

NAME = "table-throttled"
SHARE = 1 / 7
_OF_DYNAMODB = "DynamoDB_20120810."
_CLOCK = keys.CLOCK.encode()
"""Only a simulated stack reads the time from a table."""
_ERRORS = "com.amazonaws.dynamodb.v20120810#", "com.amazon.coral.availability#"


def _refusal(kind: str, **fields: object) -> Refused:
    return Refused(400, json.dumps({"__type": kind, "message": "throttled", **fields}).encode())


_TURNED_AWAY = (
    _refusal(f"{_ERRORS[0]}ProvisionedThroughputExceededException"),
    _refusal(f"{_ERRORS[1]}ThrottlingException"),
)


@dataclass
class Throttling:
    """Turns away a share of all requests; a transaction is at times cancelled for it, as a hot row does."""

    random: Random = field(default_factory=lambda: Random(6))
    seen: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ways: Any = field(default_factory=lambda: cycle((*_TURNED_AWAY, None)))

    def __call__(self, request: Request) -> Fault | None:
        if not request.target.startswith(_OF_DYNAMODB) or _CLOCK in request.body:
            return None
        self.seen += 1
        if self.random.random() >= SHARE:
            return None
        operation = request.target.removeprefix(_OF_DYNAMODB)
        self.refused[operation] += 1
        way: Refused | None = next(self.ways)
        if way is None and operation == "TransactWriteItems":
            return _cancelled(len(json.loads(request.body)["TransactItems"]))
        return way or _TURNED_AWAY[0]


def _cancelled(items: int) -> Refused:
    reasons = [{"Code": "ThrottlingError", "Message": "throttled"}, *({"Code": "None"} for _ in range(items - 1))]
    return _refusal(f"{_ERRORS[0]}TransactionCanceledException", CancellationReasons=reasons)


def play(port: int | None, tell: Tell) -> Seen:
    seen = Seen(NAME)
    with lab(port, tell) as (stack, book):
        throttling, evening = Throttling(), dict[str, Any]()
        stack.comes_again_soon()

        def begins() -> None:
            evening.update(before=stack.metrics(), invocations=stack.invocations())
            stack.wire.faults = throttling

        def ends() -> None:
            stack.wire.faults = no_fault
            evening.update(after=stack.metrics(), invoked=stack.invocations(), status=stack.status())

        stack.at(BAD_DAY, time(8), begins)
        stack.at(BAD_DAY, time(20), ends)
        ended = live(stack, book, tell)
        counted = evening["after"] - evening["before"]
        runs = sum(evening["invoked"].values()) - sum(evening["invocations"].values())
        seen.numbers |= {
            "requests to the tables in the hours": throttling.seen,
            "of them turned away": throttling.refused.total(),
            "by operation": ", ".join(f"{name} {count}" for name, count in throttling.refused.most_common()),
            "runs of functions in the hours": runs,
            "messages that failed and came again": sum(
                n for (_, name), n in counted.items() if name == "records.failed"
            ),
            "scheduled runs that failed and were started again": stack.failed_runs,
            "alarms on own metrics": rang(stack, evening["before"], evening["after"]),
            "status at the end of it, rows due": _due(evening["status"]),
            "messages sent whose settling failed: noted as unknown": sum(
                n.state is NoticeState.UNKNOWN for n in ended.records.notices
            ),
            "debits on the bad day": sum(a.slot.startswith(str(PLAN.day(BAD_DAY))) for a in ended.records.attempts),
            "messages on the bad day": sum(n.business_date == PLAN.day(BAD_DAY) for n in ended.records.notices),
        }
        seen.must("the drill had something to break", [] if throttling.refused else ["nothing was turned away"])
        for one in ended.work:
            if not one.on_a_day:
                continue
            seen.must(f"{one.what}: {one.done} of {one.due}, none twice", [*one.missing, *one.twice])
        must_hold_always(seen, stack, ended)
    return seen


def _due(status: dict[str, Any]) -> str:
    return ", ".join(f"{line} {found['due']}" for line, found in status["lines"].items())
