"""What `make demo` may be told, and the one line for what it may not."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from demo.__main__ import main
from demo.options import allowed, parse_skip, read_options
from demo.portfolio import FIRST_DAY, generate
from shared.domain.errors import InputError
from tests.portfolios import GOOD, with_cell

UNSET = {"PORTFOLIO": "", "FROM": "", "SKIP": "", "KEEP": "", "PORT": ""}


def book(folder: Path, texts: Mapping[str, str] = GOOD) -> str:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder)


def test_nothing_said_is_the_demos_own_book_for_120_days() -> None:
    options = read_options(UNSET)

    assert (options.plan.first_day, options.plan.days, options.plan.skipped) == (FIRST_DAY, 120, frozenset())
    assert (options.portfolio, options.keep, options.port) == (None, False, None)
    assert read_options({}) == options


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("", set()),
        ("3", {3}),
        ("40-44", {40, 41, 42, 43, 44}),
        ("1,5-6, 120", {1, 5, 6, 120}),
    ],
)
def test_days_to_skip(text: str, days: set[int]) -> None:
    assert parse_skip(text, 120) == days


@pytest.mark.parametrize("text", ["x", "0", "44-40", "1-121", "5-", "-5", "1-2-3", "1-120", "４0"])
def test_days_to_skip_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="SKIP"):
        parse_skip(text, 120)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SKIP", "tomorrow"),
        ("FROM", "02.03.2026"),
        ("FROM", "2026-02-30"),
        ("FROM", "2030-01-01"),  # no policy pack is valid then
        ("PORTFOLIO", "nowhere/at/all"),
        ("PORT", "http"),
        ("PORT", "80"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for unset in UNSET:
        monkeypatch.delenv(unset, raising=False)
    monkeypatch.setenv(name, value)

    assert main([]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"demo: {name}: ")
    assert said.err.count("\n") == 1


def test_another_book_begins_with_its_last_payment(tmp_path: Path) -> None:
    options = read_options({"PORTFOLIO": book(tmp_path), "SKIP": "2"})

    assert options.plan.first_day == date(2026, 2, 9)
    assert options.why_first == "the day of the last payment in the book"
    assert options.phones == "+447700900001"


def test_a_book_without_payments_begins_a_week_before_its_first_due_date(tmp_path: Path) -> None:
    texts = {name: text for name, text in GOOD.items() if name != "payments.csv"}

    options = read_options({"PORTFOLIO": book(tmp_path, texts)})

    assert options.plan.first_day == date(2025, 11, 28)
    assert "2025-12-05" in options.why_first


def test_a_day_that_is_named_comes_before_all_that(tmp_path: Path) -> None:
    assert read_options({"PORTFOLIO": book(tmp_path), "FROM": "2026-04-01"}).plan.first_day == date(2026, 4, 1)


def test_a_book_that_the_import_would_refuse_is_refused_before_anything_starts(tmp_path: Path) -> None:
    folder = book(tmp_path, with_cell(GOOD, "loans.csv", 3, "currency", "Taler"))

    with pytest.raises(InputError, match=r"PORTFOLIO: loans\.csv:3 currency "):
        read_options({"PORTFOLIO": folder, "FROM": "2026-04-01"})


def test_a_folder_without_a_book(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PORTFOLIO"):
        read_options({"PORTFOLIO": str(tmp_path)})


def test_the_demos_own_book_can_be_handed_in_as_another(tmp_path: Path) -> None:
    options = read_options({"PORTFOLIO": str(generate().write(tmp_path)), "FROM": str(FIRST_DAY)})

    assert options.plan.first_day == FIRST_DAY
    assert options.phones.count("+447700900") == 42


def test_many_phones_are_allowed_by_what_they_begin_with() -> None:
    phones = frozenset(f"+447700{n:06d}" for n in range(1000))

    text = allowed(phones)

    assert len(text) <= 3500
    assert all(any(phone.startswith(entry.rstrip("*")) for entry in text.split(",")) for phone in phones)


def test_a_local_aws_that_dies_meanwhile_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    monkeypatch.setattr("demo.__main__.run", dies)
    assert main([]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
