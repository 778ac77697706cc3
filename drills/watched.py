"""A stack that is looked at while it works: what is due, what waits in the queues, and how old the oldest of it is."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from demo.borrowers import Pay
from demo.driver import BUSINESS_ZONE
from demo.stack import DEAD, Stack
from drills.expected import Charge, Outside
from shared.adapters.dynamodb.stub_books import DynamoStubBooks
from shared.domain import keys
from shared.domain.book import Line
from shared.domain.calendar import business_date
from shared.domain.gateway import PAID

AGENDAS = {Line.CONTACT: "borrowers", Line.DEBIT: "loans", Line.STAGE: "loans"}
"""The table of each line's agenda."""
QUEUES = {"duebell-contact": "contact", "duebell-debit": "debit", "duebell-stage": "stage"} | {
    "duebell-repayments": "repayments"
}
"""What stands in a queue, by its name."""
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is due of a line at an instant: how many rows, and how long ago the oldest of them was due."""

    due: int
    oldest: timedelta


@dataclass(slots=True)
class Waiting:
    """The most that was seen of a line in a while. Agendas are looked at in simulated time, just before each pass and
    just before the clock moves on; queues in real time, many times a second."""

    due: int = 0
    oldest_due: timedelta = timedelta()
    left: int = 0  # due and still there when the clock moved on
    oldest_left: timedelta = timedelta()
    messages: int = 0
    hints: int = 0
    oldest_message_s: float = 0

    def found_due(self, agenda: Agenda) -> None:
        self.due, self.oldest_due = max(self.due, agenda.due), max(self.oldest_due, agenda.oldest)

    def found_left(self, agenda: Agenda) -> None:
        self.left, self.oldest_left = max(self.left, agenda.due), max(self.oldest_left, agenda.oldest)

    def found_queued(self, messages: int, hints: int, oldest_s: float) -> None:
        self.messages, self.hints = max(self.messages, messages), max(self.hints, hints)
        self.oldest_message_s = max(self.oldest_message_s, oldest_s)


@dataclass
class Watched(Stack):
    """A `World` that remembers what it saw, by day and line, and what it did from outside."""

    seen: dict[date, dict[str, Waiting]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Waiting)))
    paid: list[tuple[Pay, date]] = field(default_factory=list)
    dead: int = 0
    now: datetime | None = None
    day: date | None = None

    def set_clock(self, now: datetime) -> None:
        self.look_back()
        super().set_clock(now)
        self.now, self.day = now, business_date(now, BUSINESS_ZONE)

    def look_back(self) -> None:
        """What a slot left undone, before the clock moves on."""
        if self.now and self.day:
            for line in Line:
                self.seen[self.day][line.value].found_left(self.agenda(line))

    def plan_work(self) -> int:
        for line in Line:
            self._waiting(line.value).found_due(self.agenda(line))
        return super().plan_work()

    def quiet(self) -> Mapping[str, int]:
        """Works at this instant until nothing is due any more, or nothing helps; what is still due, by line."""
        for _ in range(_ROUNDS):
            if not self.plan_work():
                break
            self.wait()
        self.look_back()
        return {line.value: self.agenda(line).due for line in Line}

    def agenda(self, line: Line) -> Agenda:
        """What is due of a line now; nothing before the clock was set."""
        name, now = line.value, self.now or datetime.min.replace(tzinfo=UTC)
        pages = (
            self._client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._tables()[AGENDAS[line]],
                IndexName=f"{name}_agenda",
                KeyConditionExpression="#pk = :shard AND #sk <= :bound",
                ExpressionAttributeNames={"#pk": f"{name}_pk", "#sk": f"{name}_sk"},
                ExpressionAttributeValues={
                    ":shard": {"S": keys.shard_name(0)},
                    ":bound": {"S": keys.agenda_bound(now)},
                },
            )
        )
        steps = [item[f"{name}_sk"]["S"] for page in pages for item in page["Items"]]
        return Agenda(len(steps), now - _step(steps[0]) if steps else timedelta())

    def backlog(self) -> dict[str, int]:
        """As the stack's own, but that a message which was given up is counted, and the rest goes on."""
        found, at = self.messages(), time.time()
        for queue, name in QUEUES.items():
            messages = found.get(queue, [])
            oldest = max((at - message["SentTimestamp"] for message in messages), default=0)
            self._waiting(name).found_queued(len(messages), sum(map(_hints, messages)), oldest)
        self.dead = sum(len(messages) for name, messages in found.items() if name.endswith(DEAD))
        return {name: len(messages) for name, messages in found.items() if not name.endswith(DEAD)}

    def repay(self, pay: Pay, paid_on: date) -> None:
        super().repay(pay, paid_on)
        self.paid.append((pay, paid_on))

    def charges(self) -> list[Charge]:
        """The gateway's own books."""
        books = DynamoStubBooks(self._client("dynamodb"), self.outputs["StubBooksTable"])
        return [Charge(p.key, p.amount.minor if p.status == PAID else 0, p.code) for p in books.payments()]

    def outside(self) -> Outside:
        sent = {reference: phone for reference, (phone, _) in self.inbox().items()}
        return Outside(self.paid, self.charges(), sent)

    def _waiting(self, name: str) -> Waiting:
        return self.seen[self.day or date.min][name]


def _step(sort: str) -> datetime:
    return datetime.strptime(sort.partition("#")[0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _hints(message: Mapping[str, Any]) -> int:
    """Hints in a message of a line; any other message is one piece of work."""
    body = json.loads(message["Body"])
    return len(body.get("keys", [body]))
