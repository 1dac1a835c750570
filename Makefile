# Everything starts here. `make reproduce` and `make test` do the set-up themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FAST_STAMP := $(VENV)/.installed-fast
TRL := .venv-trl
TRL_STAMP := $(TRL)/.installed
PARITY_STAMP := $(VENV)/.installed-parity
DOCS_STAMP := $(VENV)/.installed-docs
PASS_RATES ?=
OUT ?= reproduction
SPEC ?= practice
DATA ?=
PRESET ?=
MODEL ?=
LOGS ?=
CORRECT ?=
# Whole files to one process each, the longest first (their marker `early`); conftest.py says how many processes.
PYTEST = $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder
LOCK = $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --strip-extras

.PHONY: help setup reproduce sweep phases validate logs test quick prove docs fast parity trl browser wheel slow check format bench mutants lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

setup: $(STAMP) ## Make .venv with the locked, hashed dependencies and the command .venv/bin/grpo-curvature

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

reproduce: $(STAMP) ## Reproduce the convergence theorem; OUT=folder, PASS_RATES=file are optional
	$(BIN)/grpo-curvature reproduce --out "$(OUT)" $(if $(PASS_RATES),--pass-rates "$(PASS_RATES)")

# The folder that a command makes when OUT is not given is its own name: OUT's default above is that of reproduce.
named = $(if $(filter file,$(origin OUT)),$(1),$(OUT))

sweep: $(STAMP) ## Which rule wins where; SPEC=practice|published|conflict|policies|quick or a TOML file, OUT=folder
	$(BIN)/grpo-curvature sweep "$(SPEC)" --out "$(call named,sweep)"

phases: $(STAMP) ## The three phases of training, with controls; OUT=folder
	$(BIN)/grpo-curvature phases --out "$(call named,phases)"

validate: $(STAMP) ## Hold the predictions against a language model; MODEL=smollm2 or folder, DATA=folder with GSM8K, PRESET, OUT
	@$(if $(filter smollm2,$(MODEL)),$(BIN)/grpo-curvature gsm8k fetch smollm2 --out smollm2)
	$(BIN)/grpo-curvature gsm8k validate --out "$(call named,gsm8k-validation$(if $(MODEL),-pretrained))" \
		$(if $(PRESET),--preset "$(PRESET)") $(if $(MODEL),--model "$(MODEL)") $(if $(DATA),--data "$(DATA)")

# Without LOGS an example that the simulator writes. An audit needs advantages: a log without says so (status 2), and goes on.
REPORT = $(call named,logs-report)
LOG = $(or $(LOGS),$(REPORT)/example)
logs: $(STAMP) ## What normalisation did in your run; LOGS=folder that your trainer wrote (default: an example), CORRECT=column, OUT
	@$(if $(LOGS),,$(BIN)/grpo-curvature logs example --out "$(LOG)")
	@$(BIN)/grpo-curvature logs inspect "$(LOG)"
	@$(BIN)/grpo-curvature logs audit "$(LOG)" || test $$? -eq 2
	@$(BIN)/grpo-curvature logs report "$(LOG)" --out "$(REPORT)" $(if $(CORRECT),--correct "$(CORRECT)")

check: $(STAMP) ## Format, lint and types: what CI and pre-commit run before the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright

test: check ## All checks and tests but the slow ones
	$(PYTEST)

quick: $(STAMP) ## The inner loop: the tests of curvature, bandits and proofs, and those of the tree
	$(PYTEST) curvature bandits proofs tests/curvature tests/bandits tests/proofs tests/test_layers.py tests/test_shapes.py

# Coq and its library are system packages: installed here where apt-get is at hand and allowed.
prove: $(STAMP) ## Check every statement by machine, in Coq too (CI runs this too); OUT=folder for a report
	@echo 'From Coquelicot Require Import Coquelicot.' > $(VENV)/coq_probe.v; \
		coqc $(VENV)/coq_probe.v >/dev/null 2>&1 && exit 0; \
		echo "Coq with Coquelicot not found: installing Debian's packages"; \
		{ apt-get update -qq && apt-get install -y -qq coq libcoq-coquelicot >/dev/null; } || { \
		echo "make prove needs Coq 8.16 with Coquelicot (Debian: coq libcoq-coquelicot): install it and try again"; exit 1; }
	$(BIN)/grpo-curvature prove $(if $(call named,),--out "$(call named,)")
	$(BIN)/python -m pytest -q -m formal tests/proofs

