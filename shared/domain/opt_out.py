"""Inbound keywords: what a borrower asks for, in any spelling, and what follows for the bars on his card."""

from collections.abc import Iterable
from datetime import datetime

from shared.domain.consent import Bar, BarredBy, barred, lifted
from shared.domain.contact_rules import Channel, ContactRules, Keyword, KeywordRule, MessageClass
from shared.domain.folded_text import contains, folded, squeezed

WITHOUT_PACK = ContactRules(
    keywords=frozenset(
        {
            *(KeywordRule(Keyword.STOP, word) for word in ("STOP", "QUIT", "END", "CANCEL", "TD", "T", "R", "N")),
            *(KeywordRule(Keyword.STOP, word, anywhere=True) for word in ("STOP", "UNSUBSCRIBE", "退订", "拒收")),
        }
    )
)
"""The words that stop messages where no valid pack speaks, or no loan is followed: an opt-out waits for no rule book.
Every jurisdiction's pack holds these and more. Own design."""


def keyword_in(text: str, rules: ContactRules) -> Keyword | None:
    """What a message from a borrower asks for; STOP before all else, None for anything that is no keyword.

    Short words (T, TD, END) count where they are the whole message, however it is spaced and punctuated; words that
    can only mean one thing (unsubscribe, 退订) count anywhere in it.
    """
    plain = folded(text)
    if not plain:
        return None
    alone = plain.replace(" ", "")
    found = {
        rule.means
        for rule in rules.keywords
        if squeezed(rule.phrase) == alone or (rule.anywhere and contains(plain, rule.phrase))
    }
    return next((keyword for keyword in Keyword if keyword in found), None)


def bars_after(
    bars: Iterable[Bar], keyword: Keyword, address: str, said_at: datetime, now: datetime
) -> tuple[Bar, ...]:
    """The bars once a keyword is heard `now` that was written at `said_at`, from an address (`keys.address_key`).

    STOP bars texts of every class to it from now on, also where it did before (`is_out`). START lifts what took effect
    before it was written, never a later STOP that was heard first: of two mistakes, silence is the smaller.
    """
    kept = tuple(bars)
    match keyword:
        case Keyword.STOP:
            return barred(lifted(kept, Channel.SMS, address), Bar(Channel.SMS, address, BarredBy.OPTED_OUT, now))
        case Keyword.START:
            without = lifted(kept, Channel.SMS, address)
            return kept if any(bar.since > said_at for bar in kept if bar not in without) else without
        case Keyword.HELP:
            return kept


def is_out(bars: Iterable[Bar], address: str) -> bool:
    """Texts of every class to this address were opted out of before: another STOP gets no other confirmation."""
    opted_out = Channel.SMS, address, BarredBy.OPTED_OUT
    classes = (bar.classes for bar in bars if (bar.channel, bar.address, bar.by) == opted_out)
    return frozenset[MessageClass]().union(*classes) == frozenset(MessageClass)
