"""The book with faults between caller and store: what is handed in and what comes back may be lost on either side."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random

from shared.adapters.memory.book import MemoryBook
from shared.domain.book import (
    Attempt,
    AuditEntry,
    BorrowerFile,
    DebitCard,
    Escalation,
    LedgerEntry,
    Line,
    LoanFile,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
)
from shared.domain.changes import Change, SaveHolds, TakeSeq, WakeContact, WakeStage
from shared.domain.errors import StoreError
from shared.ports.book import Page
from shared.simulation.boundaries import Boundary
from shared.simulation.faults import Fault
from shared.simulation.story import commit_name

_READS_KEPT = 3


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
        self._written: dict[object, int] = {}
        self._last = 0

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

    def notices(self, borrower_id: str) -> Sequence[NoticeRecord]:
        self._read()
        return self._book.notices(borrower_id)

    def notice_by_ref(self, provider_ref: str) -> tuple[str, str] | None:
        self._read()
        return self._book.notice_by_ref(provider_ref)

    def borrowers_at(self, address_key: str) -> tuple[str, ...]:
        self._read()
        return self._book.borrowers_at(address_key)

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
        page = self._book.agenda(line, shard, until, limit, after)
        return self._lagging("read agenda", (line, shard, after), fault, page)

    def open_attempts(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        fault = self._read("read open attempts")
        page = self._book.open_attempts(shard, until, limit, after)
        return self._lagging("read open attempts", (shard, after), fault, page)

    def open_notices(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        fault = self._read("read open notices")
        page = self._book.open_notices(shard, until, limit, after)
        return self._lagging("read open notices", (shard, after), fault, page)

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
            self._note_writes(changes)
            self._seen(changes)
        else:
            self._boundary.note(f"{name}: lost", changes[:1])
            if fault in (Fault.ANSWER_LOST, Fault.RETRIED):
                self._boundary.plan.spared(name, fault)  # nothing was done whose answer could be lost
        if fault is Fault.ANSWER_LOST:
            raise StoreError("simulated: written or not")
        if fault is Fault.RETRIED and made:
            return self._repeated(changes)
        self._boundary.left(fault)
        return made

    def _repeated(self, changes: tuple[Change, ...]) -> bool:
        """The answer was lost, and the transport asks again. A transaction knows its own token; a single write finds it
        on its row, unless somebody else has written there since: then it is told as lost, though it was made."""
        write = self._last
        self._boundary.baton.pause()  # it is asked again
        return len(changes) > 1 or self._written[_row_of(changes[0])] == write

    def _note_writes(self, changes: tuple[Change, ...]) -> None:
        self._last += 1
        self._written |= dict.fromkeys(map(_row_of, changes), self._last)

    def note_failure(self, line: Line, key: str) -> int:
        self._failed(line, key)
        return self._book.note_failure(line, key)

    def _read(self, call: str = "read book") -> Fault | None:
        fault = self._boundary.reach(call)
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not read")
        return fault

    def _lagging(self, call: str, part: tuple[object, ...], fault: Fault | None, page: Page) -> Page:
        """An index that lags shows what it showed before; never half a page."""
        before = self._before.setdefault((call, *part), deque(maxlen=_READS_KEPT))
        shown = self._chance.choice(before) if fault is Fault.LAGS and before else page
        if fault is Fault.LAGS and shown.keys == page.keys:
            self._boundary.plan.spared(call, fault)
        before.append(page)
        return Page(shown.keys, None) if shown is not page else page


_ROW_KEYS = ("loan_id", "borrower_id", "number", "seq", "notice_key", "key", "external_id", "purpose", "revision")


def _row_of(change: Change) -> tuple[object, ...]:
    """The row that a change writes, so that two changes of one row have one name."""
    row = getattr(change, "row", change)
    kind = "Loan" if isinstance(change, WakeStage | SaveHolds | TakeSeq) else type(row).__name__
    kind = "ContactCard" if isinstance(change, WakeContact) else kind
    names = ("loan_id",) if kind == "Loan" else ("borrower_id",) if kind == "ContactCard" else _ROW_KEYS
    return kind, *(getattr(row, name, None) for name in names)
