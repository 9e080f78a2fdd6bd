"""Print which of our files a prompt passes on its way to the wire, and an answer on its way back."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests
from kling_emulator import KlingEmulator

import airflow_provider_kling
from scripts.local import airflow_environment

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = Path(airflow_provider_kling.__path__[0])
# What has loaded all that a DAG file makes Airflow load, so that the rest is ours.
AIRFLOW = "from airflow.sdk import DAG, BaseOperator, ObjectStoragePath, task"
OPERATORS = "import airflow_provider_kling.operators.video"
TIMES = 7


@dataclass
class Trip:
    """
    What was passed through, as a file a call.

    :param calls: The file of each function of ours that was called, in order, below the package.
    """

    calls: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Each file once, by when it was first entered."""
        return list(dict.fromkeys(self.calls))

    @property
    def changes(self) -> int:
        """How often the next call was in another file."""
        return max(len(list(groupby(self.calls))) - 1, 0)

    def __str__(self) -> str:
        return f"{len(self.files)} files, {self.changes} changes of file, {len(self.calls)} calls"


class Store(dict[str, Any]):
    """What Airflow keeps for a task."""

    def set(self, key: str, value: Any, **_: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


@dataclass
class Trips:
    """
    One ``execute``.

    :param to_wire: Until the submission is sent.
    :param back: From then on.
    """

    to_wire: Trip = field(default_factory=Trip)
    back: Trip = field(default_factory=Trip)

    @property
    def whole(self) -> Trip:
        """Both in a row."""
        return Trip(self.to_wire.calls + self.back.calls)


def trips(**arguments: Any) -> Trips:
    """
    Run the operator at an emulated EzModel.

    :param arguments: Those of :class:`KlingText2VideoOperator`, beyond a prompt.
    """
    with KlingEmulator(gateway="ezmodel", seconds_per_video=0) as emulator:
        os.environ["AIRFLOW_CONN_KLING_DEFAULT"] = emulator.connection_uri
        _execute(**arguments)  # so that whatever is imported late is there: it is no part of the trip
        return _execute(**arguments)


def import_milliseconds() -> float:
    """Return what importing the operators takes over what a DAG file has imported of Airflow, the median."""
    program = (
        # Else whoever comes next pays for a collection of all that Airflow has loaded.
        "import gc; gc.disable(); from time import process_time;"
        f"{AIRFLOW}; began = process_time(); {OPERATORS};"
        "print((process_time() - began) * 1000)"
    )
    run = [sys.executable, "-c", program]
    return statistics.median(
        float(subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(TIMES)
    )


def _execute(**arguments: Any) -> Trips:
    from airflow_provider_kling.operators.video import KlingText2VideoOperator

    operator = KlingText2VideoOperator(task_id="deer", prompt="A deer in the snow", **arguments)
    ti = SimpleNamespace(
        **{"dag_id": "trip", "run_id": "trip", "task_id": "deer", "map_index": -1},
        **{"try_number": 1, "max_tries": 0, "start_date": None, "xcom_push": lambda **_: None},
    )
    context: Any = {"ti": ti, "task_state_store": Store()}
    counted = Trips()
    current = counted.to_wire

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal current
        if event != "call":
            return
        if frame.f_code is requests.Session.send.__code__ and frame.f_locals["request"].method == "POST":
            current = counted.back
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(PACKAGE):
            current.calls.append(str(file.relative_to(PACKAGE)))

    sys.setprofile(note)
    try:
        operator.execute(context)
    finally:
        sys.setprofile(None)
    return counted


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="trip-") as folder:
        os.environ |= airflow_environment(Path(folder), "")
        submitting = trips()
        landing = trips(path=Path(folder, "deer.mp4").as_uri(), poll_interval=0.1)
    show("prompt -> wire", submitting.to_wire)
    show("answer -> XCom", submitting.back)
    show("answer -> landed file", landing.back)
    print(f"submitting as a whole: {submitting.whole}; with landing: {landing.whole}")
    print(f"import of the operators over airflow.sdk: {import_milliseconds():.0f} ms")


def show(name: str, trip: Trip) -> None:
    print("\n    ".join((f"{name}: {trip}", *trip.files)))


if __name__ == "__main__":
    main()
