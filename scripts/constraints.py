"""Compile the pinned versions: constraints.txt to develop with, matrix/*.txt for each Airflow tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.local import ROOT

UV = str(Path(sys.executable).with_name("uv"))
SILENT = ("--quiet", "--no-header", "--no-annotate")
PYTHON = ("--python-version", "3.11")
# Each minor version with what was on the index some two weeks after its newest release came out, because
# an Airflow does not run with whatever comes later. Only common-compat is newer: the provider asks for it.
# `make test` runs with constraints.txt, which is 3.3.
MATRIX = (
    ("3.0", "==3.0.6", "2025-09-15"),
    ("3.1", "==3.1.8", "2026-03-25"),
    ("3.2", "==3.2.2", "2026-06-12"),
    ("3.4", "==3.4.0b2", "2026-11-19"),
)
# The oldest is tested with the lowest versions that pyproject.toml declares. They are found anew each time,
# because what is pinned already would be kept, however much lower a bound has become.
LOWEST = ("--upgrade", "--resolution", "lowest-direct")
COMPAT = ("--exclude-newer-package", "apache-airflow-providers-common-compat=2026-11-19")
# Both are in this repository, and installed from it.
OURS = ("--no-emit-package", "airflow-provider-kling", "--no-emit-package", "kling-emulator")


def main() -> None:
    compile_to("constraints.txt", "pyproject.toml", "--universal", "--extra", "test", "--extra", "dev")
    for minor, version, until in MATRIX:
        compile_to(
            f"matrix/airflow-{minor}.txt",
            *("pyproject.toml", "emulator/pyproject.toml", "-"),
            *("--extra", "test", "--exclude-newer", until, *COMPAT),
            *(LOWEST if minor == MATRIX[0][0] else ()),
            requirements=f"apache-airflow{version}",
        )


def compile_to(target: str, *arguments: str, requirements: str = "") -> None:
    command = (UV, "pip", "compile", *SILENT, *PYTHON, *OURS, *arguments, "--output-file", target)
    subprocess.run(command, cwd=ROOT, input=requirements, text=True, check=True)


if __name__ == "__main__":
    main()
