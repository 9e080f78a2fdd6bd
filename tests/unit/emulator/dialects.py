"""What the tests have to know of every gateway, and somebody who calls one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from kling_emulator import KlingEmulator

RELAYED = "/kling/v1/videos/text2video"
CODE_OF_NEW_API = ("newapi", "newapi-old", "ezmodel-code", "crazyrouter")
SMALLEST_CREATES: dict[str, dict[str, Any]] = {
    **{gateway: {"prompt": "a deer"} for gateway in ("official", "envelope")},
    **{gateway: {"model": "kling-v1", "prompt": "a deer"} for gateway in ("ezmodel", *CODE_OF_NEW_API)},
    # Small pictures: they render in no time.
    "elkapi": {"prompt": "a deer", "duration": 3, "width": 64, "height": 64},
}
GATEWAYS = tuple(SMALLEST_CREATES)
EVERY_GATEWAY = pytest.mark.parametrize("gateway", GATEWAYS)
COSTS = "/account/costs?start_time=1000000000000&end_time=1000000001000"
HALF = "half of what was promised"
BREAK = "no answer"
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


def seen(ask: Callable[[], requests.Response]) -> str:
    """The status, the type and the text of an answer, or how the connection broke."""
    try:
        answer = ask()
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as broken:
        numbers = re.search(r"(\d+) bytes read, (\d+) more expected", str(broken))
        is_half = numbers is not None and 0 <= int(numbers[2]) - int(numbers[1]) <= 1
        return HALF if is_half else f"{BREAK}: {broken}"
    text = answer.content.decode(errors="replace")
    return f"{answer.status_code} {answer.headers['Content-Type']} {text}"


class Caller:
    """Somebody who talks to one emulator, with a key of theirs."""

    def __init__(self, emulator: KlingEmulator, gateway: str, key: str = "any-key") -> None:
        self.emulator = emulator
        self.path = "/v1/videos/text2video" if gateway == "official" else RELAYED
        self.smallest_create = SMALLEST_CREATES[gateway]
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def send(self, body: bytes) -> requests.Response:
        return self.session.post(self.emulator.url + self.path, data=body, timeout=30)

    def create(self, body: dict[str, Any] | None = None, **fields: Any) -> requests.Response:
        """Send a body as it is, or the smallest one with some more fields."""
        body = {**self.smallest_create, **fields} if body is None else body
        return self.session.post(self.emulator.url + self.path, json=body, timeout=30)

    def created(self, **fields: Any) -> str:
        answer = self.create(**fields)
        assert answer.status_code == 200, answer.text
        task_id = (answer.json().get("data") or answer.json())["task_id"]
        assert isinstance(task_id, str)
        return task_id

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.emulator.url + path, timeout=30)

    def query(self, task_id: str) -> requests.Response:
        return self.get(f"{self.path}/{task_id}")

    def report(self, task_id: str) -> dict[str, Any]:
        """What a query says, without the envelope if there is one."""
        answer = self.query(task_id)
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json().get("data") or answer.json()
        return report

    def video_url(self, **fields: Any) -> str:
        """The URL of a new task that has succeeded."""
        return url_of(self.report(self.created(**fields)))

    def admin(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return requests.request(method, f"{self.emulator.url}/_emulator/{path}", timeout=30, **arguments)


Emulate = Callable[..., Caller]
"""What starts an emulator: it takes the gateway, a key, and the settings of :class:`KlingEmulator`."""
