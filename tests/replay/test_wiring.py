"""A channel's provider changes on the day from which the packs name another one, in a replay and in a forecast."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.domain.calendar import at_local
from shared.domain.contact_rules import Channel
from shared.ports.portfolio import StoredRow
from shared.replay.forecast import forecast
from shared.replay.play import wiring_of
from tests.replay.test_forecast import FOUR, LAST, NOW, RULES, ZONE, lived, messages, standing, stored
from tests.replay.test_replay import packs, portfolio, replay, rows, second_version, told

SMS = 'sms = { value = "{}"'


def rewired(folder: Path, begins: str, ends: str) -> Path:
    """The packs that ship; from a day on SMS goes through another provider."""
    second_version(packs(folder), "lender.toml", ends, begins, SMS.replace("{}", "sandbox"), SMS.replace("{}", "http"))
    return folder


@pytest.fixture
def book(tmp_path: Path) -> Sequence[StoredRow]:
    return stored(lived(portfolio(tmp_path / "in", **FOUR))[0].book)


def test_a_replay_goes_on_when_the_packs_name_another_provider(tmp_path: Path) -> None:
    folder, known, out = portfolio(tmp_path / "in"), tmp_path / "known", tmp_path / "out"
    days = "2026-03-01", "2026-03-14"
    changed = rewired(tmp_path / "packs", "2026-03-08", "2026-03-07")
    assert replay(folder, known, *days) == 0
    assert replay(folder, out, *days, "--policy", str(changed)) == 0
    assert sorted(told(out)) == sorted(told(known))
    assert {row["reason"] for row in rows(out, "notices.csv") if row["decision"] == "defer"} == set()


def test_a_forecast_goes_on_when_the_packs_name_another_provider(tmp_path: Path, book: Sequence[StoredRow]) -> None:
    shelf = PolicyFiles(read_packs(rewired(tmp_path / "packs", "2026-03-11", "2026-03-10")))
    foreseen = forecast(standing(book), NOW, LAST, replace(RULES, shelf=shelf))
    assert messages(foreseen) == messages(forecast(standing(book), NOW, LAST, RULES))
    assert "NO_PROVIDER" not in {line.reason for line in foreseen.waits}


def test_a_product_without_a_pack_that_day_leaves_the_wiring_to_the_others() -> None:
    wired = PolicyFiles().policy("jiebei", standing([]).at).wired
    assert wiring_of({"aaa", "jiebei"}, RULES)(standing([]).at) == wired
    assert wiring_of({"aaa"}, RULES)(standing([]).at) == {}


def test_the_wiring_is_that_of_the_day(tmp_path: Path) -> None:
    rules = replace(RULES, shelf=PolicyFiles(read_packs(rewired(tmp_path / "packs", "2026-03-11", "2026-03-10"))))
    wiring = wiring_of({"jiebei"}, rules)
    found = [wiring(at_local(date(2026, 3, day), time.min, ZONE))[Channel.SMS] for day in (10, 11)]
    assert found == ["sandbox", "http"]
