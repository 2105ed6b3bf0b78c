# make run and make test do everything on a fresh machine with Python 3.11 or newer; make check is the developers' one check;
# make gate compares a smoke run with the committed baseline, make baseline writes that anew.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: gate baseline run test check fast bench lock clean

run: $(READY)
	$(BIN)/python -m bench run --methods moekd,compressor,avatar

test: $(READY)
	$(BIN)/python -m pytest -n 2

fast: $(READY)
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

gate: $(READY)
	$(BIN)/python -m bench check --baseline results/baseline.json

baseline: $(READY)
	rm -rf results/runs/baseline
	$(BIN)/python -m bench run --preset smoke --output results/runs/baseline
	$(BIN)/python -m bench baseline results/runs/baseline --output results/baseline.json

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

bench: $(READY)
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only

lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	grep '^#' requirements.lock > $(VENV)/lock.head
	$(BIN)/uv pip compile constraints.txt --quiet --generate-hashes --python-version 3.11.9 \
		--python-platform x86_64-manylinux_2_28 --no-annotate --no-header --no-config --output-file $(VENV)/lock
	cat $(VENV)/lock.head $(VENV)/lock > requirements.lock

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,energy,smt,moo,onnx,dask]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
