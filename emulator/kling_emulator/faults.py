"""
What can go wrong, with which requests, and how: by a plan for whoever comes, or by the tags of a prompt.

To add a fault, subclass :class:`Fault` here; ``docs/emulator.md`` has the same table.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from http import HTTPStatus
from random import Random
from typing import Annotated, Any, ClassVar, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationError

Answer = web.StreamResponse
Choice = TypeVar("Choice")
_OUTAGE_QUERIES = 3


class Fate(Enum):
    """A tag that a prompt may carry anywhere, and what it does. Tags combine."""

    FAIL = "[fail]", "ends failed, with an ordinary reason"
    MODERATION = "[moderation]", "ends failed with `Failure to pass the risk control system`"
    SLOW = "[slow]", "takes ten times as long"
    NO_URL = "[no-url]", "succeeds without any URL"
    CUT = (
        "[cut]",
        "the first transfer of its file stops half-way to its Content-Length; later ones are whole",
    )
    CUT_ALWAYS = "[cut-always]", "every transfer of its file stops half-way"
    HTML = "[html]", "every query about it is answered with an HTML page and HTTP 200"
    OUTAGE = "[outage]", "the first 3 queries about it are answered with an HTML 502 page"
    LOST = "[lost]", "the create is accepted, and the connection is closed before the answer"
    UNKNOWN_STATUS = "[unknown-status]", "reports a status word that nobody knows, `REVIEWING`, until it ends"

    def __init__(self, tag: str, meaning: str) -> None:
        self.tag = tag
        self.meaning = meaning


def fates_of(prompt: str) -> frozenset[Fate]:
    return frozenset(fate for fate in Fate if fate.tag in prompt)


class On(StrEnum):
    """What is asked for."""

    CREATE = "create"
    QUERY = "query"
    LIST = "list"
    ACCOUNT = "account"
    FILE = "file"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """
    A request that something may befall.

    :param answer: does what was asked for, and gives the true answer, which may be a refusal.
    :param error: gives the server's own error of an HTTP status.
    """

    request: web.Request
    answer: Callable[[], Awaitable[Answer]]
    error: Callable[[int], Answer]


class Fault(BaseModel):
    """
    Something that goes wrong with so many requests of one sort.

    The fields are what a plan may say; their descriptions end the sentence that refuses a value.

    :cvar label: what plans call it.
    :cvar places: what it can happen to.
    :cvar meaning: what it does, as the table for users has it.
    :cvar lie: what it makes an answer say of a task.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    label: ClassVar[str]
    places: ClassVar[tuple[On, ...]] = tuple(On)
    meaning: ClassVar[str]
    lie: ClassVar[Fate | None] = None

    on: On
    times: Annotated[
        Annotated[int, Field(ge=1)] | None, Field(description="a whole number from 1, or null for always")
    ] = 1
    share: Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")] = 1.0
    seed: Annotated[int, Field(description="a whole number")] = 0
    _dice: Random = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        self._dice = Random(self.seed)

    def hits(self, on: On, *, shows_a_success: bool) -> bool:
        """Tell whether it hits a request, whose answer may tell of a task that has succeeded."""
        is_for_it = on is self.on and (shows_a_success or self.lie is not Fate.NO_URL)
        return is_for_it and self._dice.random() < self.share

    def describe(self) -> dict[str, Any]:
        """Say what is left of it, in the form in which plans are made."""
        return {"on": self.on, "fault": self.label, **self.model_dump(exclude={"on"})}

    async def befall(self, asked: Asked) -> Answer:
        return await asked.answer()


ErrorStatus = Annotated[int, Field(ge=400, le=599, description="a whole number from 400 to 599")]
AnyStatus = Annotated[int, Field(ge=200, le=599, description="a whole number from 200 to 599")]
# What no server could send would end as a 500 of the emulator's own.
HeaderName = Annotated[str, Field(pattern=r"^[0-9A-Za-z_!#$%&'*+.^`|~-]+$")]
HeaderText = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]*$")]


class ErrorBefore(Fault):
    """An error instead of an answer."""

    label = "error-before"
    meaning = "the gateway's own error; nothing is made"
    status: ErrorStatus = 500

    async def befall(self, asked: Asked) -> Answer:
        return asked.error(self.status)


