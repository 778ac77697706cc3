"""The golden files: every text as it was approved, within its parts or with the reason beside it."""

import re

import pytest

from shared.domain.contact_rules import Channel
from tests.golden.texts import FILES, NOW, SHELF, every_text, golden, path_of


@pytest.mark.parametrize(("locale", "channel"), FILES)
def test_every_text_reads_as_it_was_approved(locale: str, channel: Channel) -> None:
    approved = path_of(locale, channel).read_text(encoding="utf-8")
    assert golden(locale, channel) == approved, "if it should: python -m tests.golden --regenerate, and read the diff"


@pytest.mark.parametrize(("locale", "channel"), FILES)
def test_each_is_within_its_parts_or_says_why_not(locale: str, channel: Channel) -> None:
    heads = re.findall(r"^== .*$", path_of(locale, channel).read_text(encoding="utf-8"), re.MULTILINE)
    told = list(every_text(locale, channel))
    assert len(heads) == len(told) == 8 * 18
    for head, one in zip(heads, told, strict=True):
        most = SHELF.policy(one.product, NOW).max_parts[one.notice.message_class]
        assert one.rendered.parts <= most or "contact.max_parts" in head


def test_no_file_is_left_of_a_locale_or_channel_that_is_gone() -> None:
    kept = {path.name for path in path_of("en", Channel.SMS).parent.glob("*.txt")}
    assert kept == {path_of(locale, channel).name for locale, channel in FILES}
