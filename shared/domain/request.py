"""What an operator asks of planning, by hand."""

from dataclasses import dataclass
from datetime import date

from shared.domain.book import Line


@dataclass(frozen=True, slots=True)
class ByHand:
    """Named loans or all of them, on a day, for real or only to look; `after` is where an earlier answer ended."""

    line: Line
    loan_ids: tuple[str, ...] | None  # None: all
    business_date: date | None  # None: today
    dry_run: bool = True
    after: str | None = None
