"""Which lines of a portfolio's files are good: every rule, over single fields, rows and files.

All findings are collected, none hides another; only what follows from a line that could not be read is kept back.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shared.domain.book import Borrower, Instalment, LedgerEntry, Loan, Mandate, Source
from shared.domain.calendar import business_date
from shared.domain.errors import PolicyError
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.portfolio import (
    BORROWERS,
    COLUMNS,
    IMPORT,
    INSTALMENTS,
    LOANS,
    MANDATES,
    PAYMENTS,
    Finding,
    Portfolio,
    Read,
    SourceLine,
    columns_of,
)
from shared.domain.portfolio_fields import Fields

_PRODUCT = re.compile(r"[\w-]{1,64}", re.ASCII)

type Lines = Iterable[SourceLine | Finding]


def check(
    files: Mapping[str, Lines],
    policy_of: Callable[[str], Policy],
    phone_problem: Callable[[str], str | None],
    at: datetime,
) -> Portfolio | tuple[Finding, ...]:
    """The portfolio, or everything that is wrong with it, in the order of files and lines.

    `files` has the lines by file name, with a Finding in place of what could not be read. `policy_of` raises
    PolicyError for a product without a valid pack; `phone_problem` says what is wrong with a number, if anything; `at`
    is the instant of the import: no payment can be later.
    """
    checker = _Checker(policy_of, phone_problem, at)
    for name in files.keys() - COLUMNS.keys():  # not asked for, and perhaps a misspelt one that was
        checker.findings += [line for line in files[name] if isinstance(line, Finding)]
    borrowers = checker.rows(BORROWERS, files, checker.borrower)
    loans = checker.rows(LOANS, files, checker.loan)
    instalments = checker.rows(INSTALMENTS, files, checker.instalment)
    checker.schedules()
    mandates = checker.rows(MANDATES, files, checker.mandate)
    payments = checker.rows(PAYMENTS, files, checker.payment)
    if checker.findings:
        return in_order(checker.findings)
    return Portfolio(borrowers, loans, instalments, mandates, payments, in_order(checker.warnings))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By file, line and column, as they stand in the files."""
    files = list(COLUMNS)

    def place(finding: Finding) -> tuple[int, str, int, int]:
        columns = ("", *(columns_of(finding.file) if finding.file in COLUMNS else ()))
        at = files.index(finding.file) if finding.file in COLUMNS else len(files)
        return at, finding.file, finding.line, columns.index(finding.column)

    return tuple(sorted(findings, key=place))


@dataclass(slots=True)
class _Schedule:
    """What is known of a loan while its lines are read; None where a field was no good."""

    line: int
    currency: str | None
    disbursed_on: date | None
    principal_minor: int | None
    today: date | None  # the lender's
    policy: Policy | None
    rows: list[tuple[int, int | None, date | None, int | None]] = field(default_factory=list)

    @property
    def last_due_on(self) -> date | None:
        return max((due_on for _, _, due_on, _ in self.rows if due_on), default=None)


