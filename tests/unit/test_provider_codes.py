"""Codes of providers are kept, and nothing that could be an address is."""

import pytest

from shared.domain.provider_codes import safe_code


@pytest.mark.parametrize(
    "code",
    ["MK:0001", "DB:0141", "ConflictException.DESTINATION_PHONE_NUMBER_OPTED_OUT", "5.1.1", "TD", "123456", "a" * 100],
)
def test_a_code_is_kept(code: str) -> None:
    assert safe_code(code) == code


@pytest.mark.parametrize(
    "value",
    [
        *("+8613800000001", "13800000001", "MK13800000001", "1234567", "zhang.san@example.com", "张三"),
        *("no such number", "", "a" * 101, "x\n", "-x", None, 7, ["x"]),
    ],
)
def test_what_could_be_an_address_or_a_text_is_not(value: object) -> None:
    assert safe_code(value) == "unlisted"
