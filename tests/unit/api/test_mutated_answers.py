"""Good answers that went bad on their way, and answers that are far too long."""

from __future__ import annotations

import json
import random
import threading
import time
import tracemalloc
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kling.api import retrying
from airflow_provider_kling.api.calls import Answer
from airflow_provider_kling.api.errors import (
    KlingError,
    KlingOutcomeUnknownError,
    KlingRejectedError,
    KlingServerError,
    KlingUnreadableAnswerError,
)
from airflow_provider_kling.api.gateways import GATEWAYS
from airflow_provider_kling.api.generation import Generation
from airflow_provider_kling.api.reading.accounts import Account
from airflow_provider_kling.api.requests import Text2VideoRequest
from tests.unit.api.relay_forms import FORMS
from tests.unit.api.strategies import ENDPOINT, calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_provider_kling.api.endpoint import Endpoint
    from tests.unit.api.conftest import Reader

MIB = 1024 * 1024
MUTATED = 10_000
ACCOUNT = (
    '{"code":0,"message":"SUCCEED","request_id":"r-1","data":{"code":0,"msg":"ok",'
    '"resource_pack_subscribe_infos":[{"resource_pack_name":"Trial-Video-100Units-5Con-1Months",'
    '"resource_pack_id":"p-1","resource_pack_type":"decreasing_total","total_quantity":100.0,'
    '"remaining_quantity":42.5,"purchase_time":1722769557708,"effective_time":1722769557708,'
    '"invalid_time":1725361557708,"status":"online"}]}}'
)
GOOD = [
    *[ACCOUNT] * 10,
    *(form.submitted for form in FORMS if form.submitted),
    *(form.body(word) for form in FORMS for word in form.words),
    *(form.succeeded for form in FORMS if form.succeeded),
    *(refused.body for form in FORMS for refused in form.refusals if refused.body.startswith("{")),
]
# What JSON text may hold and a Python value may not, so it is put in as text.
RAW = [
    "1e400",
    "-1e400",
    "1" * 5000,
    "1" * 4000,
    "-" + "9" * 300,
    "1." + "0" * 5000,
    "NaN",
    "Infinity",
    "-Infinity",
    '"\\ud800"',
    '"\\ud83d\\ude00 \\udc00"',
    '"\\u0000"',
    '{"data":' * 100 + '{"url":"https://cdn.example.com/deep.mp4"}' + "}" * 100,
    "null",
    "true",
    "false",
    "[]",
    "{}",
    '""',
    "-1",
    "0",
    "1763600000000000",
    "5.5e-324",
    '"succeed"',
    '"failed"',
    '"1303"',
    "[[null]]",
    "tru",
    "'text'",
    "",
]
LARGE = [
    "[" * 5000 + "]" * 5000,
    '{"data":' * 3000 + "{}" + "}" * 3000,
    '"' + "x" * 100_000 + '"',
    '"' + "{" * 50_000 + '"',
    '"' + "https://cdn.example.com/a.mp4?" + "s" * 50_000 + '"',
]
DOUBLED = [
    '"code":0',
    '"code":1102',
    '"code":"task_not_exist"',
    '"data":null',
    '"data":[]',
    '"data":{"task_id":"second"}',
    '"task_status":"failed"',
    '"status":"SUCCESS"',
    '"error":{}',
    '"error":{"message":"no"}',
    '"task_id":7',
    '"message":{}',
]
_HERE = "%HERE%"


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inner for place in ((value, key), *places(item))]


def with_raw(body: str, chance: random.Random) -> str:
    """Put odd text in the place of one or two values."""
    for _ in range(chance.choice((1, 1, 2))):
        value = json.loads(body)
        container, key = chance.choice(places(value))
        container[key] = _HERE
        body = json.dumps(value).replace(f'"{_HERE}"', chance.choice(LARGE if chance.random() < 0.1 else RAW))
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            break
    return body


