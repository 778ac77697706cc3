"""A shape reads one value of a document: it gives the value with its type, or raises; and it says what it reads."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape[T]:
    """`says` ends a sentence about a value that is not so: it is kept apart from docstrings, which do not ship."""

    says: str
    read: Callable[[object], T]

    def __call__(self, value: object) -> T:
        return self.read(value)


def says[T](sentence: str) -> Callable[[Callable[[object], T]], Shape[T]]:
    """Makes a function a shape that says this."""
    return lambda read: Shape(sentence, read)
