"""A replay asks packs what they would have done, however old the history; inside their validity nothing is changed."""

from dataclasses import replace
from datetime import date

import pytest

from shared.adapters.policy_files import read_packs
from shared.domain.learning import BEHAVIOUR
from shared.domain.packs import Pack
from shared.replay.validity import throughout

PACK = Pack("lender", "lender", "1", date(2025, 1, 1), date(2025, 6, 30), {})


def version(name: str, valid_from: date, valid_to: date | None) -> Pack:
    return replace(PACK, version=name, valid_from=valid_from, valid_to=valid_to)


def valid(packs: tuple[Pack, ...], day: date) -> list[str]:
    return [pack.version for pack in packs if pack.is_valid_on(day)]


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(1993, 1, 1), "1"),
        (date(2025, 6, 30), "1"),
        (date(2025, 7, 1), "1"),  # between the two
        (date(2025, 9, 30), "1"),
        (date(2025, 10, 1), "2"),
        (date(2025, 12, 31), "2"),
        (date(2026, 1, 1), "3"),
        (date(2027, 1, 1), "3"),
        (date(2150, 1, 1), "3"),
    ],
)
def test_on_each_day_one_version_counts(day: date, name: str) -> None:
    third = version("3", date(2026, 1, 1), date(2026, 12, 31))
    second = version("2", date(2025, 10, 1), date(2025, 12, 31))
    assert valid(throughout([third, PACK, second]), day) == [name]


def test_versions_that_are_valid_on_the_same_day_stay_so() -> None:
    both = throughout([PACK, version("2", date(2025, 6, 1), None)])
    assert valid(both, date(2025, 6, 15)) == ["1", "2"]


def test_what_was_learned_counts_from_its_own_day_on() -> None:
    learned = replace(PACK, id="behaviour.20260301", type=BEHAVIOUR, valid_from=date(2026, 3, 1), valid_to=None)
    assert throughout([learned]) == (learned,)


def test_every_pack_that_ships_counts_on_every_day() -> None:
    packs = throughout(read_packs())
    assert len(packs) == len(read_packs())
    assert all(pack.is_valid_on(day) for pack in packs for day in (date(1970, 1, 1), date(2199, 12, 31)))
