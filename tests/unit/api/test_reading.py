"""What is read beside the rows of ``tests/wire``: clocks, names of failures, secrets that stay ours."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import KlingError, KlingModerationError, KlingTaskFailedError
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import Generation, GenerationState
from airflow_provider_kling.api.reading.answers import failure_of, read_task
from tests.unit.api.conftest import data_rows, value_or_error


def read(answer: Answer) -> Any:
    return value_or_error(GATEWAYS["official"].query("t").read, answer)


@pytest.mark.parametrize(
    ("code", "clock_ahead", "words"),
    [
        (1003, 3600.4, " (this machine's clock is 3600 s ahead of the gateway's)."),
        (1004, -3600.0, " (this machine's clock is 3600 s behind the gateway's)."),
        (1003, 5.0, " (this machine's clock is 5 s ahead of the gateway's)."),
        (1003, -4.9, "."),
        (1003, None, "."),
        (1000, 3600.0, "."),
    ],
)
def test_a_token_that_is_refused_for_its_time_says_how_far_the_clocks_are_apart(
    code: int, clock_ahead: float | None, words: str
) -> None:
    error = read(Answer(401, f'{{"code": {code}, "message": "no"}}', clock_ahead=clock_ahead))
    assert isinstance(error, KlingError)
    assert error.message == f"The gateway refused: no{words}"


@pytest.mark.parametrize(
    ("reason", "kind", "said"),
    [
        ("no RISK CONTROL", KlingModerationError, "The generation failed: no RISK CONTROL."),
        ("try later", KlingTaskFailedError, "The generation failed: try later."),
        (None, KlingTaskFailedError, "The generation failed: the gateway gives no reason."),
    ],
)
def test_a_failed_generation_is_an_error_with_the_gateways_reason(
    reason: str | None, kind: type[KlingTaskFailedError], said: str
) -> None:
    failed = Generation("t-1", "text2video", GenerationState.FAILED, failure=reason, request_id="r-1")
    error = failure_of(failed)
    assert type(error) is kind
    assert (error.message, error.task_id, error.request_id) == (said, "t-1", "r-1")


def test_a_word_that_nobody_knows_is_warned_of_once_and_shortened(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        read_task(Answer(200, f'{{"status": "Re Viewing-{"x" * 60}"}}'), "text2video", "t")
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"The status word 're_viewing_{'x' * 39}...' is not known" in said


def test_a_word_that_is_known_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    for word in ("processing", "In Progress", "running", "generating", "unknown", "queued"):
        read_task(Answer(200, f'{{"status": "{word}"}}'), "text2video", "t")
    assert not caplog.records


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("row", data_rows("masked"))
def test_an_unreadable_body_is_quoted_in_200_characters_and_without_secrets(
    row: dict[str, str], status: int
) -> None:
    for before in range(0, 215, 7):
        shown = str(read(Answer(status, f"<p>{'x' * before} {row['text']} </p>" + "y" * 10_000 + "end")))
        assert not [word for word in ("abcdef", "eyJ", "end", "y" * 200) if word in shown]
