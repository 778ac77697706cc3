"""What borrowers write back, in every spelling."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.policy_files import read_packs
from shared.domain.contact_rules import ContactRules, Keyword, KeywordRule
from shared.domain.folded_text import contains, folded, squeezed
from shared.domain.jurisdiction import jurisdiction_of, read_whole_jurisdiction
from shared.domain.opt_out import keyword_in

PACKS = [pack for pack in read_packs() if pack.type == "jurisdiction"]
RULES = jurisdiction_of(PACKS, "US", date(2026, 3, 4)).contact

EVERYWHERE = [
    *("STOP", "QUIT", "END", "REVOKE", "OPT OUT", "OPTOUT", "OPT-OUT", "CANCEL", "UNSUBSCRIBE", "REMOVE", "ARRET"),
    *("TD", "T", "R", "N", "退订", "拒收"),
]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.id)
@pytest.mark.parametrize("word", EVERYWHERE)
def test_every_word_stops_in_every_country(pack: object, word: str) -> None:
    assert keyword_in(word, read_whole_jurisdiction(pack).contact) is Keyword.STOP  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "stop",
            "Stop.",
            " STOP \n",
            "ＳＴＯＰ",
            "ｓｔｏｐ！",
            "S T O P",
            "s-t-o-p",
            "“Stop”",
            "🅂🅃🄾🄿",
            "STOP🙏",
            "st\u00adop",
        ),
        *(
            "ARRÊT",
            "arre\u0302t",
            "Ｏｐｔ－Ｏｕｔ",
            "opt\u2011out",
            "ＴＤ",
            "t。",
            "Ｒ",
            "退 订",
            "退订。",
            "【退订】",
            "退訂",
        ),
        *("Please stop", "stop sending me this", "PLEASE UNSUBSCRIBE ME!", "I want to opt out now", "请帮我退订谢谢"),
        *("回复T退订", "stop停止", "\u202estop\u202c", "s\u200bt\u200bo\u200bp", "STOP\x00"),
    ],
)
def test_stop_in_any_spelling(text: str) -> None:
    assert keyword_in(text, RULES) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "?!",
            "🙏",
            "OK",
            "yes",
            "paid",
            "我已还款",
            "When does my loan end?",
            "Please cancel the old card",
        ),
        *("nonstop", "stopped", "T-shirt", "no", "remove my old address", "the end of March", "tdx", "r u there"),
    ],
)
def test_what_is_no_keyword(text: str) -> None:
    assert keyword_in(text, RULES) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("help", Keyword.HELP),
        ("Ｉｎｆｏ！", Keyword.HELP),
        ("帮助", Keyword.HELP),
        ("START", Keyword.START),
        ("un-stop", Keyword.STOP),  # two words, one of which stops: the safe reading
        ("unstop", Keyword.START),
        ("help me stop this", Keyword.STOP),
    ],
)
def test_help_and_start(text: str, expected: Keyword) -> None:
    assert keyword_in(text, RULES) is expected


def test_stop_wins_over_help_and_start_for_the_same_word() -> None:
    words = frozenset(KeywordRule(keyword, "x") for keyword in Keyword)
    assert keyword_in("X", ContactRules(keywords=words)) is Keyword.STOP
    words = frozenset(KeywordRule(keyword, "x") for keyword in (Keyword.START, Keyword.HELP))
    assert keyword_in("X", ContactRules(keywords=words)) is Keyword.HELP


def test_without_rules_nothing_is_a_keyword() -> None:
    assert keyword_in("STOP", ContactRules()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ｓｔｏｐ，回复 T 退  订！", "stop 回复 t 退订"),
        ("straße", "strasse"),
        ("Café-Olé", "cafe ole"),
        ("½ €5", "1 2 5"),
        ("①②", "12"),
    ],
)
def test_folding(text: str, expected: str) -> None:
    assert folded(text) == expected
    assert squeezed(text) == expected.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("you will be arrested", "arrest", False),
        ("An ARREST, soon", "arrest", True),
        ("final  notice!", "Final Notice", True),
        ("semifinal notice", "final notice", False),
        ("联系公 安机关", "公安", True),
        ("回复STOP退订", "stop", True),
        ("anything", "!", False),
    ],
)
def test_phrases_within_a_text(text: str, phrase: str, expected: bool) -> None:
    assert contains(folded(text), phrase) is expected


@settings(max_examples=500)
@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


_NOISE = st.text(st.sampled_from(list(" .,!?-_*\n\t\u200b\u200d\u00ad\u3000。！“”🙂\u0301")), max_size=3)


@given(
    st.sampled_from(EVERYWHERE),
    st.lists(_NOISE, min_size=12, max_size=12),
    st.sampled_from(["upper", "lower", "title"]),
)
def test_no_case_width_space_or_mark_hides_a_keyword(word: str, noise: list[str], case: str) -> None:
    wide = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
    for written in (word, word.translate(wide)):
        noisy = noise[-1] + "".join(c + mark for c, mark in zip(getattr(written, case)(), noise, strict=False))
        assert keyword_in(noisy, RULES) is Keyword.STOP
