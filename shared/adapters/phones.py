"""Phone numbers at the edge: the domain gets E.164 or nothing."""

import phonenumbers


def phone_problem(text: str) -> str | None:
    """What is wrong with a number, without repeating it; None for a possible number in E.164.

    Possible, not valid: numbering plans change faster than any library, and test ranges must pass.
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return "is not a phone number in E.164, such as +447700900123"
    if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != text:
        return "is not written as in E.164: a plus sign and digits only, such as +447700900123"
    if not phonenumbers.is_possible_number(number):
        return "has too few or too many digits for its country"
    return None
