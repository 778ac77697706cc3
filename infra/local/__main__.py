"""`python -m infra.local start | deploy | status | stop`: the local AWS from the command line."""

import argparse
import signal
import sys
import time
from pathlib import Path

from infra.local.aws import LocalAws
from infra.local.emulator import HOME, LocalAwsError, found


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a started emulator is stopped on this way out too
    try:
        match options.command:
            case "start":
                start(LocalAws(options.port), parameters(options))
            case "deploy":
                deploy(LocalAws(options.port), parameters(options))
            case "stop":
                stop(options.port)
            case _:
                return status(options.port)
    except LocalAwsError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("local: interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "start": "start the emulator and deploy the stack to it",
        "deploy": "deploy the stack again, to the emulator that runs",
        "status": "say what runs",
        "stop": "stop what `start` started",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text)
        default = 4566 if name in {"start", "deploy"} else None
        command.add_argument(
            "--port", type=int, default=default, help="4566, or with status and stop: every port that was used"
        )
        if name in {"start", "deploy"}:
            command.add_argument(
                "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a parameter of template.yaml"
            )
    return parser


def parameters(options: argparse.Namespace) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in options.parameter]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise LocalAwsError(f"--parameter takes NAME=VALUE, not {wrong[0]!r}")
    return {name: value for name, _, value in pairs}


def start(aws: LocalAws, chosen: dict[str, str]) -> None:
    aws.start()
    try:
        deploy(aws, chosen)
    except BaseException:
        aws.stop()
        raise


def deploy(aws: LocalAws, chosen: dict[str, str]) -> None:
    if not aws.is_running():
        raise LocalAwsError(f"nothing runs on port {aws.port}: run `make local` first")
    print(f"local: {aws.url} is up; deploying, which takes some ten seconds", flush=True)
    began = time.monotonic()
    outputs = aws.deploy(chosen)
    print(
        f"local: deployed in {time.monotonic() - began:.0f} s, {len(outputs)} outputs. For an AWS client in this shell:"
    )
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        print(f"  export {name}={aws.environment[name]}")


def homes(port: int | None) -> list[Path]:
    return [HOME / str(port)] if port else sorted(path.parent for path in HOME.glob("*/emulator.json"))


def status(port: int | None) -> int:
    running = [one for home in homes(port) if (one := found(home))]
    for one in running:
        print(f"local: http://127.0.0.1:{one.port} is up, process {one.pid}")
    if not running:
        print("local: nothing runs")
    return 0 if running else 1


def stop(port: int | None) -> None:
    stopped = [home.name for home in homes(port) if LocalAws(int(home.name)).stop()]
    for name in stopped:
        print(f"local: stopped the one on port {name}")
    if not stopped:
        print("local: nothing runs that was started here")


if __name__ == "__main__":
    sys.exit(main())
