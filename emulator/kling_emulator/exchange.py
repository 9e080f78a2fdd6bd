"""The emulator over HTTP: requests in, a gateway's words out, and whatever shall go wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kling_emulator.account import FILES_PATH, Account, Limit, LinkSigner
from kling_emulator.faults import (
    Answer,
    Asked,
    Fault,
    On,
    Plans,
    befall,
    fault_of_create,
    fault_of_query,
    read_plans,
)
from kling_emulator.gateways.kling import RefusalError
from kling_emulator.tasks import State, VideoTask, sight

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from kling_emulator.gateways.base import Gateway, Page, See
    from kling_emulator.render import VideoFiles

ADMIN_PATH = "/_emulator/"


@dataclass(frozen=True, kw_only=True)
class Emulation:
    """
    All that outlives a stop and a start of the server.

    :param status_age: seconds from one look of the gateway at its tasks to the next; 0 for always.
    """

    gateway: Gateway
    account: Account
    signer: LinkSigner
    plans: Plans
    status_age: float


class Exchange:
    """Serves one gateway, and the files where it streams them itself."""

    def __init__(self, emulation: Emulation, files: VideoFiles) -> None:
        self._gateway = emulation.gateway
        self._account = emulation.account
        self._signer = emulation.signer
        self._plans = emulation.plans
        self._status_age = emulation.status_age
        self._files = files

    def routes(self) -> list[web.RouteDef]:
        """List what is served; the last route takes whatever no other one does."""
        tasks_path = self._gateway.tasks_path
        content_path = self._gateway.content_path
        return [
            web.post(tasks_path, self._create),
            web.get(tasks_path + "/{task_id}", self._query),
            *(web.get(path, self._handler(page)) for path, page in self._gateway.pages().items()),
            *([web.get(content_path, self._content)] if content_path else []),
            web.route("*", "/{path:.*}", self._unknown),
        ]

    @web.middleware
    async def refuse(self, request: web.Request, handler: Handler) -> Answer:
        """Ask for the key first, and put refusals in the gateway's form."""
        try:
            if not request.path.startswith((ADMIN_PATH, FILES_PATH)):
                self._gateway.authenticate(request.headers.get("Authorization", ""), request.path)
            return await handler(request)
        except RefusalError as refusal:
            return _refused(refusal)

    async def _create(self, request: web.Request) -> Answer:
        body = await _json_object(request)
        self._account.receive(body)

        async def make() -> Answer:
            task = self._make(body)
            answer = web.json_response(self._gateway.accepted(task))
            return await befall(fault_of_create(task.fates), self._asked(request, On.CREATE, _ready(answer)))

        return await self._answer(request, On.CREATE, self._plans.take(On.CREATE), make)

    def _make(self, body: dict[str, Any] | None) -> VideoTask:
        if body is None:
            raise self._gateway.unreadable_body()
        fields = {name: value for name, value in body.items() if value is not None}
        video_request = self._gateway.read(fields)
        if limit := self._account.limit_of_a_create():
            raise self._gateway.limited(limit)
        return self._account.accept(self._gateway.new_task_id(), video_request)

    async def _query(self, request: web.Request) -> Answer:
        self._account.count("polls")
        task_id = request.match_info["task_id"]
        task = self._gateway.find(task_id)
        fault = self._plans.take(On.QUERY, shows_a_success=task is not None and self._has_succeeded(task))

        async def tell() -> Answer:
            if task is None:
                raise self._gateway.unknown_task(task_id)
            task.queries += 1
            answer = web.json_response(self._gateway.report(self._seer(request, fault)(task)))
            fated = fault_of_query(task.fates, task.queries)
            return await befall(fated, self._asked(request, On.QUERY, _ready(answer)))

        return await self._answer(request, On.QUERY, fault, tell)

    def _handler(self, page: Page) -> Handler:
        async def answer(request: web.Request) -> Answer:
            if page.on is On.LIST:
                self._account.count("polls")
            shows_a_success = any(self._has_succeeded(task) for task in self._account.tasks())
            fault = self._plans.take(page.on, shows_a_success=shows_a_success)

            async def tell() -> Answer:
                return web.json_response(page.answer(request.query, self._seer(request, fault)))

            return await self._answer(request, page.on, fault, tell)

        return answer

    async def _content(self, request: web.Request) -> Answer:
        task_id = request.match_info["task_id"]
        task = self._gateway.find_content(task_id, self._seer(request, None))
        return await self._files.send(request, task, self._error(On.FILE))

    async def _unknown(self, request: web.Request) -> Answer:
        raise self._gateway.unknown_route(request.method, request.path)

    async def _answer(
        self, request: web.Request, on: On, fault: Fault | None, speak: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        async def answer() -> Answer:
            try:
                if self._account.is_too_fast():
                    raise self._gateway.limited(Limit.RATE)
                return await speak()
            except RefusalError as refusal:
                return _refused(refusal)

        return await befall(fault, self._asked(request, on, answer))

    def _asked(self, request: web.Request, on: On, answer: Callable[[], Awaitable[Answer]]) -> Asked:
        return Asked(request=request, answer=answer, error=self._error(on))

    def _error(self, on: On) -> Callable[[int], Answer]:
        return lambda status: _refused(self._gateway.failure(status, is_create=on is On.CREATE))

    def _has_succeeded(self, task: VideoTask) -> bool:
        return task.told_state(self._status_age) is State.SUCCEEDED

    def _seer(self, request: web.Request, fault: Fault | None) -> See:
        content_path = self._gateway.content_path

        def link(task: VideoTask) -> str:
            path = content_path.format(task_id=task.task_id) if content_path else self._signer.path(task)
            # The host that the caller reached, which may be the name of a container.
            return f"{request.scheme}://{request.host}{path}"

        lie = fault.lie if fault else None
        return lambda task: sight(task, status_age=self._status_age, lie=lie, link=link)


class Admin:
    """What tests ask the emulator about itself, and what they ask of it. These paths need no key."""

    def __init__(self, emulation: Emulation) -> None:
        self._account = emulation.account
        self._plans = emulation.plans

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(ADMIN_PATH + "counters", self._counters),
            web.get(ADMIN_PATH + "creates", self._creates),
            web.get(ADMIN_PATH + "tasks", self._tasks),
            web.get(ADMIN_PATH + "faults", self._list_faults),
            web.post(ADMIN_PATH + "faults", self._plan_faults),
            web.delete(ADMIN_PATH + "faults", self._clear_faults),
            web.post(ADMIN_PATH + "reset", self._reset),
        ]

    async def _counters(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self._account.counters))

    async def _creates(self, request: web.Request) -> web.Response:
        return web.json_response(self._account.creates())

    async def _tasks(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(task) for task in self._account.snapshots()])

    async def _list_faults(self, request: web.Request) -> web.Response:
        return web.json_response(self._plans.left())

    async def _plan_faults(self, request: web.Request) -> web.Response:
        try:
            plans = read_plans(await request.json())
        except ValueError as wrong:
            return web.json_response({"error": str(wrong)}, status=400)
        self._plans.add(plans)
        return web.Response(status=204)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._plans.clear()
        return web.Response(status=204)

    async def _reset(self, request: web.Request) -> web.Response:
        self._account.reset()
        self._plans.clear()
        return web.Response(status=204)


async def _json_object(request: web.Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _ready(answer: Answer) -> Callable[[], Awaitable[Answer]]:
    async def give() -> Answer:
        return answer

    return give


def _refused(refusal: RefusalError) -> web.Response:
    return web.json_response(refusal.body, status=refusal.status)
