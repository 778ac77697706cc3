"""A text with a fault is not sent, and nothing is claimed: the step waits an hour, and an alarm calls a person."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Line, NoticeState
from shared.domain.policy import Policy
from shared.domain.text_templates import Template
from tests.unit.builders import an_instalment, at
from tests.unit.town import Town


class Rewritten(PolicyFiles):
    """The packs that ship, with another text for the due day."""

    text: str | None = None

    def policy(self, product: str, now: datetime) -> Policy:
        policy = super().policy(product, now)
        if self.text is None:
            return policy
        named = {**policy.wording["zh-CN"], "sms.due": Template(self.text)}
        return replace(policy, wording={**policy.wording, "zh-CN": named})


def due_with(text: str) -> tuple[Town, Rewritten]:
    town = Town(an_instalment(due_on=date(2026, 3, 10)), account=None)
    shelf = Rewritten()
    shelf.text = text
    town.shelf = shelf
    town.clock.set(at("2026-03-10 12:00"))
    return town, shelf


@pytest.mark.parametrize(
    "text",
    ["{{ name }}，最后警告。", "请登录 pay.evil.example 还款。", "请汇入账号6222020200001。", "长" * 1_000],
)
def test_a_text_with_a_fault_is_not_sent_and_not_claimed(text: str) -> None:
    town, _ = due_with(text)
    town.work(Line.CONTACT, ["b-1"])
    assert (town.inbox.sent, town.notices()) == ([], [])
    assert town.total.counts["defer.TEXT_REFUSED"] == 1
    file = town.store.borrower_file("b-1")
    assert file is not None
    assert (file.card.step, file.card.contacts) == (at("2026-03-10 13:00"), ())


def test_once_the_wording_is_mended_it_goes_out() -> None:
    town, shelf = due_with("最后警告")
    town.pass_now()
    shelf.text = None
    town.clock.advance(timedelta(hours=1))
    town.pass_now()
    assert [n.state for n in town.notices()] == [NoticeState.SENT]
    assert "请于当日完成还款" in town.inbox.sent[0].text
