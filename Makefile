# The two commands of a fresh machine are `make demo` and `make test`. VENV=path puts the environment elsewhere.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
# One stamp per (environment, checkout): an environment shared by two checkouts is pointed at the right one.
STAMP = $(VENV)/.installed$(subst /,-,$(CURDIR))

.PHONY: setup demo test test-all test-browser test-slow lint types check clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	rm -f $(VENV)/.installed*
	touch $@

demo: setup
	PYTHON=$(BIN)/python sh scripts/demo.sh

PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup
	$(PYTEST) $(ARGS)

# `test`, then what takes longer: whole commands, every experiment, damaged files by the hundred.
test-all: test
	$(PYTEST) -m "long and not slow" $(ARGS)

# The page in Chromium; installs what it lacks where it can, and else skips it.
test-browser: setup
	-test -x "$$(command -v chromium || command -v chromium-browser)" || apt-get install -qq -y chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/python -m pytest -m browser tests/page $(ARGS)

test-slow: setup
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

check: lint types test-all test-browser

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache build dist
