#!/bin/sh
# Writes the lock files from the lists in pyproject.toml: hashed, for every platform, naming no host.
# Pins that still fit are kept; `requirements/lock.sh --upgrade` takes the newest. Needs .venv (`make setup`).
set -eu
cd "$(dirname "$0")/.."
export UV_SYSTEM_CERTS=1

lock() { # name, what to lock..., options of this run
    name=$1
    shift
    # An index or a mirror of this machine's own settings is used, never written down.
    .venv/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --output-file "requirements/$name.txt" "$@" >/dev/null
    echo "lock: requirements/$name.txt, $(grep -c '==' "requirements/$name.txt") packages"
}

# Each list is held to the pins of the smaller one that it contains: tests run on what is deployed.
lock runtime pyproject.toml "$@"
lock cli pyproject.toml --extra cli --constraint requirements/runtime.txt "$@"
lock dev pyproject.toml --extra cli --extra stripe --group dev --constraint requirements/cli.txt "$@"
lock sam --group sam "$@"
lock emulator --group emulator "$@"
