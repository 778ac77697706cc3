"""The JSON Schema that ships is made from the readers of packs, takes every pack that ships, and refuses wrong ones."""

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.adapters.policy_files import read_packs
from shared.cli.policy import shipped_schema
from shared.domain.pack_schema import pack_schema
from shared.domain.packs import Kind, Pack, Sure
from tests.unit.packs_in_hand import stating

FILE = Path(__file__).parents[2] / "shared" / "policies" / "pack.schema.json"
PACKS = read_packs()


def document(pack: Pack) -> Any:
    """A pack as an editor sees it: a date is text."""
    made: dict[str, Any] = {name: getattr(pack, name) for name in ("id", "type", "version", "valid_from", "valid_to")}
    for path, leaf in pack.leaves.items():
        *tables, last = path.split(".")
        node = made
        for table in tables:
            node = node.setdefault(table, {})
        node[last] = {"value": leaf.value, "kind": leaf.kind, "sure": leaf.sure, "source": leaf.source}
    return json.loads(json.dumps(made, default=str))


@cache
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(FILE.read_text(encoding="utf-8")))


def faults(made: Any) -> list[str]:
    return [error.json_path for error in validator().iter_errors(made)]


def spoilt(pack_id: str, path: str, value: object) -> Any:
    made = document(next(pack for pack in PACKS if pack.id == pack_id))
    *tables, last = path.split("/")
    node = made
    for table in tables:
        node = node[table]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return made


def test_it_is_up_to_date() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == json.loads(json.dumps(shipped_schema())), (
        "write it anew: duebell policy schema > shared/policies/pack.schema.json"
    )


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(shipped_schema())


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.id)
def test_every_pack_that_ships_is_valid(pack: Pack) -> None:
    assert faults(document(pack)) == []


LEAF = {"value": 3, "kind": "law", "sure": "seen", "source": "a test"}


@pytest.mark.parametrize(
    ("pack_id", "path", "value"),
    [
        ("lender", "id", None),
        ("lender", "valid_from", None),
        ("lender", "valid_from", 3),
        ("lender", "type", "lenders"),
        ("lender", "colour", LEAF),
        ("lender", "contact/max_sends", 3),
        ("lender", "contact/max_sends/value", -1),
        ("lender", "contact/max_sends/value", "many"),
        ("lender", "contact/max_sends/kind", "habit"),
        ("lender", "contact/max_sends/sure", "quite"),
        ("lender", "contact/max_sends/sure", None),
        ("lender", "contact/max_sends/source", ""),
        ("lender", "contact/max_sends/note", "x"),
        ("lender", "contact/colour", LEAF),
        ("lender", "debit/slots/value", ["8 o'clock"]),
        ("lender", "debit/notice_required/value", "yes"),
        ("lender", "contact/channels/collection/value", ["pigeon"]),
        ("jurisdiction-cn", "contact/windows/daily/value/to", None),
        ("jurisdiction-cn", "contact/caps/sms-day/value/hours", 3),
        ("jurisdiction-cn", "holds/complaint/value/stops", []),
        ("jurisdiction-cn", "countries/value", ["China"]),
        ("jurisdiction-cn", "countries", None),
        ("jurisdiction-cn", "keywords", None),
        ("jurisdiction-eu", "delinquency/materiality/value/minor", "x"),
        ("wechat", "rail/max_attempts", None),
        ("wechat", "rail/windows/value", [["07:00"]]),
        ("wechat", "rail/calendar_until/value", 2026),
        ("calendar-cn", "calendar/weekend/value", [8]),
    ],
)
def test_a_mistake_is_seen_in_the_editor(pack_id: str, path: str, value: object) -> None:
    assert faults(spoilt(pack_id, path, value))


def test_a_lender_may_state_contact_rules_of_its_own() -> None:
    window = {"classes": "all", "channels": "all", "weekdays": "all", "from": "10:00", "to": "17:00"}
    assert faults(spoilt("lender", "contact/windows", {"own": {**LEAF, "value": window}})) == []


def test_every_kind_and_every_degree_is_used_by_a_pack() -> None:
    leaves = [leaf for pack in PACKS for leaf in pack.leaves.values()]
    assert {leaf.kind for leaf in leaves} == set(Kind)
    assert {leaf.sure for leaf in leaves} == set(Sure)
    assert all(
        leaf.kind is Kind.OWN_DESIGN or "the stub's" in leaf.source for leaf in leaves if leaf.sure is Sure.DESIGN
    )


def test_names_in_a_tree_may_have_dots_or_none() -> None:
    cap = {"channels": ["sms"], "classes": "all", "counts": "sent", "scope": "debt", "max": 1, "days": 1}
    packs = stating("jurisdiction-cn", "contact.caps.own.strict", cap)
    (pack,) = (pack for pack in packs if pack.id == "jurisdiction-cn")
    schema = json.loads(json.dumps(pack_schema(packs, date(2026, 3, 2))))
    assert not list(jsonschema.Draft7Validator(schema).iter_errors(document(pack)))
    assert "$.contact.caps.own" in faults(document(pack))  # by the schema of packs without such a name
