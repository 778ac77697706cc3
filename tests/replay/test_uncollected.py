"""Garbage is not looked for while a history is played, and is again afterwards, also after an error."""

import gc

import pytest

from shared.domain.errors import InputError
from shared.replay.uncollected import uncollected


def test_garbage_is_looked_for_again_once_it_is_over() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_garbage_is_looked_for_again_after_an_error() -> None:
    with pytest.raises(InputError), uncollected():
        raise InputError("a file without a header")
    assert gc.isenabled()


def test_within_another_it_stays_off_until_that_one_is_over() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
