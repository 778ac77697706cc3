#!/bin/sh
# Makes the environments that the Makefile's targets run in; run again, it does only what has changed.
#
#   requirements/setup.sh project    .venv         the project, its tools, the `duebell` command   (lock: dev.txt)
#   requirements/setup.sh sam        .venv-sam     SAM CLI                                         (lock: sam.txt)
#   requirements/setup.sh emulator   .venv-local   the local AWS                                   (lock: emulator.txt)
#   requirements/setup.sh --missing                prints what the machine lacks, or nothing
#
# Several names may be given. Three environments, because SAM CLI and the emulator pin libraries of their own.
# It takes a Python 3.13 from wherever one is installed, else lets uv bring one; it installs with uv, else with pip.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
# Bytecode is written when a package is installed, not at every start.
export UV_SYSTEM_CERTS=1 UV_COMPILE_BYTECODE=1
# Neither an environment that is active in this shell nor a setting of it may decide what is installed, and where.
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER UV_PYTHON UV_PROJECT_ENVIRONMENT

# The path of the interpreter behind a command, if that is a Python 3.13. A pyenv shim fails here when its version is not selected.
real_python() {
    "$1" -c 'import sys
if sys.version_info[:2] != (3, 13) or sys.implementation.name != "cpython": sys.exit(1)
print(getattr(sys, "_base_executable", "") or sys.executable)' 2>/dev/null
}

# Where pyenv keeps its versions: it may be on PATH only as shims, or not at all.
pyenv_roots() {
    echo "${PYENV_ROOT:-}"
    pyenv root 2>/dev/null || true
    for name in python3.13 python3 uv; do
        case $(command -v "$name" || true) in */shims/"$name") dirname "$(dirname "$(command -v "$name")")" ;; esac
    done
    echo "${HOME:-}/.pyenv"
}

find_python() {
    for name in python3.13 python3 python; do
        real_python "$name" && return
    done
    pyenv_roots | sort -u | {
        while read -r pyenv; do
            for path in "$pyenv"/versions/3.13*/bin/python3.13; do
                [ -x "$path" ] && real_python "$path" && exit 0
            done
        done
        exit 1
    }
}

find_uv() {
    for path in uv "${HOME:-}/.local/bin/uv" "${HOME:-}/.cargo/bin/uv"; do
        "$path" --version >/dev/null 2>&1 && command -v "$path" && return
    done
    pyenv_roots | sort -u | {
        while read -r pyenv; do
            for path in "$pyenv"/versions/*/bin/uv; do
                [ -x "$path" ] && "$path" --version >/dev/null 2>&1 && echo "$path" && exit 0
            done
        done
        exit 1
    }
}

# What an environment was made from: the same text again means that nothing is to be done. It names the place,
# because an environment that was moved or copied does not work.
stamp() { # lock
    echo "$root $(cat .python-version requirements/setup.sh "requirements/$1" | cksum)"
}

fresh() { # venv, wanted stamp
    [ -x "$1/bin/python" ] && [ "$(cat "$1/.stamp" 2>/dev/null)" = "$2" ]
}

create() { # venv, lock
    wanted=$(stamp "$2")
    fresh "$1" "$wanted" && return
    echo "setup: $1 from requirements/$2"
    rm -rf "$1"
    if [ -n "$uv" ]; then
        if [ -z "$python" ] && ! "$uv" python install --quiet 3.13; then
            echo "setup: uv could not fetch Python 3.13: install Python 3.13, and run this again" >&2
            exit 1
        fi
        "$uv" venv --quiet --python "${python:-3.13}" "$1"
        "$uv" pip install --quiet --python "$1/bin/python" --require-hashes --requirement "requirements/$2"
    else
        "$python" -m venv "$1"
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "requirements/$2"
    fi
    echo "$wanted" >"$1/.stamp"
}

# The project itself, editable, with the uv and the build backend that the lock names: nothing is fetched.
install_project() {
    wanted="$root $(cksum <pyproject.toml)"
    [ "$(cat .venv/.stamp-project 2>/dev/null)" = "$wanted" ] && return
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-index --no-deps --no-build-isolation --editable .
    echo "$wanted" >.venv/.stamp-project
}

names() { # what was asked for, as pairs of venv and lock
    for name; do
        case $name in
            project) echo .venv dev.txt ;;
            sam) echo .venv-sam sam.txt ;;
            emulator) echo .venv-local emulator.txt ;;
            *) echo "setup: '$name' is none of: project, sam, emulator" >&2 && exit 2 ;;
        esac
    done
}

# Nothing is searched for where everything is there.
all_fresh() { # pairs
    while [ $# -gt 0 ]; do
        fresh "$1" "$(stamp "$2")" || return 1
        shift 2
    done
}

only_ask=
if [ "${1:-}" = --missing ]; then
    only_ask=yes
    shift
fi
[ $# -gt 0 ] || set -- project
pairs=$(names "$@")
# shellcheck disable=SC2086  # pairs are words
set -- $pairs

if ! all_fresh "$@"; then
    python=$(find_python) || python=
    uv=$(find_uv) || uv=
    if [ -z "$python$uv" ]; then
        echo "Python 3.13 is missing: install Python 3.13, or uv (which brings it), and run this again"
        [ -n "$only_ask" ] && exit 0 || exit 1
    fi
    [ -z "$only_ask" ] || exit 0
    while [ $# -gt 0 ]; do
        create "$1" "$2"
        shift 2
    done
fi
[ -n "$only_ask" ] && exit 0
case $pairs in *".venv dev.txt"*) install_project ;; esac
