"""The template gives each function the variables that it reads, no more and no less; one that is missing is named."""

import pytest

from shared.domain.errors import SettingsError
from tests.functions.stack import FUNCTIONS, PLAN, Stack, bootstrap

RUNTIME = {
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "LOG_LEVEL"),
}
"""What Lambda gives to every function, and what the logger and the metrics read."""


def problem_of(function: str) -> str | None:
    """Why the function does not start in the environment as it is."""
    try:
        bootstrap(function).app()
    except SettingsError as error:
        return str(error)
    return None


@pytest.mark.parametrize("function", [*FUNCTIONS, "payment_stub"])
def test_a_function_needs_exactly_what_the_template_gives_it(
    empty_stack: Stack, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = empty_stack.environment(function).keys() - RUNTIME
    named = {}
    for name in given:
        with monkeypatch.context() as patched, empty_stack.restarted(function):
            empty_stack.app(function)
            bootstrap(function).app.cache_clear()
            patched.delenv(name)
            named[name] = problem_of(function)
    assert named == {name: f"the environment variable {name} is missing" for name in given}


def test_a_function_that_cannot_start_says_why(empty_stack: Stack) -> None:
    empty_stack.known["Shards"] = ""
    with (
        empty_stack.restarted("plan_work"),
        pytest.raises(SettingsError, match="the environment variable SHARDS is empty"),
    ):
        empty_stack.invoke("plan_work", PLAN)
