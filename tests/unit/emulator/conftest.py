from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import requests
from kling_emulator import KlingEmulator

from tests.unit.emulator.dialects import (
    FAILED_WORDS,
    PATHS,
    SMALLEST_CREATES,
    SUCCESS_WORDS,
    url_of,
    word_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Caller:
    """Somebody who talks to one emulator, with a key of theirs."""

    def __init__(self, emulator: KlingEmulator, gateway: str, key: str) -> None:
        self.emulator = emulator
        self.path = PATHS[gateway]
        self.smallest_create = SMALLEST_CREATES[gateway]
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def create(self, body: dict[str, Any] | None = None, **fields: Any) -> requests.Response:
        """Send a body as it is, or the smallest one with some more fields."""
        body = {**self.smallest_create, **fields} if body is None else body
        return self.session.post(self.emulator.url + self.path, json=body, timeout=10)

    def created(self, **fields: Any) -> str:
        answer = self.create(**fields)
        assert answer.status_code == 200, answer.text
        task_id = (answer.json().get("data") or answer.json())["task_id"]
        assert isinstance(task_id, str)
        return task_id

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.emulator.url + path, timeout=10)

    def query(self, task_id: str) -> requests.Response:
        return self.get(f"{self.path}/{task_id}")

    def report(self, task_id: str) -> dict[str, Any]:
        """What a query says, without the envelope if there is one."""
        answer = self.query(task_id)
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json().get("data") or answer.json()
        return report

    def watch(self, task_id: str) -> list[str]:
        """Ask until the end; the status words met, each once."""
        words: list[str] = []
        give_up = time.monotonic() + 10
        while not words or words[-1] not in FAILED_WORDS | SUCCESS_WORDS:
            assert time.monotonic() < give_up, words
            word = word_of(self.report(task_id))
            if word not in words:
                words.append(word)
            time.sleep(0.01)
        return words

    def video_url(self, task_id: str) -> str:
        """The URL of a task that has succeeded."""
        return url_of(self.report(task_id))

    def admin(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return requests.request(method, f"{self.emulator.url}/_emulator/{path}", timeout=10, **arguments)


class Emulate(Protocol):
    def __call__(self, gateway: str, key: str = "any-key", **settings: Any) -> Caller: ...


@pytest.fixture
def emulate() -> Iterator[Emulate]:
    """Start an emulator whose tasks end at once, unless the test says otherwise."""
    with ExitStack() as stack:

        def start(gateway: str, key: str = "any-key", **settings: Any) -> Caller:
            settings = {"seconds_per_video": 0, **settings}
            emulator = stack.enter_context(KlingEmulator(gateway=gateway, **settings))
            return Caller(emulator, gateway, key)

        yield start
