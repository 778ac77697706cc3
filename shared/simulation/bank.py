"""The bank's files: lines that are read once more when a reader died, and rows that travel through a queue."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from shared.domain.bank_file import COLUMNS, BankFile, BankRow, BankRows
from shared.domain.errors import InputError, StoreError
from shared.domain.money import Money
from shared.simulation.boundaries import Boundary
from shared.simulation.faults import CrashError, Fault


@dataclass(frozen=True, slots=True)
class Line:
    """A line that the bank will write; negative where it takes money back."""

    reference: str
    amount: Money
    loan_id: str = ""


@dataclass(slots=True)
class SimulatedFiles:
    """BankFiles."""

    boundary: Boundary
    files: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def write(self, on: date, lines: Sequence[Line]) -> str:
        """Puts a day's file; gives its name."""
        name = f"bank-{on}-{len(self.files)}.csv"
        rows = [
            f"{line.reference},{line.amount.decimal()},{line.amount.currency},{on},{line.loan_id}" for line in lines
        ]
        self.files[name] = tuple(f"{row}\n".encode() for row in (",".join(COLUMNS), *rows))
        return name

    def lines(self, file: BankFile) -> Iterator[bytes]:
        name, fault = file.name, self.boundary.reach("read bank file", file.name)
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not read")
        if name not in self.files:
            raise InputError("there is no such file")
        for number, line in enumerate(self.files[name]):
            if fault is Fault.CRASH_AFTER and number == 1:
                raise CrashError
            yield line

    def keep_result(self, name: str, document: str) -> None:  # noqa: ARG002 - nobody reads it here
        fault = self.boundary.reach("keep file result", name)
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not kept")
        self.boundary.left(fault)


@dataclass(slots=True)
class RowsQueue:
    """EventQueue for the rows of files; `deliver` hands a message to whoever books it, after a while."""

    boundary: Boundary
    deliver: Callable[[BankRows, timedelta], None]

    def send(self, bodies: Sequence[str]) -> None:
        fault = self.boundary.reach("queue bank rows", len(bodies))
        if fault is Fault.NO_ANSWER:
            raise StoreError("simulated: not queued")
        for body in bodies:
            self._deliver(_rows_of(body))
        if fault is Fault.ANSWER_LOST:
            raise StoreError("simulated: queued or not")
        self.boundary.left(fault)

    def _deliver(self, rows: BankRows) -> None:
        fault = self.boundary.plan.draw("deliver bank rows")
        self.deliver(rows, timedelta(hours=7) if fault is Fault.DELAYED else timedelta(seconds=2))
        if fault is Fault.DOUBLED:
            self.deliver(rows, timedelta(seconds=1))


def _rows_of(body: str) -> BankRows:
    message = json.loads(body)
    rows = tuple(
        BankRow(line, reference, minor, currency, date.fromisoformat(booked_on), loan_id)
        for line, reference, minor, currency, booked_on, loan_id in message["rows"]
    )
    return BankRows(message["file"], rows)
