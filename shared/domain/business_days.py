"""Business days: which days a country works, and where a date that falls on another one goes.

A calendar is a pack of dated holidays, make-up working days included: a weekday alone never says whether people work.
It knows whole years; whoever asks for a day outside them gets PolicyError, and nothing is planned on a guess.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from shared.domain.errors import PolicyError
from shared.domain.packs import Pack, Reader, counts, days, weekdays

_DAY = timedelta(days=1)


class Roll(StrEnum):
    """Where a date that is no business day goes."""

    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified-following"  # back where that would be another month
    PRECEDING = "preceding"


@dataclass(frozen=True, slots=True)
class Calendar:
    """`years` are those whose holidays are loaded."""

    name: str
    years: frozenset[int]
    weekend: frozenset[int]  # ISO, 1 is Monday
    holidays: frozenset[date]
    make_up_days: frozenset[date]  # worked although they fall on a weekend

    def knows(self, day: date) -> bool:
        return day.year in self.years

    def is_business_day(self, day: date) -> bool:
        """Raises PolicyError for a day of a year that is not loaded."""
        if not self.knows(day):
            raise PolicyError(f"calendar {self.name} does not know {day}: load the holidays of {day.year} first")
        return day in self.make_up_days or (day.isoweekday() not in self.weekend and day not in self.holidays)

    def rolled(self, day: date, roll: Roll) -> date:
        """The day itself where it is a business day, else where the convention sends it; raises as above."""
        if self.is_business_day(day):
            return day
        match roll:
            case Roll.FOLLOWING:
                return self._next(day, _DAY)
            case Roll.PRECEDING:
                return self._next(day, -_DAY)
            case Roll.MODIFIED_FOLLOWING:
                ahead = self._next(day, _DAY)
                return ahead if ahead.month == day.month else self._next(day, -_DAY)

    def _next(self, day: date, step: timedelta) -> date:
        day += step
        while not self.is_business_day(day):
            day += step
        return day


def read_calendar(pack: Pack) -> Calendar:
    """The calendar of a pack; raises PolicyError naming the pack and the leaf."""
    try:
        return _read(pack, Reader(pack.leaves))
    except PolicyError as error:
        raise PolicyError(f"{pack.id}: {error}") from error


def _read(pack: Pack, reader: Reader) -> Calendar:
    years = frozenset(reader.take("calendar.years", counts))
    weekend = frozenset(reader.take("calendar.weekend", weekdays))
    closed = reader.take_all("holidays", days)
    worked = reader.take_all("make_up_days", days)
    reader.refuse_rest()
    for tree, found in (("holidays", closed), ("make_up_days", worked)):
        for name, some in found.items():
            if not {day.year for day in some} <= years:
                raise PolicyError(f"{tree}.{name} has a day outside calendar.years")
    made_up = frozenset(day for some in worked.values() for day in some)
    if weekdays_worked := sorted(day for day in made_up if day.isoweekday() not in weekend):
        raise PolicyError(f"make_up_days: {weekdays_worked[0]} is no weekend day")
    holidays = frozenset(day for some in closed.values() for day in some)
    if clash := sorted(holidays & made_up):
        raise PolicyError(f"make_up_days: {clash[0]} is a holiday too")
    return Calendar(pack.id, years, weekend, holidays, made_up)
