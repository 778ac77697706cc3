"""Events of `explain`, as typed values."""

from dataclasses import dataclass
from datetime import date

from shared.runtime.fields import Fields, day, identifier, version_1


@dataclass(frozen=True, slots=True)
class Asked:
    """A loan, and the business date to explain; None is today."""

    loan_id: str
    on: date | None


def explain(event: object) -> Asked:
    """`{"v":1,"loan_id":"HB-001","on":"2026-03-10"}`; raises EventError."""
    fields = Fields(event, "event of explain")
    fields.take("v", version_1)
    asked = Asked(fields.take("loan_id", identifier), fields.take_if("on", day))
    fields.done()
    return asked
