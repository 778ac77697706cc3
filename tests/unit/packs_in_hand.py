"""The packs that ship, and the same with a leaf changed, added or taken out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from shared.adapters.policy_files import read_packs
from shared.domain.packs import Kind, Leaf, Pack

PACKS = read_packs()
DAY = date(2026, 3, 2)
EVERY_DAY = {"classes": "all", "channels": "all", "weekdays": "all"}


def stating(pack_id: str, path: str, value: object, packs: Sequence[Pack] = PACKS) -> tuple[Pack, ...]:
    return tuple(_with(pack, path, value) if pack.id == pack_id else pack for pack in packs)


def lacking(pack_id: str, *paths: str, packs: Sequence[Pack] = PACKS) -> tuple[Pack, ...]:
    return tuple(_without(pack, paths) if pack.id == pack_id else pack for pack in packs)


def the(pack_id: str, packs: Sequence[Pack] = PACKS) -> Pack:
    return next(pack for pack in packs if pack.id == pack_id)


def _with(pack: Pack, path: str, value: object) -> Pack:
    known = pack.leaves.get(path, Leaf(value, Kind.OWN_DESIGN, "a test"))
    return replace(pack, leaves={**pack.leaves, path: replace(known, value=value)})


def _without(pack: Pack, paths: Sequence[str]) -> Pack:
    return replace(pack, leaves={path: leaf for path, leaf in pack.leaves.items() if path not in paths})
