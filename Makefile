# Two commands do it all:  make demo,  make test.  Both set up what they need, once.
PYTHON ?= python3
BIN := .venv/bin

DEMO_PACKAGES := asterisk-core-sounds-en-wav baresip-core espeak-ng
TEST_PACKAGES := $(DEMO_PACKAGES) asterisk-core-sounds-en-g722 gcc iproute2 kamailio kamailio-tls-modules libc6-dev libssl-dev redis-server sip-tester

# Tests start hundreds of processes, which would all compile the same sources.
unexport PYTHONDONTWRITEBYTECODE

# Three tests at a time share two cores with their peers, and some of them listen to the millisecond:
# what failed is told, and asked once more by itself.
AGAIN = $(BIN)/pytest --last-failed --last-failed-no-failures none

.DEFAULT_GOAL := help
.PHONY: help setup pjsip native setup-test peers demo cluster-demo test lint types format bench bench-short bench-tools impair dist clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: .venv/ready native  ## make .venv with uvbridge in it, on our own PJSIP

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "uvbridge needs Python 3.11")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || deploy/apt-install.sh python3-venv
	@$(PYTHON) -m venv .venv
	@touch $@

pjsip: | .venv/made  # does nothing when the installed build is of the present recipe
	@$(BIN)/python -m deploy.pjsua2.build

.venv/ready: pyproject.toml | pjsip
	@echo "installing uvbridge in .venv"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

native: | .venv/ready  # does nothing when the installed build is of the present sources
	@$(BIN)/python -m deploy.native.build

setup-test: setup .venv/ready-test

.venv/ready-test: .venv/ready
	@$(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
		|| deploy/apt-install.sh build-essential python3-dev  # pesq comes as source
	@echo "installing what the tests need in .venv (0.7 GB: two other Ultravox clients)"
	@$(BIN)/pip install --quiet --editable '.[dev,oracles]'
	@touch $@

peers:
	@deploy/apt-install.sh $(TEST_PACKAGES) || [ $$? = 3 ]  # without them, their tests skip

demo: setup  ## follow a whole call on this machine, no account needed
	@deploy/apt-install.sh $(DEMO_PACKAGES)
	@$(BIN)/python -m deploy.demo.run

cluster-demo: setup-test peers  ## kill and drain bridges behind Kamailio while 40 calls go on
	@$(BIN)/python -m tests.cluster.run

test: setup-test peers lint types  ## run every check and test there is
	$(BIN)/pytest --numprocesses 3 --dist worksteal --cov --cov-report=term || $(AGAIN)

lint: setup-test  ## check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup-test  ## check types
	$(BIN)/mypy

format: setup-test  ## put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup-test peers  ## measure 20 to 400 calls, 13 minutes
	@$(BIN)/python -m tests.bench.run

bench-short: setup-test peers  ## measure a few calls, under a minute
	@$(BIN)/python -m tests.bench.run --short

bench-tools: setup-test peers  ## measure 50 calls without and with tools, under a minute
	@$(BIN)/python -m tests.bench.tools

impair: setup-test peers  ## judge speech that comes through bad networks (docs/impair)
	@$(BIN)/python -m tests.impair.run --keep

dist: setup  ## make a wheel of uvbridge
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove all that is made here; the PJSIP wheel and the compiled path stay in ~/.cache/uvbridge
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* \
		demo-output
