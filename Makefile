# Everything makes its own .venv; nothing needs to be installed by hand but Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test e2e lint matrix airflow airflow-check bench bench-airflow trip constraints tables clean

## help: list the targets
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F ': ' '{printf "%-14s %s\n", $$1, substr($$0, length($$1) + 3)}'

## demo: run the nightly batch on an emulated ElkAPI and EzModel, and show what landed
demo: $(READY)
	$(BIN)/python -m scripts.demo

## test: unit, integration and project tests in random order, and what they cover of the HTTP layer
test: $(READY)
	$(BIN)/pytest -n 4 --cov

## e2e: a whole Airflow on PostgreSQL, with everything in it killed half-way: nothing is paid for twice
e2e: $(READY)
	$(BIN)/pytest tests/e2e -p no:randomly

## lint: ruff, mypy, spelling and the other checks of a commit, over all files
lint: $(READY)
	$(BIN)/pre-commit run --all-files

## matrix: what depends on Airflow, on its newest 3.0, 3.1 and 3.2, and on the 3.4 pre-release; `make test` has 3.3
matrix: $(READY)
	$(BIN)/python -m scripts.matrix

## airflow: a whole Airflow with its UI, the example DAGs and an emulator, on 127.0.0.1
airflow: $(READY)
	$(BIN)/python -m scripts.airflow_standalone

## airflow-check: start the same, see a video land, stop it, and see nothing left
airflow-check: $(READY)
	$(BIN)/python -m scripts.check_airflow

## bench: what waiting costs, ours against others, some 20 minutes; SIZES=100 is short, and not written down
bench: $(READY)
	$(BIN)/python -m benchmarks.waiting $(if $(SIZES),--sizes $(SIZES) --output build/benchmarks)
	$(if $(SIZES),,$(BIN)/python -m scripts.tables)

## bench-airflow: the nightly batch on a whole Airflow, ours and by hand, half an hour; VIDEOS=20 is short, SMOKE=1 a trial
bench-airflow: $(READY)
	$(BIN)/python -m benchmarks.nightly $(if $(SMOKE),--smoke) $(if $(VIDEOS),--videos $(VIDEOS) --output build/benchmarks)
	$(if $(SMOKE)$(VIDEOS),,$(BIN)/python -m scripts.tables)

## trip: which of our files a prompt passes on its way to the wire, and an answer on its way back
trip: $(READY)
	$(BIN)/python -m scripts.trip

## constraints: compile constraints.txt and matrix/*.txt anew
constraints: $(READY)
	$(BIN)/python -m scripts.constraints

## tables: write the tables of the docs anew from the code
tables: $(READY)
	$(BIN)/python -m scripts.tables

## clean: remove .venv and all that was built
clean:
	rm -rf $(VENV) build

$(READY): pyproject.toml emulator/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--build-constraints constraints.txt --editable '.[test,dev]'
	touch $@
