"""One Airflow for all of these tests; the cases of a module go through it at the same time."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator

import pytest

from tests.e2e.cluster import ROOT, Cluster
from tests.e2e.driving import Case, Generation, generations
from tests.e2e.small_videos import small_videos

pytest.register_assert_rewrite("tests.e2e.judging")
SHOWN_CHARACTERS = 6000
DAGS = ROOT / "tests" / "e2e" / "dags"
DAG_IDS = ("one_task", "edited_official", "edited_newapi", "chain", "mapped", "mapped_few")
SETTINGS = {
    "AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG": "100",
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "100",
    "AIRFLOW__CORE__PARALLELISM": "6",
    # What dies is noticed within seconds instead of minutes.
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends everything, as Ctrl-C does
    with small_videos(), Cluster(DAGS, DAG_IDS, SETTINGS) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def selected(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[dict[str, Generation]]:
    """The runs of those cases of a module that are going to be tested; not yet begun."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    cases = [call.params["case"] for call in calls if call is not None]
    with generations(cluster, {str(case): case for case in cases}.values()) as found:
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell how the run went (``-rP`` shows it of passed tests too), and of a failure what was logged."""
    report = yield
    generation = item.funcargs.get("generation") if isinstance(item, pytest.Function) else None
    if call.when == "call" and isinstance(generation, Generation):
        report.sections.append(("Timeline", generation.timeline()))
        if report.failed:
            report.sections.append(("Log of a failure", generation.log_of_failure()[-SHOWN_CHARACTERS:]))
            report.sections.append(("Components", generation.cluster.tails()))
    return report


@pytest.fixture
def generation(driven: dict[str, Generation], case: Case) -> Generation:
    """The run of a case, which a module's ``driven`` has driven to its end."""
    return driven[str(case)]
