"""`duebell policy`: every problem of a folder of packs, the rules that they come to, and what changed between two."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.adapters.policy_files import PolicyFiles, pack_items, read_packs
from shared.domain.errors import LeafError, PolicyError
from tests.cli.conftest import Duebell
from tests.unit.builders import at

type Edit = Callable[[str, str, str], None]
ON = ("--on", "2026-03-02")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The packs that ship, to be spoilt."""
    made = tmp_path / "packs"
    made.mkdir()
    for item in pack_items(None):
        (made / item.name).write_text(item.read_text(encoding="utf-8"), encoding="utf-8")
    return made


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces a text that stands once in a file."""

    def change(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


def test_the_packs_that_ship_are_whole(duebell: Duebell) -> None:
    ran = duebell("policy", "check", *ON)
    assert (ran.code, ran.err) == (0, "")
    packs, memory = ran.out.splitlines()
    assert packs == f"{len(read_packs())} packs on 2026-03-02: no problems, no warnings"
    assert memory.endswith(" leaves from memory (--verbose lists them)")


def test_a_check_needs_no_stack_and_takes_the_lender_s_day(duebell: Duebell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert " packs on 20" in duebell("policy", "check").out


def test_leaves_from_memory_are_listed_when_asked_for(duebell: Duebell) -> None:
    quiet, told = duebell("policy", "check", *ON), duebell("policy", "check", *ON, "--verbose")
    rows = [line for line in told.out.splitlines() if line.startswith("from memory: ")]
    assert "from memory: jurisdiction-us-1: holds.bankruptcy" in rows
    assert quiet.out.splitlines()[-1].startswith(f"{len(rows)} leaves from memory")


def test_every_problem_is_told_with_pack_leaf_and_way_out(duebell: Duebell, folder: Path, edit: Edit) -> None:
    edit(
        "lender.toml", 'max_sends = { value = 24, kind = "own design"', 'max_sends = { value = -1, kind = "own design"'
    )
    edit("lender.toml", "late_from_dpd = { value = 91, ", 'late_from_dpd = { value = 91, note = "x", ')
    edit("lender.toml", "[debit]\n", '[debit]\nmood = { value = 1, kind = "law", sure = "seen", source = "x" }\n')
    edit("rail.ach.toml", "[rail]\nmax_attempts = { value = 3", '[rail]\nmax_attempts = { value = "3"')
    (folder / "jurisdiction.eu.toml").write_text("id = [")
    ran = duebell("policy", "check", "--dir", folder, *ON)
    assert ran.code == 2
    told = [line for line in ran.out.splitlines() if line.startswith("problem: ")]
    assert [line.split("; ")[0] for line in told[1:]] == [
        "problem: lender-1: lender: allocation.late_from_dpd must hold exactly value, kind, sure and source",
        "problem: ach-1: rail.max_attempts: '3' is not a whole number of at least 0, or \"none\"",
        "problem: lender-1: contact.max_sends: -1 is not a whole number of at least 0",
        "problem: lender-1: debit.mood is not a leaf that any rule reads",
    ]
    assert told[0].startswith("problem: jurisdiction.eu.toml: ")
    assert told[0].endswith("; write it as TOML, in UTF-8")
    assert told[3].endswith("; write a whole number of at least 0")
    assert told[4].endswith("; mend its name, or remove it: no rule reads it in a lender pack")


def test_problems_warnings_and_leaves_from_memory_as_json(duebell: Duebell, folder: Path, edit: Edit) -> None:
    edit("jiebei.toml", 'hotline = { value = "400-000-0101"', "hotline = { value = 3")
    ran = duebell("policy", "check", "--dir", folder, "--on", "2026-11-22", "--json")
    assert ran.code == 2
    answer = json.loads(ran.out)
    assert answer["day"] == "2026-11-22"
    assert answer["problems"] == [
        {
            "pack": "jiebei-1",
            "leaf": "hotline",
            "problem": "hotline: 3 is not a non-empty text",
            "way_out": "write a non-empty text",
        }
    ]
    assert [(row["pack"], row["leaf"]) for row in answer["ending"]] == [("calendar-cn-1", "calendar.years")]
    assert {"pack": "jurisdiction-us-1", "leaf": "holds.bankruptcy"} in answer["from_memory"]
    assert "lender-1" in answer["packs"]


WINDOW = (
    'own = { value = { classes = "all", channels = "all", weekdays = "all", from = "%s", to = "%s" },'
    ' kind = "own design", sure = "design", source = "a test" }\n'
)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "lender.toml",
            "[contact]\n",
            f"[contact.windows]\n{WINDOW % ('06:00', '20:00')}[contact]\n",
            "contact.windows.own",
        ),
        (
            "lender.toml",
            'business_zone = { value = "Asia/Shanghai"',
            'business_zone = { value = "Asia/Nowhere"',
            "business_zone",
        ),
        ("jurisdiction.cn.toml", "valid_to = 2027-12-31", "valid_to = 2026-03-01", "ended with 2026-03-01"),
        ("lender.toml", 'send_from = { value = "09:00"', 'send_from = { value = "22:30"', "no hour is left for"),
    ],
    ids=["a lender that loosens", "an unknown zone", "an expired pack", "an empty window"],
)
def test_what_lets_nothing_out_is_a_problem(
    duebell: Duebell, folder: Path, edit: Edit, name: str, old: str, new: str, said: str
) -> None:
    edit(name, old, new)
    ran = duebell("policy", "check", "--dir", folder, *ON)
    assert ran.code == 2
    assert said in ran.out


def test_the_workers_refuse_the_same_packs(folder: Path, edit: Edit) -> None:
    noon = at("2026-03-02 12:00")
    edit("jurisdiction.cn.toml", "valid_to = 2027-12-31", "valid_to = 2026-03-01")
    policy = PolicyFiles(read_packs(folder)).policy("jiebei", noon)
    with pytest.raises(PolicyError, match="no jurisdiction pack covers CN on 2026-03-02"):
        policy.within("CN")
    edit("lender.toml", "[contact]\n", f"[contact.windows]\n{WINDOW % ('06:00', '20:00')}[contact]\n")
    with pytest.raises(LeafError, match=r"^contact\.windows\.own allows more than jurisdiction-"):
        PolicyFiles(read_packs(folder)).policy("jiebei", noon)


def test_a_leaf_is_shown_with_all_who_have_a_say(duebell: Duebell) -> None:
    ran = duebell(
        "policy", "show", "--product", "jiebei", "--country", "cn", "--rail", "wechat", *ON, "debit.notice_lead_days"
    )
    assert (ran.code, ran.err) == (0, "")
    head, country, lender, rail = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert head == "leaf value merged pack kind sure source"
    assert country.startswith(
        "debit.notice_lead_days 2 the most (jurisdiction-cn-1 debit.lead_days = 1) own design design no rule of "
    )
    assert lender.startswith("(lender-1 debit.notice_lead_days = 1) own design design Alipay asks for no lead; ")
    assert rail.startswith("wechat-1 rail.notice_lead_days = 2 provider seen WeChat Pay papay, ")


def test_products_that_differ_have_a_row_each(duebell: Duebell) -> None:
    rows = json.loads(duebell("policy", "show", *ON, "debit", "--json").out)["leaves"]
    by_path = [(row["path"], row["value"], row["products"]) for row in rows]
    everybody = ["baitiao", "huabei", "jiebei", "wangshangdai"]
    assert ("debit.slots", ["08:00", "12:00", "20:00"], everybody) in by_path
    assert sorted(names for path, value, [*names] in by_path if path == "debit.max_attempts" and value == 5) == [
        ["baitiao"],
        ["wangshangdai"],
    ]


def test_windows_and_caps_are_those_of_the_country_and_the_channel(duebell: Duebell) -> None:
    ran = duebell(
        "policy", "show", "--product", "jiebei", "--country", "US", "--channel", "voice", *ON, "--json", "contact"
    )
    answer = json.loads(ran.out)
    assert "jurisdiction-us-1" in answer["versions"]["jiebei"]
    rows = {row["path"]: row for row in answer["leaves"]}
    assert (rows["contact.windows"]["value"], rows["contact.windows"]["of"]) == (
        "every day 08:00-21:00",
        "all over voice",
    )
    assert "contact.caps.voice-week" in rows
    assert "contact.caps.sms-week" not in rows
    (origin,) = rows["contact.caps.voice-week"]["origins"]
    assert (origin["pack"], origin["kind"], origin["sure"]) == ("jurisdiction-us-1", "presumption", "seen")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "contact.max_send"], "LEAF: there is no leaf 'contact.max_send'; there is contact.max_sends"),
        (
            ["show", "--product", "payday"],
            "--product: payday has no pack that is valid on 2026-03-02; there are baitiao,",
        ),
        (["show", "--rail", "iou"], "--rail: iou has no pack that is valid on 2026-03-02; there are ach, "),
        (["show", "--country", "CH"], "no jurisdiction pack covers CH on 2026-03-02"),
        (["check", "--dir", "/nowhere"], "--dir: /nowhere is no folder"),
        (["diff", "lender-1", "lender-9"], "B: lender-9 is none of a folder of packs, a date, or a pack's version"),
    ],
)
def test_wrong_use_is_one_line(duebell: Duebell, arguments: list[str], said: str) -> None:
    ran = duebell("policy", *arguments, *ON)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_difference_is_told_leaf_by_leaf(duebell: Duebell, folder: Path, edit: Edit) -> None:
    edit(
        "jurisdiction.cn.toml",
        'max = 5, days = 7 }, kind = "own design", sure = "design"',
        'max = 4, days = 7 }, kind = "own design", sure = "design"',
    )
    edit("lender.toml", "catch_up_days = { value = 3", "catch_up_days = { value = 5")
    edit("rail.ach.toml", 'source = "the rail tries once a request"', 'source = "the rail tries once"')
    shipped = folder.parent / "shipped"
    shipped.mkdir()
    for item in pack_items(None):
        (shipped / item.name).write_text(item.read_text(encoding="utf-8"), encoding="utf-8")
    ran = duebell("policy", "diff", shipped, folder, *ON)
    assert ran.code == 0
    one, two, three, total = ran.out.splitlines()
    was, now = "own design, design: the rail tries once a request", "own design, design: the rail tries once"
    assert one == f"same rule: ach: rail.retries_itself: {was} -> {now}"
    assert two.startswith("tighter: jurisdiction-cn: contact.caps.sms-week: ")
    assert three == "looser: lender: debit.catch_up_days: 3 -> 5"
    assert total == "3 leaves differ: 1 tighter, 1 looser, 0 changed, 1 same rule"
    answer = json.loads(duebell("policy", "diff", shipped, folder, *ON, "--json").out)
    assert [(row["path"], row["direction"]) for row in answer["changes"]][2] == ("debit.catch_up_days", "looser")
    assert answer["changes"][2]["after"]["value"] == 5


def test_days_and_versions_are_found_among_the_packs(duebell: Duebell, folder: Path, edit: Edit) -> None:
    second = (folder / "lender.toml").read_text(encoding="utf-8").replace('version = "1"', 'version = "2"', 1)
    second = second.replace("valid_from = 2025-01-01", "valid_from = 2026-07-01", 1).replace(
        "catch_up_days = { value = 3", "catch_up_days = { value = 2"
    )
    (folder / "lender.2.toml").write_text(second, encoding="utf-8")
    edit("lender.toml", "valid_to = 2027-12-31", "valid_to = 2026-06-30")
    said = "tighter: lender: debit.catch_up_days: 3 -> 2"
    for pair in (("lender-1", "lender-2"), ("2026-06-30", "2026-07-01")):
        assert duebell("policy", "diff", *pair, "--dir", folder).out.splitlines()[0] == said
    assert duebell("policy", "diff", "2026-01-01", "2026-06-30", "--dir", folder).out == "no leaf differs\n"


def test_the_schema_is_one_json_document(duebell: Duebell) -> None:
    assert json.loads(duebell("policy", "schema").out)["title"] == "A policy pack"
