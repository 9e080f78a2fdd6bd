from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from airflow_provider_kling.api import retrying
from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.api.auth import ApiKey
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.endpoint import Endpoint
from airflow_provider_kling.api.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_kling.api.auth import Credentials
    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.generation import Generation

KEY = "key-that-nobody-may-see-0123456789"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _only_what_the_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the proxy nor the .netrc of the machine has a part in it, and pauses are short."""
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "netrc").touch()
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(retrying, "RETRY_SECONDS", 1.0)
    monkeypatch.setattr(retrying, "_backoff", lambda state: 0.02)


@dataclass(frozen=True)
class Scripted:
    """An answer that a server gives as it stands."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Gives its answers one after the other, the last one for ever, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Scripted] = []
        self.received: list[Received] = []
        self._stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                outer.received.append(
                    Received(self.command, self.path, dict(self.headers), self.rfile.read(length))
                )
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if answer.seconds:
                    outer._stopping.wait(answer.seconds)
                if answer.hang_up:
                    return
                self.send_response(answer.status)
                body = answer.body.replace(b"%AUTHORIZATION%", self.headers.get("Authorization", "").encode())
                for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def says(self, *answers: tuple[int, object] | tuple[int, object, dict[str, str]] | str) -> None:
        """
        Set the answers: a status, a body (bytes as they are, all else as JSON) and headers; or a word.

        The words are "hang up", for closing the connection, and "silence", for not answering in time.
        Where a body has %AUTHORIZATION%, the request's header of that name comes back.
        """
        self.answers = [_scripted(answer) for answer in answers]

    def close(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _scripted(answer: tuple[int, object] | tuple[int, object, dict[str, str]] | str) -> Scripted:
    if isinstance(answer, str):
        return Scripted(hang_up=True, seconds={"hang up": 0.0, "silence": 10.0}[answer])
    status, body, *headers = answer
    return Scripted(
        status,
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers[0] if headers else {},
    )


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


def endpoint_at(
    url: str, gateway: str = "official", credentials: Credentials | None = None, timeout: float | None = 5.0
) -> Endpoint:
    return Endpoint(GATEWAYS[gateway], url, credentials or ApiKey(KEY), timeout)


@pytest.fixture
def endpoint() -> Callable[..., Endpoint]:
    return endpoint_at


class Reader(Protocol):
    """What the two clients have in common, called the same way."""

    def get_task(self, endpoint: Endpoint, task_id: str) -> Generation: ...

    def perform(self, endpoint: Endpoint, call: Call[Any]) -> Any: ...


class _OnRequests:
    def get_task(self, endpoint: Endpoint, task_id: str) -> Generation:
        with KlingClient(endpoint) as client:
            return client.get_task(task_id)

    def perform(self, endpoint: Endpoint, call: Call[Any]) -> Any:
        with KlingClient(endpoint) as client:
            return client.perform(call)


class _OnAiohttp:
    def _run(self, endpoint: Endpoint, use: Callable[[AsyncKlingClient], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            async with AsyncKlingClient(endpoint) as client:
                return await use(client)

        return asyncio.run(run())

    def get_task(self, endpoint: Endpoint, task_id: str) -> Generation:
        task: Generation = self._run(endpoint, lambda client: client.get_task(task_id))
        return task

    def perform(self, endpoint: Endpoint, call: Call[Any]) -> Any:
        return self._run(endpoint, lambda client: client.perform(call))


@pytest.fixture(params=[_OnRequests, _OnAiohttp], ids=["requests", "aiohttp"])
def reader(request: pytest.FixtureRequest) -> Reader:
    """Either client."""
    made: Reader = request.param()
    return made