class _Checker:
    def __init__(
        self, policy_of: Callable[[str], Policy], phone_problem: Callable[[str], str | None], at: datetime
    ) -> None:
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []
        self._policy_of = policy_of
        self._phone_problem = phone_problem
        self._at = at
        self._loans: dict[str, _Schedule] = {}
        self._seen: dict[str, dict[object, int]] = {}  # by file: the line of each key
        self._gaps: set[str] = set()  # files with lines whose key is not known
        self._todays: dict[str, date | str] = {}

    def rows[T](self, file: str, files: Mapping[str, Lines], make: Callable[[Fields], T | None]) -> tuple[Read[T], ...]:
        """The good rows of a file; what is wrong with the others is noted."""
        self._seen[file] = {}
        good: list[Read[T]] = []
        for line in files.get(file, ()):
            if isinstance(line, Finding):
                self.findings.append(line)
                self._gaps.add(file)
                continue
            before = len(self.findings)
            row = make(Fields(file, line, self.findings))
            if row is not None and len(self.findings) == before:
                good.append(Read(line.line, row))
        return tuple(good)

    def borrower(self, fields: Fields) -> Borrower | None:
        borrower_id = self._key(fields, "borrower_id")
        phone = fields.text("phone")
        if phone and (problem := self._phone_problem(phone)):
            fields.note("phone", problem)
        name, locale = fields.name("name"), fields.language("locale")
        time_zone, country = fields.zone("time_zone"), fields.country("country")
        payday = fields.day_of_month("payday") if fields.has("payday") else None
        email = fields.email("email") if fields.has("email") else None
        push = fields.push("push") if fields.has("push") else None
        others = fields.zones("other_zones") if fields.has("other_zones") else ()
        if time_zone in others:
            fields.note("other_zones", "names the zone of time_zone again")
        if borrower_id is None:
            return None
        return Borrower(
            borrower_id, name, phone or None, locale, time_zone, country, payday, email, push, other_zones=others
        )

    def loan(self, fields: Fields) -> Loan | None:
        loan_id = self._key(fields, "loan_id")
        borrower_id = self._reference(fields, "borrower_id", BORROWERS)
        product = fields.text("product")
        today = self._today(product)
        if isinstance(today, str):
            fields.note("product", today)
        currency, disbursed_on = fields.currency("currency"), fields.date("disbursed_on")
        principal = fields.amount("principal", currency)
        if principal == 0:
            fields.note("principal", "must be above zero")
        if loan_id:
            known_today = today if isinstance(today, date) else None
            policy = self._policy_of(product) if known_today else None
            schedule = _Schedule(fields.line.line, currency, disbursed_on, principal, known_today, policy)
            self._loans.setdefault(loan_id, schedule)
        if loan_id and borrower_id and currency and disbursed_on and principal is not None:
            return Loan(loan_id, borrower_id, product, currency, disbursed_on, principal)
        return None

    def instalment(self, fields: Fields) -> Instalment | None:
        loan_id = self._reference(fields, "loan_id", LOANS)
        loan = self._loans.get(loan_id) if loan_id else None
        if loan is None:
            self._gaps.add(fields.file)  # some loan lacks this line
        number = fields.number("number")
        due_on = fields.date("due_on")
        currency = loan.currency if loan else None
        principal, interest, fee = (fields.amount(name, currency) for name in ("principal", "interest", "fee"))
        penalty = fields.amount("penalty", currency) if fields.has("penalty") else 0
        if principal == interest == fee == penalty == 0:
            fields.note("principal", "principal, interest and fee are all zero: there is nothing to pay")
        if loan is None or loan_id is None:
            return None
        if number is not None:
            self._once(fields, "number", (loan_id, number))
        loan.rows.append((fields.line.line, number, due_on, principal))
        if due_on and loan.disbursed_on and due_on < loan.disbursed_on:
            fields.note("due_on", "is before the loan was disbursed")
        if number is None or due_on is None or principal is None or interest is None or fee is None or not currency:
            return None
        return Instalment(loan_id, number, due_on, principal, interest, fee, currency, penalty_minor=penalty or 0)

    def schedules(self) -> None:
        """The rules over all instalments of a loan; left out where a line could not be read."""
        for loan in self._loans.values():
            if loan.rows:
                self._numbers_and_dates(loan)
            if INSTALMENTS in self._gaps:
                continue
            if not loan.rows:
                self._note(LOANS, loan.line, "loan_id", f"has no instalment in {INSTALMENTS}")
                continue
            parts = [part for _, _, _, part in loan.rows if part is not None]
            if len(parts) == len(loan.rows) and loan.currency and loan.principal_minor not in (None, sum(parts)):
                total = Money(sum(parts), loan.currency).decimal()
                self._note(LOANS, loan.line, "principal", f"the principals of its instalments add up to {total}")

    def _numbers_and_dates(self, loan: _Schedule) -> None:
        numbered = sorted(((n, line, due_on) for line, n, due_on, _ in loan.rows if n is not None), key=lambda r: r[:2])
        is_whole = len(numbered) == len(loan.rows) and INSTALMENTS not in self._gaps
        last_number, last_due_on = 0, None
        for number, line, due_on in numbered:
            if is_whole and number > last_number + 1:
                self._note(INSTALMENTS, line, "number", f"follows {last_number}: numbers run 1, 2, 3 without a gap")
            if due_on and last_due_on and number > last_number and due_on <= last_due_on:
                self._note(INSTALMENTS, line, "due_on", f"must be later than that of instalment {last_number}")
            last_number, last_due_on = number, due_on or last_due_on

    def mandate(self, fields: Fields) -> Mandate | None:
        mandate_id = self._key(fields, "mandate_id")
        loan_id = self._reference(fields, "loan_id", LOANS)
        loan = self._loans.get(loan_id) if loan_id else None
        rail, account_ref = fields.identifier("rail"), fields.account("account_ref")
        signed_on, status = fields.date("signed_on"), fields.mandate_status("status")
        if signed_on and loan and loan.today and loan.disbursed_on and signed_on > max(loan.today, loan.disbursed_on):
            fields.note("signed_on", "is in the future, and later than the loan")
        expires_on = fields.date("expires_on") if fields.has("expires_on") else None
        if signed_on and expires_on and expires_on < signed_on:
            fields.note("expires_on", "is before the mandate was signed")
        funding = fields.funding("funding") if fields.has("funding") else ()
        if loan and loan.policy:
            self._warn_of_a_mandate(fields, rail, funding, loan.policy)
        if mandate_id and loan_id and rail and signed_on and status:
            return Mandate(mandate_id, loan_id, rail, account_ref, signed_on, status, funding, expires_on=expires_on)
        return None

    def _warn_of_a_mandate(self, fields: Fields, rail: str | None, funding: tuple[Source, ...], policy: Policy) -> None:
        """It may stand in the book, and debits nothing until there are rules by which it may."""
        if rail and policy.under(rail) is None:
            self._warn(fields, "rail", "has no pack that is valid today: nothing is debited under this mandate")
        if funding and all(source.kind in policy.funding_deny for source in funding):
            self._warn(fields, "funding", "names only accounts that policy denies: nothing is debited from them")

    def payment(self, fields: Fields) -> LedgerEntry | None:
        payment_id = self._key(fields, "payment_id")
        loan_id = self._reference(fields, "loan_id", LOANS)
        loan = self._loans.get(loan_id) if loan_id else None
        currency = loan.currency if loan else None
        amount = fields.amount("amount", currency)
        if amount == 0:
            fields.note("amount", "must be above zero")
        paid_on = fields.date("paid_on")
        if paid_on and loan and loan.disbursed_on and paid_on < loan.disbursed_on:
            fields.note("paid_on", "is before the loan was disbursed")
        if paid_on and loan and loan.today and paid_on > loan.today:
            fields.note("paid_on", f"is in the future: the lender's date is {loan.today}")
        if payment_id and loan_id and paid_on and amount is not None and currency:
            return LedgerEntry(loan_id, IMPORT, payment_id, Money(amount, currency), paid_on)
        return None

    def _warn(self, fields: Fields, column: str, reason: str) -> None:
        self.warnings.append(Finding(fields.file, fields.line.line, column, reason))

    def _note(self, file: str, line: int, column: str, reason: str) -> None:
        self.findings.append(Finding(file, line, column, reason))

    def _key(self, fields: Fields, column: str) -> str | None:
        """The row's own id, good and not yet seen in the file."""
        key = fields.identifier(column)
        if key is None:
            self._gaps.add(fields.file)
            return None
        return key if self._once(fields, column, key) else None

    def _once(self, fields: Fields, column: str, key: object) -> bool:
        seen = self._seen[fields.file]
        if key in seen:
            fields.note(column, f"stands on line {seen[key]} already")
            return False
        seen[key] = fields.line.line
        return True

    def _reference(self, fields: Fields, column: str, file: str) -> str | None:
        key = fields.identifier(column)
        if key is not None and key not in self._seen[file]:
            if file not in self._gaps:
                fields.note(column, f"is not in {file}")
            return None
        return key

    def _today(self, product: str) -> date | str:
        """The lender's date by a product's policy, or why there is none."""
        if product not in self._todays:
            try:
                self._todays[product] = business_date(self._at, self._policy_of(product).business_zone)
            except PolicyError as error:
                # of the packs' own mistakes the error tells; one about this product repeats what may be a name
                is_told = _PRODUCT.fullmatch(product) and product not in str(error)
                self._todays[product] = str(error) if is_told else "has no policy pack that is valid today"
        return self._todays[product]
