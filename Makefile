# make run and make test do everything on a fresh machine with Python 3.11 or newer; make check is the developers' one check;
# make evidence makes results/devign from DATA on a CPU, make evidence-gpu on a GPU (SIZE=base for the largest teachers,
# ATTACKS='$(RECIPES)' for all attacks): each goes on where it was stopped;
# make bench measures speed and memory, says per bar what was asked and measured, and fails where an asserted one is missed;
# make gate compares a smoke run with the committed baseline, make baseline writes that anew.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test fast check gate baseline bench docs evidence evidence-gpu evidence-codebert evidence-graphcodebert lock clean

run: $(READY)
	$(BIN)/python -m bench run --methods moekd,compressor,avatar

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal

fast: $(READY)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"

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
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"

docs: $(READY)
	$(BIN)/python -m mkdocs build --strict

DATA ?= ../shared/data
DEVIGN := --task devign --data $(DATA)/devign
EXCLUDE := --exclude $(DATA)/devign/valid.jsonl.zst --exclude $(DATA)/devign/test.jsonl.zst

MAIN := suite,alert
RECIPES := $(MAIN),style-transfer,rename-greedy,rewrite-beam,alert-greedy,mhm-ns,mhm-vocabulary,wir-random,wir-random-first,rename-beam,rnns,random-names,random-moves,layout,coda-style,combined
BASELINES := compressor[epochs=20,learning_rate=0.0003],avatar[epochs=20],morph[epochs=20]
LONG := moekd[epochs=20],kd[epochs=20],$(BASELINES)
SMALL := moekd[size_mb=1.5],kd[size_mb=1.5],pioneer-style[size_mb=1.5]
FACTORS ?= router,partition,experts,temperature,size_mb,held_out
RUNS := results/runs/devign-cpu
ATTACKED := $(DEVIGN) --model $(RUNS)-student --whitespace collapse --max-tokens 160 --budget 200

evidence: $(READY)
	$(BIN)/python -m bench run $(DEVIGN) --preset devign-cpu --seeds 0,1,2 --attacks $(MAIN) --output $(RUNS) \
		--methods 'moekd,$(LONG),pioneer-style,$(SMALL),moekd[perturbed=true],moekd[router=last-step]'
	$(BIN)/python -m bench publish $(RUNS) --output results/devign
	test -d $(RUNS)-student || $(BIN)/python -m bench export $(RUNS) codebert-scratch.moekd.s0 --output $(RUNS)-student
	$(BIN)/python -m bench attack $(ATTACKED) --attack $(RECIPES) --limit 500 --output $(RUNS)-recipes
	$(BIN)/python -m bench publish $(RUNS)-recipes --output results/devign/recipes
	$(BIN)/python -m bench attack $(ATTACKED) --attack exhaustive,$(RECIPES) --substitutes bounded --limit 200 \
		--output $(RUNS)-optimum
	$(BIN)/python -m bench publish $(RUNS)-optimum --output results/devign/optimum
	$(BIN)/python -m bench ablate moekd $(DEVIGN) --preset devign-cpu --attacks alert --only $(FACTORS) --output $(RUNS)-ablation
	$(BIN)/python -m bench publish $(RUNS)-ablation --output results/devign/ablation
	$(BIN)/python -m bench run $(DEVIGN) --preset devign-cpu --attacks alert,style-transfer --output $(RUNS)-graph \
		--methods moekd --teachers graphcodebert-scratch
	$(BIN)/python -m bench publish $(RUNS)-graph --output results/devign/graph

SIZE ?= small
MINUTES ?= 1.5
ATTACKS ?= $(MAIN),style-transfer
ENCODERS := results/runs/encoders
ON_GPU := $(DEVIGN) --preset devign-gpu --device cuda --workers 6 --seeds 0,1,2 --size-mb 3,1.5 \
	--methods 'moekd,$(LONG),pioneer-style'

$(ENCODERS)/%/config.json: $(READY)
	$(BIN)/python -m bench pretrain --corpus $(DATA)/c_corpus --arch $* --size $(SIZE) --minutes $(MINUTES) --device cuda \
		$(EXCLUDE) --output $(ENCODERS)/$*

evidence-codebert evidence-graphcodebert: evidence-%: $(ENCODERS)/%/config.json
	$(BIN)/python -m bench run $(ON_GPU) --attacks $(ATTACKS) --teachers $(ENCODERS)/$* --output results/runs/devign-gpu-$*
	$(BIN)/python -m bench publish results/runs/devign-gpu-$* --output results/devign/gpu/$*

evidence-gpu: evidence-codebert evidence-graphcodebert

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
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs,energy,smt,moo,onnx,dask]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
