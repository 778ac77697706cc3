"""What a run came to, as a table or as JSON; a rule broken, or a leaf that made no difference, is a failure."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.contact_check.law import contact_leaves
from tests.contact_check.lives import Lived

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    """The lives of a run and the questions beside them."""

    seed: int
    lives: Lived
    questions: Lived

    @property
    def hits(self) -> dict[tuple[str, str], int]:
        """For each leaf of the countries' packs: how often it alone made a decision or an answer so."""
        return {leaf: self.lives.hits[leaf] + self.questions.hits[leaf] for leaf in contact_leaves()}

    @property
    def unhit(self) -> list[tuple[str, str]]:
        return [leaf for leaf, count in self.hits.items() if not count]

    @property
    def faults(self) -> list[str]:
        return [*self.questions.faults, *self.lives.faults]

    @property
    def failed(self) -> bool:
        return bool(self.faults or self.unhit)

    def document(self) -> dict[str, object]:
        return {
            "seed": self.seed,
            "decisions": self.lives.decisions.total(),
            "by": [
                {"jurisdiction": home, "outcome": outcome, "reason": reason, "count": count}
                for (home, outcome, reason), count in sorted((self.lives.decisions + self.questions.decisions).items())
            ],
            "hits": [{"pack": pack, "leaf": leaf, "count": count} for (pack, leaf), count in self.hits.items()],
            "unhit": [f"{pack}: {leaf}" for pack, leaf in self.unhit],
            "faults": self.faults[:1000],
            "fault_count": len(self.faults),
        }

    def lines(self) -> Iterator[str]:
        yield from _table("decisions", self.lives)
        yield from _table("questions", self.questions)
        yield "\nleaves, and how often each alone made it so"
        for (pack, leaf), count in self.hits.items():
            yield f"  {pack:<16} {leaf:<40} {count:>10,}{'' if count else '  NEVER'}"
        for fault in self.faults[:_SHOWN]:
            yield f"WRONG  {fault}"
        yield (
            f"\n{self.lives.decisions.total():,} decisions under seed {self.seed}: {len(self.faults):,} wrong, "
            f"{len(self.unhit)} leaves never hit"
        )


def _table(name: str, lived: Lived) -> Iterator[str]:
    yield f"\n{name}"
    for (home, outcome, reason), count in sorted(lived.decisions.items()):
        yield f"  {home:<16} {outcome:<8} {reason:<24} {count:>10,}"
