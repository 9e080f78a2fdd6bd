# Everything makes its own .venv; nothing needs to be installed by hand but Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-random e2e coverage lint matrix airflow airflow-check bench bench-airflow constraints tables clean

## demo: run the nightly batch on an emulated ElkAPI and EzModel, and show what landed
demo: $(READY)
	$(BIN)/python -m scripts.demo

## test: unit and integration tests, in the order in which they are written
test: $(READY)
	$(BIN)/pytest -n 4 -p no:randomly

## test-random: the same in random order
test-random: $(READY)
	$(BIN)/pytest -n 4

## e2e: a whole Airflow on PostgreSQL, with everything in it killed half-way: nothing is paid for twice
e2e: $(READY)
	$(BIN)/pytest tests/e2e -p no:randomly

## coverage: the unit tests of the HTTP layer, which must reach 98 % of its lines and branches
coverage: $(READY)
	$(BIN)/pytest -n 4 -q -p no:randomly tests/unit/api --cov airflow_provider_kling/api --cov-branch \
		--cov-report term-missing:skip-covered --cov-fail-under 98

## lint: ruff and mypy
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## matrix: the tests on the newest Airflow 3.0, 3.1 and 3.2, and on the 3.4 pre-release; `make test` has 3.3
matrix: $(READY)
	$(BIN)/python -m scripts.matrix

## airflow: a whole Airflow with its UI, the example DAGs and an emulator, on 127.0.0.1
airflow: $(READY)
	$(BIN)/python -m scripts.airflow_standalone

## airflow-check: start the same, see a video land, stop it, and see nothing left
airflow-check: $(READY)
	$(BIN)/python -m scripts.check_airflow

## bench: what waiting costs, ours against others, some 20 minutes; with SIZES=100 some 4, and nothing is written down
bench: $(READY)
	$(BIN)/python -m benchmarks.waiting $(if $(SIZES),--sizes $(SIZES) --output build/benchmarks)
	$(if $(SIZES),,$(BIN)/python -m scripts.tables)

## bench-airflow: the nightly batch on a whole Airflow, ours and by hand, half an hour; VIDEOS=20 a short one, not written down
bench-airflow: $(READY)
	$(BIN)/python -m benchmarks.nightly $(if $(VIDEOS),--videos $(VIDEOS) --output build/benchmarks)
	$(if $(VIDEOS),,$(BIN)/python -m scripts.tables)

## constraints: compile constraints.txt and matrix/*.txt anew
constraints: $(READY)
	$(BIN)/python -m scripts.constraints

## tables: write the tables of the docs anew from the code
tables: $(READY)
	$(BIN)/python -m scripts.tables

clean:
	rm -rf $(VENV) build

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--build-constraints constraints.txt --editable '.[test,dev]'
	touch $@
