# Two commands do everything on a fresh machine: `make run` and `make test`.
# ARGS are passed on:      make run ARGS="+classes=5e6 data=lemmas"
# Another interpreter:     make run PYTHON=python3.13
# CPU-only torch elsewhere: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make run

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
ARGS ?=

.PHONY: help run test test-fast bench check docs audit fuzz format clean
.DEFAULT_GOAL := help

help:  ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

run: $(VENV)/.installed  ## Install what is needed, then compare the methods; ARGS="+classes=5e6 data=lemmas ..."
	@$(BIN)/python -m xclass $(ARGS)

test: $(VENV)/.installed-dev  ## Install what is needed, then run every test
	$(BIN)/python -m pytest -n 2 -m "not memory"
	$(BIN)/python -m pytest -m memory

test-fast: $(VENV)/.installed-dev  ## Tests that take less than a few seconds each
	$(BIN)/python -m pytest -n 2 -m "not slow and not memory"

bench: $(VENV)/.installed-dev  ## Measure the figures under benchmarks/ again: half a day, a quiet machine, 24 GB
	$(BIN)/python benchmarks/dense_step.py
	$(BIN)/python benchmarks/sampled_step.py
	$(BIN)/python benchmarks/index_frontier.py
	$(BIN)/python benchmarks/limits.py
	$(BIN)/python benchmarks/ledger.py
	$(BIN)/python benchmarks/serving_curve.py
	$(BIN)/python benchmarks/projection.py
	$(BIN)/python benchmarks/ranks.py
	$(BIN)/python benchmarks/shards.py
	$(BIN)/python benchmarks/serving_load.py
	test -d /tmp/rivals || benchmarks/rivals_environment.sh
	$(BIN)/python benchmarks/rivals.py --threads 1

check: $(VENV)/.installed-dev  ## Lint, format, types, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell xclass conf scripts tests benchmarks docs README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md

docs: $(VENV)/.installed-dev  ## Build the API reference from the docstrings into build/api
	$(BIN)/python scripts/api_reference.py

audit: $(VENV)/.installed-dev  ## Known vulnerabilities of what ships, and its bill of materials in dist/
	$(BIN)/python scripts/audit.py

fuzz: $(VENV)/.installed-dev  ## Feed the parsers and the model loader nonsense for an hour; FUZZ_EXAMPLES=100000 for a night
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-5000} $(BIN)/python -m pytest -n 2 tests/fuzz --timeout 36000

format: $(VENV)/.installed-dev  ## Apply the formatter
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Delete the environment and caches; results under outputs/ stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "xclass needs Python 3.11, 3.12 or 3.13: install one or give make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing xclass and its engines (torch, faiss, memray ...) into $(VENV); a minute or so"
	$(PIP) --editable ".[lemmas]"
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing xclass and its development tools into $(VENV); a minute or so"
	$(PIP) --editable ".[dev]"
	@scripts/install_browser.sh
	@touch $@ $(VENV)/.installed
