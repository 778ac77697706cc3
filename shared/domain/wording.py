"""How a language writes amounts and dates, and which locale's words a borrower reads."""

from datetime import date

from shared.domain.money import Money
from shared.domain.policy import Policy

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


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


def written_amount(amount: Money, language: str) -> str:
    """`1,234.50元`, `CNY 1,234.50`."""
    if language == "en":
        return f"{amount.currency} {amount.grouped()}"
    if language == "zh" and amount.currency == "CNY":
        return f"{amount.grouped()}元"
    return f"{amount.grouped()} {amount.currency}"


def written_date(day: date, language: str) -> str:
    """`3月5日`, `5 March`; where a language has no words here, as ISO 8601."""
    if language == "zh":
        return f"{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]}" if language == "en" else day.isoformat()
