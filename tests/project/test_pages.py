"""The pages for people name what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.commands import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MODULES = [
    path
    for package in ("airflow_provider_kling", "emulator/kling_emulator")
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.stem.startswith("__")
]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def made(text: str) -> set[str]:
    """The targets that a text says to make."""
    return set(re.findall(r"(?:^|`|step )make ([\w-]+)", text, re.MULTILINE))


@each_page
def test_its_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@each_page
def test_what_it_says_to_make_can_be_made(page: Path) -> None:
    assert made(page.read_text()) <= TARGETS


def test_what_the_readme_says_to_make_is_run_by_ci() -> None:
    # The last three would change what is tested.
    targets = made((ROOT / "README.md").read_text()) - {"help", "constraints", "tables"}
    run = made((ROOT / ".ci" / "run").read_text())

    assert targets >= {"demo", "test", "lint", "matrix", "airflow"}
    # `make airflow` does not end by itself; `make airflow-check` starts it, and ends it.
    assert targets - run - {"airflow"} == set()
    assert "airflow-check" in run


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {line.split()[0] for line in done.stdout.splitlines()} == TARGETS


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_picture_of_the_house_has_every_module(module: Path) -> None:
    folder = module.parent.name
    name = folder if folder == "gateways" else module.stem  # those are a file a family

    assert re.search(rf"\b{name}\b", ARCHITECTURE)


def test_the_picture_of_the_house_has_no_module_that_is_not_there() -> None:
    named = set(re.findall(r"\b(\w+)\.py\b", ARCHITECTURE))

    assert named - {path.stem for path in MODULES} - {"test_imports", "get_provider_info"} == set()