class ErrorAfter(Fault):
    """An error that hides what was made."""

    label = "error-after"
    places = (On.CREATE,)
    meaning = "the task is made; the gateway's own error"
    status: ErrorStatus = 500

    async def befall(self, asked: Asked) -> Answer:
        await asked.answer()
        return asked.error(self.status)


class CutBefore(Fault):
    """A connection that breaks before the server read anything."""

    label = "cut-before"
    meaning = "nothing is made; the connection is closed without an answer"

    async def befall(self, asked: Asked) -> Answer:
        return _hang_up(asked.request, web.Response())


class CutAfter(Fault):
    """A connection that breaks before the answer."""

    label = "cut-after"
    places = (On.CREATE,)
    meaning = "the task is made; the connection is closed without an answer"

    async def befall(self, asked: Asked) -> Answer:
        return _hang_up(asked.request, await asked.answer())


class Slow(Fault):
    """A server that takes its time."""

    label = "slow"
    meaning = "nothing happens for so many seconds, then all is as usual"
    seconds: Annotated[float, Field(ge=0, description="a number from 0")] = 1.0

    async def befall(self, asked: Asked) -> Answer:
        await asyncio.sleep(self.seconds)
        return await asked.answer()


class Html(Fault):
    """A page of whatever stands before the server."""

    label = "html"
    meaning = "an HTML page; nothing is made"
    status: AnyStatus = 502

    async def befall(self, asked: Asked) -> Answer:
        return _html(self.status)


class HtmlAfter(Fault):
    """A page that hides what was made."""

    label = "html-after"
    places = (On.CREATE,)
    meaning = "the task is made; an HTML page"
    status: AnyStatus = 502

    async def befall(self, asked: Asked) -> Answer:
        await asked.answer()
        return _html(self.status)


