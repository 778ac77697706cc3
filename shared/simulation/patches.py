"""A patch of production code, for as long as a block lasts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patch:
    """What stands under a name of a module or a class, instead of what is written there."""

    target: object
    name: str
    instead: object


type Patches = Iterator[Patch]


@contextmanager
def patched(patches: Iterable[Patch]) -> Iterator[None]:
    """With these patches: all code of this process runs with them, so a simulation has its process to itself."""
    before = []
    try:
        for patch in patches:
            before.append(Patch(patch.target, patch.name, getattr(patch.target, patch.name)))
            setattr(patch.target, patch.name, patch.instead)
        yield
    finally:
        for patch in reversed(before):
            setattr(patch.target, patch.name, patch.instead)
