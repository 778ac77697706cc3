"""The messages of the lines' queues, as typed values."""

from dataclasses import dataclass

from shared.domain import keys
from shared.domain.book import Line
from shared.domain.shape import Shape, says
from shared.ports.world import HINTS_PER_MESSAGE
from shared.runtime.fields import Fields, matching, one_of, read_json, version_1

_RUN = matching(r"[A-Za-z0-9:._-]{1,64}", "the id of a run")


@dataclass(frozen=True, slots=True)
class Hints:
    """One message of a line's queue: keys of work, and the run that gave them."""

    keys: tuple[str, ...]
    run: str


def hints(body: str, line: Line) -> Hints:
    """A message of the line's queue: `{"v":1,"line":…,"keys":[…],"run":…}` with 1 to 20 keys of that line."""
    fields = Fields(read_json(body, f"hint for the {line} line"), f"hint for the {line} line")
    fields.take("v", version_1)
    fields.take("line", one_of({line.value: line}))
    found = fields.take("keys", _hint_keys(line))
    run = fields.take("run", _RUN)
    fields.done()
    return Hints(found, run)


def _hint_keys(line: Line) -> Shape[tuple[str, ...]]:
    form = "LOAN#NNN" if line is Line.DEBIT else "id"

    @says(f"a list of 1 to {HINTS_PER_MESSAGE} keys of the {line} line, each {form}")
    def shape(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= HINTS_PER_MESSAGE:
            raise ValueError
        return tuple(_hint_key(line, key) for key in value)

    return shape


def _hint_key(line: Line, key: object) -> str:
    if not isinstance(key, str):
        raise ValueError  # noqa: TRY004 - the reader asks for one kind of error
    if line is Line.DEBIT and keys.debit_key(*keys.parse_debit_key(key)) != key:
        raise ValueError
    return keys.parse_hint_key(line, key)
