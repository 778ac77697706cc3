"""`python -m demo`: see `make help`. PORTFOLIO, FROM, SKIP, KEEP and PORT come from the environment."""

import argparse
import os
import signal
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from demo.options import DAYS, read_options
from demo.run import DemoError, run
from demo.stack import StackError
from infra.local import LocalAwsError
from shared.domain.errors import DuebellError, InputError


def main(arguments: list[str] | None = None) -> int:
    """0 done; 1 the demo failed; 2 it was told something wrong; 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="Lives through some days of a loan book.")
    parser.add_argument("--days", type=int, default=DAYS, help=f"calendar days to live through ({DAYS})")
    parser.add_argument("--out", type=Path, default=Path("build"), help="where demo.json and report.html go (build)")
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a killed demo stops its local AWS too
    try:
        run(read_options(os.environ, asked.days), asked.out)
    except InputError as error:
        return _failed(error, 2)
    except (DemoError, StackError, LocalAwsError, DuebellError) as error:
        return _failed(error, 1)
    except (BotoCoreError, HTTPError) as error:
        return _failed(f"the local AWS does not answer any more ({type(error).__name__})", 1)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    return 0


def _failed(why: object, code: int) -> int:
    print(f"demo: {' '.join(str(why).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
