"""Run the tests on one Airflow of each minor version, each in an environment of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from scripts.local import BUILD, ROOT

UV = Path(sys.executable).with_name("uv")
# A pre-release is tested to be known of early; it may fail.
MAY_FAIL = ("3.4",)
# Another Airflow changes nothing for these. The lowest versions of all libraries may, which the oldest has.
OF_NO_AIRFLOW = tuple(f"tests/unit/{folder}" for folder in ("api", "emulator", "generations", "waiting"))
NOT_RELEASED = "tests/unit/benchmarks"


def main() -> int:
    """Run them all, print a line for each, and return how many of those that must pass have failed."""
    oldest, *others = sorted((ROOT / "matrix").glob("airflow-*.txt"))
    results = [
        run(oldest, NOT_RELEASED),
        *(run(constraints, NOT_RELEASED, *OF_NO_AIRFLOW) for constraints in others),
    ]
    print("\nairflow    result   seconds  tests")
    for version, passed, seconds, summary in results:
        print(f"{version:<10} {'passed' if passed else 'FAILED':<8} {seconds:7.0f}  {summary}")
    return sum(not passed for version, passed, *_ in results if not version.startswith(MAY_FAIL))


def run(constraints: Path, *less: str) -> tuple[str, bool, float, str]:
    """Return the version, whether its tests passed, how long it took, and what pytest says of it."""
    started = time.monotonic()
    pins = constraints.read_text()
    version = re.findall(r"^apache-airflow==(\S+)", pins, re.MULTILINE)[0]
    environment = BUILD / "matrix" / constraints.stem
    python = environment / "bin" / "python"
    log = environment.with_name(f"{environment.name}.log")
    print(f"airflow {version}: {log.relative_to(ROOT)}", flush=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    ignored = [f"--ignore={folder}" for folder in less]
    commands: tuple[tuple[str | Path, ...], ...] = (
        (UV, "venv", "--quiet", "--clear", "--python", sys.executable, environment),
        (
            *(UV, "pip", "install", "--quiet", "--python", python, "--constraint", constraints),
            *("--build-constraints", "constraints.txt", "--editable", ".[test]"),
        ),
        (python, "-m", "pytest", "-n", "4", "-q", "tests/unit", "tests/integration", *ignored),
    )
    with log.open("w") as output:
        passed = all(
            subprocess.run(command, cwd=ROOT, stdout=output, stderr=output, check=False).returncode == 0
            for command in commands
        )
    lines = log.read_text().strip().splitlines() or [""]
    if not passed:
        print("\n".join(lines[-40:]), flush=True)
    return version, passed, time.monotonic() - started, lines[-1].strip("= ")


if __name__ == "__main__":
    sys.exit(main())