# As a stranger gets it: an empty environment of a Python gets the first archive with what it declares, runs two commands from
# elsewhere, and then the second archive in the first one's place.
define stranger
	rm -rf build/wheel/run && mkdir build/wheel/run && $(1) -m venv build/wheel/run/venv
	build/wheel/run/venv/bin/python -m pip install --quiet --disable-pip-version-check $(2)
	cd build/wheel/run && venv/bin/grpo-curvature reproduce --out reproduction --num-steps 30 --num-seeds 2
	cd build/wheel/run && venv/bin/grpo-curvature sweep quick --out sweep
	build/wheel/run/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(3)
	cd build/wheel/run && venv/bin/grpo-curvature sweep quick --out again
endef

# The newest Python found, on PATH or pyenv's, that is newer than 3.11.
NEWEST ?= $(shell for p in python3.14 python3.13 python3.12 $$(ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.1[2-9]*/bin/python3 2>/dev/null | sort -rV); \
	do "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo "$$p" && break; done)

wheel: $(STAMP) ## Build wheel and sdist, run both in empty environments on PYTHON and on the newest Python here (CI runs this too)
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m hatchling build -d build/wheel
	$(call stranger,$(PYTHON),build/wheel/*.whl,build/wheel/*.tar.gz)
	$(if $(NEWEST),$(call stranger,$(NEWEST),build/wheel/*.tar.gz,build/wheel/*.whl),@echo "no Python newer than 3.11 here: tried on one alone")
	rm -rf build/wheel/run

fast: $(FAST_STAMP) ## Install numba, with which sweeps are faster, and test sweeps with it (CI runs this too)
	$(BIN)/python -m pytest -q tests/experiments/sweep/test_kernel.py tests/experiments/sweep/test_execute.py \
		tests/experiments/sweep/test_golden.py tests/experiments/sweep/test_old_rows.py

$(FAST_STAMP): $(STAMP) requirements-fast.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fast.lock
	@touch $(FAST_STAMP)

docs: $(DOCS_STAMP) ## The site of docs/ with the reference of every public name, strictly, into build/site (CI runs this too)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --site-dir build/site

$(DOCS_STAMP): $(STAMP) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $(DOCS_STAMP)

parity: $(PARITY_STAMP) ## The language model against transformers and torch, installed for it; fetches SmolLM2 (CI runs this too)
	$(BIN)/python -m pytest -q -m parity tests/parity

# Hashed: transformers, gguf and all that they and torch need. Not hashed, as indexes offer different builds of one version: torch,
# pinned in pyproject.toml. Where the index has no build for CPUs alone, pip fetches CUDA's libraries with it on Linux.
$(PARITY_STAMP): $(STAMP) requirements-parity.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-parity.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[parity]'
	@touch $(PARITY_STAMP)

# An environment of its own, as trl pins transformers. Hashed: trl and all that it, torch and the tests need; not hashed: torch, as above.
trl: $(TRL_STAMP) ## The callback in a real GRPOTrainer on the CPU: the run stays bit for bit as it is; fetches torch and trl (CI runs this too)
	$(TRL)/bin/python -m pytest -q -m trl tests/trl

$(TRL_STAMP): requirements-trl.lock pyproject.toml
	$(PYTHON) -m venv $(TRL)
	$(TRL)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-trl.lock
	$(TRL)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[trl,test]'
	@touch $(TRL_STAMP)

# The page is opened in a Chromium, which is a system package: installed here where apt-get is at hand and allowed.
browser: $(STAMP) ## The interactive page in a real headless browser (CI runs this too)
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
		echo "no chromium found: installing Debian's package"; \
		{ apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
		{ echo "make browser needs chromium, chromium-browser or google-chrome on PATH: install one and try again"; exit 1; }
	$(BIN)/python -m pytest -q -m browser tests/experiments/phase_diagram

slow: $(STAMP) ## The tests that take minutes
	$(PYTEST) -m slow

format: $(STAMP) ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Benchmarks, as ratios in one run
	$(BIN)/python -m benchmarks

mutants: $(STAMP) ## Mutation testing of curvature/ and bandits/update.py (an hour or more; resumes)
	$(BIN)/python -m tests.mutants

lock: $(STAMP) ## Renew requirements.lock and those of the extras
	$(LOCK) --extra prove --extra gsm8k --extra dev --extra test --allow-unsafe --output-file requirements.lock pyproject.toml
	$(LOCK) --extra docs --constraint requirements.lock --output-file requirements-docs.lock pyproject.toml
	$(LOCK) --extra fast --constraint requirements.lock --output-file requirements-fast.lock pyproject.toml
	$(LOCK) --extra parity --constraint requirements.lock --unsafe-package torch --output-file requirements-parity.lock pyproject.toml
	$(LOCK) --extra trl --extra prove --extra gsm8k --extra test --build-deps-for editable --constraint requirements.lock --unsafe-package torch --output-file requirements-trl.lock pyproject.toml

clean: ## Remove what the targets made
	rm -rf $(VENV) $(TRL) $(OUT) sweep phases logs-report gsm8k-* .mutants .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
