"""The text of a message: the policy's wording in the borrower's language, name, amount and date written its way."""

import re
import unicodedata
from datetime import date

from shared.domain.book import Borrower, Stage
from shared.domain.contact import Notice
from shared.domain.errors import PolicyError
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind

LONGEST_NAME = 24
"""Characters; what is longer is cut, so that no name makes a message cost another part. Own design."""

_OVERDUE_TONES = {Stage.CURRENT: Stage.M1, Stage.LEGAL: Stage.M3}
"""Tones that speak with another's text: the last notice before the legal stage is the firmest that there is."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NAMELESS = {"zh": "客户", "en": "customer"}
_JOINERS = "\u200c\u200d"  # zero width, and part of how some scripts write a name
_BRACKETS = str.maketrans("", "", "【】")  # gateways allow them around the signature only


def render(notice: Notice, borrower: Borrower, policy: Policy) -> str:
    """The text to send, one line; raises PolicyError when the policy has no text for this notice.

    The wording is that of the borrower's locale, else of another locale of the same language, else of the default one.
    """
    locale = _locale_for(borrower.locale, policy)
    language = _language(locale)
    name = text_name(notice)
    text = policy.wording[locale].get(name)
    if text is None:
        raise PolicyError(f"wording.{locale}.{name} is missing")
    return text.format_map(
        {
            "signature": policy.signature[locale],
            "product": policy.product_name[locale],
            "name": _written_name(borrower.name) or _NAMELESS.get(language, "-"),
            "amount": _written_amount(notice.amount, language),
            "date": _written_date(notice.date, language),
            "count": str(notice.count),
            "hotline": policy.hotline,
        }
    )


def text_name(notice: Notice) -> str:
    """The name of a notice's text within a locale: `pre_debit`, `overdue_M2_many`."""
    name = notice.kind.value.replace("-", "_")
    if notice.kind is NoticeKind.OVERDUE:
        name += f"_{_OVERDUE_TONES.get(notice.tone, notice.tone)}"
    return name + ("_many" if notice.count > 1 else "")


def _locale_for(wanted: str, policy: Policy) -> str:
    known = {locale.casefold(): locale for locale in sorted(policy.wording, reverse=True)}
    if exact := known.get(wanted.casefold()):
        return exact
    same = [locale for locale in known.values() if _language(locale) == _language(wanted)]
    return min(same, default=policy.default_locale)


def _language(locale: str) -> str:
    return locale.partition("-")[0].casefold()


def _written_name(name: str) -> str:
    """The name on one line, without anything invisible that could hide or reorder text."""
    spaced = re.sub(r"\s+", " ", name.translate(_BRACKETS))
    shown = "".join(c for c in spaced if c in _JOINERS or not unicodedata.category(c).startswith("C")).strip()
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1].rstrip() + "…"


def _written_amount(amount: Money, language: str) -> str:
    if language == "en":
        return f"{amount.currency} {amount.grouped()}"
    if language == "zh" and amount.currency == "CNY":
        return f"{amount.grouped()}元"
    return f"{amount.grouped()} {amount.currency}"


def _written_date(day: date, language: str) -> str:
    if language == "zh":
        return f"{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]}" if language == "en" else day.isoformat()
