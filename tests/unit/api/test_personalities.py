"""One request through every personality of the emulator."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.api.media.download import download
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.conftest import Client, Connect, endpoint_at

# What the emulator can be, and as what a connection names it.
PERSONALITIES = {
    "official": ["official"],
    "ezmodel": ["ezmodel"],
    "elkapi": ["elkapi"],
    "newapi": ["newapi"],
    "newapi-old": ["newapi"],
    "ezmodel-code": ["newapi", "ezmodel"],
    "crazyrouter": ["crazyrouter"],
    "envelope": ["envelope"],
}
RECOGNISED = ("official", "newapi", "newapi-old", "ezmodel-code", "envelope")
DEER = Text2VideoRequest(prompt="a deer", model="kling-v3", duration=3, mode="pro", aspect_ratio="9:16")
each_personality = pytest.mark.parametrize(
    ("personality", "gateway"), [(name, kind) for name, kinds in PERSONALITIES.items() for kind in kinds]
)


def instant(personality: str) -> KlingEmulator:
    """An emulator in which nothing takes time."""
    return KlingEmulator(gateway=personality, seconds_per_video=0, status_age_seconds=0)


def made(client: Client, fate: str = "") -> str:
    request = DEER.model_copy(update={"prompt": f"a deer {fate}"})
    task = client.perform(client.gateway().submit(request))
    assert task.state is GenerationState.SUBMITTED
    task_id: str = task.task_id
    return task_id


def seen(client: Client, task_id: str) -> Generation:
    task: Generation = client.perform(client.gateway().query(task_id))
    return task


@each_personality
@pytest.mark.parametrize("fate", ["", "[outage]"])
def test_one_request_ends_as_the_same_generation_and_as_a_file_of_the_shape_asked_for_at_every_gateway(
    connect: Connect, personality: str, gateway: str, fate: str
) -> None:
    with instant(personality) as emulator:
        there = endpoint_at(emulator.url, gateway)
        with connect(there) as client:
            task_id = made(client, fate)
            task = seen(client, task_id)
        (video,) = task.videos
        file = download(video, io.BytesIO(), there)
    assert (file.width, file.height) == (720, 1280)
    assert file.duration == pytest.approx(3.0, abs=0.1)
    assert video.url.startswith(f"{emulator.url}/files/")
    assert video.duration in (3.0, None)  # which some relays do not tell
    # Times, prices and where the file is are told by some only.
    plain = replace(
        task, videos=(Video("u"),), units=None, created_at=None, finished_at=None, request_id=None
    )
    assert plain == Generation(task_id, "text2video", GenerationState.SUCCEEDED, (Video("u"),))


@each_personality
def test_a_failure_keeps_its_reason_at_every_gateway(personality: str, gateway: str) -> None:
    with instant(personality) as emulator, KlingClient(endpoint_at(emulator.url, gateway)) as client:
        task = seen(client, made(client, "[moderation]"))
    assert (task.state, task.videos) == (GenerationState.FAILED, ())
    assert task.failure == "Failure to pass the risk control system"


@pytest.mark.parametrize("personality", RECOGNISED)
def test_auto_recognises_a_gateway_whose_host_says_nothing(connect: Connect, personality: str) -> None:
    with instant(personality) as emulator, connect(endpoint_at(emulator.url, None)) as client:
        assert seen(client, made(client)).state is GenerationState.SUCCEEDED
        assert client.gateway().name == PERSONALITIES[personality][0]
        assert emulator.counters().creates_received == 1
