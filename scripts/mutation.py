"""
Change the code of an area in small ways, one at a time, and count the changes that its tests notice.

``python -m scripts.mutation AREA [--mutants N] [--seed S]``. What is changed is a copy of the tree in a
temporary folder, never the checkout. One unchanged run says which tests reach which line, and each mutant
meets only the tests that can notice it, the quickest first. Each run is a fork of a process that has imported
what others wrote, which takes longer than most tests. A test that fails must fail twice: a busy machine fails
some as well.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.local import ROOT

if TYPE_CHECKING:
    import pytest
    from coverage import Coverage

    from scripts.mutants import Mutant

PACKAGE = "airflow_provider_kling"
# Of each area its modules, and the tests that protect it; what is not there is left out.
AREAS = {
    "reading": (("api/reading/*.py",), ("tests/unit/api", "tests/wire")),
    "generations": (("generations/*.py",), ("tests/unit/generations", "tests/unit/operators")),
    "waiting": (("waiting/*.py",), ("tests/unit/waiting", "tests/unit/triggers")),
}
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
FOLDER = "MUTATION_FOLDER"
OPTIONS = (
    *("-q", "--color=no", "--tb=short", "--hypothesis-seed=0"),
    *("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "scripts.mutation"),
)
# A test that takes longer than this, and so many times what it took, hangs: its mutant is noticed.
MOST_SECONDS, MOST_TIMES = 30, 10


def main() -> None:
    from scripts.mutants import draw

    parser = argparse.ArgumentParser(prog="python -m scripts.mutation")
    parser.add_argument("area", choices=AREAS)
    parser.add_argument("--mutants", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    patterns, paths = AREAS[given.area]
    started = time.monotonic()
    modules = sorted(path for pattern in patterns for path in (ROOT / PACKAGE).glob(pattern))
    mutants = draw(modules, given.mutants, random.Random(given.seed))
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tests = Tests(Path(folder))
        tests.learn([path for path in paths if (ROOT / path).exists()], {mutant.path for mutant in mutants})
        for mutant in mutants:
            killer = tests.killer_of(mutant)
            print(f"{killer or 'SURVIVED'} <- {mutant}", file=sys.stderr, flush=True)
            if killer is None:
                survivors.append(mutant)
    total = Counter(mutant.path for mutant in mutants)
    survived = Counter(mutant.path for mutant in survivors)
    for path, count in total.items():
        print(f"{count - survived[path]:4}/{count:<4} {path}")
    killed = len(mutants) - len(survivors)
    seconds = time.monotonic() - started
    print(f"{killed:4}/{len(mutants):<4} killed in {given.area} in {seconds:.0f} s; survivors:")
    print("\n".join(map(str, survivors)))


class Tests:
    """The tests of an area, in a copy of the tree, where this process then is as well."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tree = folder / "tree"
        self._log = folder / "log"
        # How long each takes; who comes to which line of a module: a test, a file of tests, or '', an import.
        self._seconds: dict[str, float] = {}
        self._visitors: dict[str, dict[int, list[str]]] = {}
        shutil.copytree(ROOT, self._tree, ignore=NOT_COPIED)
        os.chdir(self._tree)
        own = (self._tree, self._tree / "emulator")
        instead_of = {"", str(ROOT), str(ROOT / "emulator")}
        sys.path[:] = [*map(str, own), *(path for path in sys.path if path not in instead_of)]
        os.environ |= {
            "PYTHONPATH": os.pathsep.join(map(str, own)),
            "PYTHONHASHSEED": "0",
            FOLDER: str(folder),
        }

    def learn(self, paths: list[str], modules: set[str]) -> None:
        """Run them all on unchanged modules, which they must pass."""
        from coverage import Coverage, CoverageData

        os.environ["COVERAGE_CORE"] = "ctrace"  # which can tell tests apart on every Python
        measured = str(self._folder / "coverage")
        outcome = self._run(paths, Coverage(measured, source=[str(self._tree / PACKAGE)], config_file=False))
        self._seconds = outcome.seconds
        if not self._seconds:
            sys.exit(f"The tests cannot be run:\n{self._log.read_text()}")
        data = CoverageData(measured)
        data.read()
        for module in modules:
            self._visitors[module] = data.contexts_by_lineno(str(self._tree / module))
            if not self._visitors[module]:
                sys.exit(f"{module} of the copy is not what the tests import")
        self._import(outcome.foreign)
        # Now as a mutant is met, which must make no difference.
        if killer := self.killer(sorted(self._seconds)):
            sys.exit(f"The tests do not pass as they are: {killer}\n{self._log.read_text()}")

    def _import(self, foreign: list[str]) -> None:
        runpy.run_path("tests/conftest.py")  # which must come before Airflow is imported
        for name in foreign:
            with suppress(Exception):  # some can only be imported by what needs them
                importlib.import_module(name)
        for name, file in _files().items():
            if file.startswith(str(self._tree)):  # which Airflow has found, and may be a mutant later
                del sys.modules[name]

    def able_to_notice(self, mutant: Mutant) -> list[str]:
        visitors = self._visitors[mutant.path]
        lines = visitors if mutant.lines is None else mutant.lines
        came = {visitor for line in lines for visitor in visitors.get(line, ())}
        near = {test for test in self._seconds if test in came or _file(test) in came}
        tests = sorted(near, key=lambda test: (self._seconds[test], test))
        if mutant.lines is None or "" in came:  # what an import makes can be seen far away as well
            tests += sorted(self._seconds.keys() - near)
        return tests

    def killer_of(self, mutant: Mutant) -> str | None:
        module = self._tree / mutant.path
        original = module.read_text()
        module.write_text(mutant.source)
        # Of two mutants of one second and one size, the second would be taken for the first.
        shutil.rmtree(module.parent / "__pycache__", ignore_errors=True)
        killer = self.killer(self.able_to_notice(mutant))
        module.write_text(original)
        return killer

    def killer(self, tests: list[str]) -> str | None:
        """Return the first test that fails, or how else the tests end; None where they pass."""
        while tests:
            outcome = self._run_these(tests)
            if outcome.status == 0:
                return None
            if not outcome.failed:
                return f"ended with {outcome.status}"
            failed = outcome.failed[0]
            if failed not in tests or self._run_these([failed]).status:
                return failed
            tests = tests[tests.index(failed) + 1 :]
        return None

    def _run_these(self, tests: list[str]) -> Outcome:
        limits = {test: MOST_SECONDS + round(MOST_TIMES * seconds) for test, seconds in self._seconds.items()}
        plan = {test: (rank, limits[test]) for rank, test in enumerate(tests)}
        left_out = dict.fromkeys(self._seconds.keys() - plan.keys())
        (self._folder / "plan.json").write_text(json.dumps(plan | left_out))
        return self._run(list(dict.fromkeys(_file(test) for test in tests)))

    def _run(self, paths: list[str], coverage: Coverage | None = None) -> Outcome:
        told = self._folder / "outcome.json"
        told.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            try:
                os._exit(self._pytest(paths, coverage))
            finally:
                os._exit(70)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with suppress(ProcessLookupError):  # what a test that was killed has left behind
            os.killpg(child, signal.SIGKILL)
        return Outcome(status, **json.loads(told.read_text() if told.exists() else "{}"))

    def _pytest(self, paths: list[str], coverage: Coverage | None) -> int:
        os.setsid()
        with self._log.open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        import pytest

        if coverage:
            coverage.start()
        status = pytest.main([*OPTIONS, *paths])
        if coverage:
            coverage.stop()
            coverage.save()
        sys.stdout.flush()
        return int(status)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of pytest tells; after a sudden death it is the status alone, which is minus a signal."""

    status: int
    failed: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)


def _files() -> dict[str, str]:
    return {name: str(getattr(module, "__file__", "")) for name, module in list(sys.modules.items())}


def _file(test: str) -> str:
    return test.partition("::")[0]


# From here on it is the plugin of the pytest that is run.

_failed: list[str] = []
_seconds: dict[str, float] = {}
_plan: dict[str, tuple[int, int] | None] = {}  # of each test its rank and its seconds; None: it is left out
_UNPLANNED = (sys.maxsize, 10 * MOST_SECONDS)


def pytest_configure(config: pytest.Config) -> None:
    from hypothesis import Phase, settings

    # To look for a smaller example of a failure takes long, and one failure is enough.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutation", phases=phases, deadline=None, database=None)
    settings.load_profile("mutation")
    signal.alarm(_UNPLANNED[1])  # whoever does not come back in time, dies of it
    with suppress(FileNotFoundError):
        _plan.update(json.loads((Path(os.environ[FOLDER]) / "plan.json").read_text()))
        config.option.maxfail = 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave those out that cannot notice the mutant; one that is there by its change alone comes last."""
    ranked = [(planned[0], item) for item in items if (planned := _plan.get(item.nodeid, _UNPLANNED))]
    items[:] = [item for _, item in sorted(ranked, key=lambda pair: pair[0])]


def pytest_runtest_logstart(nodeid: str) -> None:
    signal.alarm((_plan.get(nodeid) or _UNPLANNED)[1])
    _visit(_file(nodeid))  # what fixtures set up may be there for every test of the file


def pytest_runtest_call(item: pytest.Item) -> None:
    _visit(item.nodeid)


def _visit(visitor: str) -> None:
    from coverage import Coverage

    if coverage := Coverage.current():
        coverage.switch_context(visitor)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    foreign = [name for name, file in _files().items() if "site-packages" in file]
    outcome = {"failed": _failed, "seconds": _seconds, "foreign": foreign}
    (Path(os.environ[FOLDER]) / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
