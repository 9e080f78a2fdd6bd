from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest

from airflow_provider_kling.api.async_client import AsyncKlingClient
from airflow_provider_kling.api.calls import PORTION_BYTES, Call
from airflow_provider_kling.api.client import KlingClient
from airflow_provider_kling.api.endpoint import ApiKey, Credentials, Endpoint
from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.api.gateways import GATEWAYS, Gateway
from airflow_provider_kling.api.retrying import Retries, Retry

KEY = "key-that-nobody-may-see-0123456789"
# Long enough for a trouble that passes, also on a busy machine.
QUICK = Retries(60.0, longest_pause=0.02)
ONCE = Retries(0.0)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _only_what_the_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the proxy nor the .netrc of the machine has a part in it."""
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "netrc").touch()
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """
    Gives its answers one after the other, the last one for ever.

    It remembers what it was asked, and how many bytes of its last answer it got rid of.
    """

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.received: list[Received] = []
        self.sent = 0
        self._stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                outer.received.append(
                    Received(self.command, self.path, dict(self.headers), self.rfile.read(length))
                )
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if isinstance(answer, str):
                    outer._stopping.wait({"hang up": 0.0, "silence": 10.0}[answer])
                    return
                status, body, *headers = answer
                if not isinstance(body, bytes):
                    key = self.headers.get("Authorization", "")
                    text = body if isinstance(body, str) else json.dumps(body)
                    body = text.replace("%AUTHORIZATION%", key).encode()
                self.send_response_only(status)  # without a Date, which some answers give themselves
                for name, value in {"Content-Length": str(len(body)), **dict(*headers)}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                outer.sent = 0
                with suppress(OSError):  # who asked has heard enough
                    for start in range(0, len(body), PORTION_BYTES):
                        outer.sent += self.wfile.write(memoryview(body)[start : start + PORTION_BYTES])

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

    def says(self, *answers: Any) -> None:
        """
        Set the answers: a status, a body (bytes and text as they are, else as JSON) and headers; or a word.

        The words are "hang up", for closing the connection, and "silence", for not answering in time.
        Where a text or JSON has %AUTHORIZATION%, the request's header of that name comes back.
        """
        self.answers = list(answers)

    def close(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


def endpoint_at(
    url: str, gateway: str | None = "official", credentials: Credentials | None = None, timeout: float = 5.0
) -> Endpoint:
    return Endpoint(GATEWAYS[gateway] if gateway else None, url, credentials or ApiKey(KEY), timeout)


class Client(Protocol):
    """What both clients can do, called the same way."""

    def perform(self, call: Call[Any], retry: Retry = Retry.FREELY) -> Any: ...

    def gateway(self) -> Gateway: ...


class Connect(Protocol):
    def __call__(self, endpoint: Endpoint, retries: Retries = QUICK) -> AbstractContextManager[Client]: ...


@contextmanager
def _on_requests(endpoint: Endpoint, retries: Retries = QUICK) -> Iterator[Client]:
    with KlingClient(endpoint, retries) as client:
        yield client


class _OnLoop:
    def __init__(self, client: AsyncKlingClient, loop: asyncio.Runner) -> None:
        self._client = client
        self._loop = loop

    def perform(self, call: Call[Any], retry: Retry = Retry.FREELY) -> Any:
        return self._loop.run(self._client.perform(call, retry))

    def gateway(self) -> Gateway:
        return self._loop.run(self._client.gateway())


@contextmanager
def _on_aiohttp(endpoint: Endpoint, retries: Retries = QUICK) -> Iterator[Client]:
    async def opened() -> AsyncKlingClient:
        return await AsyncKlingClient(endpoint, retries).__aenter__()

    with asyncio.Runner() as loop:
        client = loop.run(opened())
        yield _OnLoop(client, loop)
        loop.run(client.close())


@pytest.fixture(params=[_on_requests, _on_aiohttp], ids=["requests", "aiohttp"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens either client."""
    opened: Connect = request.param
    return opened


def value_or_error(act: Callable[..., Any], *arguments: Any) -> Any:
    """What comes of it: a value, or the KlingError; nothing else may be raised."""
    try:
        return act(*arguments)
    except KlingError as error:
        return error


def outcome_of(client: Client, call: Call[Any], retry: Retry = Retry.FREELY) -> Any:
    return value_or_error(client.perform, call, retry)


def data_rows(name: str, *names: str) -> list[Any]:
    """The rows of a file in ``data``, as parameters; all of them, or those of these names."""
    text = (Path(__file__).parent / "data" / f"{name}.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    return [
        pytest.param(row, id=str(list(row.values()))[:80])
        for row in rows
        if not names or row["name"] in names
    ]


def refused_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc that has something to say about every host."""
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login me password mine\ndefault login me password mine\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
