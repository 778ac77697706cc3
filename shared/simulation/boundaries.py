"""The ports with a fault between caller and callee: what is handed in and what comes back may be lost on either side.

Nothing here decides for the workflows; a call that is let through reaches the real adapter or the gateway's model.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock, MemoryChannel, MemoryQueue, MemorySwitches
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    BorrowerFile,
    ContactCard,
    DebitCard,
    EntryKind,
    Escalation,
    LedgerEntry,
    Line,
    Loan,
    LoanFile,
    Mandate,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
    Outcome,
    Owner,
)
from shared.domain.changes import (
    Change,
    Insert,
    SaveAttempt,
    SaveCard,
    SaveCode,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveStage,
    TakeSeq,
    WakeStage,
)
from shared.domain.errors import GatewayError, StoreError
from shared.domain.money import Money
from shared.domain.switches import NEVER_WRITTEN, Switches
from shared.ports.book import Page
from shared.ports.world import DebitAnswer, DebitRequest, RefundRequest, SendResult, Sent
from shared.simulation.actors import Baton
from shared.simulation.faults import CrashError, Fault, Plan
from shared.simulation.gateway import GatewayModel

UNKNOWN = DebitAnswer(Outcome.UNKNOWN)
_CLAIMS = {
    Owner.SCHEDULE: "commit claim",
    Owner.BORROWER: "commit claim of a borrower",
    Owner.OPERATOR: "commit claim of an operator",
}
_READS_KEPT = 3


def commit_name(changes: Sequence[Change]) -> str:
    """What a commit is, by what it writes."""
    kinds = {type(change) for change in changes}
    if TakeSeq in kinds:
        owners = [c.row.owner for c in changes if isinstance(c, Insert) and isinstance(c.row, Attempt)]
        return _CLAIMS[owners[0]] if owners else "commit claim"
    for change in changes:
        if isinstance(change, SaveAttempt):
            return _answer_name(change)
    entries = [c.row for c in changes if isinstance(c, Insert) and isinstance(c.row, LedgerEntry)]
    if entries:
        entry = entries[0]
        if entry.kind is EntryKind.RESOLUTION:
            return "commit resolution"
        if entry.amount.minor < 0:
            return "commit taking back"
        return "commit late money" if entry.loan_id == keys.SUSPENSE else "commit repayment"
    if all(isinstance(c, Insert) and isinstance(c.row, MoneyMark) for c in changes):
        return "commit taking back"  # told of by another channel before
    if any(isinstance(c, Insert) and isinstance(c.row, NoticeRecord) for c in changes):
        return "commit notice claim"
    if kinds == {Insert} and all(isinstance(c.row, AuditEntry) for c in changes if isinstance(c, Insert)):
        return "commit note"
    named = (
        (SaveMandate, "commit mandate"),
        (SaveCode, "commit code"),
        (SaveNotice, "commit notice settle"),
        (SaveStage, "commit stage"),
        (WakeStage, "commit stage"),
        (SaveCard, "commit contact deferral"),
        (SaveInstalment, "commit deferral"),
    )
    return next((name for kind, name in named if kind in kinds), "commit other")


def _answer_name(change: SaveAttempt) -> str:
    if change.row.state is AttemptState.CLAIMED and change.was_presented != change.row.presented:
        return "commit re-claim"
    if change.row.state is not AttemptState.SETTLED:
        return "commit unknown"
    return "commit void" if change.row.outcome is Outcome.VOID else "commit settle"


@dataclass(frozen=True, slots=True)
class Step:
    """One call over a boundary, for the story of a breach."""

    at: datetime
    job: str
    call: str
    detail: object
    fault: Fault | None = None

    def __str__(self) -> str:
        fault = f"  <- {self.fault}" if self.fault else ""
        return f"{self.at:%m-%d %H:%M:%S} {self.job:<28} {self.call:<26} {_told(self.detail)}{fault}"


def _told(detail: object) -> str:  # noqa: C901 - one case for each kind of row
    match detail:
        case tuple():
            return " ".join(_told(part) for part in detail)
        case Insert(row) | SaveAttempt(row) | SaveNotice(row) | SaveStage(row) | SaveMandate(row) | SaveCard(row):
            return _told(row)
        case Attempt():
            key, state = keys.intent_key(detail.loan_id, detail.seq), detail.outcome or detail.state
            account = ",".join(detail.funding) or detail.account_ref
            return f"attempt {key} {detail.amount.minor} {state} {account} by {detail.owner} for {detail.slot}"
        case LedgerEntry():
            return f"{detail.kind} {detail.loan_id} {detail.external_id} {detail.amount.minor} {detail.split}"
        case SaveInstalment(row):
            key, block = keys.debit_key(row.loan_id, row.number), " blocked" if row.blocked else ""
            return f"{key} {row.state}{block} paid {row.paid_minor} step {_at(row.step)}"
        case NoticeRecord():
            return f"notice {detail.notice_key} {detail.state}"
        case Loan():
            return f"loan {detail.loan_id} {detail.status} {detail.stage} step {_at(detail.step)}"
        case ContactCard():
            return f"card {detail.borrower_id} of {','.join(detail.loan_ids)} step {_at(detail.step)}"
        case Mandate():
            return f"mandate {detail.mandate_id} {detail.status}"
        case AuditEntry():
            return f"audit {detail.subject} {detail.what}"
        case Money():
            return f"{detail.minor} {detail.currency}"
        case _:
            return str(detail)


def _at(step: datetime | None) -> str:
    return f"{step:%m-%dT%H:%M}" if step else "-"


@dataclass(slots=True)
class Boundary:
    """Everything that crosses one goes through here: others may run first, a fault may be drawn, the call is noted."""

    baton: Baton
    plan: Plan
    clock: FixedClock
    story: list[Step] = field(default_factory=list)

    def reach(self, call: str, detail: object = None) -> Fault | None:
        """Called before the act. Raises CrashError where the process dies before it."""
        try:
            self.baton.pause(call)
        except CrashError:
            self.plan.note(call, Fault.KILLED)
            self.note(call, detail, Fault.KILLED)
            raise
        fault = self.plan.draw(call)
        if fault or detail is not None:
            self.note(call, detail, fault)
        if fault is Fault.CRASH_BEFORE:
            raise CrashError
        return fault

    def left(self, fault: Fault | None) -> None:
        """Called after the act. Raises CrashError where the process dies after it."""
        if fault is Fault.CRASH_AFTER:
            raise CrashError

    def note(self, call: str, detail: object, fault: Fault | None = None) -> None:
        self.story.append(Step(self.clock.at, self.baton.name, call, detail, fault))


class SimulatedBook:
    """Book. `seen` is told of every commit that was made, before its caller is; `failed` of every row that failed."""

    def __init__(
        self,
        book: MemoryBook,
        boundary: Boundary,
        chance: Random,
        seen: Callable[[Sequence[Change]], None],
        failed: Callable[[Line, str], None],
    ) -> None:
        self._book = book
        self._boundary = boundary
        self._chance = chance
        self._seen = seen
        self._failed = failed
        self._before: dict[tuple[object, ...], deque[Page]] = {}

    def loan_file(self, loan_id: str, *, whole: bool = False) -> LoanFile | None:
        self._read()
        return self._book.loan_file(loan_id, whole=whole)

    def borrower_file(self, borrower_id: str) -> BorrowerFile | None:
        self._read()
        return self._book.borrower_file(borrower_id)

    def attempt(self, loan_id: str, seq: int) -> Attempt | None:
        self._read()
        return self._book.attempt(loan_id, seq)

    def notice(self, borrower_id: str, notice_key: str) -> NoticeRecord | None:
        self._read()
        return self._book.notice(borrower_id, notice_key)

    def entry(self, loan_id: str, source: str, external_id: str) -> LedgerEntry | None:
        self._read()
        return self._book.entry(loan_id, source, external_id)

    def escalations(self, loan_id: str) -> Sequence[Escalation]:
        self._read()
        return self._book.escalations(loan_id)

    def attempts(self, loan_id: str) -> Sequence[Attempt]:
        self._read()
        return self._book.attempts(loan_id)

    def entries(self, loan_id: str) -> Sequence[LedgerEntry]:
        self._read()
        return self._book.entries(loan_id)

    def money(self, source: str, external_id: str) -> MoneyMark | None:
        self._read()
        return self._book.money(source, external_id)

    def debit_card(self, borrower_id: str) -> DebitCard:
        self._read()
        return self._book.debit_card(borrower_id)

    def code(self, loan_id: str, purpose: str) -> OneTimeCode | None:
        self._read()
        return self._book.code(loan_id, purpose)

    def audit(self, subject: str) -> Sequence[AuditEntry]:
        self._read()
        return self._book.audit(subject)

    def agenda(self, line: Line, shard: str, until: datetime | None, limit: int, after: str | None = None) -> Page:
        fault = self._read("read agenda")
        return self._lagging((line, shard, after), fault, self._book.agenda(line, shard, until, limit, after))

    def open_attempts(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        fault = self._read("read open attempts")
        return self._lagging(("attempts", shard, after), fault, self._book.open_attempts(shard, until, limit, after))

    def open_notices(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        fault = self._read("read open notices")
        return self._lagging(("notices", shard, after), fault, self._book.open_notices(shard, until, limit, after))

    def shards(self) -> int:
        return self._book.shards()

    def commit(self, changes: Sequence[Change]) -> bool:
        changes = tuple(changes)
        name = commit_name(changes)
        fault = self._boundary.reach(name, changes)
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: nothing was written")
        made = self._book.commit(changes)
        if made:
            self._seen(changes)
        else:
            self._boundary.note(f"{name}: lost", changes[:1])
        if fault is Fault.ANSWER_LOST:
            raise StoreError("simulated: written or not")
        self._boundary.left(fault)
        return made

    def note_failure(self, line: Line, key: str) -> int:
        self._failed(line, key)
        return self._book.note_failure(line, key)

    def _read(self, call: str = "read book") -> Fault | None:
        fault = self._boundary.reach(call)
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not read")
        return fault

    def _lagging(self, what: tuple[object, ...], fault: Fault | None, page: Page) -> Page:
        """An index that lags shows what it showed before; never half a page."""
        before = self._before.setdefault(what, deque(maxlen=_READS_KEPT))
        shown = self._chance.choice(before) if fault is Fault.LAGS and before else page
        before.append(page)
        return Page(shown.keys, None) if shown is not page else page


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stood on the wire: `claimed` is the attempt's row at that moment, None where there was none."""

    call: str
    key: str
    parameters: tuple[object, ...]
    at: datetime
    claimed: Attempt | None


