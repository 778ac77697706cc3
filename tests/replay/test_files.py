"""A replay's results stand in their folder whole or not at all, and a folder that cannot take them is refused first."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from shared.domain.errors import InputError
from shared.replay.comparison import CHANGES, COMPARED, Change, compare, files_of, sums_of
from shared.replay.files import COLUMNS, SUMMARY, refuse_unfit, write_played
from shared.replay.record import NoticeLine, Played
from tests.replay.test_replay import portfolio, replay, unplayed

DAY = date(2026, 3, 10)
NAMES = {*COLUMNS, SUMMARY, CHANGES, COMPARED}


def played(*notices: NoticeLine) -> Played:
    return Played("CNY", notices, (), (), (), Counter(), Counter(), 1, 0, 1, 1, 0, 0, (), 0)


def notice(key: str, channel: str) -> NoticeLine:
    at = datetime(2026, 3, 10, 1, tzinfo=UTC)
    return NoticeLine("b-1", key, DAY, at, "", ("l-1",), channel, "act" if channel else "drop", "OVERDUE")


def write(out: Path, before: Played, after: Played) -> None:
    found = compare(before, after)
    write_played(before, DAY, DAY, out, files_of(found, sums_of(found)))


@pytest.mark.parametrize("name", ["attempts.csv", "changes.csv", "summary.json"])
def test_a_disk_that_is_full_leaves_no_file_and_the_repeat_writes_all(tmp_path: Path, name: str) -> None:
    (tmp_path / f".{name}.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"--out: .* cannot be written \(No space left on device\): .* another folder"):
        write(tmp_path, played(), played())
    assert list(tmp_path.iterdir()) == []
    write(tmp_path, played(), played())
    assert {path.name for path in tmp_path.iterdir()} == NAMES


def test_a_file_that_cannot_have_its_place_leaves_none_of_the_others_there(tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    with pytest.raises(InputError, match="cannot be written"):
        write_played(played(), DAY, DAY, tmp_path, {"late.csv": lambda _: late.mkdir()})
    assert list(tmp_path.iterdir()) == [late]


def test_no_file_that_stands_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text("mine")
    with pytest.raises(InputError, match=r"holds changes\.csv already"):
        write(tmp_path, played(), played())
    assert [path.name for path in tmp_path.iterdir()] == [CHANGES]


def under_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "out"


def too_long(folder: Path) -> Path:
    return folder / "new" / ("x" * 300)


def led_astray(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link"


@pytest.mark.parametrize("place", [under_a_file, too_long, led_astray])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_played(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[Path], Path],
) -> None:
    monkeypatch.setattr("shared.cli.replay.play", unplayed)  # how late a fault is found shows in nothing else
    folder, out = portfolio(tmp_path / "in"), place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert replay(folder, out) == 2
    said = capsys.readouterr().err
    assert f"--out: {out} cannot be written (" in said
    assert "name another folder" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_tried_without_a_trace(tmp_path: Path) -> None:
    stands = tmp_path / "stands"
    stands.mkdir()
    for out in (stands, tmp_path / "new" / "folder"):
        refuse_unfit(out, NAMES)
    assert list(tmp_path.rglob("*")) == [stands]


def test_what_reached_nobody_is_no_message_under_either_packs() -> None:
    same, lost, won = "OVERDUE_1#l-1", "OVERDUE_3#l-1", "OVERDUE_7#l-1"
    before = played(notice(same, ""), notice(lost, "sms"), notice(won, ""), notice("DUE#l-1", ""))
    after = played(notice(same, ""), notice(lost, ""), notice(won, "sms"))
    found, at = compare(before, after), "2026-03-10T01:00Z sms"
    assert found.changes == (Change("message", "b-1", lost, at, ""), Change("message", "b-1", won, "", at))
    assert sums_of(found)["messages"] == {"gone": 1, "new": 1, "otherwise": 0, "of": 1}
