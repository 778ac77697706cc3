"""A provider in memory that takes what every other one takes."""

from collections import deque
from collections.abc import Iterable
from threading import Lock

from shared.ports.messages import TOO_LATE, Outgoing
from shared.ports.world import Clock, SendResult, Sent


class MemoryOutbox:
    """Provider. Keeps what was sent; answers with what `script` was given, in order, and after that with SENT.

    What it answers as not sent it did not keep. UNKNOWN was sent, and the answer lost. An exception in the script is
    raised after the message went out: the process died.
    """

    def __init__(self, clock: Clock, answers: Iterable[Sent | SendResult | Exception] = ()) -> None:
        self.sent: list[Outgoing] = []
        self._clock = clock
        self._answers = deque(answers)
        self._count = 0
        self._lock = Lock()

    def script(self, *answers: Sent | SendResult | Exception) -> None:
        self._answers.extend(answers)

    def send(self, message: Outgoing) -> Sent:
        if message.seconds_left(self._clock.now()) <= 0:
            return TOO_LATE
        with self._lock:
            answer = self._answers.popleft() if self._answers else SendResult.SENT
            if isinstance(answer, Exception):
                self.sent.append(message)
                raise answer
            if isinstance(answer, SendResult):
                self._count += answer is SendResult.SENT
                answer = Sent(answer, f"M{self._count}" if answer is SendResult.SENT else None)
            if answer.result in {SendResult.SENT, SendResult.UNKNOWN}:
                self.sent.append(message)
        return answer
