"""The emulator's process: started on a free port, found by pid and start time, stopped with its Lambda processes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".local"
EMULATOR = ROOT / ".venv-local" / "bin" / "ministack"
# What a process needs of this shell. Everything else stays out: a profile, a proxy, a PYTHONPATH.
INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")
FOLDERS = ("state", "s3", "home", "tmp", "build")
READY_WITHIN_S = 30
STOPPED_WITHIN_S = 10


# Emulators that this process started itself. Others are known by their record only.
CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


class LocalAwsError(Exception):
    """The local AWS cannot do what it was asked; the message is one line for a person."""


@dataclass(frozen=True, slots=True)
class Running:
    """An emulator that was started here. A pid may have gone to another process, so its start time is kept too."""

    pid: int
    started: str
    port: int

    def is_alive(self) -> bool:
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """When a process began, in whatever unit this system tells; None where there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout.strip() or None
    return None if fields[0] == "Z" else fields[19]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def client_environment(port: int) -> dict[str, str]:
    """What makes any AWS client talk to the emulator and to nothing else, whatever profile or key the shell holds."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return inherited | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def start(port: int, home: Path, *, enforce_iam: bool) -> Running:
    """Start an empty emulator and wait until it answers. Raises LocalAwsError where it cannot."""
    if not EMULATOR.exists():
        raise LocalAwsError("there is no .venv-local: run `make setup-all` first")
    if not port_is_free(port):
        raise LocalAwsError(f"port {port} is taken; name another one (make local PORT={port + 10})")
    shutil.rmtree(home, ignore_errors=True)
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True)
    log = home / "emulator.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(EMULATOR)],
            env=emulator_environment(port, home, enforce_iam=enforce_iam),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the one who started it; Lambda processes stop with its group
        )
    CHILDREN[process.pid] = process
    running = Running(process.pid, start_time(process.pid) or "", port)
    record(home).write_text(json.dumps(asdict(running)))
    try:
        wait_until_ready(process, running, log)
    except BaseException:
        stop(home)
        raise
    return running


def emulator_environment(port: int, home: Path, *, enforce_iam: bool) -> dict[str, str]:
    """Lambda processes inherit this, so it holds what a Lambda would see and nothing of the person's own."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "3600",  # a process that a burst made stays warm for the next one
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "s3"),
        "HOME": str(home / "home"),
        "TMPDIR": str(home / "tmp"),
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUTH": "true" if enforce_iam else "false",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def wait_until_ready(process: subprocess.Popen[bytes], running: Running, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalAwsError(f"the emulator ended at once: {last_line(log)} (see {log})")
        if answers(running.port):
            return
        time.sleep(0.05)
    raise LocalAwsError(f"the emulator did not answer within {READY_WITHIN_S} s (see {log})")


def answers(port: int) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"http://127.0.0.1:{port}/_ministack/health", timeout=2
        ) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def found(home: Path) -> Running | None:
    """The emulator that was started with this home, if it still runs."""
    try:
        running = Running(**json.loads(record(home).read_text()))
    except FileNotFoundError:
        return None
    return running if running.is_alive() else None


def stop(home: Path) -> Running | None:
    """End the emulator of this home and every process of its group; None where nothing ran. Safe to call twice."""
    running = found(home)
    if running is not None:
        end_group(running)
    record(home).unlink(missing_ok=True)
    for folder in FOLDERS:  # 20 MB for each Lambda process, and what was deployed; the logs stay
        shutil.rmtree(home / folder, ignore_errors=True)
    return running


def end_group(running: Running) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(running.pid, how)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while time.monotonic() < deadline:
            reap(running.pid)
            if not group_exists(running.pid):
                return
            time.sleep(0.02)


def reap(pid: int) -> None:
    """Where it is our own child, its remains would count as running."""
    if (child := CHILDREN.get(pid)) and child.poll() is not None:
        del CHILDREN[pid]


def group_exists(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def record(home: Path) -> Path:
    return home / "emulator.json"


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
