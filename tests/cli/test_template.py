"""`duebell template preview`: the text, its parts and cost, and what forbids it."""

import json
from pathlib import Path
from shutil import copytree

import pytest

import shared.policies
from tests.cli.conftest import Duebell

DAY = ("--on", "2026-03-05")
PACKS = Path(shared.policies.__path__[0])


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    """The packs that ship, with one of them edited."""
    copytree(PACKS, folder, ignore=lambda _, names: [n for n in names if not n.endswith(".toml")])
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def test_it_shows_the_text_with_its_encoding_parts_and_cost(duebell: Duebell) -> None:
    ran = duebell("template", "preview", "--product", "jiebei", "--locale", "zh-CN", "--kind", "remind", *DAY)
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "jiebei remind zh-CN sms CN service-reminder"
    assert "【借呗】尊敬的张三：您好！您的借呗本期应还款1,234.50元将于3月5日到期" in ran.out
    assert "(UCS-2, 84 units, 2 parts of at most 3; by sandbox, at most 0.40)" in ran.out


def test_every_product_and_locale_is_shown_unless_one_is_asked_for(duebell: Duebell) -> None:
    ran = duebell("template", "preview", "--kind", "due", "--json", *DAY)
    shown = [(one["product"], one["locale"]) for one in json.loads(ran.out)]
    assert shown == [(p, at) for p in ("baitiao", "huabei", "jiebei", "wangshangdai") for at in ("en", "zh-CN")]


def test_a_title_and_a_channel_that_nobody_carries_are_told(duebell: Duebell) -> None:
    ran = duebell(
        *("template", "preview", "--product", "huabei", "--locale", "en", "--channel", "email", "--country", "GB"),
        *("--kind", "remind", *DAY),
    )
    assert ran.code == 0
    assert "  Your Huabei bill is due on 5 March\n" in ran.out
    assert "nobody carries it, so the cost is not known" in ran.out


def test_json_holds_all_of_it(duebell: Duebell) -> None:
    ran = duebell(
        *("template", "preview", "--product", "jiebei", "--locale", "en", "--country", "IN", "--kind", "pre_debit"),
        *("--json", *DAY),
    )
    (one,) = json.loads(ran.out)
    assert (one["encoding"], one["parts"], one["most_parts"], one["faults"]) == ("GSM-7", 2, 5, [])
    assert (one["class"], one["title"], one["cost_at_most"]) == ("pre-debit-notice", None, "0.40")
    assert "ref. SAMPLE-1" in one["message"]


@pytest.mark.parametrize("country", ["CN", "GB", "US", "IN", "DE"])
def test_the_packs_that_ship_have_no_fault_in_any_country(duebell: Duebell, country: str) -> None:
    for channel in ("sms", "push", "voice", "email"):
        assert duebell("template", "preview", "--country", country, "--channel", channel, *DAY).code == 0


def test_a_text_with_a_fault_ends_with_1_and_says_which_leaf(duebell: Duebell, tmp_path: Path) -> None:
    folder = changed(tmp_path / "packs", "wording.en.toml", "Please have it ready in time.", "Final warning!")
    ran = duebell(
        *("template", "preview", "--dir", folder, "--product", "jiebei", "--country", "GB", "--locale", "en", *DAY)
    )
    assert ran.code == 1
    faults = [line for line in ran.out.splitlines() if "FAULT" in line]
    assert faults == ["  FAULT jurisdiction-uk-1: text.banned.threats: says final warning"]


def test_a_text_that_cannot_be_filled_is_a_fault_too(duebell: Duebell, tmp_path: Path) -> None:
    folder = changed(tmp_path / "packs", "wording.en.toml", "Please have it ready in time.", "{{ reference }}")
    ran = duebell(
        *("template", "preview", "--dir", folder, "--product", "jiebei", "--locale", "en", "--kind", "remind", *DAY)
    )
    assert ran.code == 1
    assert "FAULT wording.en.sms.remind: 'reference' is undefined" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "nothing"), "no text is called 'nothing'"),
        (("--product", "none"), "'none' is none of baitiao, huabei, jiebei, wangshangdai"),
        (("--locale", "fr"), "'fr' is none of en, zh-CN"),
        (("--country", "ZZ"), "no jurisdiction pack covers ZZ"),
        (("--dir", "/nowhere"), "/nowhere is no folder"),
    ],
)
def test_wrong_input_is_one_line(duebell: Duebell, arguments: tuple[str, ...], said: str) -> None:
    ran = duebell("template", "preview", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
