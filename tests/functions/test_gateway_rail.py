"""One setting says whose codes the gateway speaks, and all five functions that hear it read them so; two more say what
it promises of its keys."""

import ast
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from shared.adapters.gateway_answers import KEY_LIFE
from shared.adapters.http_gateway import HttpGateway
from shared.adapters.policy_files import codes_spoken, rail_codes, read_packs
from shared.domain.errors import SettingsError
from shared.domain.repayment import TakenBack
from shared.runtime.repayment_events import repayment
from tests.functions.invoking import event
from tests.functions.stack import Stack, bootstrap

ROOT = Path(__file__).parents[2]
BOOTSTRAPS = sorted((ROOT / "functions").glob("*/bootstrap.py"))
RAILS = {pack.id for pack in read_packs() if pack.type == "rail"}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ASKING = ["attempt_deductions", "pay_now", "operate", "reconcile"]


def queued(body: str) -> Any:
    made = event("record_repayments_webhook")
    made["Records"][0]["body"] = body
    return made


def gateway_in(worker: Any) -> HttpGateway:
    found = getattr(worker, "gateway", None) or worker.operations.gateway
    assert isinstance(found, HttpGateway)
    return found


@pytest.mark.parametrize("function", [*ASKING, "record_repayments"])
def test_the_setting_decides_whose_codes_are_read(empty_stack: Stack, function: str) -> None:
    """What R01 means the ACH network says; the stub has no such code."""
    assert "R01" in rail_codes("ach").keys() - rail_codes("stub").keys()
    for rail in ("ach", "stub"):
        empty_stack.known["GatewayRail"] = rail
        with empty_stack.restarted(function):
            app = empty_stack.app(function)
            codes = bootstrap(function).codes(NOON) if function == "record_repayments" else gateway_in(app)._codes
            assert codes == rail_codes(rail)


@pytest.mark.parametrize("function", ASKING)
def test_the_settings_decide_what_the_gateway_promises(empty_stack: Stack, function: str) -> None:
    for hours, final in (("24", "false"), ("72", "true")):
        empty_stack.known |= {"GatewayKeyHours": hours, "GatewayNotFoundIsFinal": final}
        with empty_stack.restarted(function):
            gateway = gateway_in(empty_stack.app(function))
        assert (gateway.key_life, gateway.not_found_is_final) == (timedelta(hours=int(hours)), final == "true")


@pytest.mark.parametrize("function", ASKING)
def test_the_stub_s_own_promise_needs_no_parameter(empty_stack: Stack, function: str) -> None:
    empty_stack.known |= {"GatewayKeyHours": "", "GatewayNotFoundIsFinal": "", "HasGatewayUrl": False}
    empty_stack.known["PaymentStubUrl.FunctionUrl"] = empty_stack.server.url
    with empty_stack.restarted(function):
        gateway = gateway_in(empty_stack.app(function))
    assert (gateway.key_life, gateway.not_found_is_final) == (KEY_LIFE, True)


@pytest.mark.parametrize("function", [*ASKING, "record_repayments"])
def test_a_rail_without_a_pack_stops_a_function_at_its_start(empty_stack: Stack, function: str) -> None:
    empty_stack.known["GatewayRail"] = "carrier-pigeon"
    with (
        empty_stack.restarted(function),
        pytest.raises(SettingsError, match="GATEWAY_RAIL names a rail without a pack"),
    ):
        empty_stack.app(function)


@pytest.mark.parametrize("rail", sorted(RAILS))
def test_a_webhook_may_say_every_code_of_its_rail(rail: str) -> None:
    codes = rail_codes(rail)
    news = {"v": 1, "kind": "reversal", "event_id": "e-1", "key": "BANK-1", "amount_minor": 1, "currency": "CNY"}
    read = {code: repayment(json.dumps(news | {"code": code}), codes) for code in codes}
    assert {code: found.outcome for code, found in read.items() if isinstance(found, TakenBack)} == codes


def test_a_webhook_is_booked_by_the_codes_of_the_rail_that_is_set(stack: Stack) -> None:
    """SETTLED is a word of the ACH network: under the stub's rail it would say nothing."""
    stack.at("2026-03-10 12:00")
    key = "HB-001:P000001"
    news = {"v": 1, "kind": "webhook", "event_id": "e-1", "key": key, "status": "paid", "code": "SETTLED"}
    news |= {"amount_minor": 51000, "currency": "CNY", "gateway_ref": None}
    for rail, kept in (("stub", False), ("ach", True)):
        stack.known["GatewayRail"] = rail
        with stack.restarted("record_repayments"):
            answer = stack.invoke("record_repayments", queued(json.dumps(news)))
        assert answer == {"batchItemFailures": []}
        assert (stack.book.entry("SUSPENSE", "gateway", key) is not None) is kept


@pytest.mark.parametrize("path", BOOTSTRAPS, ids=lambda path: path.parent.name)
def test_no_bootstrap_names_a_rail_or_a_gateway_of_its_own(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert texts & RAILS == set()
    assert names & {"HttpGateway", "StripeGateway", "rail_codes"} == set()


def test_whoever_only_reads_codes_carries_no_gateway() -> None:
    program = (
        "import sys\n"
        "from functions.record_repayments import bootstrap\n"
        "assert not {'shared.adapters.gateways', 'shared.adapters.http_gateway'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_every_rail_that_has_a_pack_may_be_named_and_no_other() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    named = template["Parameters"]["GatewayRail"]
    assert (set(named["AllowedValues"]), named["Default"]) == (RAILS, "stub")
    assert {rail: codes_spoken(rail, date(2026, 3, 10)) for rail in RAILS} == {rail: rail_codes(rail) for rail in RAILS}
