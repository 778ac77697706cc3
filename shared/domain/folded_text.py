"""Text folded for comparison: spelling, case, width, accents, punctuation and invisible characters do not count."""

import re
import unicodedata
from functools import lru_cache

_TOKENS = re.compile(r"[a-z0-9]+|[^\x00-\x7f ]+")
_DROPPED = ("M", "Cf")  # marks and invisible joiners stand within a word
_SEPARATORS = ("P", "S", "Z", "C")


def folded(text: str) -> str:
    """The text's tokens: Latin words and numbers apart from each other and from other scripts, which are run together.

    `"Ｓｔｏｐ，回复 T 退  订！"` is `"stop 回复 t 退订"`.
    """
    spaced = "".join(map(_kept, unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())))
    made = ""
    for token in _TOKENS.findall(unicodedata.normalize("NFKC", spaced)):
        made += f" {token}" if made and (token.isascii() or made[-1].isascii()) else token
    return made


def squeezed(text: str) -> str:
    """The folded text without any space: `"S T O P."` is `"stop"`."""
    return folded(text).replace(" ", "")


def contains(text: str, phrase: str) -> bool:
    """A folded text holds a phrase: Latin words as whole words, other scripts anywhere."""
    wanted = _words(phrase)
    return bool(wanted) and wanted in f" {text} "


@lru_cache(maxsize=4096)
def _words(phrase: str) -> str:
    """The folded phrase, with the spaces that stand around Latin words; packs hold the same few hundred."""
    wanted = folded(phrase)
    head = " " if wanted[:1].isascii() else ""
    tail = " " if wanted[-1:].isascii() else ""
    return f"{head}{wanted}{tail}" if wanted else ""


@lru_cache(maxsize=8192)
def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith(_DROPPED):
        return ""
    return " " if category.startswith(_SEPARATORS) else character
