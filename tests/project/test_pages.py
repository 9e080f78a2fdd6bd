"""The pages for people name what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.commands import ROOT
from tests.project.pages import made

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


@each_page
def test_its_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@each_page
def test_what_it_says_to_make_can_be_made(page: Path) -> None:
    assert made(page.read_text()) <= TARGETS


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {line.split()[0] for line in done.stdout.splitlines()} == TARGETS


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_picture_of_the_house_has_every_module(module: Path) -> None:
    name = (
        module.parent.name if module.parent.name == "gateways" else module.stem
    )  # those are a file a family

    assert re.search(rf"\b{name}\b", ARCHITECTURE)


def test_the_picture_of_the_house_has_no_module_that_is_not_there() -> None:
    named = set(re.findall(r"\b(\w+)\.py\b", ARCHITECTURE))

    assert named - {path.stem for path in MODULES} - {"test_imports", "get_provider_info"} == set()
