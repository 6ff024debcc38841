# Bare `make` lists the verbs. Each works alone and first: whatever it needs is installed on the way, once.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN    = .venv/bin
READY  = .venv/.ready
FITS   = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))
PYTHON = $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

report: $(READY)  ## run the night on the sample shop; print where the report and the database are
	@$(BIN)/journey run $(ARGS) || test $$? -eq 2

test: $(READY)  ## run the tests, all but the slow ones
	@$(BIN)/python -m pytest -q -n auto --dist loadfile $(ARGS)

slow: $(READY)  ## run the slow tests: crashes, nights in a row, large shops
	@$(BIN)/python -m pytest -q -m slow $(ARGS)

lint: $(READY)  ## check Python with ruff and mypy, SQL with sqlfluff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/sqlfluff lint --disable-progress-bar $(wildcard sql tests/real/*/sql)

bench: $(READY)  ## measure the night on large shops, against floors taken in the same run
	@$(BIN)/python benchmarks/night.py $(ARGS)

peers:  ## make the environment of the peers that benchmarks measure beside us, in benchmarks/.venv
	@test -x benchmarks/$(BIN)/python || $(PYTHON) -m venv benchmarks/.venv
	@benchmarks/$(BIN)/python -m pip install --quiet -r benchmarks/requirements.txt

sample: $(READY)  ## write data/sample again, byte for byte as before
	@$(BIN)/python data/sample/generate.py $(ARGS)

doctor: $(READY)  ## say what is wrong with the set-up, and how to mend it
	@$(BIN)/journey doctor $(ARGS)

lock:  ## write requirements.lock again, after pyproject.toml has changed (needs uv)
	@uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra dev --output-file requirements.lock pyproject.toml

clean:  ## remove what was made here: .venv, warehouse, reports, caches
	@rm -rf .venv warehouse build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find reports -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, brought up to date when the lock or the project file changes.
$(READY): requirements.lock pyproject.toml
	@$(BIN)/python -c 'import pip; $(FITS)' 2>/dev/null || { $(if $(PYTHON),,$(call say,needs Python 3.11 to 3.14: apt-get install python3 python3-venv)) \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call say,$(PYTHON) has no venv: apt-get install python3-venv) }; \
	  $(PYTHON) -m venv --clear .venv; }
	@echo "installing into .venv: about a minute, once"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock || { $(call say,the packages did not install: is a package index reachable?) }
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . && touch $@

say = echo "make: $(1)" >&2; exit 1;

.PHONY: help report test slow lint bench peers sample doctor lock clean
