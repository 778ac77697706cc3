"""Folders of packs, looked through for everything that is wrong with them, not only the first thing."""

from datetime import date
from importlib.resources.abc import Traversable

from shared.adapters.policy_files import decoded, pack_items, read_packs
from shared.domain.errors import LeafError, PolicyError
from shared.domain.merged_policy import name_of
from shared.domain.pack_problems import Problem, problems
from shared.domain.packs import Pack, parsed

_AS_TOLD = "write it as docs/policy.md says"


def examine(folder: Traversable | None, day: date) -> tuple[tuple[Pack, ...], tuple[Problem, ...]]:
    """The packs of a folder (default: those that ship) as far as they can be read, and all problems on a day."""
    packs, faults = read_each(folder)
    told = {(fault.pack, fault.leaf) for fault in faults}
    found = problems(packs, day, read_packs())
    return packs, (*faults, *(row for row in found if not row.leaf or (row.pack, row.leaf) not in told))


def read_each(folder: Traversable | None) -> tuple[tuple[Pack, ...], tuple[Problem, ...]]:
    """The packs of a folder without what cannot be read of them, and that."""
    packs: list[Pack] = []
    faults: list[Problem] = []
    for item in pack_items(folder):
        try:
            pack, wrong = parsed(decoded(item))
        except PolicyError as error:
            faults.append(Problem(item.name, "", str(error), "write it as TOML, in UTF-8"))
            continue
        name = name_of(pack) if pack else item.name
        faults += [
            Problem(name, fault.leaf if isinstance(fault, LeafError) else "", str(fault), _AS_TOLD) for fault in wrong
        ]
        packs += [pack] if pack else []
    return tuple(packs), tuple(faults)
