"""Events of `plan_work`, as typed values."""

from shared.domain.book import Line
from shared.domain.errors import EventError
from shared.domain.request import ByHand
from shared.domain.shape import says
from shared.runtime import events
from shared.runtime.fields import Fields, day, flag, identifiers, matching, one_of

_LINES = {line.value: line for line in Line}
_PLACE_IN_ALL = matching(r"\d{1,3}:[ -~\x7f]{0,300}", "`after` of an earlier answer")
_PLACE_IN_NAMED = matching(r"\d{1,3}", "`after` of an earlier answer")


def plan_work(event: object) -> ByHand | None:
    """What a person asks for, or None for the schedule's pass."""
    fields = Fields(event, "event of plan_work")
    if "schedule" in fields:
        events.scheduled(event, "plan_work")
        return None
    if "line" not in fields:
        raise EventError('event of plan_work: neither {"v":1,"schedule":"plan_work"} nor by hand, with a line')
    line = fields.take("line", one_of(_LINES))
    loan_ids = fields.take_if("loan_ids", identifiers)
    everything = fields.take_if("all", _true)
    if (loan_ids is None) == (everything is None):
        raise EventError('event of plan_work: either loan_ids or "all": true, and not both')
    on = fields.take_if("business_date", day)
    asked = fields.take_if("dry_run", flag)
    dry_run = True if asked is None else asked
    after = fields.take_if("after", _PLACE_IN_ALL if loan_ids is None else _PLACE_IN_NAMED)
    if after is not None and not dry_run:
        raise EventError("event of plan_work: after is for a dry run, which answers in pages")
    fields.done()
    return ByHand(line, loan_ids, on, dry_run, after)


@says("true, or left out")
def _true(value: object) -> bool:
    if value is not True:
        raise ValueError
    return True
