"""One stack for the session, emptied before each test; and nothing personal may leave any test of a handler."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.functions.sample import personal_words
from tests.functions.stack import Stack
from tests.functions.stub_server import StubServer


@pytest.fixture(scope="session")
def stack_of_session() -> Iterator[Stack]:
    server = StubServer()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        with mock_aws():
            yield Stack(server, monkeypatch)
    server.close()


@pytest.fixture
def empty_stack(
    stack_of_session: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Stack]:
    """The stack with an empty book, on 1 March 2026."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        stack_of_session.monkeypatch = monkeypatch
        stack_of_session.reset()
        yield stack_of_session
    said = capsys.readouterr()
    assert personal_words([said.out, said.err, caplog.text, *stack_of_session.bodies, *stack_of_session.errors]) == []


@pytest.fixture
def stack(empty_stack: Stack) -> Stack:
    """The stack with the book of `tests.functions.stack.BOOK`, on 1 March 2026."""
    empty_stack.take_on()
    return empty_stack
