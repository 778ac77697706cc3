"""The mistakes of the drill are mistakes: `duebell policy check` refuses each, and names the leaf."""

from pathlib import Path

import pytest

from drills.packs import Mistake, checked, countries, written
from drills.wrong_pack import DEPLOYED, LOOSER
from shared.domain.errors import InputError


def test_the_packs_that_ship_pass(tmp_path: Path) -> None:
    assert checked(written(tmp_path / "right")) == (0, "")


@pytest.mark.parametrize("mistake", [*DEPLOYED.values(), LOOSER], ids=lambda mistake: mistake.name)
def test_a_mistake_is_refused_before_it_is_deployed(mistake: Mistake, tmp_path: Path) -> None:
    code, problem = checked(written(tmp_path / "wrong", mistake))

    assert code == 2
    assert problem.startswith("problem: lender")


def test_a_mistake_that_changes_nothing_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not say"):
        written(tmp_path / "wrong", Mistake("nothing", "lender.toml", "no such line", ""))


def test_the_countries_are_those_of_all_jurisdictions() -> None:
    assert {"CN", "GB", "DE", "IN", "US"} <= countries()
    assert "SG" not in countries()
