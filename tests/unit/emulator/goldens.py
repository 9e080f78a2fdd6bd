"""
What the emulator answers, word for word, but for ids, times, signatures and hosts.

``python -m tests.unit.emulator.goldens`` writes ``golden/`` anew, for whoever changed an answer on purpose.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import requests
from kling_emulator import KlingEmulator, State
from kling_emulator.account import Account, Keys
from kling_emulator.gateways import GATEWAYS as GATEWAY_CLASSES
from kling_emulator.tasks import Sighting, VideoRequest, VideoTask

from tests.unit.emulator.dialects import COSTS, GATEWAYS, Caller

GOLDEN = Path(__file__).parent / "golden"
CREATES = "creates.json"
"""Rows of a gateway, the fields of a create beside the smallest one's, and its answer's status and body."""
PERSONALITIES: dict[str, dict[str, Any]] = {
    **{gateway: {"gateway": gateway} for gateway in GATEWAYS},
    "newapi-proxied": {"gateway": "newapi", "proxied_links": True},
}
AT_ONCE: dict[str, Any] = {"seconds_per_video": 0, "status_age_seconds": 0}
Ask = Callable[[Caller], requests.Response]


def stored(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def query_of(prompt: str) -> Ask:
    return lambda caller: caller.query(caller.created(prompt=prompt, duration=None))


def failing(on: str, status: int) -> Ask:
    def ask(caller: Caller) -> requests.Response:
        caller.emulator.plan(on=on, fault="error-before", status=status)
        return caller.create() if on == "create" else caller.query("1")

    return ask


def file_of(prompt: str) -> Ask:
    return lambda caller: caller.get(f"/v1/videos/{caller.created(prompt=prompt)}/content")


def of_unknown_status(caller: Caller) -> requests.Response:
    caller.emulator.plan(on="query", fault="unknown-status")
    return caller.query(caller.created())


def taken_twice(caller: Caller) -> requests.Response:
    body: dict[str, Any] = {"external_task_id": "mine", "metadata": {"external_task_id": "mine"}}
    caller.created(**body)
    return caller.create(**body)


def too_fast(caller: Caller) -> requests.Response:
    caller.query("1")
    return caller.query("1")


def page_of_two(caller: Caller) -> requests.Response:
    ids = caller.created(external_task_id="listed"), caller.created(prompt="a deer [fail]")
    return caller.get(f"/tasks?task_ids={','.join(ids)}")


ASKED: dict[str, Ask] = {
    "create": Caller.create,
    "create without a prompt": lambda caller: caller.create(prompt=None),
    "create without a model": lambda caller: caller.create(model=None),
    "create with an unreadable model": lambda caller: caller.create(model=5),
    "create with an unknown model": lambda caller: caller.create(model="kling-v9", model_name="kling-v9"),
    "create that is no JSON": lambda caller: caller.send(b"{"),
    "create that is no JSON object": lambda caller: caller.send(b"[]"),
    "create with an external id that is taken": taken_twice,
    "create without a key": lambda caller: requests.post(caller.emulator.url + caller.path, timeout=30),
    **{f"create that fails with {code}": failing("create", code) for code in (418, 429, 502, 503, 504, 520)},
    "query of a success": query_of("a deer"),
    "query of a failure": query_of("a deer [fail]"),
    "query of a moderated one": query_of("a deer [moderation]"),
    "query of a success that was of unknown status": query_of("a deer [unknown-status]"),
    "query of a success without a link": query_of("a deer [no-url]"),
    "query of an unknown status": of_unknown_status,
    "query of nobody's task": lambda caller: caller.query("42"),
    "query by the external id": lambda caller: caller.query("mine"),
    **{f"query that fails with {code}": failing("query", code) for code in (403, 429, 500)},
    "something else": lambda caller: caller.get("/v2/tasks"),
    "something else with the wrong key": lambda caller: Caller(
        caller.emulator, gateway="official", key="wrong-key"
    ).get(caller.path),
    "list": lambda caller: caller.get(f"{caller.path}?pageSize=1&pageNum=2"),
    "page of the newer standard": page_of_two,
    "account": lambda caller: caller.get(COSTS),
    "file of nobody's task": lambda caller: caller.get("/v1/videos/42/content"),
    "file of a failure": file_of("a deer [fail]"),
}
ASKED_UNDER: dict[str, tuple[dict[str, Any], Ask]] = {
    "query of a new task": ({"seconds_per_video": 600}, query_of("a deer")),
    "query of a new task of unknown status": ({"seconds_per_video": 600}, query_of("[unknown-status]")),
    "file of a new task": ({"seconds_per_video": 600}, file_of("a deer")),
    "create beside too many": ({"parallel_tasks": 0}, Caller.create),
    "create without units": ({"units": 0}, Caller.create),
    "account without units": ({"units": 0}, lambda caller: caller.get(COSTS)),
    "query too soon": ({"requests_per_second": 0.01}, too_fast),
}
# Hexadecimal numbers first: 18 of their digits in a row can look like an id of Kling's.
NORMAL_TEXTS = (
    (r"Expires=\d+&Signature=[0-9a-f]{64}", "Expires=TIME&Signature=HEX"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"request id: [0-9a-f]{32}", "request id: HEX"),
    (r"task_[0-9A-Za-z]{32}", "RELAY-ID"),
    (r"(?<!\d)\d{18}(?!\d)", "KLING-ID"),
    (r"http://127\.0\.0\.1:\d+", "http://HOST"),
)


def normal(value: Any, name: str = "") -> Any:
    """An answer without what is another one each time, but with the form of it."""
    if isinstance(value, dict):
        return {key: normal(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [normal(member) for member in value]
    if isinstance(value, str):
        for pattern, text in NORMAL_TEXTS:
            value = re.sub(pattern, text, value)
        return value
    if type(value) is int and name in ("id", "seed"):
        return "NUMBER"
    if type(value) is int:
        now = {"SECONDS": time.time(), "MILLISECONDS": time.time() * 1000}
        return next((unit for unit, time_ in now.items() if abs(value / time_ - 1) < 1e-6), value)
    return value


def sighting_of(state: State, prompt: str = "a deer", lasts: float = 20) -> Sighting:
    """A look at a task in a state, by somebody who looks each 15 seconds."""
    request = VideoRequest(model="kling-v1", prompt=prompt, seconds=5, width=64, height=64)
    task = VideoTask(task_id="1", request=request, lasts=lasts, created_at=1_000_000)
    return Sighting(task=task, state=state, fates=frozenset(), status_age=15, url="")


def said(answer: requests.Response) -> list[Any]:
    return [answer.status_code, normal(answer.json())]


def answers_of(personality: str) -> dict[str, list[Any]]:
    """The status and the body of every answer of a personality."""
    settings = {**AT_ONCE, **PERSONALITIES[personality]}
    with KlingEmulator(**settings) as emulator:
        answers = {name: said(ask(Caller(emulator, settings["gateway"]))) for name, ask in ASKED.items()}
    for name, (more, ask) in ASKED_UNDER.items():
        with KlingEmulator(**{**settings, **more}) as emulator:
            answers[name] = said(ask(Caller(emulator, settings["gateway"])))
    # Which no request is sure to meet.
    running = GATEWAY_CLASSES[settings["gateway"]](Account(Keys(), 20)).report(sighting_of(State.PROCESSING))
    return {**answers, "query of a running task": [200, normal(running)]}


def answers_to_creates(gateway: str) -> list[list[Any]]:
    """The rows of :data:`CREATES` that are a gateway's, with the answers that it gives now."""
    with KlingEmulator(gateway=gateway, **AT_ONCE) as emulator:
        caller = Caller(emulator, gateway)
        rows = [row for row in stored(CREATES) if row[0] == gateway]
        return [[gateway, fields, *said(caller.create(**fields))] for _, fields, *_ in rows]


def write(name: str, brackets: str, rows: Iterable[str]) -> None:
    text = ",\n".join(rows)
    (GOLDEN / name).write_text(f"{brackets[0]}\n{text}\n{brackets[1]}\n", encoding="utf-8")


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    write(CREATES, "[]", [dumped(row) for name in GATEWAYS for row in answers_to_creates(name)])
    for personality in PERSONALITIES:
        answers = answers_of(personality).items()
        write(f"{personality}.json", "{}", [f"{dumped(name)}: {dumped(answer)}" for name, answer in answers])
