"""A drill says what it saw, and fails where something did not hold."""

import json

import pytest

from drills import __main__ as drills
from drills.lab import Tell
from drills.seen import Seen


def seen(*against: str) -> Seen:
    found = Seen("a-drill", {"messages": 3})
    found.must("nothing is lost", against)
    return found


@pytest.mark.parametrize(("against", "code"), [((), 0), (("L-1#1",), 1)])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_code_says_whether_all_held(
    against: tuple[str, ...],
    code: int,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def play(port: int | None, tell: Tell) -> Seen:
        assert port == 4711
        return seen(*against)

    monkeypatch.setitem(drills.DRILLS, "gateway-down", play)

    assert drills.main(["gateway-down", "--port", "4711", *options]) == code
    said = capsys.readouterr().out
    if options:
        told = json.loads(said)
        assert (told["holds"], told["numbers"]) == (code == 0, {"messages": 3})
        assert told["claims"] == [{"sentence": "nothing is lost", "against": list(against), "holds": code == 0}]
    else:
        assert f"{'FAILS' if code else 'holds'}: nothing is lost" in said


def test_every_drill_has_its_name_and_unknown_ones_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(drills.DRILLS) == {"gateway-down", "sms-down", "table-throttled", "wrong-pack", "bank-file-twice"}
    with pytest.raises(SystemExit) as refused:
        drills.main(["no-such-drill"])
    assert refused.value.code == 2
    assert "gateway-down" in capsys.readouterr().err


def test_what_must_be_equal_names_both() -> None:
    found = seen()
    found.must_be("so many are booked", 9, 10)

    assert not found.holds
    assert found.claims[-1].against == ("9, not 10",)
