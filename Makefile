# Every target makes the virtual environment by itself; nothing has to be activated.
#   make quick                              tables and figures on bundled images, with the released weights
#   make tables                             all tables and figures, with the released weights and cached results
#   make paper                              the whole grid of config/paper.yaml
#   make train EXPERIMENT=gray-sc-sigma25   one model; without EXPERIMENT, all of the grid
#   make reference                          the tables of keys in config/README.md, and the schema of the workflow
#   make docs                               the documentation site, in the folder site
# Settings: VENV, PYTHON (an interpreter, 3.11 to 3.13), CORES, CONFIG (for train).

VENV ?= .venv
CORES ?= all
CONFIG ?= config/paper.yaml
BIN := $(abspath $(VENV))/bin
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.peers
DOCS := $(VENV)/.docs
export PATH := $(BIN):$(PATH)
 # Snakemake ends without a place for its cache; where the home folder takes none, this one does.
ifneq ($(shell cache="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$cache" 2>&1 && test -w "$$cache" && echo yes),yes)
    export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: help quick tables paper train test test-fast lint bench reference docs

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

quick: $(INSTALLED)
	snakemake --cores $(CORES) --configfile config/quick.yaml
	@cat results/quick/summary.txt

tables: $(INSTALLED)
	snakemake --cores $(CORES)
	@cat results/default/summary.txt

paper: $(INSTALLED) $(PEERS)
	snakemake --cores $(CORES) --configfile config/paper.yaml
	@cat results/paper/summary.txt

train: OUTPUT = $(or $(shell sed -n 's/^output: *//p' $(CONFIG)),results/$(basename $(notdir $(CONFIG))))
train: $(INSTALLED)
	snakemake --cores $(CORES) --configfile $(CONFIG) -- $(or $(EXPERIMENT:%=$(OUTPUT)/training/%/weights.safetensors),train_all)

test: $(INSTALLED)
	OMP_NUM_THREADS=1 pytest --numprocesses logical --dist loadgroup

test-fast: $(INSTALLED)
	OMP_NUM_THREADS=1 pytest --numprocesses logical --dist loadgroup -m 'not slow and not cluster'

lint: $(INSTALLED)
	ruff check
	ruff format --check
	mypy
	lint-imports
	snakefmt --check Snakefile workflow
	snakemake --lint

bench: $(INSTALLED)
	python benchmarks/training.py
	python benchmarks/inference.py
	python benchmarks/seconds.py

reference: $(INSTALLED)
	python -m groupsc.config.reference

docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py $(wildcard groupsc/inference/compiled/*.[ch])
	@[ -x $(VENV)/bin/pip ] || for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$($$python --version)"; $$python -m venv $(VENV); exit; fi; \
	done; [ -x $(VENV)/bin/pip ] || { \
	    echo "groupsc needs Python 3.11, 3.12 or 3.13, and none is on the path; install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; }
	@echo "Installing groupsc and what it needs into $(VENV); this takes a few minutes"
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	    $(VENV)/bin/python -m pip install --quiet --editable '.[workflow,test]'
	@touch $@

$(PEERS): $(INSTALLED)
	@echo "Installing other people's methods (the extra peers) into $(VENV); the licence of bm3d allows non-commercial use only"
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	    $(VENV)/bin/python -m pip install --quiet --editable '.[workflow,test,peers]'
	@touch $@

$(DOCS): $(INSTALLED)
	@echo "Installing what builds the documentation site (the extra docs) into $(VENV)"
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	    $(VENV)/bin/python -m pip install --quiet --editable '.[workflow,test,docs]'
	@touch $@
