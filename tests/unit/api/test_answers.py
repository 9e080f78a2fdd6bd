"""Every documented form of an answer, and what is read out of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import (
    KlingResultMissingError,
    KlingTaskNotFoundError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.generation import Generation, GenerationState, Video
from airflow_provider_kling.api.reading.answers import read_submitted, read_task

LINK = "https://cdn.example.com/deer.mp4?Expires=1&Signature=abc"
PRODUCT = "text2video"
# What a relay keeps of Kling's own last answer.
KLING_INSIDE = {
    "code": 0,
    "data": {
        "task_id": "88",
        "task_status": "succeed",
        "task_result": {"videos": [{"id": "v1", "url": LINK, "duration": "5.1"}]},
    },
}


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body))


def read(body: object) -> Generation:
    return read_task(answer(body), PRODUCT, asked_id="asked")


def task_dto(status: str, **fields: Any) -> dict[str, Any]:
    """A query's answer of a stock New API server."""
    record = {
        "id": 1234,
        "created_at": 1763600000,
        "updated_at": 1763600090,
        "task_id": "task_1",
        "action": "textGenerate",
        "status": status,
        "fail_reason": "",
        "submit_time": 1763600000,
        "start_time": 1763600015,
        "finish_time": 0,
        "progress": "30%",
        "data": None,
    }
    return {"code": "success", "message": "", "data": {**record, **fields}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            {"task_id": "task_1234567890", "status": "queued"},
            Generation("task_1234567890", PRODUCT, GenerationState.SUBMITTED),
            id="ElkAPI's page",
        ),
        pytest.param(
            {"code": 0, "message": "success", "data": {"task_id": "77", "task_status": "submitted"}},
            Generation("77", PRODUCT, GenerationState.SUBMITTED),
            id="EzModel's page",
        ),
        pytest.param(
            {
                "code": 0,
                "message": "SUCCEED",
                "request_id": "r-1",
                "data": {
                    "task_id": "812345678901234567",
                    "task_status": "submitted",
                    "task_info": {"external_task_id": "mine-1"},
                    "created_at": 1722769557708,
                    "updated_at": 1722769557708,
                },
            },
            Generation(
                "812345678901234567",
                PRODUCT,
                GenerationState.SUBMITTED,
                external_task_id="mine-1",
                created_at=datetime(2024, 8, 4, 11, 5, 57, 708000, UTC),
                request_id="r-1",
            ),
            id="Kling",
        ),
        pytest.param(
            {
                "id": "task_abc",
                "task_id": "task_abc",
                "object": "video",
                "model": "kling-v3",
                "status": "queued",
                "progress": 0,
                "created_at": 1763600000,
            },
            Generation(
                "task_abc",
                PRODUCT,
                GenerationState.SUBMITTED,
                created_at=datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC),
            ),
            id="New API",
        ),
        pytest.param({"id": "x-1"}, Generation("x-1", PRODUCT, GenerationState.SUBMITTED), id="an id alone"),
        pytest.param(
            {"code": 200, "msg": "ok", "data": {"taskId": "kie-1"}},
            Generation("kie-1", PRODUCT, GenerationState.SUBMITTED),
            id="taskId",
        ),
        pytest.param(
            {"code": 0, "data": {"id": "new-1", "status": "processing"}},
            Generation("new-1", PRODUCT, GenerationState.PROCESSING),
            id="Kling's new standard",
        ),
        pytest.param(
            {"data": {"task_id": 77, "id": 5}},
            Generation("77", PRODUCT, GenerationState.SUBMITTED),
            id="a number",
        ),
        pytest.param(
            {"task_id": " t "}, Generation("t", PRODUCT, GenerationState.SUBMITTED), id="spaces around"
        ),
    ],
)
def test_the_answer_to_a_submission_is_read_in_every_documented_form(
    body: dict[str, Any], expected: Generation
) -> None:
    assert read_submitted(answer(body), PRODUCT) == expected


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": 0, "data": {}},
        {"code": 0, "data": {"id": 1234}},
        {"id": 1234},
        {"task_id": ""},
        {"task_id": None},
        {"task_id": 0},
        {"task_id": True},
        {"task_id": ["t"]},
        {"data": []},
    ],
    ids=str,
)
def test_a_submission_whose_answer_has_no_task_id_cannot_be_read(body: dict[str, Any]) -> None:
    with pytest.raises(KlingUnreadableAnswerError, match="no task id in the answer to a submission"):
        read_submitted(answer(body), PRODUCT)


def succeeded(task_id: str, video: Video, **fields: Any) -> Generation:
    return Generation(task_id, PRODUCT, GenerationState.SUCCEEDED, (video,), **fields)


