"""Stands between the deployed functions and the local AWS, one port for each function, and breaks what a plan says.

A process that is to die is found by its end of the connection, and killed while it waits for the answer: so it dies in
the middle of an invocation, at a call that is known.
"""

import json
import os
import re
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from drills.relay import Answer, Relay
from tests.simulation.deployed.faults import GONE_FOR, KILLS, Fault, Faults

_STATE, _CLAIMED = ":state", {"S": "claimed"}
_OWN_NAME = {"record_escalations": "record a stage", "record_repayments": "book money"}
_MESSAGE_ID = re.compile(rb"<MessageId>([^<]+)</MessageId>")

type Legs = list[tuple[str, dict[str, Any]]]
"""The writes of a request to DynamoDB: `Put`, `Update` or `ConditionCheck`, with its arguments."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a function; `body` is JSON for most services, a form for SNS."""

    function: str
    method: str
    path: str
    host: str
    action: str  # of X-Amz-Target, without the service
    body: bytes


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on the stack: hosts of function URLs, and real names of tables."""

    gateway: str
    door: str
    attempts: str
    notices: str

    @classmethod
    def of(cls, outputs: Mapping[str, str]) -> Self:
        gateway, door = (urlsplit(outputs[name]).netloc for name in ("GatewayUrl", "WebhookUrl"))
        return cls(gateway, door, outputs["TableAttempts"], outputs["TableNotices"])

    def call_of(self, request: Request) -> str | None:
        """The call by its name in the plan; None for the gateway's own, whose books are to be believed."""
        if request.host == self.gateway:
            return "present" if request.method == "POST" else "enquire"
        if request.host == self.door:
            return "deliver a webhook"
        if request.function == "payment_stub":
            return None
        if b"Action=Publish" in request.body:
            return "send a message"
        if request.action.startswith("SendMessage"):
            return "queue"
        for _, arguments in legs(request):
            is_claim = (arguments.get("Item") or {}).get("state") == _CLAIMED
            is_claim |= arguments.get("ExpressionAttributeValues", {}).get(_STATE) == _CLAIMED
            if arguments["TableName"] == self.attempts:
                return "claim a debit" if is_claim else "settle a debit"
            if arguments["TableName"] == self.notices:
                return "claim a message" if is_claim else "settle a message"
        if legs(request):
            return _OWN_NAME.get(request.function, "write besides")
        return "read"


def legs(request: Request) -> Legs:
    """What a request writes; nothing for one that only reads."""
    match request.action:
        case "TransactWriteItems":
            return [leg for item in json.loads(request.body)["TransactItems"] for leg in item.items()]
        case "PutItem" | "UpdateItem":
            return [(request.action.removesuffix("Item"), json.loads(request.body))]
        case _:
            return []


@dataclass(frozen=True, slots=True)
class Told:
    """A message as it was seen leaving: the notice that its process had claimed last, and the sink's own id."""

    notice: tuple[str, str] | None
    message_id: str | None


