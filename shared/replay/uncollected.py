"""No looking for garbage while a history is read and played."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nearly everything that a replay makes stays to its end, and none of it is a cycle: to look through it again and
    again is time for nothing, and more of it the larger the book."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
