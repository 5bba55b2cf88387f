# Everything happens in .venv, made by the standard library; pip keeps to your own settings.
PYTHON ?= python3
EXAMPLE ?= examples/inventory.py:27
ITEMS ?=
BENCH ?=
VENV := .venv/bin
READY := .venv/.ready

.PHONY: complete test editors check bench eval wheel setup clean

complete: setup
	$(VENV)/fimbul complete $(EXAMPLE)

test: setup
	$(VENV)/python -m pytest

# Into ~/.cache/fimbul-editors; FIMBUL_EDITORS names another place.
editors: $(READY)
	$(VENV)/python -m tests.editors.install

check: $(READY)
	$(VENV)/ruff check . && $(VENV)/ruff format --check . && $(VENV)/mypy

bench: setup
	$(VENV)/python -m benchmarks.all $(BENCH)

eval: setup
	$(VENV)/fimbul-models evaluate $(ITEMS)

wheel: $(READY)
	$(VENV)/fimbul setup --wheel dist

setup: $(READY)
	$(VENV)/fimbul setup --source any

$(READY): pyproject.toml models/pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(VENV)/python -m pip install -qq --upgrade --constraint constraints.txt pip
	$(VENV)/python -m pip install -qq --constraint constraints.txt --editable . --editable "./models[corpus,ray]" --group dev
	touch $@

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
