"""The merged rules as rows: nothing is left out, each value is in effect, and every pack with a say is named."""

from datetime import time

import pytest

from shared.domain.contact_rules import Channel
from shared.domain.merged_policy import Merge, MergedLeaf, merged_leaves, name_of, taking_part, written_week
from shared.domain.packs import Pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble
from shared.domain.weeks import CLOSED, Week, either, week_of
from tests.unit.packs_in_hand import DAY, EVERY_DAY, PACKS, stating, the

PRODUCTS = sorted(pack.id for pack in PACKS if pack.type == "product")
RAILS = sorted(pack.id for pack in PACKS if pack.type == "rail")
COUNTRIES = ("CN", "US", "GB", "DE", "IN")


def merged(country: str, rail: str, product: str = "jiebei", packs: tuple[Pack, ...] = PACKS) -> Policy:
    policy = assemble(packs, product, DAY).within(country).under(rail)
    assert policy is not None
    return policy


def row(policy: Policy, path: str, of: str = "") -> MergedLeaf:
    (found,) = (row for row in merged_leaves(policy) if row.path == path and row.of.startswith(of))
    return found


def said_by(found: MergedLeaf) -> list[tuple[str, str, object, bool]]:
    return [(origin.pack, origin.path, origin.leaf.value, origin.decides) for origin in found.origins]


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("rail", RAILS)
def test_every_leaf_of_every_pack_that_takes_part_is_behind_a_rule(country: str, rail: str) -> None:
    policy = merged(country, rail)
    packs = taking_part(policy)
    assert {"jiebei", "lender", "wording-en", rail} < {pack.id for pack in packs}
    stated = {(name_of(pack), path) for pack in packs for path in pack.leaves}
    shown = [(origin.pack, origin.path) for found in merged_leaves(policy) for origin in found.origins]
    assert set(shown) == stated
    once = [entry for entry in shown if not entry[1].startswith("contact.windows.")]
    assert len(once) == len(set(once))


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_two_rows_are_about_the_same(product: str) -> None:
    about = [(found.path, found.of) for found in merged_leaves(merged("CN", "wechat", product))]
    assert len(about) == len(set(about))


def test_the_longest_lead_time_decides_and_all_who_ask_for_one_are_named() -> None:
    found = row(merged("CN", "wechat"), "debit.notice_lead_days")
    assert (found.value, found.merge) == (2, Merge.MOST)
    assert said_by(found) == [
        ("jurisdiction-cn-1", "debit.lead_days", 1, False),
        ("lender-1", "debit.notice_lead_days", 1, False),
        ("wechat-1", "rail.notice_lead_days", 2, True),
    ]


@pytest.mark.parametrize(
    ("country", "rail", "product", "value", "deciding"),
    [
        ("CN", "wechat", "baitiao", 5, ["baitiao-1"]),
        ("CN", "alipay-cycle", "baitiao", 3, ["alipay-cycle-1"]),
        ("DE", "sepa", "baitiao", 2, ["jurisdiction-eu-1"]),
        ("IN", "upi", "jiebei", 3, ["jiebei-1"]),
        ("IN", "upi", "baitiao", 4, ["jurisdiction-in-1", "upi-1"]),
    ],
)
def test_the_fewest_attempts_decide(country: str, rail: str, product: str, value: int, deciding: list[str]) -> None:
    policy = merged(country, rail, product)
    found = row(policy, "debit.max_attempts")
    assert found.value == policy.max_attempts == value
    assert sorted(origin.pack for origin in found.origins if origin.decides) == deciding


def test_only_outcomes_that_all_allow_are_tried_again() -> None:
    found = row(merged("US", "ach"), "debit.retry_outcomes")
    assert (found.value, found.merge) == (["insufficient"], Merge.INTERSECTION)
    assert [origin.pack for origin in found.origins] == ["lender-1", "ach-1"]


