"""One rule for each outcome, and somebody who sees it: the borrower, an operator's alarm, or a metric."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.book import Line, Outcome
from shared.domain.outcomes import RULES, Retry, Tell
from tests.unit.builders import DUE, at
from tests.unit.due_day import announced_town

ALARMS = (Path(__file__).parents[2] / "infra" / "alarms.yaml").read_text(encoding="utf-8")
ACCOUNTS = {
    Outcome.PAID: "paid-1",
    Outcome.PENDING: "pending-1",
    Outcome.UNKNOWN: "paid-1",
    Outcome.INSUFFICIENT: "insufficient-1",
    Outcome.LIMIT: "limit-1",
    Outcome.WINDOW: "closed-1",
    Outcome.MANDATE_DEAD: "mandate-dead-1",
    Outcome.ACCOUNT_DEAD: "account-dead-1",
    Outcome.RISK: "risk-1",
    Outcome.CONFIG: "nonsense-1",
}
TOLD = {Outcome.PAID: "settled"}
ALARMED = {
    Outcome.RISK: "settled.risk",
    Outcome.CONFIG: "settled.config",
    Outcome.UNKNOWN: "stuck",  # an unknown is first asked about; what no enquiry tells goes to a person
}


def test_every_outcome_has_a_rule() -> None:
    assert set(RULES) == set(Outcome)
    assert set(ACCOUNTS) == set(Outcome) - {Outcome.VOID}  # which nobody but the metric sees: it never went out
    assert {o for o in Outcome if not o.is_terminal} == {o for o in Outcome if RULES[o].retry is Retry.ENQUIRE}


@pytest.mark.parametrize("outcome", list(ACCOUNTS))
def test_each_outcome_is_seen_by_those_whom_its_rule_names(outcome: Outcome) -> None:
    town, gateway = announced_town(account=ACCOUNTS[outcome])
    gateway.loses_answer = outcome is Outcome.UNKNOWN
    before = len(town.notices())
    town.pass_now()
    assert town.total.counts[f"attempt.{outcome}"] == 1  # the metric of the same name
    town.clock.set(at(f"{DUE} 08:15"))
    for minutes in range(0, 14 * 60, 30):  # to the end of the due day
        town.clock.set(at(f"{DUE} 08:15") + timedelta(minutes=minutes))
        town.work(Line.CONTACT, ["b-1"])
    heard = [n.kind for n in town.notices()[before:]]
    assert (Tell.BORROWER in RULES[outcome].tells) is bool(heard), heard
    if heard:
        assert heard == [TOLD.get(outcome, "failed")]
    assert (Tell.OPERATOR in RULES[outcome].tells) is (outcome in ALARMED)
    if outcome in ALARMED:
        assert outcome is Outcome.UNKNOWN or town.total.counts[ALARMED[outcome]] == 1
        assert f"MetricName: {ALARMED[outcome]}\n" in ALARMS


@pytest.mark.parametrize(("outcome", "attempts"), [(o, int(RULES[o].counts)) for o in ACCOUNTS])
def test_only_answers_about_the_borrower_use_up_his_attempts(outcome: Outcome, attempts: int) -> None:
    town, gateway = announced_town(account=ACCOUNTS[outcome])
    gateway.loses_answer = outcome is Outcome.UNKNOWN
    town.pass_now()
    assert town.instalment().attempts == attempts
