"""The `duebell` command. A new command is one line under `app` below."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from shared.cli import (
    attempt,
    audit,
    behaviour,
    check,
    consent,
    doctor,
    explain,
    forecast,
    hold,
    invoke,
    loan,
    mandate,
    policy,
    policy_diff,
    portfolio,
    replay,
    simulate,
    status,
    suspense,
    switch,
    template,
)
from shared.cli.output import complain, say
from shared.domain.errors import DuebellError

app = typer.Typer(
    name="duebell",
    help="Duebell, the repayment line of a consumer lender.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
invoke_app = typer.Typer(help="Run a deployed function by hand.")
loan_app = typer.Typer(help="Look at one loan.")
mandate_app = typer.Typer(help="Turn a loan's automatic deduction on or off, or name its accounts anew.")

attempt_app = typer.Typer(help="See open payment attempts; settle, repeat, give back or reopen.")
policy_app = typer.Typer(help="The rules: whether they are whole, what they come to, what changed.")
suspense_app = typer.Typer(help="Money that nobody could match.")
switch_app = typer.Typer(help="Stop debiting, messages, a rail, a channel, a provider or a product; let it go on.")
template_app = typer.Typer(help="The texts of messages, as a borrower would read them.")
consent_app = typer.Typer(help="What a borrower wants no messages of: an opt-out by a person's word; and lift it.")
behaviour_app = typer.Typer(help="What borrowers did after messages, and what learning from it is worth.")
hold_app = typer.Typer(help="Hold a loan: a complaint, a dispute, hardship; and end it.")

app.command("import")(portfolio.import_command)
app.command("export")(portfolio.export_command)
app.command("check")(check.check)
app.command("replay")(replay.replay_command)
app.command("simulate")(simulate.simulate_command)
app.command("forecast")(forecast.forecast_command)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("explain")(explain.explain_command)
app.add_typer(loan_app, name="loan")
loan_app.command("show")(loan.show_command)
app.add_typer(mandate_app, name="mandate")
mandate_app.command("enable")(mandate.enable_command)
mandate_app.command("cancel")(mandate.cancel_command)
mandate_app.command("suspend")(mandate.suspend_command)
mandate_app.command("resume")(mandate.resume_command)
mandate_app.command("fund")(mandate.fund_command)
mandate_app.command("show")(mandate.show_command)
app.add_typer(attempt_app, name="attempt")
attempt_app.command("list")(attempt.list_command)
attempt_app.command("recheck")(attempt.recheck_command)
attempt_app.command("rerecord")(attempt.rerecord_command)
attempt_app.command("recharge")(attempt.recharge_command)
attempt_app.command("refund")(attempt.refund_command)
attempt_app.command("reopen")(attempt.reopen_command)
app.command("approve")(attempt.approve_command)
app.command("audit")(audit.audit_command)
app.add_typer(policy_app, name="policy")
policy_app.command("check")(policy.check_command)
policy_app.command("show")(policy.show_command)
policy_app.command("diff")(policy_diff.diff_command)
policy_app.command("schema")(policy.schema_command)
app.add_typer(suspense_app, name="suspense")
suspense_app.command("list")(suspense.list_command)
suspense_app.command("resolve")(suspense.resolve_command)
app.add_typer(switch_app, name="switch")
switch_app.command("list")(switch.list_command)
switch_app.command("off")(switch.off_command)
switch_app.command("on")(switch.on_command)
app.add_typer(hold_app, name="hold")
hold_app.command("add")(hold.add_command)
hold_app.command("end")(hold.end_command)
hold_app.command("list")(hold.list_command)
app.add_typer(consent_app, name="consent")
consent_app.command("bar")(consent.bar_command)
consent_app.command("lift")(consent.lift_command)
consent_app.command("list")(consent.list_command)
app.add_typer(behaviour_app, name="behaviour")
behaviour_app.command("report")(behaviour.report_command)
behaviour_app.command("learn")(behaviour.learn_command)
app.add_typer(template_app, name="template")
template_app.command("preview")(template.preview_command)
app.add_typer(invoke_app, name="invoke")
invoke_app.command("plan_work")(invoke.plan_work)
invoke_app.command("pay_now")(invoke.pay_now)


def _version(asked: bool) -> None:
    if asked:
        say(f"duebell {version('duebell')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    _help(context)


@invoke_app.callback(invoke_without_command=True)
@loan_app.callback(invoke_without_command=True)
@mandate_app.callback(invoke_without_command=True)
@attempt_app.callback(invoke_without_command=True)
@policy_app.callback(invoke_without_command=True)
@suspense_app.callback(invoke_without_command=True)
@switch_app.callback(invoke_without_command=True)
@template_app.callback(invoke_without_command=True)
@hold_app.callback(invoke_without_command=True)
@consent_app.callback(invoke_without_command=True)
@behaviour_app.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        say(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code. Whatever goes wrong is one line on standard error.

    0 done; 1 `check` found a breach, or an order was not done whole; 2 wrong input, or the stack could not be used;
    130 interrupted.
    """
    try:
        code = typer.main.get_command(app).main(
            None if arguments is None else list(arguments), prog_name="duebell", standalone_mode=False
        )
    except KeyboardInterrupt:
        complain("duebell: interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away: nothing more to say
        return 0
    except Exception as error:  # the outermost edge: a person gets a line, never a traceback
        if os.environ.get("DUEBELL_DEBUG"):
            raise
        complain(f"duebell: {' '.join(_explained(error).split())}")
        return 2
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> str:
    match error:
        case DuebellError():
            return str(error)
        case typer.TyperException() as wrong if hasattr(wrong, "format_message"):
            return f"{wrong.format_message()} (see duebell --help)"
        case typer.Abort():
            return "interrupted"
        case NoRegionError():
            return "no AWS region: set AWS_DEFAULT_REGION, or choose a profile with AWS_PROFILE"
        case NoCredentialsError():
            return "no AWS credentials: choose a profile with AWS_PROFILE, or sign in"
        case EndpointConnectionError():
            return f"nothing answers at {error.kwargs.get('endpoint_url')}: is AWS_ENDPOINT_URL right, and does it run?"
        case ClientError():
            said = error.response.get("Error", {})
            return f"AWS refused {error.operation_name}: {said.get('Code')}: {said.get('Message')}"
        case BotoCoreError():
            return f"AWS could not be used: {error}"
        case _:
            return f"unexpected {type(error).__name__} in {_place(error)}; DUEBELL_DEBUG=1 shows the traceback"


def _place(error: Exception) -> str:
    """Where it was raised: the text of an error that nobody foresaw may hold what is personal."""
    trace, place = error.__traceback__, "no place"
    while trace:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


if __name__ == "__main__":
    sys.exit(run())
