"""The text of a message: the policy's wording in the borrower's language, name, amount and date written its way."""

import re
import unicodedata

from shared.domain.book import Borrower, Stage
from shared.domain.contact import Notice
from shared.domain.errors import PolicyError
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind
from shared.domain.wording import language_of, locale_for, written_amount, written_date

LONGEST_NAME = 24
"""Characters; what is longer is cut, so that no name makes a message cost another part. Own design."""

_OVERDUE_TONES = {Stage.CURRENT: Stage.M1, Stage.LEGAL: Stage.M3}
"""Tones that speak with another's text: the last notice before the legal stage is the firmest that there is."""

_NAMELESS = {"zh": "客户", "en": "customer"}
_JOINERS = "\u200c\u200d"  # zero width, and part of how some scripts write a name
_BRACKETS = str.maketrans("", "", "【】")  # gateways allow them around the signature only


def render(notice: Notice, borrower: Borrower, policy: Policy) -> str:
    """The text to send, one line; raises PolicyError when the policy has no text for this notice.

    The wording is that of the borrower's locale, else of another locale of the same language, else of the default one.
    """
    locale = locale_for(borrower.locale, policy)
    language = language_of(locale)
    name = text_name(notice)
    text = policy.wording[locale].get(name)
    if text is None:
        raise PolicyError(f"wording.{locale}.{name} is missing")
    return text.format_map(
        {
            "signature": policy.signature[locale],
            "product": policy.product_name[locale],
            "name": _written_name(borrower.name) or _NAMELESS.get(language, "-"),
            "amount": written_amount(notice.amount, language),
            "date": written_date(notice.date, language),
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


def _written_name(name: str) -> str:
    """The name on one line, without anything invisible that could hide or reorder text."""
    spaced = re.sub(r"\s+", " ", name.translate(_BRACKETS))
    shown = "".join(c for c in spaced if c in _JOINERS or not unicodedata.category(c).startswith("C")).strip()
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1].rstrip() + "…"
