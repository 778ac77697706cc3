"""The page and the JSON: whole, self-contained, the same every time."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from demo.driver import Plan
from demo.history import Check
from demo.records import Records
from demo.report import build
from demo.run import DemoError, verify
from demo.summary import document, to_json
from tests.demo.small import FIRST, HISTORY, RECORDS, TEXTS

PAGE = build(HISTORY)
EMPTY = Records((), (), (), (), (), (), (), ())


class Elements(HTMLParser):
    """What a page consists of: start tags with attributes, and whether each is closed."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself() -> None:
    elements = Elements(PAGE)

    assert elements.open == []
    for tag, attributes in elements.found:
        assert not {"src", "srcset", "action", "poster"} & set(attributes), tag
        assert attributes.get("href") in (None, "data:,"), tag
    assert "http" not in PAGE
    assert "url(" not in PAGE
    assert "@import" not in PAGE


def test_ids_are_unique_and_what_is_referred_to_is_there() -> None:
    elements = Elements(PAGE).found
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    labelled = [name for _, attributes in elements for name in (attributes.get("aria-labelledby") or "").split()]

    assert len(ids) == len(set(ids))
    assert set(labelled) <= set(ids)


def test_names_and_texts_are_shown_as_they_are_and_never_as_markup() -> None:
    assert "王&lt;芳&gt;" in PAGE
    assert "王<芳>" not in PAGE
    assert TEXTS["M-RECEIVED#L-1#001#0"] in PAGE


def test_no_phone_number_is_shown_whole() -> None:
    assert "7700900001" not in PAGE
    assert "··· 001" in PAGE


def test_the_page_has_every_part() -> None:
    for part in ("ageing", "roll", "tiers", "attempts", "messages", "story", "checks"):
        assert f'id="{part}"' in PAGE
    assert "No breach" in PAGE
    assert "limit freeze" in PAGE
    assert "nothing ran" in PAGE  # the skipped day, for whoever points at it


def test_the_same_history_gives_the_same_page() -> None:
    assert build(HISTORY) == PAGE


def test_a_breach_is_shown_where_nobody_can_miss_it() -> None:
    check = Check("gateway-agrees", "Each charge stands on the ledger.", 3, "charges", ("L-1:P000002: not there",))
    page = build(replace(HISTORY, outside=replace(HISTORY.outside, checks=(check,))))

    assert "<b>1 breach</b>" in page
    assert "1 of 1 invariants are broken" in page
    assert "L-1:P000002: not there" in page


def test_a_book_in_which_nothing_happened_makes_a_page_too() -> None:
    nothing = replace(HISTORY, records=EMPTY, plan=Plan(FIRST, 1))

    assert Elements(build(nothing)).open == []
    assert document(nothing)["messages"]["by_tier"] == {}


def test_a_book_in_another_currency_is_told_in_it() -> None:
    euros = replace(RECORDS, loans=(RECORDS.loans[2],), instalments=(RECORDS.instalments[3],), entries=())
    page = build(replace(HISTORY, records=replace(euros, attempts=(), notices=(), escalations=())))

    assert "€999" in page
    assert "¥" not in page


def test_the_json_knows_no_clock_and_is_sorted() -> None:
    text = to_json(HISTORY)
    found = json.loads(text)

    assert text == json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert not re.search(r"\d\d:\d\d", text)
    assert found["money"] == {
        "CNY": {
            "booked": {"gateway": 10_100, "transfer": 31_000},
            "credited": 1_000,
            "suspense": 0,
            "outstanding": 10_050,
        },
        "EUR": {"booked": {}, "credited": 0, "suspense": 0, "outstanding": 99_900},
    }
    assert found["messages"]["by_tier"] == {
        "OVERDUE_30": {"sent": 1, "undeliverable": 1},
        "PRE_DEBIT": {"sent": 1},
        "RECEIVED": {"sent": 1},
    }
    assert found["stages"] == {"entered": {"M1": 1, "M2": 1}, "left": {"M1": 1, "M2": 1}}
    assert found["run"]["skipped"] == [4]
    assert [day["skipped"] for day in found["days"]].index(True) == 3


def test_a_good_run_passes() -> None:
    verify(HISTORY)


def test_a_run_fails_where_a_function_was_never_invoked() -> None:
    idle = replace(HISTORY.outside, invocations={"plan_work": 3, "reconcile": 0, "operate": 0})

    with pytest.raises(DemoError, match=r"never invoked: reconcile$"):
        verify(replace(HISTORY, outside=idle))


@pytest.mark.parametrize("texts", [{}, TEXTS | {"M-another": "twice"}])
def test_a_run_fails_where_inbox_and_notices_differ(texts: dict[str, str]) -> None:
    with pytest.raises(DemoError, match="SMS inbox"):
        verify(replace(HISTORY, outside=replace(HISTORY.outside, texts=texts)))


def test_a_run_fails_on_a_breach() -> None:
    check = Check("balances-hold", "Balances hold.", 1, "instalments", ("L-1#001: 5 too much",))

    with pytest.raises(DemoError, match="balances-hold: L-1#001: 5 too much"):
        verify(replace(HISTORY, outside=replace(HISTORY.outside, checks=(check,))))
