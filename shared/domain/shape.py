"""A shape reads one value of a document: it gives the value with its type, or raises; and it says what it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shape[T]:
    """`says` ends a sentence about a value that is not so: it is kept apart from docstrings, which do not ship.

    `json` is as much of it as JSON Schema can tell an editor; empty: no more than the sentence.
    """

    says: str
    read: Callable[[object], T]
    json: Mapping[str, object] = field(default_factory=dict, compare=False)

    def __call__(self, value: object) -> T:
        return self.read(value)


def says[T](sentence: str, json: Mapping[str, object] | None = None) -> Callable[[Callable[[object], T]], Shape[T]]:
    """Makes a function a shape that says this."""
    return lambda read: Shape(sentence, read, json or {})
