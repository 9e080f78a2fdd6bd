from __future__ import annotations

import json
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest
import requests
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.gateways import GATEWAYS
from benchmarks.waiting.figures import OURS
from benchmarks.waiting.gateway import MEDIAN_SECONDS, Durations
from benchmarks.waiting.peers import CONTENDERS, Video
from benchmarks.waiting.report import TITLES
from benchmarks.waiting.runs import BODY

PEERS = [name for name in CONTENDERS if name != OURS]
SECONDS_PER_VIDEO = 0.3


@pytest.fixture(params=["official", "newapi"])
def video(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Video]:
    """A video that has just been asked for."""
    gateway = request.param
    with KlingEmulator(
        gateway=gateway, seconds_per_video=SECONDS_PER_VIDEO, status_age_seconds=0
    ) as emulator:
        key = {"Authorization": "Bearer any-key"}
        connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": emulator.port, "extra": key}
        monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(connection))
        url = f"{emulator.url}{GATEWAYS[gateway].prefix}/text2video"
        assert requests.post(url, json=BODY, headers=key, timeout=10).status_code == 200
        (task,) = emulator.tasks()
        yield Video(task.task_id, gateway, time.time())


@pytest.mark.parametrize("name", PEERS)
async def test_a_peer_fires_once_and_not_before_the_video_has_ended(name: str, video: Video) -> None:
    trigger: Any = CONTENDERS[name].make(video)
    pause = "poke_interval" if name == "http_sensor" else "poll_seconds"
    assert getattr(trigger, pause) == 5.0
    setattr(trigger, pause, 0.05)

    events = [event async for event in trigger.run()]

    assert [CONTENDERS[name].is_success(event.payload) for event in events] == [True]
    assert time.time() - video.submitted_at > SECONDS_PER_VIDEO / 2


def test_every_contender_has_a_title() -> None:
    assert set(TITLES) == set(CONTENDERS)


def test_only_the_event_of_a_video_counts_as_ours() -> None:
    is_success = CONTENDERS[OURS].is_success

    assert is_success({"status": "ended", "failure": None})
    assert not is_success({"status": "ended", "failure": {"reason": "KlingModerationError"}})
    assert not is_success({"status": "error", "reason": "KlingTimeoutError"})


def test_the_videos_of_every_run_take_the_same_times() -> None:
    first, second = Durations(), Durations()

    assert [first() for _ in range(50)] == [second() for _ in range(50)]
    assert median(first() for _ in range(2000)) == pytest.approx(MEDIAN_SECONDS, rel=0.05)


def test_the_end_of_a_video_is_known_from_its_begin_on() -> None:
    durations = Durations()

    seconds = durations()

    assert durations.ends == [pytest.approx(time.time() + seconds, abs=1.0)]
