"""What a drill saw, in numbers, and what had to hold."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from shared.cli.output import say
from shared.cli.tables import a_table, show

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """What must hold; `against` names what speaks against it, and nothing where it holds."""

    sentence: str
    against: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.against


@dataclass(slots=True)
class Seen:
    drill: str
    numbers: dict[str, int | str] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)

    def must(self, sentence: str, against: Iterable[object] = ()) -> None:
        self.claims.append(Claim(sentence, tuple(str(one) for one in against)))

    def must_be(self, sentence: str, found: object, wanted: object) -> None:
        self.must(sentence, [] if found == wanted else [f"{found}, not {wanted}"])

    @property
    def holds(self) -> bool:
        return all(claim.holds for claim in self.claims)


def show_seen(seen: Seen) -> None:
    """For people."""
    table = a_table(seen.drill, "")
    for name, value in seen.numbers.items():
        table.add_row(name, str(value))
    show(table)
    for claim in seen.claims:
        say(f"{'holds' if claim.holds else 'FAILS'}: {claim.sentence}")
        for one in claim.against[:_SHOWN]:
            say(f"       {one}")
        if len(claim.against) > _SHOWN:
            say(f"       … and {len(claim.against) - _SHOWN} more (--json lists all)")


def document(seen: Seen) -> dict[str, object]:
    """For programs."""
    return {
        "drill": seen.drill,
        "holds": seen.holds,
        "numbers": seen.numbers,
        "claims": [asdict(claim) | {"holds": claim.holds} for claim in seen.claims],
    }
