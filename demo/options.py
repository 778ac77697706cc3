"""What `make demo` may be told, and every way in which it may be told wrong."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from demo.driver import BUSINESS_ZONE, Plan
from demo.history import PRODUCTS
from demo.portfolio import FIRST_DAY
from shared.adapters.csv_files import open_portfolio
from shared.adapters.phones import phone_problem
from shared.adapters.policy_files import PolicyFiles
from shared.domain.calendar import at_local
from shared.domain.errors import InputError, PolicyError
from shared.domain.portfolio import INSTALMENTS, LOANS, PAYMENTS, Finding, Portfolio
from shared.domain.portfolio_rules import check

DAYS = 120
OWN_PHONES = "+447700900*"
"""The range that the demo's own numbers are of: Ofcom keeps it for drama."""
_LEAD_DAYS = 7
"""Another book begins so long before the first instalment that nobody paid yet: with its first reminder."""
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    """`portfolio` is a folder with another book, None for the demo's own; `port` None takes a free one."""

    plan: Plan
    phones: str = OWN_PHONES  # what may receive messages, as the stack's parameter says it
    portfolio: Path | None = None
    keep: bool = False
    port: int | None = None
    why_first: str = ""  # how the first day was found, where nobody named it


def read_options(environment: Mapping[str, str], days: int = DAYS) -> Options:
    """From PORTFOLIO, FROM, SKIP, KEEP and PORT, where empty means not set; raises InputError with one line."""
    if days < 1:
        raise InputError("--days: at least one day")
    named = environment.get("PORTFOLIO", "").strip()
    portfolio = Path(named) if named else None
    if portfolio is not None and not portfolio.is_dir():
        raise InputError(f"PORTFOLIO: {named} is no folder")
    first_day, why = _first_day(environment.get("FROM", "").strip(), portfolio)
    plan = Plan(first_day, days, parse_skip(environment.get("SKIP", "").strip(), days))
    if portfolio is None:
        _check_policies(plan, PRODUCTS)
        phones = OWN_PHONES
    else:
        phones = allowed(_check_book(portfolio, plan))
    keep, port = _flag(environment.get("KEEP", "")), _port(environment.get("PORT", "").strip())
    return Options(plan, phones, portfolio, keep, port, why)


def parse_skip(text: str, days: int) -> frozenset[int]:
    """`40-44,50`: numbers of days, the first being 1."""
    skipped: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _RANGE.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= days:
            raise InputError(f"SKIP: {part!r} is no range of days such as 40-44, within 1 to {days}")
        skipped.update(range(first, last + 1))
    if len(skipped) == days:
        raise InputError("SKIP: no day is left on which anything runs")
    return frozenset(skipped)


def _flag(text: str) -> bool:
    return text.strip().lower() not in ("", "0", "no", "off", "false")


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65535):
        raise InputError(f"PORT: {text!r} is no port from 1024 to 65535")
    return int(text)


def _first_day(text: str, portfolio: Path | None) -> tuple[date, str]:
    if text:
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date(), ""
        except ValueError:
            raise InputError(f"FROM: {text!r} is no date such as {FIRST_DAY}") from None
    return _first_day_of(portfolio) if portfolio else (FIRST_DAY, "")


def _first_day_of(portfolio: Path) -> tuple[date, str]:
    """A week before the earliest due date after as many instalments as a loan has payments, or the last payment."""
    due: dict[str, list[str]] = {}
    for row in _lines(portfolio, INSTALMENTS):
        due.setdefault(row["loan_id"], []).append(row["due_on"])
    payments = _lines(portfolio, PAYMENTS)
    paid = Counter(row["loan_id"] for row in payments)
    try:
        first_open = min(
            date.fromisoformat(day) for loan_id, days in due.items() for day in sorted(days)[paid[loan_id] :]
        )
        last_paid = max((date.fromisoformat(row["paid_on"]) for row in payments), default=date.min)
    except ValueError:
        raise InputError(
            f"PORTFOLIO: {portfolio} has no open due date to begin with: name the first day, FROM"
        ) from None
    first_day = first_open - timedelta(days=_LEAD_DAYS)
    if last_paid > first_day:
        return last_paid, "the day of the last payment in the book"
    return first_day, f"{_LEAD_DAYS} days before {first_open}, the first due date that has no payment"


def _lines(portfolio: Path, name: str) -> list[Mapping[str, str]]:
    """The rows of a file as they stand there; none of a file that is not there."""
    lines = open_portfolio(portfolio).get(name, ())
    return [line.values for line in lines if not isinstance(line, Finding)]


def _check_policies(plan: Plan, products: Iterable[str]) -> None:
    shelf = PolicyFiles()
    for day in (plan.first_day, plan.last_day):
        for product in products:
            try:
                shelf.policy(product, at_local(day, time(12), BUSINESS_ZONE))
            except PolicyError as error:
                raise InputError(f"FROM: the run is {plan.first_day} to {plan.last_day}, but {error}") from None


def _check_book(portfolio: Path, plan: Plan) -> frozenset[str]:
    """The book by the import's own rules, before anything is started; returns its phone numbers."""
    shelf = PolicyFiles()
    at = plan.morning()
    book = check(open_portfolio(portfolio), lambda product: shelf.policy(product, at), phone_problem, at)
    if not isinstance(book, Portfolio):
        first = book[0]
        where = f"{first.file}:{first.line}" + (f" {first.column}" if first.column else "")
        more = f" (and {len(book) - 1} more: see duebell import)" if len(book) > 1 else ""
        raise InputError(f"PORTFOLIO: {where} {first.reason}{more}")
    if not book.loans:
        raise InputError(f"PORTFOLIO: {portfolio / LOANS} has no loan")
    _check_policies(plan, sorted({read.row.product for read in book.loans}))
    return frozenset(read.row.phone for read in book.borrowers if read.row.phone)


def allowed(phones: frozenset[str], longest: int = 3500) -> str:
    """The stack's list of numbers that may receive anything: these, or what they begin with where they are many."""
    text = ",".join(sorted(phones))
    keep = 14
    while len(text) > longest:
        keep -= 1
        text = ",".join(sorted({f"{phone[:keep]}*" for phone in phones}))
    return text
