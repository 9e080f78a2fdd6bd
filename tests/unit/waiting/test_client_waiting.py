"""Waiting for a generation: both clients end for the same reasons."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest
from kling_emulator import KlingEmulator

from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.errors import (
    KlingAuthError,
    KlingError,
    KlingResultMissingError,
    KlingTaskNotFoundError,
    KlingTimeoutError,
)
from airflow_provider_kling.api.generation import GenerationState
from airflow_provider_kling.api.requests import Text2VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader, ScriptedServer


@pytest.fixture(autouse=True)
def _questions_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what keeps a waiting going is the waiting itself."""
    monkeypatch.setattr("airflow_provider_kling.api.retrying.RETRY_SECONDS", 0.0)


def submitted(endpoint: Endpoint, prompt: str) -> str:
    with KlingClient(endpoint) as client:
        return client.perform(client.gateway().submit(Text2VideoRequest(prompt=prompt))).task_id


def record(word: str, **fields: object) -> tuple[int, object]:
    return 200, {"code": 0, "data": {"task_id": "t", "task_status": word, **fields}}


SUCCEEDED = record("succeed", task_result={"videos": [{"url": "https://cdn/a.mp4?Signature=abc"}]})


def test_a_whole_number_of_seconds_is_a_pause_as_well(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(record("processing"), SUCCEEDED)
    task = reader.wait_for_task(endpoint(server.url), "t", poll_interval=1, deadline=time.time() + 10)
    assert task.state is GenerationState.SUCCEEDED


@pytest.mark.parametrize(
    ("prompt", "state", "failure"),
    [
        ("a deer", GenerationState.SUCCEEDED, None),
        ("[unknown-status]", GenerationState.SUCCEEDED, None),
        ("[outage]", GenerationState.SUCCEEDED, None),
        ("[fail]", GenerationState.FAILED, "The generation failed, please try again later"),
        ("[moderation]", GenerationState.FAILED, "Failure to pass the risk control system"),
    ],
)
@pytest.mark.parametrize("gateway", ["official", "ezmodel", "elkapi"])
def test_a_waiting_returns_the_generation_as_it_ended(
    reader: Reader,
    endpoint: Callable[..., Endpoint],
    gateway: str,
    prompt: str,
    state: GenerationState,
    failure: str | None,
) -> None:
    with KlingEmulator(gateway=gateway, seconds_per_video=0.1) as emulator:
        there = endpoint(emulator.url, gateway)
        task_id = submitted(there, prompt)
        task = reader.wait_for_task(there, task_id, poll_interval=0.03, deadline=time.time() + 10)
    assert (task.task_id, task.state, task.failure) == (task_id, state, failure)
    assert bool(task.videos) is (state is GenerationState.SUCCEEDED)


def test_a_waiting_asks_no_more_often_than_it_was_told_to(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(record("submitted"), record("processing"), record("processing"), SUCCEEDED)
    started = time.monotonic()
    reader.wait_for_task(endpoint(server.url), "t", poll_interval=0.1, deadline=time.time() + 10)
    assert time.monotonic() - started >= 0.3
    assert len(server.received) == 4


def test_a_waiting_that_reaches_its_deadline_says_that_the_generation_goes_on(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(record("processing"))
    started = time.monotonic()
    with pytest.raises(KlingTimeoutError) as caught:
        reader.wait_for_task(endpoint(server.url), "t-1", poll_interval=60, deadline=time.time() + 1.5)
    assert 1.4 < time.monotonic() - started < 30
    assert caught.value.task_id == "t-1"
    assert "(processing)" in str(caught.value)
    assert "The generation goes on and is billed" in str(caught.value)
    assert len(server.received) == 2  # the second one at the deadline


def test_a_deadline_that_has_passed_still_allows_one_question(
    reader: Reader, server: ScriptedServer, endpoint: Callable[..., Endpoint]
) -> None:
    server.says(SUCCEEDED)
    task = reader.wait_for_task(endpoint(server.url), "t", poll_interval=1, deadline=time.time() - 100)
    assert task.state is GenerationState.SUCCEEDED


def test_a_gateway_that_is_down_for_a_while_does_not_end_a_waiting(
    reader: Reader, endpoint: Callable[..., Endpoint], caplog: pytest.LogCaptureFixture
) -> None:
    emulator = KlingEmulator(seconds_per_video=0)
    with emulator:
        task_id = submitted(endpoint(emulator.url), "a deer")
    back = threading.Timer(0.5, emulator.start)
    back.start()
    try:
        task = reader.wait_for_task(
            endpoint(emulator.url), task_id, poll_interval=0.05, deadline=time.time() + 10
        )
    finally:
        back.join()
        emulator.stop()
    assert task.state is GenerationState.SUCCEEDED
    assert f"Could not ask for Kling task {task_id}, and will ask again" in caplog.text


@pytest.mark.parametrize("trouble", [(502, b"<html>"), (200, b"<html>"), (429, b""), "hang up"], ids=str)
def test_a_trouble_at_the_deadline_is_named_in_the_timeout(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    trouble: tuple[int, object] | str,
) -> None:
    server.says(trouble)
    with pytest.raises(KlingTimeoutError, match="the last question failed: ") as caught:
        reader.wait_for_task(endpoint(server.url), "t", poll_interval=0.05, deadline=time.time() + 0.2)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"code": 1000, "message": "no"}), KlingAuthError),
        ((400, {"code": 1201, "message": "Task not found by id/external id: t"}), KlingTaskNotFoundError),
        (record("succeed"), KlingResultMissingError),
    ],
)
def test_what_time_does_not_mend_ends_a_waiting_at_once(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    answer: tuple[int, object],
    kind: type[KlingError],
) -> None:
    server.says(record("processing"), answer, SUCCEEDED)
    with pytest.raises(kind):
        reader.wait_for_task(endpoint(server.url), "t", poll_interval=0.01, deadline=time.time() + 10)
    assert len(server.received) == 2


def test_only_a_change_of_state_is_said_aloud(
    reader: Reader,
    server: ScriptedServer,
    endpoint: Callable[..., Endpoint],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_kling")
    words = ["submitted", "submitted", "processing", "processing", "running"]
    server.says(*map(record, words), SUCCEEDED)
    reader.wait_for_task(endpoint(server.url), "t", poll_interval=0.01, deadline=time.time() + 10)
    ours = [entry for entry in caplog.records if entry.name.startswith("airflow_provider_kling")]
    aloud = [entry.getMessage() for entry in ours if entry.levelno >= logging.INFO]
    assert aloud == ["Kling task t is submitted", "Kling task t is processing"]
    assert len(ours) == 5
