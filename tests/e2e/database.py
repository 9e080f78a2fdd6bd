"""What Airflow's database says of runs: their states now, and how they came to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import create_engine, text

# Airflow's own columns do not show deferrals, queueing and resumes.
AUDIT = """
CREATE TABLE e2e_audit (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id text, task_id text, map_index int, try_number int, state text
);
CREATE FUNCTION e2e_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.state IS DISTINCT FROM OLD.state THEN
        INSERT INTO e2e_audit (run_id, task_id, map_index, try_number, state)
        VALUES (NEW.run_id, NEW.task_id, NEW.map_index, NEW.try_number, coalesce(NEW.state, 'none'));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER e2e_audit AFTER INSERT OR UPDATE ON task_instance FOR EACH ROW EXECUTE FUNCTION e2e_audit();
"""


@dataclass(frozen=True)
class Change:
    """A task instance as it came into a state."""

    at: datetime
    task_id: str
    map_index: int
    try_number: int
    state: str

    @property
    def instance(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


def timeline(changes: Iterable[Change]) -> str:
    """Give every try a line: when it began, its states, and the seconds from one to the next."""
    tries: dict[tuple[str, int], list[Change]] = {}
    for change in changes:
        tries.setdefault((change.instance, change.try_number), []).append(change)
    lines = []
    for (instance, number), steps in tries.items():
        pauses = [(after.at - before.at).total_seconds() for before, after in pairwise(steps)]
        later = "".join(f" +{pause:.1f} {step.state}" for pause, step in zip(pauses, steps[1:], strict=True))
        lines.append(f"{steps[0].at:%H:%M:%S.%f} {instance} try {number}: {steps[0].state}{later}")
    return "\n".join(lines)


class Database:
    """Airflow's database, read beside Airflow. Threads may share it."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, pool_size=4, max_overflow=60)

    def audit(self) -> None:
        """Write down every change of a task instance's state from now on."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(AUDIT)

    def close(self) -> None:
        self._engine.dispose()

    def run_state(self, run_id: str) -> str:
        ((state,),) = self._ask("SELECT state FROM dag_run WHERE run_id = :run", run=run_id)
        return str(state)

    def run_seconds(self, run_id: str) -> float:
        """Return how long a run took, from when it was asked for to its end."""
        statement = "SELECT extract(epoch FROM end_date - queued_at) FROM dag_run WHERE run_id = :run"
        ((seconds,),) = self._ask(statement, run=run_id)
        return float(seconds)

    def task_states(self, run_id: str) -> dict[tuple[str, int], str]:
        """By task id and map index."""
        rows = self._ask(
            "SELECT task_id, map_index, state FROM task_instance WHERE run_id = :run", run=run_id
        )
        return {(task_id, index): str(state) for task_id, index, state in rows}

    def triggers(self, run_id: str) -> dict[int | None, int]:
        """How many of a run's deferred tasks each triggerer has, by its id; None for those that none has."""
        rows = self._ask(
            "SELECT trigger.triggerer_id, count(*) FROM task_instance "
            "JOIN trigger ON trigger.id = task_instance.trigger_id "
            "WHERE task_instance.run_id = :run GROUP BY trigger.triggerer_id",
            run=run_id,
        )
        return {triggerer: int(number) for triggerer, number in rows}

    def changes(self, run_id: str) -> list[Change]:
        """Every change of state in a run, oldest first."""
        columns = "at, task_id, map_index, try_number, state"
        rows = self._ask(f"SELECT {columns} FROM e2e_audit WHERE run_id = :run ORDER BY at", run=run_id)
        return [Change(*row) for row in rows]

    def _ask(self, statement: str, **values: Any) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(text(statement), values).all()
