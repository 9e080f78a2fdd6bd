"""What the tests have to know of every gateway."""

from __future__ import annotations

from typing import Any

import pytest

_RELAYED = "/kling/v1/videos/text2video"
PATHS = {
    "official": "/v1/videos/text2video",
    "ezmodel": _RELAYED,
    "elkapi": _RELAYED,
    "newapi": _RELAYED,
    "newapi-old": _RELAYED,
    "ezmodel-code": _RELAYED,
    "crazyrouter": _RELAYED,
    "envelope": _RELAYED,
}
_MODEL_AND_PROMPT = {"model": "kling-v1", "prompt": "a deer"}
SMALLEST_CREATES: dict[str, dict[str, Any]] = {
    "official": {"prompt": "a deer"},
    "ezmodel": _MODEL_AND_PROMPT,
    # Small pictures: they render in no time.
    "elkapi": {"prompt": "a deer", "duration": 3, "width": 64, "height": 64},
    "newapi": _MODEL_AND_PROMPT,
    "newapi-old": _MODEL_AND_PROMPT,
    "ezmodel-code": _MODEL_AND_PROMPT,
    "crazyrouter": _MODEL_AND_PROMPT,
    "envelope": {"prompt": "a deer"},
}
EVERY_GATEWAY = pytest.mark.parametrize("gateway", PATHS)
CODE_OF_NEW_API = ("newapi", "newapi-old", "ezmodel-code", "crazyrouter")
FAILED_WORDS = {"failed", "FAILURE"}
SUCCESS_WORDS = {"succeed", "completed", "succeeded", "SUCCESS"}


def word_of(report: dict[str, Any]) -> str:
    """The status word in what a query says, without the envelope."""
    word = report.get("task_status") or report["status"]
    assert isinstance(word, str)
    return word


def url_of(report: dict[str, Any]) -> str:
    """The URL in what a query says of a success; empty where it is left out."""
    if "task_result" in report:
        videos = report["task_result"]["videos"]
        return str(videos[0]["url"]) if videos else ""
    columns = [name for name in ("url", "result_url", "fail_reason") if name in report]
    return str(report[columns[0]])
