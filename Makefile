# Everything makes its own .venv; nothing needs to be installed by hand but Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-random lint matrix airflow airflow-check constraints clean

## demo: run the nightly batch on an emulated ElkAPI and EzModel, and show what landed
demo: $(READY)
	$(BIN)/python -m scripts.demo

## test: unit and integration tests, in the order in which they are written
test: $(READY)
	$(BIN)/pytest -n 4 -p no:randomly

## test-random: the same in random order
test-random: $(READY)
	$(BIN)/pytest -n 4

## lint: ruff and mypy
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## matrix: the tests on the newest Airflow 3.0, 3.1, 3.2 and 3.3, and on the 3.4 pre-release
matrix: $(READY)
	$(BIN)/python -m scripts.matrix

## airflow: a whole Airflow with its UI, the example DAGs and an emulator, on 127.0.0.1
airflow: $(READY)
	$(BIN)/python -m scripts.airflow_standalone

## airflow-check: start the same, see a video land, stop it, and see nothing left
airflow-check: $(READY)
	$(BIN)/python -m scripts.check_airflow

## constraints: compile constraints.txt and matrix/*.txt anew
constraints: $(READY)
	$(BIN)/python -m scripts.constraints

clean:
	rm -rf $(VENV) build

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--build-constraints constraints.txt --editable '.[test,dev]'
	touch $@