@dataclass(slots=True)
class Wire:
    """Every call goes through here once `reroute` was called, and is broken while `armed`.

    `presenting` is told of each request to the gateway just before it goes on; `queued` of what was put into a queue.
    """

    port: int
    faults: Faults
    presenting: Callable[[dict[str, Any]], None] = field(default=lambda _: None)
    queued: Callable[[str, Sequence[str]], None] = field(default=lambda *_: None)
    armed: bool = False
    places: Places | None = None
    calls: Counter[str] = field(default_factory=Counter)
    hits: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    died: Counter[str] = field(default_factory=Counter)  # kills by function
    told: list[Told] = field(default_factory=list)
    _servers: list[ThreadingHTTPServer] = field(default_factory=list)
    _drawn: Counter[str] = field(default_factory=Counter)
    _gone: Counter[str] = field(default_factory=Counter)
    _claimed: dict[int, tuple[str, str]] = field(default_factory=dict)
    _open: int = 0
    _last: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def reroute(self, client: Any, functions: Mapping[str, str], outputs: Mapping[str, str]) -> None:
        """Gives each function an endpoint of its own; what was warm starts anew. `client` is one of Lambda."""
        self.places = Places.of(outputs)
        for function, name in functions.items():
            variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            endpoint = {"AWS_ENDPOINT_URL": self.endpoint_of(function)}
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables | endpoint})

    def endpoint_of(self, function: str) -> str:
        """An address that stands for the local AWS from now on, for one function."""
        handler = type("Handler", (_Handler,), {"wire": self, "function": function})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    def is_quiet_for(self, seconds: float) -> bool:
        """Whether no call is under way and none was for so long."""
        with self._lock:
            return self._open == 0 and time.monotonic() - self._last > seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def began(self, request: Request) -> tuple[str | None, Fault | None]:
        """Counts a call; what it is and what goes wrong with it."""
        call = self.places.call_of(request) if self.places else None
        with self._lock:
            self._open += 1
            if call is None:
                return None, None
            self.calls[call] += 1
            if not self.armed:
                return call, None
            if self._gone[request.function] > 0:
                self._gone[request.function] -= 1
                return call, Fault.GONE
            self._drawn[call] += 1
            fault = self.faults.at(call, self._drawn[call])
            if fault is Fault.GONE:
                self._gone[request.function] = GONE_FOR - 1
            if fault and fault not in KILLS:
                self.hits[call, fault] += 1
            return call, fault

    def ended(self) -> None:
        with self._lock:
            self._open -= 1
            self._last = time.monotonic()

    def kill(self, request: Request, call: str, fault: Fault, process: int | None) -> None:
        """The process dies at once; nothing of it is tidied up."""
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            with self._lock:
                self.hits[call, fault] += 1
                self.died[request.function] += 1

    def leaving(self, request: Request, call: str | None) -> None:
        """A request goes on to the local AWS."""
        if call == "present":
            self.presenting(json.loads(request.body))

    def arrived(self, request: Request, call: str | None, answer: bytes, process: Callable[[], int | None]) -> None:
        """A request was answered, whether or not the function hears of it."""
        if call == "queue":
            asked = json.loads(request.body)
            bodies = [entry["MessageBody"] for entry in asked.get("Entries", [asked])]
            self.queued(asked["QueueUrl"], bodies)
        if call == "claim a message" and (pid := process()):
            for operation, arguments in legs(request):
                row = arguments.get("Item") or arguments.get("Key") or {}
                if "notice_key" in row and operation != "ConditionCheck":
                    self._claimed[pid] = (row["borrower_id"]["S"], row["notice_key"]["S"])
        if call == "send a message":
            found = _MESSAGE_ID.search(answer)
            told = Told(self._claimed.get(process() or 0), found[1].decode() if found else None)
            with self._lock:
                self.told.append(told)

    @property
    def sent(self) -> Mapping[tuple[str, str] | None, list[str | None]]:
        """The sink's ids of the messages that left, by the notice behind them."""
        found: dict[tuple[str, str] | None, list[str | None]] = defaultdict(list)
        for told in self.told:
            found[told.notice].append(told.message_id)
        return found


class _Handler(Relay):
    """One connection of a function's process."""

    patience_s = 120  # less than a queue may stand still
    wire: ClassVar[Wire]
    function: ClassVar[str]
    _process: int | None = None

    def reply(self, body: bytes) -> Answer | None:
        action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        request = Request(self.function, self.command, self.path, self.headers.get("Host", ""), action, body)
        call, fault = self.wire.began(request)
        try:
            return self._answer(request, call, fault)
        finally:
            self.wire.ended()

    def _answer(self, request: Request, call: str | None, fault: Fault | None) -> Answer | None:
        """What the function gets; None hangs up, because nothing was asked, nobody hears of it, or nobody is left."""
        if fault in (Fault.LOST, Fault.GONE):
            return None
        if call and fault is Fault.KILLED_BEFORE:
            self.wire.kill(request, call, fault, self._pid())
            return None
        self.wire.leaving(request, call)
        answer = self.hand_on(self.wire.port, request.body)
        self.wire.arrived(request, call, answer.body, self._pid)
        if call and fault is Fault.KILLED_AFTER:
            self.wire.kill(request, call, fault, self._pid())
            return None
        return None if fault is Fault.ANSWER_LOST else answer

    def _pid(self) -> int | None:
        if self._process is None:
            self._process = process_at(self.client_address[1], self.connection.getsockname()[1])
        return self._process


def process_at(port: int, to: int) -> int | None:
    """The process that holds the end of a loopback connection from one port to another, as /proc tells."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    ends = [f"0100007F:{port:04X}", f"0100007F:{to:04X}"]
    inode = next((row[9] for row in rows if row[1:3] == ends), None)
    if inode is None:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            with suppress(OSError):  # it ended, or is somebody else's
                if any(end.readlink().name == f"socket:[{inode}]" for end in (process / "fd").iterdir()):
                    return int(process.name)
    return None
