# Sluice: every job of the repository. `make help` lists them.
#
# A fresh machine needs Python 3.11 and make. The first target that is asked for builds .venv from
# requirements.lock and compiles the kernels; later runs find the stamps and go straight to the job.

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= $(firstword $(foreach p,python3.11 python3 python,$(shell command -v $(p) 2>/dev/null)))
OUT    ?= out
SPEED  ?= 10
JOBS   ?= 2

# Where the packages are installed from this tree; sources that can hold a kernel.
PACKAGES := risk router fixsim policies
SOURCES  := $(shell find $(PACKAGES) -name '*.py' 2>/dev/null)

INSTALLED := $(VENV)/.installed
KERNELS   := $(VENV)/.kernels

.DEFAULT_GOAL := help
.PHONY: help setup test lint demo demo-kill demo-crash soak fuzz bench load peers interop policies lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(KERNELS)  ## virtual environment, locked dependencies, compiled kernels

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 was not found; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else \
	  "Sluice is locked for Python 3.11; %s is %d.%d. Set PYTHON=/path/to/python3.11" \
	  % (sys.executable, *sys.version_info[:2]))'
	@echo "==> virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> locked dependencies (requirements.lock, hashes checked)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "==> sluice itself"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# numba keeps what it compiled beside each source, so a changed source compiles again and the rest does not.
$(KERNELS): $(INSTALLED) $(SOURCES)
	@$(BIN)/python -m fixsim.warm
	@touch $@

test: $(KERNELS)  ## style, types, layering and every test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n $(JOBS)

lint: $(INSTALLED)  ## style, types and layering only
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

demo: $(KERNELS)  ## a 10 BTC parent by three policies on recorded order flow; report in out/demo
	$(BIN)/fixsim demo --speed $(SPEED) --out $(OUT)/demo

demo-kill: $(KERNELS)  ## the same with a kill half-way, then reinstate; out/demo-kill
	$(BIN)/fixsim demo --kill --out $(OUT)/demo-kill

demo-crash: $(KERNELS)  ## the same with kill -9 of the router half-way, then recovery; out/demo-crash
	$(BIN)/fixsim demo --crash --out $(OUT)/demo-crash

soak: $(KERNELS)  ## the whole-system simulation over many seeds (SEEDS=200)
	SLUICE_SIM_SEEDS=$(or $(SEEDS),200) $(BIN)/pytest -n $(JOBS) tests/simulation

load: $(KERNELS)  ## fixsim under 200 sessions and 20,000 requests a second, for a minute
	$(BIN)/fixsim load

fuzz: $(KERNELS)  ## 10 million mutated inputs to the codec, 1 million to sessions (SEED=1)
	$(BIN)/fixsim fuzz --jobs $(JOBS) $(if $(SEED),--seed $(SEED))

peers: build/peers/.installed  ## the engines that bench runs beside ours, in build/peers

build/peers/.installed: requirements-peers.lock
	@test -x build/peers/bin/python || $(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock
	@touch $@

interop: $(KERNELS) build/interop/.installed  ## the FIX sessions beside QuickFIX; the first time it compiles for 15 minutes
	$(BIN)/pytest -n $(JOBS) tests/interop

build/interop/.installed: requirements-interop.lock
	@test -x build/interop/bin/python || $(PYTHON) -m venv build/interop
	@echo "==> QuickFIX in build/interop (compiled from source, unless pip has the wheel of an earlier time)"
	@build/interop/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-interop.lock
	@touch $@

bench: $(KERNELS) peers  ## tick to order, market data, matching beside hftbacktest; docs/benchmark.md
	$(BIN)/fixsim bench --out docs/benchmark.md

policies: $(INSTALLED)  ## rebuild the policy files, byte for byte
	$(BIN)/policies build

lock:  ## resolve pyproject.toml again into requirements.lock
	@test -x build/lock/bin/uv || { $(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv; }
	@{ echo "# Every package of the base install and of the extras sim, train and dev, at one version, with its hashes."; \
	   echo "# Made from pyproject.toml by 'make lock'; read by 'make setup'. Not edited by hand."; \
	   build/lock/bin/uv pip compile --quiet pyproject.toml --extra sim --extra train --extra dev \
	     --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock
	@{ echo "# The engines that 'make bench' runs beside ours, in an environment of their own (build/peers)."; \
	   echo "# Made by 'make lock'. Not edited by hand."; \
	   echo "hftbacktest>=2.3" | build/lock/bin/uv pip compile --quiet - --python-version 3.11 \
	     --generate-hashes --no-header --no-emit-index-url --no-annotate; } > build/peers.lock
	@mv build/peers.lock requirements-peers.lock
	@{ echo "# QuickFIX, the peer of 'make interop', in an environment of its own (build/interop): it comes as source and compiles"; \
	   echo "# for a quarter of an hour the first time; pip keeps the wheel. Made by 'make lock'. Not edited by hand."; \
	   echo "quickfix>=1.16" | build/lock/bin/uv pip compile --quiet - --python-version 3.11 \
	     --generate-hashes --no-header --no-emit-index-url --no-annotate; } > build/interop.lock
	@mv build/interop.lock requirements-interop.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) $(OUT) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -exec rm -rf {} +