SUCCESSES = [
    pytest.param(
        {"task_id": "t", "status": "completed", "url": LINK, "format": "mp4", "metadata": {"duration": 5}},
        succeeded("t", Video(LINK, duration=5.0)),
        id="ElkAPI's page",
    ),
    pytest.param(
        {
            "code": 0,
            "message": "success",
            "data": {
                "task_id": "t",
                "task_status": "succeed",
                "task_result": {"videos": [{"url": LINK, "duration": "5"}]},
            },
        },
        succeeded("t", Video(LINK, duration=5.0)),
        id="EzModel's page",
    ),
    pytest.param(
        {
            "code": 0,
            "message": "SUCCEED",
            "request_id": "r-2",
            "data": {
                "task_id": "t",
                "task_status": "succeed",
                "task_status_msg": "",
                "task_info": {"external_task_id": "mine-1"},
                "task_result": {"videos": [{"id": "v", "url": LINK, "duration": "5.1"}]},
                "final_unit_deduction": "1.5",
                "created_at": 1722769557708,
                "updated_at": 1722769657000,
            },
        },
        succeeded(
            "t",
            Video(LINK, "v", 5.1),
            external_task_id="mine-1",
            units=1.5,
            created_at=datetime(2024, 8, 4, 11, 5, 57, 708000, UTC),
            finished_at=datetime(2024, 8, 4, 11, 7, 37, tzinfo=UTC),
            request_id="r-2",
        ),
        id="Kling",
    ),
    pytest.param(
        task_dto("SUCCESS", result_url=LINK, finish_time=1763600090),
        succeeded(
            "task_1",
            Video(LINK),
            created_at=datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC),
            finished_at=datetime(2025, 11, 20, 0, 54, 50, tzinfo=UTC),
        ),
        id="New API, result_url",
    ),
    pytest.param(
        {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "data": KLING_INSIDE}},
        succeeded("t", Video(LINK, "v1", 5.1)),
        id="New API, Kling's own answer inside",
    ),
    pytest.param(
        {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "fail_reason": LINK}},
        succeeded("t", Video(LINK)),
        id="older New API, link in fail_reason",
    ),
    pytest.param(
        {
            "code": "success",
            "data": {"task_id": "t", "status": "SUCCESS", "fail_reason": LINK, "data": KLING_INSIDE},
        },
        succeeded("t", Video(LINK, "v1", 5.1)),
        id="older New API, both",
    ),
    pytest.param(
        {
            "id": "t",
            "object": "video",
            "status": "completed",
            "progress": 100,
            "created_at": 1722769557708,
            "completed_at": 1722769657000,
            "seconds": "5.1",
            "metadata": {"url": LINK},
        },
        succeeded(
            "t",
            Video(LINK, duration=5.1),
            created_at=datetime(2024, 8, 4, 11, 5, 57, 708000, UTC),
            finished_at=datetime(2024, 8, 4, 11, 7, 37, tzinfo=UTC),
        ),
        id="OpenAI style",
    ),
    pytest.param(
        {
            "code": "success",
            "data": {
                "error": None,
                "format": "mp4",
                "metadata": None,
                "status": "succeeded",
                "task_id": "t",
                "url": LINK,
            },
        },
        succeeded("t", Video(LINK)),
        id="Crazyrouter",
    ),
    pytest.param(
        {
            "code": 0,
            "data": [
                {
                    "id": "t",
                    "status": "succeeded",
                    "outputs": [{"type": "audio", "url": "https://x/a.mp3"}, {"type": "video", "url": LINK}],
                }
            ],
        },
        succeeded("t", Video(LINK)),
        id="Kling's new standard, a list",
    ),
    pytest.param(
        {"data": [{"id": "t", "state": "completed", "video_url": LINK}]},
        succeeded("t", Video(LINK)),
        id="AceData",
    ),
    pytest.param(
        {"code": 200, "data": {"task_id": "t", "status": "Completed", "output": {"video_url": LINK}}},
        succeeded("t", Video(LINK)),
        id="PiAPI",
    ),
    pytest.param({"status": "done", "url": LINK}, succeeded("asked", Video(LINK)), id="no id of its own"),
]


@pytest.mark.parametrize(("body", "expected"), SUCCESSES)
def test_a_success_is_read_in_every_documented_form(body: dict[str, Any], expected: Generation) -> None:
    assert read(body) == expected


def test_all_videos_of_a_success_are_read_in_their_order() -> None:
    urls = [f"https://cdn.example.com/{number}.mp4" for number in range(3)]
    listed = [{"url": url, "id": "", "duration": "x"} for url in urls]
    task = read({"data": {"task_status": "succeed", "task_result": {"videos": listed}}})
    assert task.videos == tuple(Video(url) for url in urls)


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "data": {"task_id": "t-9", "task_status": "succeed"}},
        {"code": 0, "data": {"task_id": "t-9", "task_status": "succeed", "task_result": {"videos": []}}},
        {"task_id": "t-9", "status": "completed", "url": ""},
        {"task_id": "t-9", "status": "completed", "url": "cdn.example.com/deer.mp4"},
        {"data": {"task_id": "t-9", "status": "SUCCESS", "result_url": None, "fail_reason": "no channel"}},
    ],
    ids=str,
)
def test_a_success_without_a_link_is_an_error_that_names_the_task(body: dict[str, Any]) -> None:
    with pytest.raises(KlingResultMissingError) as caught:
        read(body)
    assert caught.value.task_id == "t-9"
    assert "t-9" in str(caught.value)


@pytest.mark.parametrize("body", [{"code": 0, "data": []}, {"data": []}])
def test_an_empty_list_means_that_there_is_no_such_generation(body: dict[str, Any]) -> None:
    with pytest.raises(KlingTaskNotFoundError, match="asked"):
        read(body)


@pytest.mark.parametrize("body", [{}, {"code": 0, "data": {"task_id": "t"}}, {"status": 3}], ids=str)
def test_an_answer_that_tells_no_state_cannot_be_read(body: dict[str, Any]) -> None:
    with pytest.raises(KlingUnreadableAnswerError, match="no status"):
        read(body)


@pytest.mark.parametrize("body", [parameter.values[0] for parameter in SUCCESSES])
def test_a_task_comes_back_from_its_dict_but_for_the_signatures_of_its_links(body: dict[str, Any]) -> None:
    task = read(body)
    stored = json.loads(json.dumps(task.as_dict()))
    assert "Signature" not in str(stored)
    assert Generation.from_dict(stored).as_dict() == task.as_dict()
    assert Generation.from_dict(stored).videos[0].url == "https://cdn.example.com/deer.mp4"