class SimulatedGateway:
    """PaymentGateway over the model. Every request is seen here on its way out, with the claim that stood behind it."""

    def __init__(self, model: GatewayModel, book: MemoryBook, boundary: Boundary, chance: Random) -> None:
        self.model = model
        self.requests: list[Request] = []
        self.not_found_is_final = model.manners.not_found_is_final
        self.key_life = model.manners.key_life
        self._book = book
        self._boundary = boundary
        self._chance = chance
        self._enquired: dict[str, DebitAnswer | None] = {}

    def present(self, request: DebitRequest) -> DebitAnswer:
        parameters = request.amount, request.account_ref, request.mandate_id, request.funding
        return self._wire(
            "present", request.key, parameters, lambda: self.model.present(request), lambda: self.present_late(request)
        )

    def refund(self, request: RefundRequest) -> DebitAnswer:
        parameters = request.amount, request.payment_key
        return self._wire("refund", request.key, parameters, lambda: self.model.refund(request), None)

    def present_late(self, request: DebitRequest) -> None:
        """The request was held up on its way, and comes before the lease of its claim is over."""
        self._boundary.story.append(Step(self._boundary.clock.at, "gateway", "a late request comes", request.key))
        self.model.present(request)

    def enquire(self, key: str) -> DebitAnswer | None:
        fault = self._boundary.reach("enquire", key)
        if fault is Fault.NO_ANSWER:
            raise GatewayError("simulated: silent")
        answer = self.model.enquire(key)
        if fault is Fault.LAGS and answer and answer.outcome.is_terminal:
            answer = DebitAnswer(Outcome.PENDING)
        self._boundary.left(fault)
        return answer

    def _wire(
        self,
        call: str,
        key: str,
        parameters: tuple[object, ...],
        act: Callable[[], DebitAnswer],
        late: Callable[[], None] | None,
    ) -> DebitAnswer:
        fault = self._boundary.reach(call, (key, *parameters))
        loan_id, seq = keys.parse_intent_key(key)
        now = self._boundary.clock.at
        self.requests.append(Request(call, key, parameters, now, self._book.attempt(loan_id, seq)))
        if fault is Fault.NO_ANSWER or (fault is Fault.ARRIVES_LATE and late is None):
            self._boundary.clock.advance(timedelta(seconds=5))
            return UNKNOWN
        if fault is Fault.ARRIVES_LATE and late is not None:
            wait = timedelta(seconds=self._chance.choice((6, 60, 200)))
            self.model.later(now + wait, "late request", late)
            self._boundary.clock.advance(timedelta(seconds=5))
            return UNKNOWN
        answer = act()
        self._boundary.clock.advance(timedelta(milliseconds=300))
        self._boundary.baton.pause(f"{call}: answer on its way")
        if fault is Fault.ANSWER_LOST:
            return UNKNOWN
        self._boundary.left(fault)
        return answer


