"""The one place for logs and metrics: one line and its counts for each unit of work, ids only, nothing personal."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from traceback import walk_tb
from typing import Any, Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.domain.errors import DuebellError, InputError

_SDK_LOGGERS = ("boto3", "botocore", "urllib3", "aws_lambda_powertools")
"""What they say at DEBUG holds whole requests, phone numbers too: they stay quiet whatever LOG_LEVEL says."""

_FRAMES_SHOWN = 6


class UnexpectedError(Exception):
    """What leaves a function in place of an error that is not ours: type and place, since its text may be personal."""


class Summary(Protocol):
    """What a pass did, by name."""

    @property
    def counts(self) -> Mapping[str, int]: ...

    @property
    def failures(self) -> Mapping[str, int]:
        """By the type of the exception."""


class Pass(Summary, Protocol):
    """What a pass over rows did, while it goes."""

    @property
    def broken(self) -> Mapping[str, Exception]:
        """What failed unexpectedly, by an id."""


@cache
def _logger() -> Logger:
    for name in _SDK_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(location=None)  # every line is written here


@cache
def _metrics() -> Metrics:
    return Metrics()


def entry[E, R](handle: Callable[[E, LambdaContext], R]) -> Callable[[E, LambdaContext], R]:
    """A function's entry: its log lines carry the request's id, its metrics are written whatever happens.

    An error leaves the function, so that the retry, the dead-letter queue and the alarm see it.
    """

    @wraps(handle)
    def entered(event: E, context: LambdaContext) -> R:
        _logger().append_keys(request_id=context.aws_request_id)
        try:
            return handle(event, context)
        except InputError as error:
            _count({"refused": 1})
            _logger().error("refused", error=type(error).__name__, detail=str(error))
            raise
        except DuebellError:
            raise
        except Exception as error:  # noqa: BLE001 - it leaves the function all the same, without its text
            raise UnexpectedError(f"{type(error).__name__} at {place_of(error)}") from None
        finally:
            _flush()

    return entered


def report(summary: Summary, **ids: str) -> None:
    """One metric for each count and one log line for all of them."""
    _count({"passes": 1} | dict(summary.counts) | {f"failures.{name}": n for name, n in summary.failures.items()})
    _logger().info("pass", **told(summary, **ids))


def told(summary: Summary, **ids: str) -> dict[str, Any]:
    """What a pass did, as a document."""
    said: dict[str, Any] = {**ids, "counts": dict(sorted(summary.counts.items()))}
    if summary.failures:
        said["failures"] = dict(sorted(summary.failures.items()))
    return said


@contextmanager
def reporting[P: Pass](done: P, **ids: str) -> Iterator[P]:
    """Reports a pass however it ends, and each row that failed: what was counted before an error is counted once, and a
    repeat of the pass would not count it again."""
    try:
        yield done
    finally:
        for key, error in done.broken.items():
            _tell(error, key=key, **ids)
        report(done, **ids)


def report_failure(error: Exception, **ids: str) -> None:
    """A unit of work that failed as a whole."""
    _count({"records.failed": 1})
    _tell(error, **ids)


def _tell(error: Exception, **ids: str) -> None:
    """An error's type and place, and the text only of an error of ours."""
    said: dict[str, Any] = {**ids, "error": type(error).__name__, "place": place_of(error)}
    if isinstance(error, DuebellError):
        said["detail"] = str(error)
    _logger().error("failed", **said)


def place_of(error: BaseException) -> str:
    """Where it was raised, innermost last: `shared.workflows.settling:57 > shared.domain.calendar:14`."""
    frames = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in walk_tb(error.__traceback__)]
    return " > ".join(frames[-_FRAMES_SHOWN:]) or "nowhere"


def _count(counts: Mapping[str, int]) -> None:
    for name, value in counts.items():
        _metrics().add_metric(name, "Count", value)


def _flush() -> None:
    if _metrics().provider.metric_set:
        _metrics().flush_metrics()