def test_windows_are_what_all_packs_admit() -> None:
    narrow = stating("lender", "contact.windows.short", {**EVERY_DAY, "from": "10:00", "to": "17:30"})
    found = row(merged("GB", "bacs", packs=narrow), "contact.windows")
    assert (found.of, found.value) == ("all over all", "every day 10:00-17:30")
    assert found.merge is Merge.INTERSECTION
    assert [origin.path for origin in found.origins] == [
        "contact.windows.sunday",
        "contact.windows.weekdays",
        "contact.windows.short",
    ]
    assert row(merged("GB", "bacs"), "contact.windows").value == "Mon-Sat 08:00-21:00, Sun 10:00-18:00"


def test_messages_with_hours_of_their_own_have_a_row_of_their_own() -> None:
    policy = merged("CN", "wechat")
    assert row(policy, "contact.windows", "marketing").value == "every day 08:00-21:00"
    others = "service-reminder, pre-debit-notice, collection, legal-notice, receipt over "
    assert row(policy, "contact.windows", others).value == "every day 08:00-22:00"


def test_caps_of_the_same_name_all_apply() -> None:
    tight = {"channels": ["sms"], "classes": "all", "counts": "sent", "scope": "borrower", "max": 1, "days": 3}
    found = row(merged("CN", "wechat", packs=stating("lender", "contact.caps.sms-day", tight)), "contact.caps.sms-day")
    assert found.merge is Merge.ALL
    assert found.value == [the("jurisdiction-cn").leaves["contact.caps.sms-day"].value, tight]
    assert {origin.pack for origin in found.origins} == {"jurisdiction-cn-1", "lender-1"}


def test_holds_and_keywords_unite() -> None:
    more = stating("lender", "holds.complaint", {"stops": ["contact", "debit", "escalation"], "days": "none"})
    more = stating("lender", "keywords.stop", ["NO MORE"], more)
    policy = merged("CN", "wechat", packs=more)
    hold, stop = row(policy, "holds.complaint"), row(policy, "keywords.stop")
    assert hold.value == {"stops": ["contact", "debit", "escalation"], "days": "none"}
    assert hold.merge is stop.merge is Merge.UNION
    assert isinstance(stop.value, list)
    assert {"NO MORE", "STOP", "退订"} <= set(stop.value)


def test_a_channel_leaves_out_what_is_about_others() -> None:
    policy = merged("CN", "wechat")
    paths = {found.path for found in merged_leaves(policy, Channel.VOICE)}
    assert "contact.caps.voice-connected" in paths
    assert "contact.caps.sms-day" not in paths
    assert {"contact.windows", "debit.slots", "text.banned.threats"} <= paths
    assert all("sms" not in found.of for found in merged_leaves(policy, Channel.VOICE))


@pytest.mark.parametrize(
    ("path", "is_under"),
    [
        ("debit", True),
        ("debit.notice_lead_days", True),
        ("rail.notice_lead_days", True),
        ("rail", True),
        ("debit.notice", False),
        ("contact", False),
    ],
)
def test_a_rule_is_found_by_its_path_those_above_it_and_those_behind_it(path: str, is_under: bool) -> None:
    assert row(merged("CN", "wechat"), "debit.notice_lead_days").is_under(path) is is_under


def week(days: range, start: str, end: str) -> Week:
    return week_of(days, time.fromisoformat(start), time.fromisoformat(end))


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (CLOSED, "never"),
        (week(range(1, 8), "08:00", "22:00"), "every day 08:00-22:00"),
        (week(range(1, 8), "00:00", "00:00"), "every day 00:00-24:00"),
        (week(range(1, 6), "08:00", "21:00"), "Mon-Fri 08:00-21:00"),
        (week(range(7, 8), "10:00", "18:00"), "Sun 10:00-18:00"),
        (
            either([week(range(1, 8), "08:00", "12:00"), week(range(2, 4), "14:30", "23:59")]),
            "Mon 08:00-12:00, Tue-Wed 08:00-12:00 and 14:30-23:59, Thu-Sun 08:00-12:00",
        ),
    ],
)
def test_a_week_is_written_for_people(of: Week, text: str) -> None:
    assert written_week(of) == text
