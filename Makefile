# Every target sets up all it needs; a second call finds it ready.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

SUPPORTED := 3.11 3.12 3.13
PRINT_VERSION := import sys; print("%d.%d" % sys.version_info[:2])
VERSION := $(shell $(PYTHON) -c '$(PRINT_VERSION)' 2>/dev/null)

# The stamps carry the version, so that another PYTHON gives a fresh environment.
CREATED := $(VENV)/.created-$(VERSION)
READY := $(VENV)/.ready-$(VERSION)
DOCS_READY := $(VENV)/.docs-$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help venv demo bench docs test test-all test-versions lint pytest clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

venv: $(READY) ## set up the environment in .venv

demo: $(READY) ## run the main job: a cortical microcircuit learns handwritten digits
	$(VENV)/bin/dendrosim run bmvr_digits --out runs/demo --overwrite

test: lint pytest ## check style and types, then run the tests

test-all: lint ## the same with the slow tests
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal -m ""

bench: $(READY) ## run all benchmarks; tables go to benchmarks/results (half an hour or so)
	$(VENV)/bin/python -m benchmarks

docs: $(DOCS_READY) ## build the documentation site in build/docs/html; its examples are run, warnings are errors
	$(VENV)/bin/python -m sphinx -W --keep-going -q -b html -d build/docs/doctrees docs build/docs/html
	@echo "the site is build/docs/html/index.html"

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

pytest: $(READY)
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal

test-versions: ## run the tests under every supported Python found on this machine
	@report=; failed=; tested=; \
	for version in $(SUPPORTED); do \
	    python=; \
	    for candidate in "$(PYTHON)" python$$version \
	            $$(ls -d "$$(pyenv root 2>/dev/null)"/versions/$$version.*/bin/python 2>/dev/null); do \
	        if [ "$$("$$candidate" -c '$(PRINT_VERSION)' 2>/dev/null)" = "$$version" ]; then \
	            python=$$candidate; break; \
	        fi; \
	    done; \
	    if [ -z "$$python" ]; then \
	        report="$$report  Python $$version: not found, skipped\n"; continue; \
	    fi; \
	    echo "Python $$version: $$python"; \
	    tested="$$tested $$version"; \
	    if $(MAKE) --no-print-directory pytest PYTHON="$$python" VENV=.venv-$$version; then \
	        report="$$report  Python $$version: passed ($$python)\n"; \
	    else \
	        report="$$report  Python $$version: FAILED ($$python)\n"; failed="$$failed $$version"; \
	    fi; \
	done; \
	printf "\n$$report"; \
	[ -n "$$tested" ] && [ -z "$$failed" ]

clean: ## remove environments, caches and build outputs (results in runs/ stay)
	rm -rf .venv .venv-3.* build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml | $(CREATED)
	@echo "installing dendrosim and what it needs into $(VENV) (a minute or two, once)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(DOCS_READY): pyproject.toml | $(CREATED)
	@echo "installing what the documentation needs into $(VENV) (a minute or two, once)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(CREATED):
	$(if $(VERSION),,$(error $(PYTHON) does not run: name a Python that does, as in 'make PYTHON=python3.12'))
	$(if $(filter $(VERSION),$(SUPPORTED)),,$(error dendrosim needs Python 3.11, 3.12 or 3.13 and $(PYTHON) is $(VERSION): name another, as in 'make PYTHON=python3.12'))
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python$(VERSION)-venv)" >&2; \
	    exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
