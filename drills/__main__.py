"""`python -m drills NAME`: see docs/drills.md."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from demo.run import DemoError
from demo.stack import StackError
from drills import bank_file_twice, gateway_down, sms_down, table_throttled, wrong_pack
from drills.lab import Tell
from drills.seen import Seen, show_seen
from drills.seen import document as seen_document
from drills.stress import DAYS, MOST_TIMES, TIMES, document, show_result, stress
from infra.local import LocalAwsError
from shared.cli.output import say_json
from shared.domain.errors import DuebellError

STRESS = "stress"
_BEGAN = time.monotonic()
_ALL = (gateway_down, sms_down, table_throttled, wrong_pack, bank_file_twice)
DRILLS: Mapping[str, Callable[[int | None, Tell], Seen]] = {drill.NAME: drill.play for drill in _ALL}


def main(arguments: list[str] | None = None) -> int:
    """0 all held; 1 something did not, or the local AWS failed; 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m drills", description=__doc__)
    parser.add_argument("name", choices=[STRESS, *DRILLS])
    parser.add_argument("--port", type=int, help="of the local AWS; without it, a free one")
    parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    parser.add_argument("--times", type=int, default=TIMES, choices=range(1, MOST_TIMES + 1), metavar="N")
    parser.add_argument("--days", type=int, default=DAYS)
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a killed drill stops its local AWS too
    try:
        return _stress(asked) if asked.name == STRESS else _drill(asked)
    except (DemoError, StackError, LocalAwsError, DuebellError) as error:
        return _failed(error, 1)
    except (BotoCoreError, HTTPError) as error:
        return _failed(f"the local AWS does not answer any more ({type(error).__name__})", 1)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)


def _stress(asked: argparse.Namespace) -> int:
    result = stress(asked.times, asked.days, asked.port, _tell)
    if asked.json:
        say_json(document(result))
    else:
        show_result(result)
    return 1 if result.faults else 0


def _drill(asked: argparse.Namespace) -> int:
    seen = DRILLS[asked.name](asked.port, _tell)
    if asked.json:
        say_json(seen_document(seen))
    else:
        show_seen(seen)
    return 0 if seen.holds else 1


def _tell(text: str) -> None:
    print(f"drills: {time.monotonic() - _BEGAN:>4.0f} s  {text}", file=sys.stderr, flush=True)


def _failed(why: object, code: int) -> int:
    print(f"drills: {' '.join(str(why).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
