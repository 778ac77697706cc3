"""The driver's world on a deployed stack whose wires break: messages doubled and late, schedules that fire twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from demo.borrowers import Credit, Pay
from demo.messages import repayment_message
from demo.records import R
from demo.stack import Stack, StackError
from tests.simulation.deployed.faults import Faults
from tests.simulation.deployed.wire import Wire

BACK_AFTER_S = 10
"""How long SQS keeps a message from others once a worker has it: on AWS it is six minutes, or fifteen."""
_QUEUES = ("QueueContactUrl", "QueueDebitUrl", "QueueStageUrl", "QueueRepaymentsUrl")
_QUIET_S = 0.6
"""With no call for so long, what is in work lies with a process that died: it comes back by itself, in a later slot."""
_DELIVERIES = 4
_POLL_S = 0.1


@dataclass(slots=True)
class FaultyWorld:
    """A `World` over `stack`. Faults last until `calm`; `did` counts what was doubled, repeated and brought back."""

    stack: Stack
    wire: Wire
    faults: Faults
    did: Counter[str] = field(default_factory=Counter)
    now: datetime | None = None
    _slot: int = 0
    _late: list[tuple[int, str, str]] = field(default_factory=list)
    _fired: Counter[str] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self) -> None:
        """From now on everything breaks."""
        for name in _QUEUES:
            self._sqs.set_queue_attributes(
                QueueUrl=self.stack.outputs[name], Attributes={"VisibilityTimeout": str(BACK_AFTER_S)}
            )
        self.wire.queued = self.double
        self.wire.armed = True

    def calm(self) -> None:
        """Nothing breaks any more; what was to come late comes now."""
        self.wire.armed = False
        self._bring(lambda _: True)

    def double(self, queue: str, bodies: Sequence[str]) -> None:
        """Delivers each message once more, beside the first or slots later."""
        if not self.wire.armed:
            return
        for body in bodies:
            with self._lock:
                self.did["messages"] += 1
                wait = self.faults.copy_comes_after(self.did["messages"])
                if wait:
                    self._late.append((self._slot + wait, queue, body))
            if not wait:
                self.did["doubled at once"] += 1
                self._sqs.send_message(QueueUrl=queue, MessageBody=body)

    def _bring(self, is_due: Callable[[int], bool]) -> None:
        """The copies that are due, in no order."""
        with self._lock:
            due = [late for late in self._late if is_due(late[0])]
            self._late = [late for late in self._late if not is_due(late[0])]
        self.faults.order_of(self._slot).shuffle(due)
        for _, queue, body in due:
            self.did["doubled late"] += 1
            self._sqs.send_message(QueueUrl=queue, MessageBody=body)

    def set_clock(self, now: datetime) -> None:
        self.stack.set_clock(now)
        self.now = now
        self._slot += 1
        self._bring(lambda slot: slot <= self._slot)
        self._redrive()

    def reconcile(self) -> bool:
        return any(self._fire("reconcile", self.stack.reconcile))

    def plan_work(self) -> int:
        return sum(self._fire("plan_work", self.stack.plan_work))

    def _fire[T: int](self, schedule: str, run: Callable[[], T]) -> list[T | int]:
        """A schedule's run, or two at once. One that fails is repeated once, as Lambda does; then it is left."""
        self._fired[schedule] += 1
        twice = self.wire.armed and self.faults.fires_twice(schedule, self._fired[schedule])
        self.did["schedules fired twice"] += twice

        def attempt(_: int) -> T | int:
            for _ in range(2):
                try:
                    return run()
                except StackError:
                    if not self.wire.armed:
                        raise
                    self.did["runs that failed"] += 1
            return 1  # nobody knows how far it came

        with ThreadPoolExecutor(2) as at_once:
            return list(at_once.map(attempt, range(1 + twice)))

    def wait(self) -> None:
        """As the stack's own, but for what lies with a process that died while faults last."""
        empty, before, since = 0, (-1, -1), time.monotonic()
        while empty < 2:
            left = self._waiting()
            total = (sum(seen for seen, _ in left.values()), sum(held for _, held in left.values()))
            empty = empty + 1 if total == (0, 0) else 0
            if self.wire.armed and total[0] == 0 and total[1] and self.wire.is_quiet_for(_QUIET_S):
                return
            if total != before:
                before, since = total, time.monotonic()
            elif total != (0, 0) and time.monotonic() - since > self.stack.patience_s:
                raise StackError(f"queues stand still, visible and in work: {left}")
            if total != (0, 0):
                time.sleep(_POLL_S)

    def _waiting(self) -> dict[str, tuple[int, int]]:
        """Of each queue that feeds a function how many messages wait, and how many are in work."""
        (regions,) = self.stack._inbox("/_ministack/sqs/messages")["messages"].values() or ({},)
        found: dict[str, tuple[int, int]] = {}
        for queues in regions.values():
            for url, messages in queues.items():
                if messages and not url.endswith(("-dead", "-failed-runs", "-undelivered-schedules")):
                    seen = sum(message["IsVisible"] for message in messages)
                    found[url.rsplit("/", 1)[-1]] = seen, len(messages) - seen
        return found

    def _redrive(self) -> None:
        """What was given up after five deliveries is put back, as a person does."""
        for name in _QUEUES:
            dead = self.stack.outputs[name.replace("Url", "DeadUrl")]
            while found := self._sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages"):
                for message in found:
                    self.did["given up and put back"] += 1
                    self._sqs.send_message(QueueUrl=self.stack.outputs[name], MessageBody=message["Body"])
                    self._sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])

    def repay(self, pay: Pay, paid_on: date) -> None:
        self.stack.repay(pay, paid_on)
        self.double(self.stack.outputs["QueueRepaymentsUrl"], [repayment_message(pay, paid_on)])

    def credit(self, credit: Credit) -> None:
        self.stack.credit(credit)

    def deliver_webhooks(self) -> int:
        """The gateway reports again what was not taken, and leaves the rest to the next evening."""
        for _ in range(_DELIVERIES):
            try:
                return self.stack.deliver_webhooks()
            except (StackError, ValueError):  # the door's failure, in the stub's words or in the emulator's
                if not self.wire.armed:
                    raise
                self.did["reports that failed"] += 1
        return 1

    def hold(self) -> None:
        self.stack.hold()

    def go_on(self) -> None:
        self.stack.go_on()

    def rows(self, kind: type[R], since: date | None = None) -> Iterable[R]:
        return self.stack.rows(kind, since)

    @property
    def _sqs(self) -> Any:
        return self.stack._client("sqs")
