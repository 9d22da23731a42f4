# The project's commands. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-e2e check docs format bench clean

help: ## List the commands
	@grep -E '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv with the package and its development tools, as pinned in constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "chaoskit needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: setup ## Replay the DynamoDB outage against a naive and a resilient service
	$(BIN)/chaoskit run experiments/dynamodb-dns-blank.yaml

test: setup ## Run the tests; whole runs alone first, since they measure
	$(BIN)/pytest tests/whole
	$(BIN)/pytest -n 2 -m 'not e2e' --ignore tests/whole

test-e2e: setup ## Run the slow proofs: the demo as root and as an ordinary user, ten of ten, random kills
	$(BIN)/pytest -m e2e --timeout 900

check: setup ## Lint, types, import directions, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/check.py

docs: setup ## Write the generated pages of docs/ anew
	$(BIN)/python docs/check.py --write

format: setup ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

bench: setup ## Run the benchmarks and print their tables
	for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

clean: ## Remove what setup, runs and tests made here
	rm -rf $(VENV) .chaoskit targets/*/.venv targets/*/.chaoskit .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
