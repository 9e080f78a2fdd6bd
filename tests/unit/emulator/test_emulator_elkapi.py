from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.emulator.conftest import Emulate

PAGE_EXAMPLE = {
    "model": "kling-v3",
    "prompt": "A small kitten running through a sunny garden, cinematic, highly detailed",
    "image": "https://example.com/image.png",
    "duration": 5,
    "response_format": "json",
    "metadata": {},
}
PAGE_FIELDS = {
    **PAGE_EXAMPLE,
    "width": 1280,
    "height": 720,
    "fps": 30,
    "seed": 20231234,
    "n": 1,
    "user": "user-1234",
    "metadata": {
        "negative_prompt": "blur",
        "cfg_scale": 0.5,
        "mode": "pro",
        "aspect_ratio": "9:16",
        "image_tail": "https://example.com/end.png",
        "style": "anything",
    },
}


@pytest.mark.parametrize("body", [PAGE_EXAMPLE, PAGE_FIELDS, {"prompt": "a deer"}])
def test_a_create_of_the_page_is_answered_with_two_fields_in_no_envelope(
    emulate: Emulate, body: dict[str, Any]
) -> None:
    answer = emulate("elkapi").create(body).json()
    assert set(answer) == {"task_id", "status"}
    assert re.fullmatch(r"task_\w{32}", answer["task_id"])
    assert answer["status"] == "queued"


def test_a_task_goes_through_the_words_of_the_page_to_a_flat_answer_with_a_url(emulate: Emulate) -> None:
    caller = emulate("elkapi", seconds_per_video=1)
    task_id = caller.created(seed=7, fps=30)
    assert caller.report(task_id)["url"] == ""
    assert caller.watch(task_id) == ["queued", "in_progress", "completed"]
    answer = caller.query(task_id).json()
    assert answer.pop("url").startswith(caller.emulator.url)
    assert answer == {
        "task_id": task_id,
        "status": "completed",
        "format": "mp4",
        "metadata": {"duration": 3, "fps": 30, "width": 64, "height": 64, "seed": 7},
        "error": None,
    }


def test_a_failed_task_carries_an_error_and_no_url(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    report = caller.report(caller.created(prompt="a deer [moderation]"))
    assert report["status"] == "failed"
    assert report["url"] == ""
    assert report["error"] == {"code": "task_failed", "message": "Failure to pass the risk control system"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": 1}, "prompt"),
        ({"model": 3}, "model"),
        ({"duration": "5"}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": 5.5}, "duration"),
        ({"duration": 16}, "duration"),
        ({"duration": 7, "model": "kling-v1-6"}, "duration"),
        ({"width": "1280"}, "width"),
        ({"width": 1280.0}, "width"),
        ({"height": 0}, "height"),
        ({"fps": 0}, "fps"),
        ({"seed": "x"}, "seed"),
        ({"n": 0}, "n value"),
        ({"image": {}}, "image"),
        ({"response_format": 1}, "response_format"),
        ({"user": 1}, "user"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"aspect_ratio": "4:3"}}, "aspect_ratio"),
        ({"metadata": {"aspect_ratio": 1}}, "metadata.aspect_ratio"),
        ({"metadata": {"mode": "standard"}}, "mode"),
        ({"metadata": {"cfg_scale": "0.5"}}, "metadata.cfg_scale"),
        ({"metadata": {"negative_prompt": 1}}, "metadata.negative_prompt"),
        ({"metadata": {"image_tail": 1}}, "metadata.image_tail"),
    ],
)
def test_a_field_that_breaks_the_page_is_an_invalid_request(
    emulate: Emulate, fields: dict[str, Any], named: str
) -> None:
    caller = emulate("elkapi")
    answer = caller.create(**fields)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert named in answer.json()["message"]
    assert caller.emulator.counters().creates_accepted == 0


@pytest.mark.parametrize("duration", [3, 5.0, 15])
def test_a_duration_is_a_json_number(emulate: Emulate, duration: float) -> None:
    caller = emulate("elkapi")
    report = caller.report(caller.created(duration=duration))
    assert report["metadata"]["duration"] == duration


def test_the_aspect_ratio_in_metadata_decides_the_size_unless_width_and_height_do(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    metadata = {"aspect_ratio": "9:16"}
    tall = caller.report(caller.created(width=None, height=None, metadata=metadata))["metadata"]
    assert (tall["width"], tall["height"]) == (720, 1280)
    wide = caller.report(caller.created(width=641, height=361, metadata=metadata))["metadata"]
    assert (wide["width"], wide["height"]) == (640, 360)


def test_kling_fields_at_top_level_have_no_effect(emulate: Emulate) -> None:
    caller = emulate("elkapi")
    report = caller.report(caller.created(width=None, height=None, aspect_ratio="9:16", mode="nonsense"))
    assert (report["metadata"]["width"], report["metadata"]["height"]) == (1280, 720)


def test_an_unknown_task_is_400_task_not_exist(emulate: Emulate) -> None:
    answer = emulate("elkapi").query("task_unknown")
    assert answer.status_code == 400
    assert answer.json()["code"] == "task_not_exist"
