# Everything here sets itself up: `make demo` and `make test` work on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
UV_VERSION := 0.13.8
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= runs/demo

export PYTHONUNBUFFERED := 1
export NO_ALBUMENTATIONS_UPDATE := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint format requirements benchmarks clean

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(READY)  ## Create the environment (the other targets do it by themselves)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "NearID needs Python 3.11 or newer; $$($(PYTHON) --version) was found: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: $(READY)  ## Show NearID at work on synthetic near-identical items (a minute)
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	@echo "== 24 items in 8 families that differ in small things only, photographed 10 times each"
	$(BIN)/nearid dataset synthesize $(DEMO)/photos --families 8 --items 3 --photos 10 --severity 0.2 --seed 1
	$(BIN)/nearid dataset split $(DEMO)/photos --out $(DEMO)/photos --parts gallery=0.7,queries=0.3 --new-items 0.1
	@echo "== index the gallery; a second run finds nothing left to do"
	$(BIN)/nearid index $(DEMO)/photos/gallery.csv --extractor orb --store embedded:$(DEMO)/nearid.db
	$(BIN)/nearid index $(DEMO)/photos/gallery.csv --extractor orb --store embedded:$(DEMO)/nearid.db
	@echo "== the most similar photos, and which item three photos of one thing show"
	$(BIN)/nearid search $(DEMO)/photos/catalogue/carton-01-01.jpg -k 5 --store embedded:$(DEMO)/nearid.db
	$(BIN)/nearid identify $$(grep carton-01-01 $(DEMO)/photos/queries.csv | cut -d, -f1 | sed 's|^|$(DEMO)/photos/|') \
		--one-item --store embedded:$(DEMO)/nearid.db
	@echo "== how often is the answer right?"
	$(BIN)/nearid evaluate --queries $(DEMO)/photos/queries.csv --store embedded:$(DEMO)/nearid.db --out $(DEMO)/report

test: test-fast  ## Run all tests: unit first, then contracts, integration and documentation
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/unit -m slow --numprocesses auto
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/contract --numprocesses auto
	$(BIN)/pytest tests/integration tests/docs

test-fast: $(READY)  ## Run the unit tests and doctests only (under two minutes)
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/unit util config vearch_plugin -m "not slow" --numprocesses auto

lint: $(READY)  ## Check style, types and the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## Format the code
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

requirements:  ## Pin the dependencies of pyproject.toml again
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make requirements" --extra dev pyproject.toml --output-file requirements.txt

clean:  ## Remove the environment, caches and results
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
