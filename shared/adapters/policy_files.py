"""The policy shelf over the packs in `shared/policies`, which ship inside each function's zip: there as one document,
which takes half the room of so many small files and a tenth of the time to read."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from shared.domain.book import Outcome
from shared.domain.errors import PolicyError, SettingsError
from shared.domain.packs import Pack, parse_pack
from shared.domain.policy import Policy
from shared.domain.policy_assembly import assemble, lender_date
from shared.domain.rail import read_rail

BUNDLE = "packs.json"
_DAY = "day"


def read_packs(folder: Traversable | None = None) -> tuple[Pack, ...]:
    """Every `*.toml` of a folder (default: the packs that ship) as a pack, by file name; raises PolicyError."""
    return tuple(parse_pack(document) for document in _documents(folder).values())


def _documents(folder: Traversable | None = None) -> Mapping[str, Mapping[str, object]]:
    """The packs of a folder by file name, as they stand there, or bundled."""
    bundle = (folder or files("shared.policies")) / BUNDLE
    if bundle.is_file():
        found: Mapping[str, Mapping[str, object]] = json.loads(
            bundle.read_text(encoding="utf-8"), object_hook=_unhooked
        )
        return found
    return {item.name: decoded(item) for item in pack_items(folder)}


def bundled(folder: Traversable, *, sourced: bool) -> str:
    """All packs of a folder as one document; a date is written as `{"day": "2026-03-01"}`, which no pack writes. Where
    leaves come from is half of the packs, and whoever only decides by their values leaves it behind."""
    found = _documents(folder)
    documents = found if sourced else {name: _unsourced(document) for name, document in found.items()}
    return json.dumps(documents, default=_hooked, ensure_ascii=False, separators=(",", ":"))


def _unsourced(node: object) -> object:
    if not isinstance(node, Mapping):
        return node
    if "value" in node and "source" in node:
        return {**node, "source": "the pack"}
    return {name: _unsourced(child) for name, child in node.items()}


def _hooked(value: object) -> dict[str, str]:
    if not isinstance(value, date):
        raise PolicyError(f"a pack holds a {type(value).__name__}")
    return {_DAY: value.isoformat()}


def _unhooked(found: dict[str, object]) -> object:
    return date.fromisoformat(str(found[_DAY])) if found.keys() == {_DAY} else found


def pack_items(folder: Traversable | None) -> list[Traversable]:
    """The packs' files of a folder (default: those that ship), by name."""
    found = (folder or files("shared.policies")).iterdir()
    return sorted((item for item in found if item.name.endswith(".toml")), key=lambda item: item.name)


def decoded(item: Traversable) -> Mapping[str, object]:
    """A file as a document; raises PolicyError where it is no TOML."""
    try:
        return tomllib.loads(item.read_text(encoding="utf-8"))
    except ValueError as error:  # TOML's own error and a wrong encoding are both one
        raise PolicyError(f"{item.name}: {error}") from error


def lender_zone(packs: Iterable[Pack]) -> str:
    """The zone of the lender's business date, the same in every version of its pack; raises PolicyError without one."""
    zones = {str(pack.leaves["business_zone"].value) for pack in packs if pack.type == "lender"}
    if len(zones) != 1:
        raise PolicyError("the lender's packs must agree on one business_zone")
    return zones.pop()


@cache
def rail_codes(rail: str, on: date = date.max) -> Mapping[str, Outcome]:
    """What a rail's codes mean on a day, by the packs that ship (`rail.NAME.toml`, or `rail.NAME.anything.toml`)."""
    return codes_of(rail, [parse_pack(found) for name, found in _documents().items() if _is_of(rail, name)], on)


def codes_spoken(rail: str, on: date) -> Mapping[str, Outcome]:
    """What the codes of the deployment's gateway mean on a day; raises SettingsError where no pack says so: every
    answer would read as UNKNOWN."""
    try:
        return rail_codes(rail, on)
    except PolicyError as error:
        raise SettingsError(
            "the environment variable GATEWAY_RAIL names a rail without a pack that can be read"
        ) from error


def codes_of(rail: str, packs: Iterable[Pack], on: date = date.max) -> Mapping[str, Outcome]:
    """What a rail's codes mean, by the newest of its packs that has begun by then; raises PolicyError without a pack.

    Ended or, where none has begun, not begun: what became of a payment is read even when no pack allows another.
    """
    own = sorted((pack for pack in packs if pack.id == rail), key=lambda pack: pack.valid_from)
    if not own:
        raise PolicyError(f"there is no pack of rail {rail!r}")
    begun = [pack for pack in own if pack.valid_from <= on]
    return read_rail(begun[-1] if begun else own[0]).codes


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

    @property
    def packs(self) -> tuple[Pack, ...]:
        """All of them, of whatever day; raises PolicyError."""
        return self._read()

    def products(self, now: datetime) -> tuple[str, ...]:
        """The ids of the products with a valid pack on the lender's date; none where no pack can say it."""
        try:
            packs, day = self._read(), self.today(now)
        except PolicyError:
            return ()
        return tuple(sorted({pack.id for pack in packs if pack.type == "product" and pack.is_valid_on(day)}))

    def today(self, now: datetime) -> date:
        return lender_date(self._read(), now)

    def _read(self) -> tuple[Pack, ...]:
        if self._packs is None:
            self._packs = read_packs()
        return self._packs
