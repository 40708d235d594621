# Every target works on a fresh machine with git, make and Python 3.11 or newer: it makes the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_SECONDS ?= 0
# Most tests wait for a server or a process. Each of the two starts its own servers, and has whole files.
PYTEST_ARGS ?= -n 2 --dist loadfile

.PHONY: help demo test check format schemas bench chaos faults clean
help:
	@echo "make demo [DEMO_SECONDS=15]   the example app and the pipelines of pipelines/"
	@echo "make test                     all tests"
	@echo "make check                    format, lint, types, schemas up to date"
	@echo "make schemas                  write schemas/ and the reference in docs/ anew from the models"
	@echo "make bench                    the measured comparisons of benchmarks/"
	@echo "make chaos                    kills, outages, full disks, and an account of every event"
	@echo "make faults                   brokers that die and networks that are cut: what is lost"

demo: $(VENV)/run
	@$(BIN)/python examples/demo/demo.py --seconds $(DEMO_SECONDS)

test: $(VENV)/develop
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m engine.definitions.schemas --check

format: $(VENV)/develop
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(VENV)/develop
	$(BIN)/python -m engine.definitions.schemas
	$(BIN)/jackfield explain --write docs

bench: $(VENV)/develop
	$(BIN)/python -m benchmarks

chaos: $(VENV)/develop
	$(BIN)/python -m benchmarks.chaos $(CHAOS_ARGS)

# Installed once for each change of what is to be installed.
$(VENV)/run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/develop: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test,check]"
	@touch $@ $(VENV)/run

faults: $(VENV)/develop
	$(BIN)/python -m benchmarks.faults

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
