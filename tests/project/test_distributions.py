"""What is released: two distributions of one version, with nothing in them that is not theirs."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import kling_emulator
import pytest
from packaging.version import Version

import airflow_provider_kling
from tests.integration.commands import ROOT

PROVIDER, EMULATOR = ROOT, ROOT / "emulator"
PACKAGES = {PROVIDER: ROOT / "airflow_provider_kling", EMULATOR: EMULATOR / "kling_emulator"}
NAMES = {PROVIDER: "airflow_provider_kling", EMULATOR: "kling_emulator"}
VERSION = airflow_provider_kling.__version__
PINNED = (ROOT / "constraints.txt", *sorted((ROOT / "matrix").glob("*.txt")))
each_project = pytest.mark.parametrize("project", [PROVIDER, EMULATOR], ids=NAMES.values())


def declared(project: Path) -> dict[str, list[str]]:
    """What a distribution asks for, by extra; empty for what everybody gets."""
    with (project / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file)["project"]
    return {"": table["dependencies"], **table.get("optional-dependencies", {})}


def pins(path: Path) -> dict[str, str]:
    lines = (line.split(";")[0].strip().partition("==") for line in path.read_text().splitlines())
    return {name: version for name, _, version in lines}


def build(project: Path, target: str, folder: Path) -> Path:
    """Build a wheel or an sdist with what .venv has: no index is asked for anything."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="session")
def sdists(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """The unpacked sdist of each project."""
    found = {}
    for project, name in NAMES.items():
        folder = tmp_path_factory.mktemp(name)
        with tarfile.open(build(project, "sdist", folder)) as archive:
            archive.extractall(folder, filter="data")
        found[project] = folder / f"{name}-{VERSION}"
    return found


@pytest.fixture(scope="session")
def wheels(sdists: dict[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Path, ZipFile]:
    """The wheel of each project, made of its sdist as a release is."""
    return {
        project: ZipFile(build(sdist, "wheel", tmp_path_factory.mktemp("wheel")))
        for project, sdist in sdists.items()
    }


def sources(folder: Path, below: Path) -> set[str]:
    """The files of a folder that Git does not ignore, as paths below another."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    files = (folder / name for name in listed.stdout.split())
    return {file.relative_to(below).as_posix() for file in files if file.exists()}


@each_project
def test_a_wheel_has_the_package_and_what_is_said_of_it_and_nothing_else(
    project: Path, wheels: dict[Path, ZipFile]
) -> None:
    about = f"{NAMES[project]}-{VERSION}.dist-info"
    said = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}

    assert set(wheels[project].namelist()) == sources(PACKAGES[project], project) | {
        f"{about}/{name}" for name in said
    }


@each_project
def test_an_sdist_has_only_what_is_sources(project: Path, sdists: dict[Path, Path]) -> None:
    files = {
        path.relative_to(sdists[project]).as_posix() for path in sdists[project].rglob("*") if path.is_file()
    }

    # hatchling puts .gitignore in, so that a build of the sdist leaves out what a build of the clone does.
    assert files - {"PKG-INFO", ".gitignore"} <= sources(project, project)
    assert files >= sources(PACKAGES[project], project) | {"LICENSE", "README.md", "pyproject.toml"}


def test_the_provider_is_found_by_airflow_and_the_emulator_by_pytest_and_the_shell(
    wheels: dict[Path, ZipFile],
) -> None:
    points = {
        project: wheel.read(f"{NAMES[project]}-{VERSION}.dist-info/entry_points.txt").decode()
        for project, wheel in wheels.items()
    }

    assert "[apache_airflow_provider]" in points[PROVIDER]
    assert "[console_scripts]\nkling-emulator = " in points[EMULATOR]
    assert "[pytest11]" in points[EMULATOR]


def test_both_have_one_version_and_one_license() -> None:
    assert kling_emulator.__version__ == VERSION
    assert declared(PROVIDER)["emulator"] == [f"kling-emulator=={VERSION}"]
    assert (EMULATOR / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_emulator_asks_for_no_airflow() -> None:
    asked = [name for names in declared(EMULATOR).values() for name in names]

    assert asked
    assert not [name for name in asked if "airflow" in name]


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_pins_are_versions_of_the_index_that_is_set_up_and_neither_of_ours(path: Path) -> None:
    odd = [line for line in path.read_text().splitlines() if not re.match(r"[a-z0-9.-]+==\S+( ;.*)?$", line)]

    assert odd == []
    assert pins(path).keys().isdisjoint({"airflow-provider-kling", "kling-emulator"})


@each_project
def test_the_lowest_versions_that_are_declared_are_tested_on_the_oldest_airflow(project: Path) -> None:
    asked = [re.split(r"(?:\[.*\])?>=", one.lower()) for one in declared(project)[""]]
    tested = pins(ROOT / "matrix" / "airflow-3.0.txt")

    differing = [
        f"{name}>={lowest}, tested with {tested[name]}"
        for name, lowest in asked
        if name != "apache-airflow" and Version(lowest) != Version(tested[name])
    ]
    assert differing == []
    assert tested["apache-airflow"].startswith("3.0.")
