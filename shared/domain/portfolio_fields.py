"""One line's fields: each reader notes what is wrong with its field, and never repeats what stands there."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from unicodedata import category
from zoneinfo import available_timezones

from shared.domain import keys
from shared.domain.book import MandateStatus, Source, SourceKind
from shared.domain.countries import COUNTRIES
from shared.domain.errors import AmountError, IdentifierError
from shared.domain.funding import ACCOUNT, MOST_SOURCES
from shared.domain.money import EXPONENTS, Money
from shared.domain.portfolio import Finding, SourceLine

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,2}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(\.\d+)?", re.ASCII)
_LANGUAGE = re.compile(
    r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*", re.ASCII | re.IGNORECASE
)
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}", re.ASCII
)
_PUSH = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:endpoint/[A-Z_]+/[A-Za-z0-9._-]+/[A-Za-z0-9-]+", re.ASCII)
_LONGEST_EMAIL, _LONGEST_PUSH = 254, 256
_MOST_ZONES = 8
_IMPORTABLE = tuple(status for status in MandateStatus if status is not MandateStatus.REVOKED)
_KINDS = tuple(SourceKind)
_LONGEST_MONTH = 31
_LONGEST_NAME = 200
_CONTROLS = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp"})
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a line of a file. A reader of a wrong field gives None, or the text where a text was asked for."""

    file: str
    line: SourceLine
    findings: list[Finding]

    def note(self, column: str, reason: str) -> None:
        self.findings.append(Finding(self.file, self.line.line, column, reason))

    def text(self, column: str) -> str:
        return self.line.values[column]

    def has(self, column: str) -> bool:
        """Whether a line has something in a column that its file may lack."""
        return bool(self.line.values.get(column))

    def identifier(self, column: str) -> str | None:
        try:
            return keys.checked_id(self.text(column))
        except IdentifierError as error:
            self.note(column, str(error))
            return None

    def name(self, column: str) -> str:
        text = self.text(column)
        if not text.strip() or len(text) > _LONGEST_NAME or any(_is_control(letter) for letter in text):
            self.note(column, f"must be 1 to {_LONGEST_NAME} characters without control characters")
        return text

    def language(self, column: str) -> str:
        text = self.text(column)
        if not _LANGUAGE.fullmatch(text):
            self.note(column, "is not a BCP 47 language tag such as zh-CN")
        return text

    def zone(self, column: str) -> str:
        text = self.text(column)
        if text not in known_zones():
            self.note(column, "is not an IANA time zone such as Asia/Shanghai")
        return text

    def zones(self, column: str) -> tuple[str, ...]:
        """Zones separated by semicolons."""
        found = tuple(part.strip() for part in self.text(column).split(";"))
        if any(zone not in known_zones() for zone in found):
            self.note(column, "is not a list of IANA time zones such as Europe/London;America/New_York")
            return ()
        if len(set(found)) < len(found):
            self.note(column, "names a zone twice")
        if len(found) > _MOST_ZONES:
            self.note(column, f"names more than {_MOST_ZONES} zones")
        return found

    def email(self, column: str) -> str:
        text = self.text(column)
        if not _EMAIL.fullmatch(text) or len(text) > _LONGEST_EMAIL:
            self.note(column, "is not an e-mail address such as fang@example.com")
        return text

    def push(self, column: str) -> str:
        text = self.text(column)
        if not _PUSH.fullmatch(text) or len(text) > _LONGEST_PUSH:
            self.note(
                column, "is not the ARN of an app's endpoint, arn:aws:sns:REGION:ACCOUNT:endpoint/PLATFORM/APP/ID"
            )
        return text

    def country(self, column: str) -> str:
        text = self.text(column)
        if text not in COUNTRIES:
            self.note(column, "is not an ISO 3166-1 country code of two capital letters such as CN")
        return text

    def currency(self, column: str) -> str | None:
        text = self.text(column)
        if text not in EXPONENTS:
            self.note(column, "is not an ISO 4217 currency code such as CNY")
            return None
        return text

    def account(self, column: str) -> str:
        text = self.text(column)
        if not ACCOUNT.fullmatch(text):
            self.note(column, "must be 1 to 128 letters, digits or signs of ASCII, without spaces")
        return text

    def day_of_month(self, column: str) -> int | None:
        text = self.text(column)
        if not _NUMBER.fullmatch(text) or int(text) > _LONGEST_MONTH:
            self.note(column, f"is not a day of the month from 1 to {_LONGEST_MONTH}")
            return None
        return int(text)

    def funding(self, column: str) -> tuple[Source, ...]:
        """Accounts in the borrower's order: `balance:acc-1 debit-card:acc-2`. Whether policy lets a kind of account
        repay a loan at all shows when it is debited."""
        parts = [part.partition(":") for part in self.text(column).split()]
        if any(kind not in _KINDS or not ACCOUNT.fullmatch(account) for kind, _, account in parts):
            self.note(column, f"is not a list such as balance:acc-1 debit-card:acc-2, of {', '.join(_KINDS)}")
            return ()
        if len(parts) > MOST_SOURCES:
            self.note(column, f"names more than {MOST_SOURCES} accounts")
        if len({account for _, _, account in parts}) < len(parts):
            self.note(column, "names an account twice")
        return tuple(Source(SourceKind(kind), account) for kind, _, account in parts)

    def mandate_status(self, column: str) -> MandateStatus | None:
        """What a borrower or the lender decides; that a rail revoked a mandate only the rail can say."""
        text = self.text(column)
        if text not in _IMPORTABLE:
            self.note(column, f"is none of {', '.join(_IMPORTABLE)}")
            return None
        return MandateStatus(text)

    def date(self, column: str) -> date | None:
        text = self.text(column)
        try:
            day = date.fromisoformat(text if _DATE.fullmatch(text) else "")
        except ValueError:
            self.note(column, "is not a date such as 2026-03-01")
            return None
        if not 1970 <= day.year < 2200:
            self.note(column, "is before 1970 or after 2199")
            return None
        return day

    def number(self, column: str) -> int | None:
        if not _NUMBER.fullmatch(self.text(column)):
            self.note(column, "is not a whole number from 1 to 999")
            return None
        return int(self.text(column))

    def amount(self, column: str, currency: str | None) -> int | None:
        """Minor units; where the currency is not known, only whether it is a decimal amount at all."""
        text = self.text(column)
        if not _DECIMAL.fullmatch(text):
            self.note(column, "is not a plain decimal amount such as 1234.50")
        elif currency:
            try:
                return Money.parse(text, currency).minor
            except AmountError:
                self.note(column, f"has more decimals than {currency}, which has {EXPONENTS[currency]}")
        return None


def _is_control(letter: str) -> bool:
    """Joiners, which some scripts need, are none; marks that turn the direction of all that follows are."""
    return category(letter) in _CONTROLS or letter in _TURNS


@cache
def known_zones() -> frozenset[str]:
    """The zones that a file may name."""
    return frozenset(available_timezones())
