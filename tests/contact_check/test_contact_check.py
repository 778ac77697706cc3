"""A small run of `make contact-check`, and the proof that it can fail."""

import json

import pytest

from tests.contact_check.__main__ import main
from tests.contact_check.law import contact_leaves
from tests.contact_check.lives import Lived, live
from tests.contact_check.planted import PLANTED
from tests.contact_check.probes import ask_all
from tests.contact_check.report import Report
from tests.contact_check.runs import results

JURISDICTIONS = {"jurisdiction-cn", "jurisdiction-eu", "jurisdiction-in", "jurisdiction-uk", "jurisdiction-us"}


def lived(seed: int, decisions: int) -> Lived:
    found = Lived()
    for some, _ in results(seed, decisions):
        found.add(some)
    return found


def test_every_decision_of_a_small_run_keeps_to_the_packs() -> None:
    found = lived(seed=7, decisions=2_000)
    assert found.faults == []
    assert found.decisions.total() == 2_000
    assert {home for home, _, _ in found.decisions} == JURISDICTIONS
    assert {outcome for _, outcome, _ in found.decisions} == {"act", "defer", "drop"}
    assert {"CONTACT_CAP", "OUTSIDE_CONTACT_HOURS", "ON_HOLD", "NO_CONTACT_WINDOW"} <= {
        reason for _, _, reason in found.decisions
    }


def test_every_question_beside_decisions_is_answered_as_the_packs_say() -> None:
    assert ask_all(seed=7, hours=20).faults == []


def test_the_same_seed_lives_the_same_lives() -> None:
    assert lived(3, 200) == lived(3, 200)
    assert lived(3, 200).decisions != lived(4, 200).decisions


@pytest.mark.parametrize("fault", sorted(PLANTED))
def test_a_planted_fault_is_caught(fault: str) -> None:
    found = ask_all(1, 10, fault).faults or next((f for n in range(60) if (f := live(1, n, fault=fault).faults)), [])
    assert found


@pytest.mark.parametrize(
    "fault", ["window-closes-late", "cap-one-more", "zone-forgotten", "waits-too-short", "waits-too-long"]
)
def test_the_decisions_alone_show_it(fault: str) -> None:
    assert any(live(1, number, fault=fault).faults for number in range(40))


def test_a_leaf_that_never_made_a_difference_fails_the_run() -> None:
    nothing = Report(1, Lived(), Lived())
    assert nothing.failed
    assert nothing.unhit == contact_leaves()
    everything = Lived()
    everything.hits.update(contact_leaves())
    assert not Report(1, everything, Lived()).failed
    missing = everything.hits.pop(("jurisdiction-cn", "contact.caps.sms-week"))
    assert missing == 1
    assert Report(1, everything, Lived()).failed


def test_a_leaf_of_each_tree_has_to_be_hit() -> None:
    trees = {path.partition(".")[0] for _, path in contact_leaves()}
    assert trees == {"contact", "text", "keywords", "holds", "debit"}
    assert {pack for pack, _ in contact_leaves()} == JURISDICTIONS


def test_a_broken_rule_is_a_failed_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--decisions", "400", "--jobs", "1", "--fault", "cap-one-more", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["decisions"] == 400
    assert told["fault_count"] >= len(told["faults"]) > 0


def test_one_life_can_be_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--life", "0"]) == 0
    assert "jurisdiction-" in capsys.readouterr().out
