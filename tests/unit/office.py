"""One loan, and everything that turning its deduction on or off touches, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.outbox import MemoryOutbox
from shared.adapters.memory.world import CountingCodes, FixedClock, MemorySwitches
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import (
    Attempt,
    Borrower,
    ContactCard,
    Instalment,
    InstalmentState,
    LoanFile,
    Mandate,
    MandateStatus,
)
from shared.domain.changes import Change, Insert, SaveInstalment, TakeSeq
from shared.domain.mandate_requests import Asked, Changed, Refused
from shared.domain.mandates import Purpose
from shared.ports.messages import Sender
from shared.ports.portfolio import Imported, ImportedRow
from shared.workflows.change_mandates import MandateChanges
from shared.workflows.rail_news import RailNews
from tests.unit.builders import a_borrower, a_loan, a_mandate, an_instalment, at

NOW = at("2026-03-12 10:00")
FIRST_CODE = "100001"


@dataclass
class Office:
    """One loan, and everything that turning its deduction on or off touches."""

    store: MemoryBook
    inbox: MemoryOutbox
    clock: FixedClock
    changes: MandateChanges

    @property
    def rail(self) -> RailNews:
        return RailNews(self.store, self.clock)

    @property
    def file(self) -> LoanFile:
        found = self.store.loan_file("l-1")
        assert found is not None
        return found

    @property
    def status(self) -> dict[str, MandateStatus]:
        return {m.mandate_id: m.status for m in self.file.mandates}

    def told(self) -> list[str]:
        return [entry.what for entry in self.store.audit("l-1")]

    def asked(self, purpose: Purpose) -> Asked:
        answer = self.changes.ask("l-1", purpose)
        assert isinstance(answer, Asked), answer
        return answer

    def last_code(self) -> str:
        text = self.inbox.sent[-1].text
        return next(text[i : i + 6] for i in range(len(text)) if text[i : i + 6].isdigit())

    def confirm(self, purpose: Purpose, digits: str, acknowledged: str) -> Changed | Refused:
        return self.changes.confirm("l-1", purpose, digits, acknowledged, "app")

    def through(self, purpose: Purpose) -> Changed | Refused:
        """Asks and confirms with the code that came."""
        asked = self.asked(purpose)
        return self.confirm(purpose, self.last_code(), asked.notice.text_hash)

    def claim(self, seq: int = 1, number: int = 1) -> bool:
        """A debit's claim as the debit line makes it, on what the file says now."""
        return self.store.commit(self.claiming(self.file, seq, number))

    def claiming(self, file: LoanFile, seq: int = 1, number: int = 1) -> list[Change]:
        row = file.instalment(number)
        assert row is not None
        attempt = Attempt(
            *("l-1", seq, (number,), row.outstanding, "m-1", "stub", "balance-1", "2026-03-12T08:00"),
            claimed_at=self.clock.now(),
            policy_version="v",
        )
        taken = replace(row, state=InstalmentState.CLAIMED, attempts=row.attempts + 1, step=None, rev=row.rev + 1)
        return [TakeSeq("l-1", seq, file.loan.gate_rev), Insert(attempt), SaveInstalment(taken)]

    def debit_steps(self) -> dict[int, datetime | None]:
        return {i.number: i.step for i in self.file.instalments}


def an_office(
    *instalments: Instalment,
    mandates: Sequence[Mandate] = (a_mandate(),),
    borrower: Borrower | None = None,
) -> Office:
    store, clock = MemoryBook(), FixedClock(NOW)
    inbox = MemoryOutbox(clock)
    rows: list[ImportedRow] = [
        borrower or a_borrower(),
        ContactCard("b-1", ("l-1",)),
        *(instalments or (an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10)))),
        *mandates,
        a_loan(),
    ]
    store.write([Imported(row, "") for row in rows])
    sms = Sender("sandbox", inbox)
    changes = MandateChanges(store, sms, CountingCodes(), PolicyFiles(), clock, MemorySwitches())
    return Office(store, inbox, clock, changes)