def swapped(body: str, chance: random.Random) -> str:
    """Let two values change their places."""
    value = json.loads(body)
    found = places(value)
    (one, key), (other, name) = chance.choice(found), chance.choice(found)
    held = json.loads(json.dumps(other[name]))  # a copy: else one may come to hold itself
    one[key], moved = held, json.loads(json.dumps(one[key]))
    if isinstance(other, dict) or name < len(other):
        other[name] = moved
    return json.dumps(value)


def truncated(body: str, chance: random.Random) -> str:
    return body[: chance.randrange(len(body))]


def garbled(body: str, chance: random.Random) -> str:
    at = chance.randrange(len(body))
    return body[:at] + chance.choice('\x00"{}[],:\\9e\ufffd\ud800') + body[at + chance.randint(0, 2) :]


def doubled(body: str, chance: random.Random) -> str:
    """Say a key twice, at the beginning or at the end of some object."""
    entry = chance.choice(DOUBLED)
    if chance.random() < 0.5:
        return body.replace("{", "{" + entry + ",", 1)
    return body[: body.rindex("}")] + "," + entry + "}"


MUTATIONS: list[Callable[[str, random.Random], str]] = [
    with_raw,
    with_raw,
    with_raw,
    swapped,
    truncated,
    garbled,
    doubled,
]
READERS = {
    name: call.read
    for name, call in calls().items()
    if name in ("submit", "query", "find", "query_many", "account")
}


def answers() -> Iterator[Answer]:
    chance = random.Random(20261120)
    for _ in range(MUTATED):
        body = chance.choice(MUTATIONS)(chance.choice(GOOD), chance)
        yield Answer(chance.choice((200, 200, 200, 200, 200, 200, 302, 400, 404, 429, 500)), body)


def test_good_answers_are_read_before_they_are_spoilt() -> None:
    """Else what is said of their mutations would say nothing."""
    for form in FORMS:
        for word in form.words:
            assert READERS["query_many" if form.many else "query"](Answer(200, form.body(word)))
    assert READERS["account"](Answer(200, ACCOUNT)).remaining == 42.5
    assert len(GOOD) > 100


def outcomes_of(answer: Answer) -> Iterator[tuple[str, object]]:
    for name, read in READERS.items():
        try:
            outcome = read(answer)
        except KlingError as error:
            outcome = error
        yield name, outcome


def test_ten_thousand_mutated_answers_are_values_or_kling_errors_in_bounded_time() -> None:
    declared = (Generation, Account, dict, type(None), KlingError)
    seen: dict[str, int] = {}
    started = time.process_time()
    for answer in answers():
        for name, outcome in outcomes_of(answer):
            assert isinstance(outcome, declared), (name, type(outcome))
            seen[type(outcome).__name__] = seen.get(type(outcome).__name__, 0) + 1
            if name == "query":  # saying an error takes longer than making it
                assert str(outcome)
    assert time.process_time() - started < 60
    assert sum(seen.values()) == MUTATED * len(READERS)
    assert {"Generation", "Account", "KlingUnreadableAnswerError", "KlingResultMissingError"} <= set(seen)


