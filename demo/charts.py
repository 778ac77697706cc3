"""Charts as SVG, drawn by hand: a few shapes over one frame, colours by CSS class, so that a page decides on them.

Each chart is drawn at two widths, for a desk and for a phone, and the page shows one: text keeps its size on both.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

WIDE, HALF, NARROW = 904, 418, 340
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

type Write = Callable[[float], str]
"""How a value is written on an axis or a label."""


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values, of the same length as the days of its chart; `css` names its colour."""

    label: str
    css: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar."""

    label: str
    css: str
    value: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing area within an SVG, and the scale of its values."""

    width: int
    height: int
    top_value: float
    left: int = 46
    right: int = 8
    top: int = 12
    bottom: int = 26

    @property
    def inner(self) -> float:
        return self.width - self.left - self.right

    @property
    def floor(self) -> float:
        return self.height - self.bottom

    def y(self, value: float) -> float:
        return self.floor - (self.floor - self.top) * value / self.top_value

    def x(self, place: float, count: int) -> float:
        """The middle of one of `count` equal columns."""
        return self.left + self.inner * (place + 0.5) / count


def ticks(highest: float, most: int = 5) -> list[float]:
    """At most so many steps of round values, from 0 up to `highest`."""
    if highest <= 0:
        return [0, 1]
    steps = (step * 10.0**power for power in range(-3, 16) for step in (1, 2, 5))
    step = next(step for step in steps if step * most >= highest)
    return [step * n for n in range(int(highest // step) + 1)]


def stacked_areas(
    days: Sequence[date], series: Sequence[Series], write: Write, skipped: frozenset[date], width: int, height: int
) -> str:
    """Areas one on the other, the first at the bottom."""
    stacks = list(_stacked(series, len(days)))
    highest = max(1.0, *stacks[-1])
    marks = ticks(highest)
    frame = Frame(width, height, highest * 1.03)
    shapes = [*_skipped(frame, days, skipped), *_value_axis(frame, marks, write)]
    floor = [0.0] * len(days)
    for one, upper in zip(series, stacks, strict=True):
        there = [(frame.x(n, len(days)), frame.y(value)) for n, value in enumerate(upper)]
        back = [(frame.x(n, len(days)), frame.y(value)) for n, value in enumerate(floor)][::-1]
        shapes.append(f'<path class="area {one.css}" d="{_path([*there, *back])}Z"/>')
        floor = upper
    shapes += _date_axis(frame, days)
    return _svg(frame, shapes, guide=True)


def stacked_columns(
    days: Sequence[date], series: Sequence[Series], write: Write, skipped: frozenset[date], width: int, height: int
) -> str:
    """A column for each day."""
    stacks = list(_stacked(series, len(days)))
    highest = max(1.0, *stacks[-1])
    marks = ticks(highest)
    frame = Frame(width, height, highest * 1.03, left=30 if width == NARROW else 46)
    shapes = [*_skipped(frame, days, skipped), *_value_axis(frame, marks, write)]
    bar = max(1.2, frame.inner / max(1, len(days)) * 0.78)
    floor = [0.0] * len(days)
    for one, upper in zip(series, stacks, strict=True):
        rects = [
            f"M{frame.x(n, len(days)) - bar / 2:.1f} {frame.y(high):.1f}h{bar:.1f}V{frame.y(low):.1f}h{-bar:.1f}Z"
            for n, (low, high) in enumerate(zip(floor, upper, strict=True))
            if high > low
        ]
        if rects:
            shapes.append(f'<path class="{one.css}" d="{"".join(rects)}"/>')
        floor = upper
    shapes += _date_axis(frame, days)
    return _svg(frame, shapes, guide=True)


def share_line(
    days: Sequence[date],
    values: Sequence[float | None],
    skipped: frozenset[date],
    css: str,
    width: int,
    height: int,
    highest: float,
) -> str:
    """One line of shares, broken where there is no value."""
    marks = [0, highest / 2, highest]
    frame = Frame(width, height, marks[-1], left=38, top=10, bottom=22)
    shapes = [*_skipped(frame, days, skipped), *_value_axis(frame, marks, percent)]
    for run in _runs(values):
        points = [(frame.x(n, len(days)), frame.y(min(highest, value))) for n, value in run]
        first, last = points[0][0], points[-1][0]
        shapes.append(
            f'<path class="under {css}" d="{_path(points)}L{last:.1f} {frame.floor}L{first:.1f} {frame.floor}Z"/>'
        )
        shapes.append(f'<path class="line {css}" d="{_path(points)}"/>')
    shapes += _date_axis(frame, days)
    return _svg(frame, shapes)


def bars(rows: Sequence[tuple[str, Sequence[Part], str]], width: int) -> str:
    """A bar for each row, its parts side by side over the whole width, with a note at the end; parts add up to 1."""
    narrow = width == NARROW
    left, right, step, thick = (0, 0, 60, 20) if narrow else (166, 208, 38, 22)
    height = step * len(rows) + 4
    frame = Frame(width, height, 1, left=left, right=right, top=0, bottom=0)
    shapes = []
    for place, (label, parts, note) in enumerate(rows):
        top = place * step + (26 if narrow else 8)
        text_y, anchor = (top - 8, "end") if narrow else (top + thick / 2 + 4.5, "start")
        shapes.append(f'<text class="label" x="0" y="{text_y}">{escape(label)}</text>')
        note_x = width if narrow else width - right + 14
        shapes.append(f'<text class="note" x="{note_x}" y="{text_y}" text-anchor="{anchor}">{escape(note)}</text>')
        shapes.append(f'<rect class="track" x="{left}" y="{top}" width="{frame.inner}" height="{thick}" rx="3"/>')
        shapes += _parts(frame, parts, top, thick)
    return _svg(frame, shapes)


def _parts(frame: Frame, parts: Sequence[Part], top: float, thick: float) -> Iterator[str]:
    at = float(frame.left)
    for part in parts:
        wide = frame.inner * part.value
        drawn = max(0.0, wide - 1.5)
        yield (
            f'<rect class="{part.css}" x="{at:.1f}" y="{top}" width="{drawn:.1f}" height="{thick}" rx="2">'
            f"<title>{escape(part.label)}</title></rect>"
        )
        y = f"{top + thick / 2 + 4.3:.1f}"
        if part.label and wide >= 7.2 * len(part.label) + 8:
            x = f"{at + drawn / 2:.1f}"
            yield f'<text class="on {part.css}" x="{x}" y="{y}" text-anchor="middle">{escape(part.label)}</text>'
        elif len(parts) == 1:
            yield f'<text class="beside" x="{at + drawn + 7:.1f}" y="{y}">{escape(part.label)}</text>'
        at += wide


def percent(value: float) -> str:
    return f"{value:.0%}"


def count(value: float) -> str:
    return f"{value:,.0f}"


def short_amount(minor: float) -> str:
    """`1.2m`, `340k`, `85`: an amount of a currency with two decimals, for an axis."""
    whole = minor / 100
    for limit, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(whole) >= limit:
            scaled = whole / limit
            text = f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + unit
    return f"{whole:.0f}"


def readouts(
    days: Sequence[date], series: Sequence[Series], write: Write, skipped: frozenset[date]
) -> Mapping[str, object]:
    """What a pointer over a chart of days shows: for each day its name and each value, as text."""
    return {
        "days": [
            f"{day:%a} {day.day} {MONTHS[day.month - 1]}" + (" · nothing ran" if day in skipped else "") for day in days
        ],
        "series": [[one.label, one.css, [write(value) for value in one.values]] for one in series],
    }


def _stacked(series: Iterable[Series], length: int) -> Iterator[list[float]]:
    upper = [0.0] * length
    for one in series:
        upper = [low + value for low, value in zip(upper, one.values, strict=True)]
        yield upper


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((place, value))
    if run:
        yield run


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _value_axis(frame: Frame, marks: Sequence[float], write: Write) -> Iterator[str]:
    for mark in marks:
        y = frame.y(mark)
        css = "base" if mark == 0 else "grid"
        yield f'<line class="{css}" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{frame.left - 7}" y="{y + 4:.1f}" text-anchor="end">{escape(write(mark))}</text>'


def _date_axis(frame: Frame, days: Sequence[date]) -> Iterator[str]:
    """The first day and the first of each month; in a short run the last day too."""
    firsts = [n for n, day in enumerate(days) if day.day == 1]
    shown = {n: MONTHS[days[n].month - 1] for n in firsts}
    edges = (0,) if len(firsts) >= 2 else (0, len(days) - 1)
    apart = 46 * len(days) / frame.inner
    for n in edges:
        if all(abs(n - other) > apart for other in shown):
            shown[n] = f"{days[n].day} {MONTHS[days[n].month - 1]}"
    for n, text in shown.items():
        x = frame.x(n, len(days))
        anchor = "start" if n == 0 else "end" if n == len(days) - 1 else "middle"
        yield f'<line class="base" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.floor}" y2="{frame.floor + 5}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="{frame.floor + 18}" text-anchor="{anchor}">{text}</text>'


def _skipped(frame: Frame, days: Sequence[date], skipped: frozenset[date]) -> Iterator[str]:
    """A band behind the days on which nothing ran."""
    column = frame.inner / max(1, len(days))
    for run in _runs([1.0 if day in skipped else None for day in days]):
        x = frame.x(run[0][0], len(days)) - column / 2
        wide = column * len(run)
        high = frame.floor - frame.top
        yield f'<rect class="skipped" x="{x:.1f}" y="{frame.top}" width="{wide:.1f}" height="{high}"/>'


def _svg(frame: Frame, shapes: Iterable[str], guide: bool = False) -> str:
    size = "narrow" if frame.width == NARROW else "wide"
    extra = ""
    if guide:
        data = f' data-left="{frame.left}" data-inner="{frame.inner}"'
        extra = f'<line class="guide" y1="{frame.top}" y2="{frame.floor}" x1="0" x2="0"/>'
    else:
        data = ""
    return (
        f'<svg class="chart {size}" viewBox="0 0 {frame.width} {frame.height}" width="{frame.width}"'
        f' height="{frame.height}" aria-hidden="true"{data}>{"".join(shapes)}{extra}</svg>'
    )


def both(draw: Callable[[int], str], wide: int = WIDE) -> str:
    """A chart at both widths."""
    return "".join(draw(width) for width in (wide, NARROW))
