"""Inbound keywords: what a borrower asks for, in any spelling."""

from shared.domain.contact_rules import ContactRules, Keyword
from shared.domain.folded_text import contains, folded, squeezed


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
