"""One stack for a module, emptied before each test; and nothing personal may leave any test of a handler."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.functions.sample import personal_words
from tests.functions.stack import Stack
from tests.functions.stub_server import StubServer


@pytest.fixture(scope="session")
def stub_server() -> Iterator[StubServer]:
    """One address for the session, since a warm function keeps what it was told when it started."""
    server = StubServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def stack_of_module(stub_server: StubServer) -> Iterator[Stack]:
    """One emulated AWS for a module and no longer: within it, another one would not start empty."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        with mock_aws():
            yield Stack(stub_server, monkeypatch)


@pytest.fixture
def empty_stack(
    stack_of_module: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Stack]:
    """The stack with an empty book, on 1 March 2026."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        stack_of_module.monkeypatch = monkeypatch
        stack_of_module.reset()
        yield stack_of_module
    said = capsys.readouterr()
    assert personal_words([said.out, said.err, caplog.text, *stack_of_module.bodies, *stack_of_module.errors]) == []


@pytest.fixture
def stack(empty_stack: Stack) -> Stack:
    """The stack with the book of `tests.functions.sample.BOOK`, on 1 March 2026."""
    empty_stack.take_on()
    return empty_stack
