"""A JSON Schema of packs for editors, made from what the rules that read packs say of a leaf with a wrong value.

So it needs no list of its own that could fall behind: packs that are good are spoilt leaf by leaf, and read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from shared.domain.errors import PolicyError
from shared.domain.pack_mending import leaf_error
from shared.domain.pack_problems import ALONE, TOGETHER
from shared.domain.packs import Kind, Leaf, Pack, Sure
from shared.domain.policy_assembly import assemble
from shared.domain.shape import Shape

type Schema = dict[str, object]

_SPOILT = Leaf(object(), Kind.OWN_DESIGN, "no value that any rule could read")
_TEXT: Schema = {"type": "string", "minLength": 1}
_DAY: Schema = {"type": "string", "format": "date"}
_ENVELOPE: Schema = {"id": _TEXT, "type": _TEXT, "version": _TEXT, "valid_from": _DAY, "valid_to": _DAY}


@dataclass(frozen=True, slots=True)
class _Place:
    """A leaf, or all of a tree whose leaves have any name."""

    path: str
    shape: Shape[object]
    is_required: bool
    depths: frozenset[int]  # of the leaves below a tree's path; 0: the leaf itself


def pack_schema(packs: Iterable[Pack], day: date) -> Schema:
    """The schema (draft 7) of the types of pack that these good ones are of, on a day on which they are valid."""
    today = tuple(pack for pack in packs if pack.is_valid_on(day))
    paths = tuple(dict.fromkeys(path for pack in today for path in pack.leaves))
    there = {pack.type for pack in today}
    by_type = {name: _table(_places_alone(name, today, paths)) for name in sorted(ALONE) if name in there}
    together = _table(_places_together(today, paths, day))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A policy pack",
        "description": "docs/policy.md explains packs and how they merge",
        "type": "object",
        "properties": {"type": {"enum": [*by_type, *TOGETHER]}},
        "required": ["id", "type", "version", "valid_from"],
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"#/definitions/{of}"}}
            for name, of in (*((name, name) for name in by_type), *((name, "together") for name in TOGETHER))
        ],
        "definitions": {"leaf": _LEAF, **by_type, "together": together},
    }


_LEAF: Schema = {
    "type": "object",
    "properties": {
        "value": True,
        "kind": {"enum": [*Kind], "description": "how binding it is"},
        "sure": {"enum": [*Sure], "description": "how well the value is known"},
        "source": {**_TEXT, "description": "where it comes from, or why it is so"},
    },
    "required": ["value", "kind", "sure", "source"],
    "additionalProperties": False,
}


def _places_alone(pack_type: str, today: Sequence[Pack], paths: Sequence[str]) -> list[_Place]:
    pack = next(pack for pack in today if pack.type == pack_type)
    read = ALONE[pack_type]
    return _places(paths, lambda leaves: read(replace(pack, leaves={**pack.leaves, **leaves})), _without(pack, read))


def _places_together(today: Sequence[Pack], paths: Sequence[str], day: date) -> list[_Place]:
    """A leaf may stand in any of these packs, as long as it stands in one: none is required in each."""
    product = min(pack.id for pack in today if pack.type == "product")
    chosen = [pack for pack in today if pack.type != "product" or pack.id == product]
    lender = next(pack for pack in chosen if pack.type == "lender")

    def read(leaves: Mapping[str, Leaf]) -> None:
        (path,) = leaves
        holder = next((p for p in chosen if p.type in TOGETHER and path in p.leaves), lender)
        assemble([replace(p, leaves={**p.leaves, **leaves}) if p is holder else p for p in chosen], product, day)

    return _places(paths, read, lambda _: False)


def _places(
    paths: Sequence[str], read: Callable[[Mapping[str, Leaf]], object], is_required: Callable[[str], bool]
) -> list[_Place]:
    found: dict[str, _Place] = {}
    for path in paths:
        tree = next(
            (place for place in found.values() if 0 not in place.depths and path.startswith(place.path + ".")), None
        )
        if tree is None:
            tree = _place(path, read, is_required)
        if tree is not None:
            below = path.removeprefix(tree.path).count(".")
            found[tree.path] = replace(tree, depths=tree.depths | {below})
    return list(found.values())


def _place(
    path: str, read: Callable[[Mapping[str, Leaf]], object], is_required: Callable[[str], bool]
) -> _Place | None:
    """What the rules say of a spoilt leaf; None where none reads it."""
    try:
        read({path: _SPOILT})
    except PolicyError as error:
        fault = leaf_error(error)
        if fault is None or fault.leaf != path or not isinstance(fault.shape, Shape):
            return None
        place = fault.tree or path
        return _Place(place, fault.shape, is_required(place), frozenset())
    return None


def _without(pack: Pack, read: Callable[[Pack], object]) -> Callable[[str], bool]:
    def is_required(place: str) -> bool:
        left = {path: leaf for path, leaf in pack.leaves.items() if path != place and not path.startswith(place + ".")}
        try:
            read(replace(pack, leaves=left))
        except PolicyError:
            return True
        return False

    return is_required


def _table(places: Iterable[_Place]) -> Schema:
    """A pack's tables, one in another, with the envelope around them."""
    table = _nested([(place.path.split("."), place) for place in places])
    properties = table["properties"]
    if isinstance(properties, dict):
        table["properties"] = {**_ENVELOPE, **properties}
    return table


def _nested(rows: Sequence[tuple[list[str], _Place]]) -> Schema:
    properties: Schema = {}
    required = []
    for name in sorted({parts[0] for parts, _ in rows}):
        below = [(parts[1:], place) for parts, place in rows if parts[0] == name]
        here = next((place for parts, place in below if not parts), None)
        properties[name] = _nested(below) if here is None else _any_depth(here, here.depths)
        if any(place.is_required for _, place in below):
            required.append(name)
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _any_depth(place: _Place, depths: frozenset[int]) -> Schema:
    if depths == {0}:
        value = {**place.shape.json, "description": place.shape.says}
        return {"allOf": [{"$ref": "#/definitions/leaf"}], "properties": {"value": value}}
    below = _any_depth(place, frozenset(depth - 1 for depth in depths if depth))
    table: Schema = {"type": "object", "additionalProperties": below}
    return {"anyOf": [_any_depth(place, frozenset({0})), table]} if 0 in depths else table
