"""Codes of message providers, as far as they may be kept: a code is shown, stored and logged, an address never is."""

import re

UNLISTED = "unlisted"
"""In place of a code that is none, or that no table knows."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,99}", re.ASCII)
_NUMBER = re.compile(r"\d{7}", re.ASCII)


def safe_code(value: object) -> str:
    """The code itself, where it can be no address, number or text; UNLISTED otherwise.

    Seven digits in a row are taken for a phone number. Own design.
    """
    if not isinstance(value, str) or not _CODE.fullmatch(value) or _NUMBER.search(value):
        return UNLISTED
    return value
