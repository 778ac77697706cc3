"""Packs with a wrong leaf, mended in memory from packs that are known to be good: so that what follows is found too."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.domain.errors import LeafError
from shared.domain.packs import Leaf, Pack
from shared.domain.shape import Shape

type Packs = tuple[Pack, ...]


def leaf_error(error: BaseException | None) -> LeafError | None:
    """The wrong leaf behind an error, where there is one, as its first reader told it."""
    found = None
    while error is not None:
        found = error if isinstance(error, LeafError) else found
        error = error.__cause__
    return found


def owner_of(packs: Packs) -> Pack | None:
    """Whose a missing leaf would be: the pack's own, or the lender's."""
    return next((pack for pack in packs if len(packs) == 1 or pack.type == "lender"), None)


def holder_of(packs: Packs, path: str) -> Pack | None:
    return next((pack for pack in packs if path in pack.leaves), None)


def mended(packs: Packs, mine: Packs, fault: LeafError, good: Sequence[Pack]) -> Packs:
    """The packs with a good leaf instead of a wrong or missing one, and without one that may as well be missing."""
    holder = holder_of(mine, fault.leaf)
    if holder is None:
        owner = owner_of(mine)
        found = [(path, leaf) for pack in good for path, leaf in pack.leaves.items() if _is_of(path, fault.leaf)]
        fitting = [(path, leaf) for path, leaf in found if _fits(fault.shape, leaf)]
        return _with(packs, owner, {**dict(fitting[:1]), **owner.leaves}) if owner else packs
    others = {path: leaf for path, leaf in holder.leaves.items() if path != fault.leaf}
    if fault.shape is None or fault.leaf.startswith(_OPTIONAL):
        return _with(packs, holder, others)
    known = [leaf for pack in good for leaf in (pack.leaves.get(fault.leaf), *pack.leaves.values()) if leaf]
    fits = next((leaf for leaf in known if _fits(fault.shape, leaf)), None)
    return _with(packs, holder, {**others, fault.leaf: fits} if fits else others)


_OPTIONAL = ("contact.caps.", "contact.windows.", "holds.", "keywords.", "text.")
"""Trees of which a pack has as many leaves as it likes."""


def _is_of(path: str, wanted: str) -> bool:
    """`wanted` is a path, or `PREFIX.*`."""
    return path == wanted or (wanted.endswith(".*") and path.startswith(wanted.removesuffix("*")))


def _fits(shape: object, leaf: Leaf) -> bool:
    if not isinstance(shape, Shape):
        return False
    try:
        shape(leaf.value)
    except (ValueError, TypeError, KeyError):
        return False
    return True


def _with(packs: Packs, holder: Pack, leaves: Mapping[str, Leaf]) -> Packs:
    return tuple(replace(pack, leaves=leaves) if pack is holder else pack for pack in packs)
