# Every target sets up what it needs. `make help` lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

PORT ?= 4566
ARGS ?=
MINUTES ?= 60
N ?= 100000
TIMES ?= 10
NAME ?= gateway-down
BORROWERS ?= 3000
SEED ?= 1
DAYS ?= 21
LOANS ?= 20
PYTHON := .venv/bin/python
unexport PYTHON

# Packages may come through a proxy whose certificate only the system knows.
export UV_SYSTEM_CERTS = 1
export SAM_CLI_TELEMETRY = 0

# Read by the demo and by the Berka run; empty means their own defaults.
export KEEP PORTFOLIO FROM SKIP DUEBELL_BERKA

# Nothing but `make deploy` sees the credentials of a real account, whatever this shell holds.
ifneq ($(MAKECMDGOALS),deploy)
export AWS_ACCESS_KEY_ID = test
export AWS_SECRET_ACCESS_KEY = test
export AWS_DEFAULT_REGION = us-east-1
export AWS_CONFIG_FILE = /dev/null
export AWS_SHARED_CREDENTIALS_FILE = /dev/null
export AWS_EC2_METADATA_DISABLED = true
unexport AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_REGION
endif

# $(call ready,names) makes these environments; on a machine with neither Python 3.13 nor uv, make stops with that one line.
ready = $(eval lacks := $$(shell requirements/setup.sh --missing $(1)))$(if $(lacks),$(error $(lacks)))requirements/setup.sh $(1)

.PHONY: help setup setup-all test check format format-check lint types template demo stress drill simulate faults faults-deployed contact-check local local-stop build deploy berka bench-replay mutants lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## make .venv with the project, its tools and the `duebell` command
	@$(call ready,project)

setup-all: ## the same, with SAM CLI (.venv-sam) and the local AWS (.venv-local)
	@$(call ready,project sam emulator)

test: setup-all ## run every test (ARGS="-k stage -n 2" is handed to pytest)
	@.venv/bin/pytest $(ARGS)

check: setup-all format-check lint types template test ## everything that has to pass: format, lint, types, template, tests

format: setup ## rewrite the code in the project's format
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format .

format-check: setup
	@.venv/bin/ruff format --check .

lint: setup ## look for mistakes with ruff
	@.venv/bin/ruff check .

types: setup ## check the types with mypy, strictly
	@.venv/bin/mypy

template: setup ## transform the templates as SAM does, and lint the result
	@$(PYTHON) infra/check_template.py

simulate: SEEDS ?= 10000
simulate: setup ## live SEEDS (10000) lives with all faults within MINUTES (60), try all patches, write docs/reliability.md
	@.venv/bin/duebell simulate --seeds $(SEEDS) --minutes $(MINUTES) --breaks 200 --report docs/reliability.md $(ARGS)

faults: SEEDS ?= 200
faults: setup ## SEEDS (200) without patches and report, for a look in between (ARGS="--seed 17")
	@.venv/bin/duebell simulate --seeds $(SEEDS) $(ARGS)

faults-deployed: setup-all ## processes killed, wires cut, messages doubled on a local AWS (SEED=2 DAYS=21 LOANS=20)
	@$(PYTHON) -m tests.simulation.deployed --seed $(SEED) --days $(DAYS) --loans $(LOANS) $(ARGS)

contact-check: setup ## judge N simulated contact decisions over five jurisdictions by the packs alone (N=1000000 ARGS="--seed 2")
	@$(PYTHON) -m tests.contact_check --decisions $(N) $(ARGS)

demo: setup-all ## live through 120 days on a local AWS (KEEP=1 PORTFOLIO=DIR FROM=DATE SKIP=40-44)
	@$(PYTHON) -m demo

stress: setup-all ## live 14 days of TIMES (10) the demo's book on a local AWS; is anything lost? (TIMES=1 ARGS="--days 30")
	@$(PYTHON) -m drills stress --times $(TIMES) $(ARGS)

drill: setup-all ## play what goes wrong: NAME=gateway-down sms-down table-throttled wrong-pack bank-file-twice
	@$(PYTHON) -m drills $(NAME) $(ARGS)

local: setup-all ## start a local AWS on PORT (4566) and deploy the stack to it
	@$(PYTHON) -m infra.local start --port $(PORT)

local-stop: setup ## stop the local AWS that `make local` started on PORT (4566)
	@$(PYTHON) -m infra.local stop --port $(PORT)

build: setup-all ## build what is deployed, into .aws-sam
	@.venv-sam/bin/sam build

deploy: ## deploy to the AWS account of your credentials (CONFIRM=yes; ARGS is handed to sam)
	@if [ -n "$$AWS_ENDPOINT_URL" ]; then echo "deploy: AWS_ENDPOINT_URL is set, so this is no real account: use make local" >&2; exit 2; fi
	@if [ "$(CONFIRM)" != yes ]; then echo "deploy: this changes a real AWS account; say so with: make deploy CONFIRM=yes" >&2; exit 2; fi
	@$(MAKE) build
	@.venv-sam/bin/sam deploy $(ARGS)

berka: setup-all ## run 682 real loans and compare with a plain count (DUEBELL_BERKA=DIR)
	@$(PYTHON) -m tests.berka

bench-replay: setup ## play seven months of BORROWERS (3000) with six bills each; CPU seconds and memory
	@$(PYTHON) -m tests.replay.bench --borrowers $(BORROWERS) $(ARGS)

mutants: setup ## break the three decisions in every small way and see whether a test notices
	@rm -rf mutants
	@$(PYTHON) -m tests.mutants $(ARGS)

lock: setup ## write requirements/*.txt from pyproject.toml (ARGS=--upgrade takes the newest)
	@requirements/lock.sh $(ARGS)

clean: ## remove what was built; the environments too with ALL=1
	@rm -rf build .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
	@$(if $(ALL),rm -rf .venv .venv-sam .venv-local)
