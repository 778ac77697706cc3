"""Money: exact, single-currency, and written back as it was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import AmountError, CurrencyMismatchError
from shared.domain.money import EXPONENTS, Money


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0", "CNY", 0),
        ("12.5", "CNY", 1250),
        ("12.50", "CNY", 1250),
        ("0.01", "CNY", 1),
        ("96396", "CZK", 9_639_600),
        ("15", "JPY", 15),
        ("1.234", "KWD", 1234),
    ],
)
def test_a_decimal_string_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1,000", "1e3", "1.", ".5", "1.001", "１２", "NaN", " 1", "1" * 16])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        Money.parse(text, "CNY")


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(AmountError):
        Money.parse("1", "XXX")
    with pytest.raises(AmountError):
        Money(1, "cny")


@given(st.integers(min_value=0, max_value=10**15 - 1), st.sampled_from(sorted(EXPONENTS)))
def test_writing_and_reading_are_inverse(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(money.decimal(), currency) == money


@pytest.mark.parametrize(
    ("money", "decimal", "grouped"),
    [
        (Money(123_456_789, "CNY"), "1234567.89", "1,234,567.89"),
        (Money(5, "CNY"), "0.05", "0.05"),
        (Money(1234, "JPY"), "1234", "1,234"),
        (Money(-5, "CNY"), "-0.05", "0.05"),
    ],
)
def test_amounts_are_written_for_programs_and_for_people(money: Money, decimal: str, grouped: str) -> None:
    assert money.decimal() == decimal
    if money.minor >= 0:
        assert money.grouped() == grouped


def test_currencies_never_mix() -> None:
    with pytest.raises(CurrencyMismatchError):
        Money(1, "CNY") + Money(1, "CZK")
    with pytest.raises(CurrencyMismatchError):
        _ = Money(1, "CNY") < Money(2, "CZK")
    assert Money(3, "CNY") - Money(1, "CNY") == Money(2, "CNY")
    assert Money(1, "CNY") < Money(2, "CNY")
