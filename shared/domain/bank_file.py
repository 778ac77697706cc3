"""A bank's file of bookings: `reference,amount,currency,booked_on,payer_ref`, one line each.

A negative amount takes money of the payment with that reference back. `payer_ref` is the loan's id; where it is missing
or none of ours, the money is kept in suspense. No problem repeats what a cell holds: it may be anything, a name too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from shared.domain import keys
from shared.domain.book import EntryKind
from shared.domain.errors import AmountError, IdentifierError
from shared.domain.money import EXPONENTS, Money
from shared.domain.repayment import Arrived, Channel, TakenBack, arrived

COLUMNS = ("reference", "amount", "currency", "booked_on", "payer_ref")
MOST_BYTES = 8 * 1024 * 1024
"""Of a file: 100,000 rows with room to spare, whose messages one run can queue."""
MOST_LINE_BYTES = 4096
ROWS_PER_MESSAGE = 50
INCOMING, RESULTS = "incoming/", "results/"
"""Where files come, and where what was found in them goes."""

NAME_RULE = (
    "up to 100 letters, digits, dots, dashes and underscores, the first a letter or a digit, and .csv after them;"
    f" the file lies in {INCOMING} itself"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.csv", re.ASCII)
_REFERENCE = re.compile(r"[!-~]{1,128}", re.ASCII)
_AMOUNT = re.compile(r"(-?)(\d{1,15}(?:\.\d{1,3})?)", re.ASCII)
_DATE = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)
_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula when somebody opens a list of references."""
_DAYS_AHEAD = 1


@dataclass(frozen=True, slots=True)
class BankRow:
    """One line that could be read; `minor` is negative for money taken back, `loan_id` empty where nobody is named."""

    line: int
    reference: str
    minor: int
    currency: str
    booked_on: date
    loan_id: str

    def arrived(self) -> Arrived:
        """What it says of our books."""
        if self.minor > 0:
            return arrived(self.reference, self.loan_id, Money(self.minor, self.currency), self.booked_on)
        return TakenBack(
            EntryKind.REVERSAL,
            self.reference,
            Money(-self.minor, self.currency),
            self.booked_on,
            f"{self.booked_on}:{-self.minor}",
            Channel.FILE,
        )


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be taken, and why, in words that repeat nothing of it."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file by its name, which is what stands below `incoming/`, and by its version, None where there are no versions.

    Two files may come under one name: the later one is another version, and no less a file.
    """

    name: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class BankFileNews:
    """Files that arrived."""

    files: tuple[BankFile, ...]


@dataclass(frozen=True, slots=True)
class BankRows:
    """Rows of a file, in the order of their lines."""

    name: str
    rows: tuple[BankRow, ...]
    version: str | None = None


def is_file_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name))


def result_name(name: str) -> str:
    """What the result of a file is called: as the file, or by a hash of its name where that may hold anything."""
    return name if is_file_name(name) else f"unreadable-name-{sha256(name.encode()).hexdigest()[:12]}"


def header_problem(header: Sequence[str] | None) -> str | None:
    """Why a file's first line is not the header, or None; a file with another one is refused whole."""
    if header is None:
        return f"is empty: the first line names the columns {','.join(COLUMNS)}"
    found = [name.strip() for name in header]
    if missing := [name for name in COLUMNS if name not in found]:
        return f"has no column {missing[0]}: the first line names the columns {','.join(COLUMNS)}"
    if len(found) != len(COLUMNS):
        return f"has {len(found)} columns: the first line names the columns {','.join(COLUMNS)}, each once"
    return None


def read_row(line: int, cells: Mapping[str, str], today: date) -> BankRow | BadRow:
    """One line's cells by column; `today` is the lender's date."""
    problem, values = None, {name: cells[name].strip() for name in COLUMNS}
    amount = _AMOUNT.fullmatch(values["amount"])
    if not _REFERENCE.fullmatch(values["reference"]):
        problem = "reference must be 1 to 128 printable characters without blanks"
    elif values["reference"].startswith(_FORMULA):
        problem = "reference begins like a formula"
    elif values["currency"] not in EXPONENTS:
        problem = "currency must be an ISO 4217 code"
    elif amount is None:
        problem = "amount must be a decimal amount such as 1234.50 or -1234.50"
    elif (booked_on := _day(values["booked_on"])) is None:
        problem = "booked_on must be a date such as 2026-03-01"
    elif booked_on > today + timedelta(days=_DAYS_AHEAD):
        problem = "booked_on lies in the future"
    else:
        try:
            minor = Money.parse(amount[2], values["currency"]).minor
        except AmountError:
            problem = "amount has more decimals than its currency"
        else:
            if minor:
                signed = -minor if amount[1] else minor
                loan_id = loan_id_of(values["payer_ref"])
                return BankRow(line, values["reference"], signed, values["currency"], booked_on, loan_id)
            problem = "amount must not be nothing"
    return BadRow(line, problem)


def _day(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def loan_id_of(text: str) -> str:
    """The id, or empty for what can be none: its money is kept all the same."""
    try:
        return keys.checked_id(text)
    except IdentifierError:
        return ""
