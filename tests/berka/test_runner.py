"""`make berka` says what differs, and fails where there is nothing to compare."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tests.berka.__main__ import agrees, main
from tests.berka.comparison import Comparison
from tests.berka.expected import Event

DAY = date(2026, 3, 4)
COUNTED: Counter[Event] = Counter({(DAY, "message", "remind"): 2, (DAY, "attempt", "paid"): 1})


def test_without_the_data_it_fails_and_names_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DUEBELL_BERKA", str(tmp_path))
    assert main() == 2
    assert "set DUEBELL_BERKA" in capsys.readouterr().err


def test_what_agrees_is_said_with_both_totals(capsys: pytest.CaptureFixture[str]) -> None:
    assert agrees(Comparison(COUNTED, Counter(COUNTED)))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["message", "remind", "2", "2"] in lines
    assert ["all", "3", "3"] in lines


@pytest.mark.parametrize(
    "happened",
    [
        {(DAY, "message", "remind"): 1, (DAY, "attempt", "paid"): 1},
        {(DAY, "message", "remind"): 2},
        {**COUNTED, (date(2026, 3, 5), "message", "remind unknown"): 1},
        {(date(2026, 3, 5), "message", "remind"): 2, (DAY, "attempt", "paid"): 1},
    ],
)
def test_every_difference_is_listed_by_day(happened: dict[Event, int], capsys: pytest.CaptureFixture[str]) -> None:
    comparison = Comparison(COUNTED, Counter(happened))
    assert not agrees(comparison)
    out = capsys.readouterr().out
    assert comparison.differences
    for difference in comparison.differences:
        assert f"differs: {difference}" in out
