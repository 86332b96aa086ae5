# Everything here works in a bare clone: what it needs is made on the way, in .venv.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all chaos check format docs bench bench-peers ci clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/ready  ## read Python's own standard library with durable tasks, on an embedded Postgres
	@$(BIN)/python -m examples.indexer $(ARGS)

test: $(VENV)/ready  ## the tests, on the embedded Postgres or on PGCONDUCTOR_TEST_DSN
	@$(BIN)/python -m pytest -n auto $(ARGS)

test-all: $(VENV)/ready  ## the slow tests too: the wheel in an empty environment, three hundred tasks
	@$(BIN)/python -m pytest -n auto -m "not chaos" $(ARGS)

chaos: $(VENV)/ready  ## long fault injection: kills, freezes, restarts
	@$(BIN)/python -m pytest -m chaos $(ARGS)

check: $(VENV)/ready  ## format, lint, types, layers, generated files
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pgconductor generate --check
	@$(BIN)/pgconductor generate --check --config benchmarks/conductor.toml
	@$(BIN)/python -m docs.reference --check

format: $(VENV)/ready  ## let ruff, generate and the reference write what they would
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/pgconductor generate
	@$(BIN)/pgconductor generate --config benchmarks/conductor.toml
	@$(BIN)/python -m docs.reference

docs: $(VENV)/docs  ## the documentation as a site, in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

bench: $(VENV)/ready  ## every figure beside its ceiling; ARGS="--quick" for a first look
	@$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/ready  ## the same work through other queues, from PyPI and npm
	@$(BIN)/python -m benchmarks.peers $(ARGS)

ci: check test-all  ## what must pass before a change is taken; .ci/run adds a clean machine and an older Postgres

clean:  ## remove what was made here, the embedded server's data included
	rm -rf $(VENV) .pgconductor .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build site

# Made anew when pyproject.toml changes.
$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pgconductor needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "making $(VENV) (once; a minute)" >&2
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "this Python cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/docs: $(VENV)/ready
	@$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@
