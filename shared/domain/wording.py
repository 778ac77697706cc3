"""How a language writes and says amounts and dates, and which locale's words a borrower reads."""

from datetime import date

from shared.domain.money import Money
from shared.domain.policy import Policy

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}  # in the basic characters of an SMS, as others are not
_SPOKEN = {
    "zh": {"CNY": "元", "EUR": "欧元", "GBP": "英镑", "INR": "卢比", "USD": "美元"},
    "en": {"CNY": "yuan", "EUR": "euros", "GBP": "pounds", "INR": "rupees", "USD": "dollars"},
}


def locale_for(wanted: str, policy: Policy) -> str:
    """The wanted locale where there are texts for it, else another of its language, else the policy's default."""
    known = {locale.casefold(): locale for locale in sorted(policy.wording, reverse=True)}
    if exact := known.get(wanted.casefold()):
        return exact
    same = [locale for locale in known.values() if language_of(locale) == language_of(wanted)]
    return min(same, default=policy.default_locale)


def language_of(locale: str) -> str:
    """Of a BCP 47 locale: `zh` of `zh-CN`."""
    return locale.partition("-")[0].casefold()


def signature_for(locale: str, country: str, policy: Policy) -> str:
    """The sender's signature in a locale, in the form that the country asks for where it has one of its own."""
    own = f"{language_of(locale)}-{country}"
    return policy.signature[own if own in policy.signature and own not in policy.wording else locale]


def written_amount(amount: Money, language: str) -> str:
    """`1,234.50元`, `CNY 1,234.50`, `£1,234.50`."""
    if language == "en":
        sign = _SIGNS.get(amount.currency)
        return f"{sign}{amount.grouped()}" if sign else f"{amount.currency} {amount.grouped()}"
    if language == "zh" and amount.currency == "CNY":
        return f"{amount.grouped()}元"
    return f"{amount.grouped()} {amount.currency}"


def spoken_amount(amount: Money, language: str) -> str:
    """As it is read aloud: `1,234.50 yuan`."""
    name = _SPOKEN.get(language, {}).get(amount.currency)
    if name is None:
        return written_amount(amount, language)
    return f"{amount.grouped()}{name}" if language == "zh" else f"{amount.grouped()} {name}"


def written_date(day: date, language: str, country: str = "") -> str:
    """`3月5日`, `5 March`, `March 5` in the United States; where a language has no words here, as ISO 8601."""
    if language == "zh":
        return f"{day.month}月{day.day}日"
    if language != "en":
        return day.isoformat()
    month = _MONTHS[day.month - 1]
    return f"{month} {day.day}" if country == "US" else f"{day.day} {month}"
