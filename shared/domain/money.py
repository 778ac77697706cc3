"""Money: an integer of minor units with its currency. No float comes near it."""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

from shared.domain.errors import AmountError, CurrencyMismatchError

_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC"
    " CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD"
    " KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO"
    " NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL"
    " THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

EXPONENTS: dict[str, int] = (
    dict.fromkeys(_TWO.split(), 2) | dict.fromkeys(_NONE.split(), 0) | dict.fromkeys(_THREE.split(), 3)
)
"""Decimals of each currency's unit (ISO 4217)."""

_DECIMAL = re.compile(r"\d{1,15}(?:\.(\d+))?", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (fen, cents) of one ISO 4217 currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise AmountError(f"currency {self.currency!r} is not an ISO 4217 code")

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Reads a non-negative decimal string in the currency's unit: `Money.parse("12.50", "CNY")`.

        Raises AmountError for a sign, a grouping mark, an exponent or more decimals than the currency has.
        """
        if currency not in EXPONENTS:
            raise AmountError(f"currency {currency!r} is not an ISO 4217 code")
        found = _DECIMAL.fullmatch(text)
        if not found:
            raise AmountError(f"{text!r} is not a decimal amount such as 1234.50")
        decimals, fraction = EXPONENTS[currency], found.group(1) or ""
        if len(fraction) > decimals:
            raise AmountError(f"{text!r} has more than {decimals} decimals, {currency} has {decimals}")
        whole = text.split(".", maxsplit=1)[0]
        return cls(int(whole + fraction.ljust(decimals, "0")), currency)

    def decimal(self) -> str:
        """The amount as a plain decimal string: `1234.50`; the inverse of `parse`."""
        decimals = EXPONENTS[self.currency]
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(decimals + 1, "0")
        return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)

    def grouped(self) -> str:
        """The amount for people: `1,234.50`."""
        whole, _, fraction = self.decimal().partition(".")
        return f"{int(whole):,}" + (f".{fraction}" if fraction else "")

    def __add__(self, other: Self) -> Self:
        return type(self)(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Self) -> bool:
        return self.minor < self._same(other)

    def _same(self, other: Self) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot meet in one sum")
        return other.minor
