"""An Airflow of the tests' own: set up before anything imports Airflow, gone with the process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOME = tempfile.mkdtemp(prefix="airflow-home-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "tests" / "integration" / "dags"),
    "NO_PROXY": "127.0.0.1,localhost",
}


# Each of their tests is an Airflow of its own, or several one after the other.
LONGEST = ("test_readme.py", "test_demo.py", "test_trip.py", "test_example_dags.py", "test_command_line.py")


@pytest.hookimpl(trylast=True)  # after the order has been drawn
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # To trace a whole Airflow takes half as long again, and what is measured is for the unit tests to reach.
    for item in items:
        if item.path.parent.name in ("integration", "project"):
            item.add_marker("no_cover")
    # At the end they would be waited for by workers that have nothing left to do.
    items.sort(key=lambda item: item.path.name not in LONGEST)