def test_mutated_answers_that_are_long_or_deep_take_a_bounded_amount_of_memory() -> None:
    """The short ones are left out: to trace them takes much time, and tells nothing."""
    large = [answer for answer in answers() if len(answer.text) > 5000][::2]
    assert len(large) > 100
    tracemalloc.start()
    try:
        for answer in large:
            assert len([str(outcome) for _, outcome in outcomes_of(answer)]) == len(READERS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


# Each of these begins something that is masked, over and over.
STARTS = ("http://a", "-eyJa", "sk-abcdefgh ", "bearer ")


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "body",
    [
        '{"code":1201,"message":"%LONG%"}',
        '{"code":1201,"message":"no","request_id":"%LONG%"}',
        '{"code":"%LONG%","message":"no"}',
        '{"code":0,"data":{"task_status":"failed","task_status_msg":"%LONG%"}}',
        '{"code":0,"data":{"task_status":"%LONG%"}}',
        '{"code":0,"data":{"echo":"%LONG%"}}',
    ],
    ids=["message", "request id", "code", "reason of a failure", "status", "unreadable"],
)
def test_the_time_to_read_a_long_text_grows_no_faster_than_the_text(body: str, start: str) -> None:
    """48 KB in half a second are far from what 4 MiB, the limit, would need if it were quadratic."""
    answer = Answer(200, body.replace("%LONG%", start * (48_000 // len(start))))
    started = time.process_time()
    try:
        outcome = ENDPOINT.read(calls()["query"], answer)
    except KlingError as error:
        outcome = error
    assert str(outcome)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "body",
    [
        '{"code":1201,"message":"%LONG%"}',
        '{"code":1201,"message":"no","request_id":"%LONG%"}',
        '{"code":"%LONG%","message":"no"}',
    ],
    ids=["message", "request id", "code"],
)
def test_a_long_text_of_a_gateway_is_cut_in_an_error(body: str) -> None:
    with pytest.raises(KlingRejectedError) as caught:
        READERS["query"](Answer(400, body.replace("%LONG%", "x" * 100_000)))
    assert len(str(caught.value)) < 3000


class FloodServer:
    """Answers every request alike with a body that it makes as it goes, and counts what it got rid of."""

    def __init__(self, status: int, portions: Callable[[], Iterable[bytes]], headers: dict[str, str]) -> None:
        self.sent: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.sent.append(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for portion in portions():
                        self.wfile.write(portion)
                        outer.sent[-1] += len(portion)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()  # waits for the answers that are on their way
        self._thread.join()


FLOOD = 50 * MIB
PORTION = b"x" * (64 * 1024)


def plain(start: bytes) -> Callable[[], Iterator[bytes]]:
    def portions() -> Iterator[bytes]:
        yield start + PORTION[len(start) :]
        for _ in range(FLOOD // len(PORTION) - 1):
            yield PORTION

    return portions


def zeros() -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    portions = [packer.compress(bytes(MIB)) for _ in range(FLOOD // MIB)]
    return [*portions, packer.flush()]


ZEROS = zeros()
LENGTH = {"Content-Length": str(FLOOD)}
PACKED = {"Content-Encoding": "gzip", "Content-Length": str(sum(len(portion) for portion in ZEROS))}
JSON_START = b'{"code":0,"data":{"task_id":"t-1","task_status":"submitted","echo":"'
ASKED = [
    pytest.param(
        GATEWAYS["official"].query("t-1"), KlingUnreadableAnswerError, KlingServerError, id="question"
    ),
    pytest.param(
        GATEWAYS["official"].submit(Text2VideoRequest(prompt="a deer")),
        KlingOutcomeUnknownError,
        KlingOutcomeUnknownError,
        id="create",
    ),
]


@pytest.mark.parametrize(("call", "kind", "on_500"), ASKED)
@pytest.mark.parametrize(
    ("status", "start", "headers"),
    [
        (200, JSON_START, LENGTH),
        (200, JSON_START, {}),
        (200, b"gzip", PACKED),
        (500, b"<html><h1>Oops</h1>", LENGTH),
    ],
    ids=["long", "without a length", "gzip", "HTML under 500"],
)
def test_a_flood_is_not_read_whole(
    monkeypatch: pytest.MonkeyPatch,
    reader: Reader,
    endpoint: Callable[..., Endpoint],
    call: Any,
    kind: type[KlingError],
    on_500: type[KlingError],
    status: int,
    start: bytes,
    headers: dict[str, str],
) -> None:
    monkeypatch.setattr(retrying, "RETRY_SECONDS", 0.0)
    packed = headers is PACKED
    server = FloodServer(status, (lambda: ZEROS) if packed else plain(start), headers)
    tracemalloc.start()
    try:
        with pytest.raises(KlingError) as caught:
            reader.perform(endpoint(server.url), call)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        server.close()
    error = caught.value
    assert type(error) is (on_500 if status == 500 else kind)
    assert error.http_status == status
    assert peak < 32 * MIB
    assert len(server.sent) == 1
    if not packed:
        assert server.sent[0] < FLOOD // 2
    assert ("Oops" if status == 500 else "more than 4194304 characters") in str(error)
    assert len(str(error)) < 3000
