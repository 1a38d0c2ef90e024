# Needs make and a Python 3.11 or newer with pip; the rest goes into .venv from hash-pinned lists.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes --no-deps --no-build-isolation
CODE := $(wildcard app grafana alembic bench tests)
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
PYTEST ?=
FAULTS ?=
FUZZ ?=

.DEFAULT_GOAL := help
.PHONY: help demo run test check faults faults-long fuzz format bench dashboards manifests lock clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Watch a year of flights drift: service, database and data in one command
	@$(BIN)/driftgauge demo

run: $(VENV)/.demo ## Serve on port 8080 with an embedded database
	@$(BIN)/driftgauge serve

test: $(VENV)/.dev ## Run the tests (choose with PYTEST="-k name")
	@$(BIN)/python -m pytest -q $(PYTEST)

check: $(VENV)/.dev ## Check format, lint, types and architecture, in seconds
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/hadolint Dockerfile

format: $(VENV)/.dev ## Bring the code into form
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

faults: $(VENV)/.dev ## Kill, freeze and starve everything for some minutes; wants Debian's postgresql-15
	@$(BIN)/python -m tests.faults $(FAULTS)

faults-long: $(VENV)/.dev ## The same for hours (choose with FAULTS="F1 F5 --seed 7")
	@$(BIN)/python -m tests.faults --long $(FAULTS)

fuzz: $(VENV)/.dev ## Throw mutated bytes at every reader, a minute each (choose with FUZZ="batch --seconds 1800")
	@$(BIN)/python -m tests.fuzz $(FUZZ)

bench: $(VENV)/.dev $(VENV)/.peers ## Measure against the yardsticks of the same run
	@$(BIN)/python -m bench

dashboards: $(VENV)/.dev ## Write grafana/dashboards and deploy/prometheus anew
	@$(BIN)/python -m grafana.generate

manifests: $(VENV)/.dev ## Write deploy/kustomize anew from the chart
	@$(BIN)/python deploy/kustomize/render.py

lock: $(VENV)/.dev ## Resolve the dependencies anew into requirements/
	@$(COMPILE) --output-file requirements/runtime.txt pyproject.toml
	@$(COMPILE) --output-file requirements/build.txt --group build
	@$(COMPILE) --output-file requirements/demo.txt --no-deps --group demo
	@$(COMPILE) --output-file requirements/dev.txt --extra quality --group test --group lint \
		--constraint requirements/runtime.txt --constraint requirements/build.txt pyproject.toml
	@$(COMPILE) --output-file requirements/peers.txt --group peers
	@! grep -n '://' requirements/*.txt

clean: ## Remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "driftgauge needs Python 3.11 or newer: make PYTHON=python3.12")'
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --quiet --python $@ install pip; }

$(VENV)/.demo: requirements/runtime.txt requirements/build.txt requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the service and the demo need"
	@$(INSTALL) -r requirements/runtime.txt -r requirements/build.txt
	@$(INSTALL) -r requirements/demo.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.demo
	@echo "Installing what the tests need"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/.peers: requirements/peers.txt $(VENV)/.dev
	@echo "Installing what is measured beside ours"
	@$(PYTHON) -m venv --without-pip $(VENV)/peers
	@$(PIP) --python $(VENV)/peers/bin/python install --quiet --require-hashes --no-deps -r requirements/peers.txt
	@touch $@