class Truncated(Fault):
    """Half an answer that looks whole."""

    label = "truncated"
    places = (On.CREATE, On.QUERY, On.LIST, On.ACCOUNT)
    meaning = "half of the JSON, with a Content-Length that fits"

    async def befall(self, asked: Asked) -> Answer:
        answer = await asked.answer()
        body = _bytes_of(answer)
        half = body[: len(body) // 2]
        return web.Response(status=answer.status, body=half, content_type=answer.content_type)


class UnknownStatus(Fault):
    """An answer with a word that nobody knows."""

    label = "unknown-status"
    places = (On.QUERY, On.LIST)
    meaning = "the status word `REVIEWING`, for a task at its end too"
    lie = Fate.UNKNOWN_STATUS


class NoUrl(Fault):
    """An answer that leaves out the link."""

    label = "no-url"
    places = (On.QUERY, On.LIST)
    meaning = "a success without any URL; waits for an answer with a success"
    lie = Fate.NO_URL


class ShortBody(Fault):
    """Half an answer that is seen to be half."""

    label = "short-body"
    meaning = "half of the Content-Length is sent, then the connection closes"

    async def befall(self, asked: Asked) -> Answer:
        answer = await asked.answer()
        body = _bytes_of(answer)
        response = web.StreamResponse(status=answer.status)
        response.content_type = answer.content_type
        response.content_length = len(body)
        await response.prepare(asked.request)
        await response.write(body[: len(body) // 2])
        return _hang_up(asked.request, response)


class Literal(Fault):
    """Any answer at all."""

    label = "answer"
    meaning = "this status, this body (JSON, or text as it is) and these headers; nothing is made"
    status: AnyStatus = 200
    body: Annotated[JsonValue, Field(description="JSON or text")] = ""
    headers: Annotated[
        dict[HeaderName, HeaderText], Field(description="an object of header names and their texts")
    ] = {}

    async def befall(self, asked: Asked) -> Answer:
        is_text = isinstance(self.body, str)
        body = str(self.body) if is_text else json.dumps(self.body)
        content_type = "text/plain" if is_text else "application/json"
        headers = {"Content-Type": f"{content_type}; charset=utf-8"}
        # In any case of letters: otherwise the two types would both be sent.
        headers |= {name.title(): text for name, text in self.headers.items()}
        return web.Response(status=self.status, body=body.encode(errors="replace"), headers=headers)


FAULTS: dict[str, type[Fault]] = {fault.label: fault for fault in Fault.__subclasses__()}


async def befall(fault: Fault | None, asked: Asked) -> Answer:
    """Answer a request, with a fault or with none."""
    return await (asked.answer() if fault is None else fault.befall(asked))


def phrase(status: int) -> str:
    """Name an HTTP status from 100 to 599; content delivery networks make up some of their own."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _html(status: int) -> web.Response:
    title = f"{status} {phrase(status)}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")


def _bytes_of(answer: Answer) -> bytes:
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    return answer.body


def _hang_up(request: web.Request, answer: Answer) -> Answer:
    """Close the request's connection, once what was written to it is sent."""
    if request.transport is not None:
        request.transport.close()
    return answer


def fault_of_create(fates: frozenset[Fate]) -> Fault | None:
    """Tell what the tags of a prompt do to the answer to its create."""
    return CutAfter(on=On.CREATE) if Fate.LOST in fates else None


def fault_of_query(fates: frozenset[Fate], queries: int) -> Fault | None:
    """Tell what the tags of a prompt do to the answer to a query, which is counted in ``queries``."""
    if Fate.HTML in fates:
        return Html(on=On.QUERY, status=200)
    if Fate.OUTAGE in fates and queries <= _OUTAGE_QUERIES:
        return Html(on=On.QUERY)
    return None


def fault_of_transfer(fates: frozenset[Fate], transfers: int) -> Fault | None:
    """Tell what the tags of a prompt do to a transfer of its file, which is counted in ``transfers``."""
    is_cut = Fate.CUT_ALWAYS in fates or (Fate.CUT in fates and transfers == 1)
    return ShortBody(on=On.FILE) if is_cut else None


class Plans:
    """The planned faults of one emulator, in their order. Any thread plans; the server's uses them up."""

    def __init__(self) -> None:
        self._plans: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, plans: Sequence[Fault]) -> None:
        with self._lock:
            self._plans.extend(plans)

    def clear(self) -> None:
        with self._lock:
            self._plans.clear()

    def left(self) -> list[dict[str, Any]]:
        """Describe the plans that have hits left."""
        with self._lock:
            return [plan.describe() for plan in self._plans]

    def take(self, on: On, *, shows_a_success: bool = False) -> Fault | None:
        """
        Use up one hit of the first plan that hits a request; None if none does.

        :param on: what is asked for.
        :param shows_a_success: whether the answer would tell of a task that has succeeded.
        """
        with self._lock:
            for plan in self._plans:
                if plan.hits(on, shows_a_success=shows_a_success):
                    break
            else:
                return None
            if plan.times is not None:
                plan.times -= 1
                if plan.times == 0:
                    self._plans.remove(plan)
            return plan


def read_plans(plans: object) -> list[Fault]:
    """Read one plan, or a list of them; raise :class:`ValueError` if any of them is wrong."""
    return [read_plan(plan) for plan in (plans if isinstance(plans, list) else [plans])]


def read_plan(fields: object) -> Fault:
    """
    Read one plan as people write it.

    :param fields: the JSON object: ``on``, ``fault``, and what else is not as by default.
    :raises ValueError: what is wrong is named: the field, its value, and what it may be.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"a plan is a JSON object, not {_shown(fields)}")
    on = _one_of(fields, "on", {place.value: place for place in On})
    fault = _one_of(fields, "fault", FAULTS)
    if on not in fault.places:
        allowed = _listed(fault.places)
        raise ValueError(f"on {_shown(on)} is not where {fault.label} can happen: {allowed}")
    details = {name: value for name, value in fields.items() if name != "fault"}
    try:
        return fault.model_validate({**details, "on": on})
    except ValidationError as invalid:
        error = invalid.errors()[0]
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        allowed = _listed(("on", "fault", *list(fault.model_fields)[1:]))
        raise ValueError(f"{name} {_shown(fields[name])} is no field of {fault.label}, which has {allowed}")
    raise ValueError(f"{name} {_shown(fields[name])} is not {fault.model_fields[name].description}")


def _one_of(fields: Mapping[str, Any], name: str, choices: Mapping[str, Choice]) -> Choice:
    value = fields.get(name)
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} {_shown(value)} is not one of {_listed(choices)}")
    return choices[value]


def _shown(value: object) -> str:
    return json.dumps(value, default=repr)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
