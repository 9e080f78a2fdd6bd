"""A gateway over HTTP: requests in, its words out, and whatever shall go wrong on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kling_emulator.admin import ADMIN_PATH
from kling_emulator.faults import On, fault_of_create, fault_of_query
from kling_emulator.gateways.refusal import RefusalError
from kling_emulator.inflict import inflict
from kling_emulator.limits import Limit
from kling_emulator.links import FILES_PATH
from kling_emulator.sightings import Sighting, sight, told_state
from kling_emulator.tasks import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Handler

    from kling_emulator.emulation import Emulation
    from kling_emulator.faults import Fault
    from kling_emulator.files import VideoFiles
    from kling_emulator.gateways.base import Page, See
    from kling_emulator.tasks import VideoTask


class Exchange:
    """
    Serves one gateway.

    :param emulation: what is emulated.
    :param files: the videos, for a gateway that streams them itself.
    """

    def __init__(self, emulation: Emulation, files: VideoFiles) -> None:
        self._gateway = emulation.gateway
        self._store = emulation.store
        self._signer = emulation.signer
        self._limits = emulation.limits
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
    async def refuse(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """
        Ask for the key first, and put refusals in the gateway's form.

        :param request: what was asked.
        :param handler: what would answer it.
        """
        try:
            if not request.path.startswith((ADMIN_PATH, FILES_PATH)):
                self._gateway.authenticate(request.headers.get("Authorization", ""), request.path)
            return await handler(request)
        except RefusalError as refusal:
            return _refused(refusal)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await _json_object(request)
        self._store.receive(body)

        async def make() -> web.StreamResponse:
            task = self._make(body)
            answer = web.json_response(self._gateway.accepted(task))
            return await inflict(fault_of_create(task), request, _ready(answer), self._error(On.CREATE))

        return await self._answer(request, On.CREATE, self._plans.take(On.CREATE), make)

    def _make(self, body: dict[str, Any] | None) -> VideoTask:
        if body is None:
            raise self._gateway.unreadable_body()
        fields = {name: value for name, value in body.items() if value is not None}
        video_request = self._gateway.read(fields)
        if limit := self._limits.reached_by_a_create():
            raise self._gateway.limited(limit)
        return self._store.accept(self._gateway.new_task_id(), video_request)

    async def _query(self, request: web.Request) -> web.StreamResponse:
        self._store.count("polls")
        task_id = request.match_info["task_id"]
        task = self._gateway.find(task_id)
        fault = self._plans.take(On.QUERY, shows_a_success=task is not None and self._has_succeeded(task))

        async def tell() -> web.StreamResponse:
            if task is None:
                raise self._gateway.unknown_task(task_id)
            task.queries += 1
            answer = web.json_response(self._gateway.report(self._seer(request, fault)(task)))
            return await inflict(fault_of_query(task), request, _ready(answer), self._error(On.QUERY))

        return await self._answer(request, On.QUERY, fault, tell)

    def _handler(self, page: Page) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            if page.on is On.LIST:
                self._store.count("polls")
            shows_a_success = any(self._has_succeeded(task) for task in self._store.tasks())
            fault = self._plans.take(page.on, shows_a_success=shows_a_success)

            async def tell() -> web.StreamResponse:
                return web.json_response(page.answer(request.query, self._seer(request, fault)))

            return await self._answer(request, page.on, fault, tell)

        return answer

    async def _content(self, request: web.Request) -> web.StreamResponse:
        task_id = request.match_info["task_id"]
        task = self._gateway.find_content(task_id, self._seer(request, None))
        return await self._files.send(request, task, self._error(On.FILE))

    async def _unknown(self, request: web.Request) -> web.Response:
        raise self._gateway.unknown_route(request.method, request.path)

    async def _answer(
        self,
        request: web.Request,
        on: On,
        fault: Fault | None,
        speak: Callable[[], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        async def answer() -> web.StreamResponse:
            try:
                if self._limits.is_too_fast():
                    raise self._gateway.limited(Limit.RATE)
                return await speak()
            except RefusalError as refusal:
                return _refused(refusal)

        return await inflict(fault, request, answer, self._error(on))

    def _error(self, on: On) -> Callable[[int], web.Response]:
        return lambda status: _refused(self._gateway.failure(status, is_create=on is On.CREATE))

    def _has_succeeded(self, task: VideoTask) -> bool:
        return told_state(task, self._status_age) is State.SUCCEEDED

    def _seer(self, request: web.Request, fault: Fault | None) -> See:
        content_path = self._gateway.content_path

        def link(task: VideoTask) -> str:
            path = content_path.format(task_id=task.task_id) if content_path else self._signer.path(task)
            # The host that the caller reached, which may be the name of a container.
            return f"{request.scheme}://{request.host}{path}"

        def see(task: VideoTask) -> Sighting:
            lies = fault.lies if fault else frozenset()
            return sight(task, status_age=self._status_age, lies=lies, link=link)

        return see


async def _json_object(request: web.Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _ready(answer: web.StreamResponse) -> Callable[[], Awaitable[web.StreamResponse]]:
    async def give() -> web.StreamResponse:
        return answer

    return give


def _refused(refusal: RefusalError) -> web.Response:
    return web.json_response(refusal.body, status=refusal.status)
