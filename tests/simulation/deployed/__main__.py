"""`make faults-deployed`: the deployed stack under a seed's faults, on a local AWS of its own."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from demo.run import DemoError
from demo.stack import StackError
from infra.local import LocalAwsError, free_port
from shared.domain.money import Money
from tests.simulation.deployed.faults import CALLS
from tests.simulation.deployed.life import PEACE_DAYS, Outcome, live


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done; 1 a violation, a fault that never happened, or the stack failed; 130 interrupted."""
    asked = _asked(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a killed run stops its local AWS too
    try:
        outcome = live(asked.seed, asked.days, asked.loans, asked.port or free_port(), _say, asked.only or tuple(CALLS))
    except (DemoError, StackError, LocalAwsError) as error:
        print(f"faults-deployed: {error}\nagain: {_again(asked)}", file=sys.stderr)
        return 1
    except (BotoCoreError, HTTPError) as error:
        print(f"faults-deployed: the local AWS does not answer any more ({type(error).__name__})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(*lines(outcome), sep="\n")
    print(f"seed {asked.seed}: {asked.days} days with faults and {PEACE_DAYS} in peace\nagain: {_again(asked)}")
    return 1 if outcome.verdict.breaches or outcome.never() else 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.deployed", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=_positive, default=21, help=f"days with faults; {PEACE_DAYS} in peace follow")
    parser.add_argument("--loans", type=_positive, default=20)
    parser.add_argument("--only", action="append", choices=CALLS, help="faults at this call only; may be repeated")
    parser.add_argument("--port", type=int, help="of the local AWS; a free one where none is named")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one")
    return number


def _say(line: str) -> None:
    print(line, flush=True)


def lines(outcome: Outcome) -> Iterator[str]:
    """The whole result, for a terminal."""
    yield ""
    for call, faults in CALLS.items():
        happened = ", ".join(f"{fault} {outcome.hits[call, fault]}" for fault in faults)
        yield f"  {call:18} {outcome.calls[call]:6}   {happened}"
    yield f"  killed {outcome.kills}: {_counted(outcome.died)}"
    yield "  of these " + ", ".join(f"{count} {moment}" for moment, count in outcome.moments().items())
    yield f"  cut {outcome.cuts}; " + _counted(outcome.did)
    verdict = outcome.verdict
    charged = Money(verdict.charged_minor, "CNY").decimal()
    yield f"  charges in the stub's books {verdict.charges}, {charged} CNY"
    yield f"  messages in the sink {verdict.messages}; {verdict.unknown} of which nobody knows whether they left"
    for breach in verdict.breaches:
        yield f"violation: {breach.check}: {breach.subject}: {breach.problem}"
    for missing in outcome.never():
        yield f"never happened: {missing}"
    yield (
        f"{outcome.loans} loans, {len(verdict.checks)} checks of duebell check and those beside it,"
        f" {len(verdict.breaches)} violations, {outcome.seconds:.0f} s"
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _again(asked: argparse.Namespace) -> str:
    line = f"make faults-deployed SEED={asked.seed} DAYS={asked.days} LOANS={asked.loans}"
    only = " ".join(f"--only '{call}'" for call in asked.only or ())
    return f'{line} ARGS="{only}"' if only else line


if __name__ == "__main__":
    sys.exit(main())
