"""The policy shelf over the packs in `shared/policies`, which ship inside each function's zip."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from shared.domain.book import Outcome
from shared.domain.errors import PolicyError
from shared.domain.packs import Pack, parse_pack
from shared.domain.policy import Policy, assemble, lender_date
from shared.domain.rail import read_rail


def read_packs(folder: Traversable | None = None) -> tuple[Pack, ...]:
    """Every `*.toml` of a folder (default: the packs that ship) as a pack, by file name; raises PolicyError."""
    folder = folder or files("shared.policies")
    names = sorted((item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    return tuple(_read(item) for item in names)


def _read(item: Traversable) -> Pack:
    try:
        return parse_pack(tomllib.loads(item.read_text(encoding="utf-8")))
    except ValueError as error:  # TOML's own error and a wrong encoding are both one
        raise PolicyError(f"{item.name}: {error}") from error


def lender_zone(packs: Iterable[Pack]) -> str:
    """The zone of the lender's business date, the same in every version of its pack; raises PolicyError without one."""
    zones = {str(pack.leaves["business_zone"].value) for pack in packs if pack.type == "lender"}
    if len(zones) != 1:
        raise PolicyError("the lender's packs must agree on one business_zone")
    return zones.pop()


@cache
def rail_codes(rail: str) -> Mapping[str, Outcome]:
    """What a rail's codes mean, by the packs that ship (`rail.NAME.toml`, or `rail.NAME.anything.toml`)."""
    return codes_of(rail, [_read(item) for item in files("shared.policies").iterdir() if _is_of(rail, item.name)])


def codes_of(rail: str, packs: Iterable[Pack]) -> Mapping[str, Outcome]:
    """What a rail's codes mean, by the newest of its packs; raises PolicyError without one.

    Valid or not: what became of a payment is read even when no pack allows another.
    """
    newest = max((pack for pack in packs if pack.id == rail), key=lambda pack: pack.valid_from, default=None)
    if newest is None:
        raise PolicyError(f"there is no pack of rail {rail!r}")
    return read_rail(newest).codes


def _is_of(rail: str, name: str) -> bool:
    return name.startswith(f"rail.{rail}.") and name.endswith(".toml")


class PolicyFiles:
    """A PolicyShelf: packs are parsed at the first question, policies assembled once a product and lender's date.

    A pack that cannot be parsed raises PolicyError at every question, for all products: half a rule book is none.
    """

    def __init__(self, packs: Iterable[Pack] | None = None) -> None:
        self._packs = None if packs is None else tuple(packs)
        self._known: dict[tuple[str, date], Policy] = {}

    def policy(self, product: str, now: datetime) -> Policy:
        key = product, self.today(now)
        if key not in self._known:
            self._known[key] = assemble(self._read(), *key)
        return self._known[key]

    def today(self, now: datetime) -> date:
        return lender_date(self._read(), now)

    def _read(self) -> tuple[Pack, ...]:
        if self._packs is None:
            self._packs = read_packs()
        return self._packs
