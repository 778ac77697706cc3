"""The packs that ship are whole and honest, and a pack that is not stops everything with one clear error."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.domain.book import Outcome, Stage
from shared.domain.contact_rules import NO_RULES, Channel, MessageClass
from shared.domain.errors import PolicyError
from shared.domain.packs import Kind, Pack, parse_pack
from shared.domain.policy_assembly import assemble

PRODUCTS = ["jiebei", "huabei", "wangshangdai", "baitiao"]
PACKS = read_packs()
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_s_policy_holds_what_was_decided(product: str) -> None:
    policy = PolicyFiles().policy(product, NOON)
    assert policy.product == product
    packs = [f"{product}-1", "lender-1", "wording-answers-1", "wording-en-1", "wording-zh-CN-1"]
    assert policy.version == "+".join(sorted(packs))
    assert policy.business_zone == "Asia/Shanghai"
    assert policy.reminder_days == (7, 3, 1)
    assert policy.overdue_from_dpd == (1, 3, 7, 15, 30, 60)
    assert policy.slots == (time(8), time(12), time(20))
    assert policy.send_from == time(9)
    assert policy.own == policy.contact == NO_RULES  # the hours are the countries'
    assert policy.channels[MessageClass.LEGAL_NOTICE] == (Channel.SMS, Channel.EMAIL, Channel.PUSH)
    plan = {"jiebei": (3, ()), "huabei": (3, ()), "wangshangdai": (5, (3, 7)), "baitiao": (5, (3, 7))}
    assert (policy.max_attempts, policy.retry_days) == plan[product]
    assert (policy.debit_end, policy.due_day_attempts, policy.catch_up_days) == (time(22), 3, 3)
    assert (policy.notice_required, policy.notice_lead_days) == (True, 1)
    assert policy.retry_outcomes == {Outcome.INSUFFICIENT, Outcome.LIMIT, Outcome.WINDOW, Outcome.CONFIG}
    assert [(r.stage, r.from_dpd, r.notice_from_dpd, r.consequences) for r in policy.stages] == [
        (Stage.M1, 1, 1, ()),
        (Stage.M2, 31, 30, ("limit_freeze",)),
        (Stage.M3, 61, 60, ("bureau_report",)),
        (Stage.LEGAL, 91, 60, ("legal_referral",)),
    ]


def test_each_product_signs_and_answers_for_itself() -> None:
    policies = [PolicyFiles().policy(product, NOON) for product in PRODUCTS]
    assert [p.signature["zh-CN"] for p in policies] == ["【借呗】", "【花呗】", "【网商贷】", "【白条】"]
    assert [p.signature["en"] for p in policies] == ["Jiebei: ", "Huabei: ", "Wangshangdai: ", "Baitiao: "]
    assert len({p.hotline for p in policies}) == len(PRODUCTS)
    for policy in policies:
        for signature, locale in (("zh-CN", "zh-CN"), ("en-CN", "en")):
            assert policy.signature[signature] == f"【{policy.product_name[locale]}】"


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.id)
def test_a_pack_has_its_envelope_and_each_leaf_its_kind_and_source(pack: Pack) -> None:
    assert pack.type in {"lender", "product", "wording", "rail", "jurisdiction", "provider", "calendar"}
    assert pack.version == "1"
    assert (pack.valid_from, pack.valid_to) == (date(2025, 1, 1), date(2027, 12, 31))
    assert pack.leaves
    for path, leaf in pack.leaves.items():
        assert leaf.kind in Kind
        assert len(leaf.source) >= len("the same"), path


def test_only_rules_of_somebody_else_claim_to_be_more_than_our_own() -> None:
    lender = next(pack for pack in PACKS if pack.type == "lender")
    assert {path: leaf.kind for path, leaf in lender.leaves.items() if leaf.kind is not Kind.OWN_DESIGN} == {
        "debit.window_end": Kind.SCHEME,
        "allocation.borrower_may_choose": Kind.LAW,
        "allocation.order": Kind.LAW,
        "stage.M3.notice_from_dpd": Kind.LAW,
    }


def test_a_policy_is_put_together_once_a_product_and_lender_s_date() -> None:
    shelf = PolicyFiles()
    first = shelf.policy("jiebei", datetime(2026, 3, 1, 15, 59, tzinfo=UTC))
    assert shelf.policy("jiebei", datetime(2026, 2, 28, 16, 0, tzinfo=UTC)) is first  # the same day in Shanghai
    tomorrow = shelf.policy("jiebei", datetime(2026, 3, 1, 16, 0, tzinfo=UTC))
    assert tomorrow == replace(first, day=date(2026, 3, 2))
    assert shelf.policy("huabei", NOON) is not first


@pytest.mark.parametrize(
    ("now", "is_valid"),
    [
        (datetime(2024, 12, 31, 15, 59, tzinfo=UTC), False),
        (datetime(2024, 12, 31, 16, 0, tzinfo=UTC), True),  # 2025 begins in Shanghai
        (datetime(2027, 12, 31, 15, 59, tzinfo=UTC), True),
        (datetime(2027, 12, 31, 16, 0, tzinfo=UTC), False),
    ],
)
def test_packs_hold_from_their_first_to_their_last_day_in_the_lender_s_zone(now: datetime, is_valid: bool) -> None:
    if is_valid:
        assert PolicyFiles().policy("jiebei", now).product == "jiebei"
    else:
        with pytest.raises(PolicyError, match=r"^no lender pack is valid on "):
            PolicyFiles().policy("jiebei", now)


@pytest.mark.parametrize(
    ("gone", "complaint"),
    [
        ("lender", "no lender pack is valid on 2026-03-01"),
        ("jiebei", "no pack of product 'jiebei' is valid on 2026-03-01"),
        ("wording-zh-CN", "signature, name, payment_name and wording must cover the same locales"),
        ("wording-en", "contact.default_locale 'en' has no wording"),
    ],
)
def test_a_missing_or_expired_pack_is_no_policy(gone: str, complaint: str) -> None:
    missing = [pack for pack in PACKS if pack.id != gone]
    expired = [replace(pack, valid_to=date(2026, 2, 28)) if pack.id == gone else pack for pack in PACKS]
    for packs in (missing, expired):
        with pytest.raises(PolicyError) as raised:
            PolicyFiles(packs).policy("jiebei", NOON)
        assert str(raised.value) == complaint


def test_an_unknown_product_has_no_policy() -> None:
    with pytest.raises(PolicyError, match=r"^no pack of product 'payday' is valid on 2026-03-01$"):
        PolicyFiles().policy("payday", NOON)


def test_products_are_those_of_the_lender_s_date() -> None:
    """A product that ended has no say in what is ordered today; without rules nobody can tell which there are."""
    changes: dict[str, dict[str, Any]] = {
        "huabei": {"valid_to": date(2026, 2, 28)},
        "baitiao": {"valid_from": date(2026, 3, 2)},
    }
    shelf = PolicyFiles([replace(pack, **changes.get(pack.id, {})) for pack in PACKS])
    assert shelf.products(datetime(2026, 2, 28, 15, 59, tzinfo=UTC)) == ("huabei", "jiebei", "wangshangdai")
    assert shelf.products(NOON) == ("jiebei", "wangshangdai")
    assert shelf.products(datetime(2026, 3, 1, 16, 0, tzinfo=UTC)) == ("baitiao", "jiebei", "wangshangdai")
    assert PolicyFiles([pack for pack in PACKS if pack.type != "lender"]).products(NOON) == ()


def document(pack_id: str) -> dict[str, Any]:
    """A pack that ships, back as a decoded document, to be spoilt."""
    pack = next(p for p in PACKS if p.id == pack_id)
    made: dict[str, Any] = {name: getattr(pack, name) for name in ("id", "type", "version", "valid_from", "valid_to")}
    for path, leaf in pack.leaves.items():
        *tables, last = path.split(".")
        node = made
        for table in tables:
            node = node.setdefault(table, {})
        node[last] = {"value": leaf.value, "kind": str(leaf.kind), "sure": str(leaf.sure), "source": leaf.source}
    return made


def test_the_document_builder_gives_back_the_pack() -> None:
    assert [parse_pack(document(pack.id)) for pack in PACKS] == list(PACKS)


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        *tables, last = path.split("/")
        for table in tables:
            made = made[table]
        made[last] = value

    return change


def _drop(path: str) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        *tables, last = path.split("/")
        for table in tables:
            made = made[table]
        del made[last]

    return change


LEAF = {"value": 1, "kind": "own design", "sure": "design", "source": "a test"}

MALFORMED: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    ("lender", _drop("id"), "a pack: id must be a non-empty text"),
    ("lender", _set("type", ""), "lender: type must be a non-empty text"),
    ("lender", _set("version", 1), "lender: version must be a non-empty text"),
    ("lender", _set("valid_from", "2025-01-01"), "lender: valid_from and valid_to must be dates"),
    ("lender", _set("valid_to", "never"), "lender: valid_from and valid_to must be dates"),
    (
        "lender",
        _set("contact/max_sends", 3),
        "lender: contact.max_sends is not a leaf with value, kind, sure and source",
    ),
    (
        "lender",
        _drop("contact/max_sends/source"),
        "lender: contact.max_sends must hold exactly value, kind, sure and source",
    ),
    (
        "lender",
        _set("contact/max_sends/source", ""),
        "lender: contact.max_sends must hold exactly value, kind, sure and source",
    ),
    (
        "lender",
        _set("contact/max_sends/note", "x"),
        "lender: contact.max_sends must hold exactly value, kind, sure and source",
    ),
    (
        "lender",
        _set("contact/max_sends/kind", "habit"),
        (
            "lender: contact.max_sends: kind 'habit' is none of law, presumption, draft, self-regulation, scheme, "
            "provider, own design"
        ),
    ),
    ("lender", _drop("debit/slots"), "debit.slots is missing"),
    ("lender", _drop("stage/legal/from_dpd"), "stage.legal.from_dpd is missing"),
    ("lender", _set("contact/colour", LEAF), "contact.colour is not a leaf that any rule reads"),
    ("lender", _set("contact/max_sends/value", -1), "contact.max_sends: -1 is not a whole number of at least 0"),
    (
        "lender",
        _set("contact/max_sends/value", value=True),
        "contact.max_sends: True is not a whole number of at least 0",
    ),
    (
        "lender",
        _set("contact/reminder_days/value", [3, 3]),
        "contact.reminder_days: [3, 3] is not a list of different whole numbers",
    ),
    ("lender", _set("contact/send_from/value", "9 am"), "contact.send_from: '9 am' is not a time of day such as 08:00"),
    ("lender", _set("debit/notice_required/value", 1), "debit.notice_required: 1 is not true or false"),
    (
        "lender",
        _set("debit/retry_outcomes/value", ["unknown"]),
        "debit.retry_outcomes: ['unknown'] is not a list of definite outcomes of a deduction",
    ),
    (
        "lender",
        _set("contact/send_from/value", "24:00"),
        "contact.send_from: '24:00' is not a time of day such as 08:00",
    ),
    (
        "lender",
        _set("contact/channels/collection/value", ["sms", "fax"]),
        "contact.channels.collection: ['sms', 'fax'] is not a list of different words out of sms, push, voice, email",
    ),
    (
        "lender",
        _set("debit/slots/value", ["22:00"]),
        "debit.slots must not be empty and end before debit.window_end",
    ),
    ("lender", _set("stage/M2/from_dpd/value", 61), "stage.*.from_dpd must rise from stage to stage"),
    (
        "lender",
        _set("stage/M2/notice_from_dpd/value", 29),
        "stage.M2.notice_from_dpd names no step of contact.overdue_from_dpd",
    ),
    ("lender", _set("stage/M2/notice_from_dpd/value", 60), "stage.M2.notice_from_dpd comes after the stage itself"),
    ("lender", _set("contact/default_locale/value", "cs"), "contact.default_locale 'cs' has no wording"),
    ("jiebei", _drop("hotline"), "hotline is missing"),
    ("jiebei", _drop("signature/en"), "signature, name, payment_name and wording must cover the same locales"),
    ("jiebei", _set("contact", {"max_sends": LEAF}), "lender: contact.max_sends stands in another valid pack already"),
    ("wording-en", _drop("wording/en/sms/due"), "wording.en.sms.due is missing"),
    (
        "wording-en",
        _set("wording/en/sms/due/value", "Pay {{ sum }}"),
        (
            "wording.en.sms.due: 'Pay {{ sum }}' is not a template, or title and text as templates: {{ fields }} that "
            "are known, ifs that end"
        ),
    ),
    (
        "wording-en",
        _set("wording/en/sms/due/value", {"title": "Due", "text": "Pay"}),
        "wording.en.sms.due: email and push have a title too, and no other channel",
    ),
    (
        "wording-en",
        _set("wording/en/push/due/value", "Pay"),
        "wording.en.push.due: email and push have a title too, and no other channel",
    ),
    (
        "jiebei",
        _set("own_wording", {"en": {"sms": {"x": LEAF | {"value": "Pay"}}}}),
        "own_wording.en.sms.x is in the place of no text",
    ),
]


@pytest.mark.parametrize(("pack_id", "spoil", "complaint"), MALFORMED, ids=[row[2] for row in MALFORMED])
def test_a_malformed_pack_is_one_clear_error(
    pack_id: str, spoil: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        _assembled_with(pack_id, spoil)
    assert str(raised.value) == complaint


def _assembled_with(pack_id: str, spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = document(pack_id)
    spoil(spoilt)
    packs = [parse_pack(spoilt) if pack.id == pack_id else pack for pack in PACKS]
    assemble(packs, "jiebei", date(2026, 3, 1))


def test_a_zone_that_does_not_exist_is_one_clear_error() -> None:
    spoilt = document("lender")
    _set("business_zone/value", "Asia/Nowhere")(spoilt)
    packs = [parse_pack(spoilt) if pack.id == "lender" else pack for pack in PACKS]
    with pytest.raises(PolicyError, match=r"^business_zone: 'Asia/Nowhere' is not an IANA time zone$"):
        assemble(packs, "jiebei", date(2026, 3, 1))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'id = "x', "lender.toml: "),
        (b"\xff\xfe", "lender.toml: "),
        (b'id = "x"', "x: type must be a non-empty text"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "lender.toml").write_bytes(content)
    with pytest.raises(PolicyError) as raised:
        read_packs(tmp_path)
    assert str(raised.value).startswith(complaint)
    assert "\n" not in str(raised.value)


def test_packs_are_read_by_name_and_nothing_else_in_their_folder_is(tmp_path: Path) -> None:
    for pack in reversed(PACKS[:2]):
        (tmp_path / f"{pack.id}.toml").write_text(
            f'id = "{pack.id}"\ntype = "{pack.type}"\nversion = "1"\nvalid_from = 2025-01-01\n'
        )
    (tmp_path / "notes.txt").write_text("not a pack")
    found = read_packs(tmp_path)
    assert [pack.id for pack in found] == sorted(pack.id for pack in PACKS[:2])
    assert all(pack.valid_to is None for pack in found)


def test_validity_is_counted_in_days() -> None:
    document = {"id": "p", "type": "lender", "version": "1", "valid_from": datetime(2026, 1, 1, tzinfo=UTC)}
    with pytest.raises(PolicyError, match="valid_from"):
        parse_pack(document)


@pytest.mark.parametrize("zone", ["Asia/Nowhere", 8, "../etc"])
def test_a_business_zone_that_is_none_is_one_clear_error(zone: object) -> None:
    packs = [
        replace(p, leaves={**p.leaves, "business_zone": replace(p.leaves["business_zone"], value=zone)})
        if p.type == "lender"
        else p
        for p in PACKS
    ]
    with pytest.raises(PolicyError, match="business_zone"):
        PolicyFiles(packs).policy("jiebei", NOON)