class SimulatedChannel:
    """MessageChannel."""

    def __init__(self, channel: MemoryChannel, boundary: Boundary) -> None:
        self._channel = channel
        self._boundary = boundary

    def send(self, address: str, text: str) -> Sent:
        fault = self._boundary.reach("send message")
        if fault is Fault.THROTTLED:
            return Sent(SendResult.RETRY_LATER, detail="throttled")
        if fault is Fault.REFUSED:
            return Sent(SendResult.REFUSED, detail="refused")
        if fault is Fault.NO_ANSWER:
            return Sent(SendResult.UNKNOWN)
        sent = self._channel.send(address, text)
        self._boundary.left(fault)
        return Sent(SendResult.UNKNOWN) if fault is Fault.ANSWER_LOST else sent


class SimulatedQueue:
    """WorkQueue."""

    def __init__(self, queue: MemoryQueue, boundary: Boundary) -> None:
        self._queue = queue
        self._boundary = boundary

    def send(self, line: Line, keys: Sequence[str], run: str) -> int:
        fault = self._boundary.reach("queue hints")
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not queued")
        sent = self._queue.send(line, keys, run)
        if fault is Fault.ANSWER_LOST:
            raise StoreError("simulated: queued or not")
        self._boundary.left(fault)
        return sent

    def depth(self, line: Line) -> int:
        return self._queue.depth(line)


class SimulatedSwitches:
    """SwitchBoard. One that cannot be read stops everything, as the port says."""

    def __init__(self, switches: MemorySwitches, boundary: Boundary) -> None:
        self._switches = switches
        self._boundary = boundary

    def read(self, *, fresh: bool = False) -> Switches:
        fault = self._boundary.reach("read switches")
        return NEVER_WRITTEN if fault is Fault.UNREADABLE else self._switches.read(fresh=fresh)

    def write(self, switches: Switches, was: Switches, note: AuditEntry) -> bool:
        return self._switches.write(switches, was, note)


_UNTOLD = ("commit contact deferral", "commit stage", "commit notice claim", "commit notice settle")


def of_loan(story: Sequence[Step], loan_id: str) -> Iterator[Step]:
    """The steps of the debit line that name a loan, with their faults."""
    for step in story:
        if step.call not in _UNTOLD and step.detail is not None and loan_id in _told(step.detail):
            yield step
