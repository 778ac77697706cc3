"""What becomes of news of money, in a word that is counted."""

from dataclasses import dataclass

from shared.domain.repayment import Misfit


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one thing that arrived; `problem` is why a person must look, None where nobody must."""

    became: str
    misfit: Misfit | None = None
    problem: str | None = None


KNOWN = Verdict("known")
CHARGED_BACK = "charged-back"


def unmatched(misfit: Misfit) -> Verdict:
    """Counted, and nothing to keep."""
    return Verdict("unmatched", misfit, misfit.value)
