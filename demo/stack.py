"""The driver's world for real: a stack on the local AWS, driven through its public calls and the emulator's inboxes."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from demo.borrowers import Credit, Pay
from demo.messages import credit_request, repayment_message
from demo.records import R, Row
from infra.local import LocalAws
from infra.local.deployment import set_clock
from infra.local.emulator import ROOT
from shared.adapters.dynamodb.portfolio import DynamoPortfolio
from shared.adapters.dynamodb.reading import read
from shared.adapters.tokens import RandomTokens
from shared.domain.book import LedgerEntry, Line, NoticeRecord

TABLES = ("loans", "borrowers", "attempts", "notices", "ledger")
_WORKERS = (
    "FunctionSendReminders",
    "FunctionAttemptDeductions",
    "FunctionRecordEscalations",
    "FunctionRecordRepayments",
)
_DAY_OF: Mapping[type[Row], tuple[str, str]] = {
    NoticeRecord: ("notices", "business_date"),
    LedgerEntry: ("ledger", "booked_on"),
}
"""Of the kinds that are read day by day: their table, and the attribute with the day."""
DEAD = ("-dead", "-failed-runs")
"""How the names of queues end whose messages nobody works on any more."""
_LOOK_UP = ROOT / "events" / "payment_stub_look_up.json"
_POLL_S = 0.02
_STUB_PROCESSES = 3
"""Two workers may ask it at once, and one answer may still be on its way to a client that gave up."""


class StackError(Exception):
    """The stack did not do what it was asked; the message is one line for a person."""


@dataclass(slots=True)
class Stack:
    """A `World` over a deployed stack; `outputs` are those of CloudFormation."""

    aws: LocalAws
    outputs: Mapping[str, str]
    patience_s: float = 150  # how long no queue may get shorter: longer than any function may run
    _http: urllib3.PoolManager = field(init=False)
    _clients: dict[str, Any] = field(init=False, default_factory=dict)
    _portfolio: DynamoPortfolio = field(init=False)

    def __post_init__(self) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=400))
        self._portfolio = DynamoPortfolio(self._client("dynamodb"), self._tables(), RandomTokens())

    def set_clock(self, now: datetime) -> None:
        set_clock(self._client("dynamodb"), self.outputs["TableControl"], now)

    def reconcile(self) -> bool:
        return bool(self.invoke("FunctionReconcile", {"v": 1, "schedule": "reconcile"})["counts"])

    def plan_work(self) -> int:
        return sum(self.invoke("FunctionPlanWork", {"v": 1, "schedule": "plan_work"})["hints"].values())

    def invoke(self, function: str, event: object) -> dict[str, Any]:
        """What a function answers, by the name of its output; raises StackError with the function's own error."""
        answer = self._client("lambda").invoke(
            FunctionName=self.outputs[function], Payload=json.dumps(event).encode(), LogType="None"
        )
        said = json.loads(answer["Payload"].read() or "null")
        if "FunctionError" in answer or not isinstance(said, dict):
            why = said.get("errorMessage") if isinstance(said, dict) else said
            raise StackError(f"{self.outputs[function]} failed: {why}")
        return said

    def wait(self) -> None:
        """Twice in a row nothing may wait: a worker hands on work before its own message is gone, but two queues are
        not read at quite the same instant."""
        empty, before, since = 0, -1, time.monotonic()
        while empty < 2:
            left = self.backlog()
            waiting = sum(left.values())
            empty = empty + 1 if waiting == 0 else 0
            if waiting != before:
                before, since = waiting, time.monotonic()
            elif waiting and time.monotonic() - since > self.patience_s:
                name = max(left, key=lambda queue: left[queue])
                raise StackError(
                    f"queue {name} stands still: {left[name]} waiting or in work for {self.patience_s:g} s;"
                    " see what its function logs"
                )
            if waiting:
                time.sleep(_POLL_S)

    def backlog(self) -> dict[str, int]:
        """Messages that wait or are in work, by queue; one that was given up is an error."""
        found = {name: len(messages) for name, messages in self.messages().items()}
        dead = {name: count for name, count in found.items() if count and name.endswith(DEAD)}
        if dead:
            name, count = next(iter(dead.items()))
            raise StackError(f"queue {name} holds {count} given up: see what the functions log")
        return found

    def messages(self) -> Mapping[str, list[dict[str, Any]]]:
        """Every message by queue, those in a worker's hands included, as the emulator shows them."""
        (regions,) = self._inbox("/_ministack/sqs/messages")["messages"].values() or ({},)
        return {url.rsplit("/", 1)[-1]: messages for region in regions.values() for url, messages in region.items()}

    def repay(self, pay: Pay, paid_on: date) -> None:
        self._client("sqs").send_message(
            QueueUrl=self.outputs["QueueRepaymentsUrl"], MessageBody=repayment_message(pay, paid_on)
        )

    def credit(self, credit: Credit) -> None:
        self._ask_stub(f"/v1/accounts/{quote(credit.account_ref, safe='')}/credits", credit_request(credit))

    def deliver_webhooks(self) -> int:
        return int(self._ask_stub("/v1/webhooks/deliver", "")["delivered"])

    def hold(self) -> None:
        self._let_mappings_run(enabled=False)

    def go_on(self) -> None:
        self._let_mappings_run(enabled=True)

    def _let_mappings_run(self, *, enabled: bool) -> None:
        client = self._client("lambda")
        for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def rows(self, kind: type[R], since: date | None = None) -> Iterable[R]:
        found = self._portfolio.scan(kind) if since is None else self._rows_since(kind, since)
        return [row for row in found if isinstance(row, kind)]

    def _rows_since(self, kind: type[Row], since: date) -> Iterator[Row]:
        table, attribute = _DAY_OF[kind]
        pages = (
            self._client("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self._tables()[table],
                ConsistentRead=True,
                FilterExpression="#day >= :since",
                ExpressionAttributeNames={"#day": attribute},
                ExpressionAttributeValues={":since": {"S": since.isoformat()}},
            )
        )
        for page in pages:
            yield from (read(kind, item) for item in page["Items"])

    def decisions(self) -> Mapping[str, Mapping[str, int]]:
        """What each line would decide today about all on its agenda, by decision and reason: a dry run."""
        found: dict[str, dict[str, int]] = {}
        for line in Line:
            counts: dict[str, int] = {}
            after: str | None = None
            while True:
                event = {"line": line.value, "all": True} | ({"after": after} if after else {})
                page = self.invoke("FunctionPlanWork", event)
                for told in page["decisions"]:
                    name = f"{told['decision']}.{told['reason']}"
                    counts[name] = counts.get(name, 0) + 1
                after = page["after"]
                if after is None:
                    break
            found[line.value] = counts
        return found

    def invocations(self) -> Mapping[str, int]:
        """How often each function ran, as the emulator counts."""
        return dict(sorted(self.aws.invocations().items()))

    def one_worker_a_line(self) -> None:
        """Lets each line's worker run once at a time, the lines still beside each other.

        Then plan's message is done before the one that its outcomes cause, whatever the machine is busy with, and two
        runs agree to the last invocation. What two workers of a line do to each other is for tests, not for a picture.
        """
        for function in _WORKERS:
            self._client("lambda").put_function_concurrency(
                FunctionName=self.outputs[function], ReservedConcurrentExecutions=1
            )

    def warm_gateway(self) -> None:
        """Starts the stub's processes, so that no client's patience is spent on a cold start."""
        event = json.loads(_LOOK_UP.read_text(encoding="utf-8"))
        self.aws.warm(self.outputs["FunctionPaymentStub"], event, _STUB_PROCESSES)

    def inbox(self) -> Mapping[str, tuple[str, str]]:
        """Number and text of every SMS that left, by the reference that the sender was given."""
        sent = self._inbox("/_ministack/sns/sms-messages")["sms_messages"]
        return {one["MessageId"]: (phone, one["Message"]) for phone, messages in sent.items() for one in messages}

    def _inbox(self, path: str) -> Any:
        return json.loads(self._http.request("GET", self.aws.url + path).data)

    def _ask_stub(self, path: str, body: str) -> dict[str, Any]:
        """A signed request to the stub's function URL: to its name, at the emulator's address."""
        url = self.outputs["StubUrl"].rstrip("/")
        headers = {"Host": urlsplit(url).netloc, "Content-Type": "application/json"}
        signed = AWSRequest(method="POST", url=url + path, data=body.encode(), headers=headers)
        SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(signed)
        answer = self._http.request(
            "POST", self.aws.url + path, body=body.encode(), headers=dict(signed.headers.items())
        )
        said = json.loads(answer.data)
        if answer.status != 200:
            raise StackError(f"the payment stub answered {path} with {answer.status}: {said.get('message', said)}")
        return dict(said)

    def _tables(self) -> Mapping[str, str]:
        return {table: self.outputs[f"Table{table.capitalize()}"] for table in TABLES}

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]
