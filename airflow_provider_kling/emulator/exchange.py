"""A gateway over HTTP: requests in, its words out, and the fates that concern what is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_kling.emulator.admin import ADMIN_PATH
from airflow_provider_kling.emulator.fates import Fate
from airflow_provider_kling.emulator.files import hang_up
from airflow_provider_kling.emulator.gateways.base import RefusalError
from airflow_provider_kling.emulator.links import FILES_PATH

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from airflow_provider_kling.emulator.gateways.base import Gateway, Link, Page
    from airflow_provider_kling.emulator.links import LinkSigner
    from airflow_provider_kling.emulator.store import TaskStore
    from airflow_provider_kling.emulator.tasks import VideoTask

_OUTAGE_QUERIES = 3


class Exchange:
    """
    Serves one gateway.

    :param gateway: what to say.
    :param store: where the tasks are.
    :param signer: signs the links to their files.
    """

    def __init__(self, gateway: Gateway, store: TaskStore, signer: LinkSigner) -> None:
        self._gateway = gateway
        self._store = store
        self._signer = signer

    def routes(self) -> list[web.RouteDef]:
        """List what is served; the last route takes whatever no other one does."""
        tasks_path = self._gateway.tasks_path
        return [
            web.post(tasks_path, self._create),
            web.get(tasks_path + "/{task_id}", self._query),
            *(web.get(path, self._handler(page)) for path, page in self._gateway.pages().items()),
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
                self._gateway.authenticate(request.headers.get("Authorization", ""))
            return await handler(request)
        except RefusalError as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    async def _create(self, request: web.Request) -> web.Response:
        body = await _json_object(request)
        self._store.receive(body)
        if body is None:
            raise self._gateway.unreadable_body()
        fields = {name: value for name, value in body.items() if value is not None}
        video_request = self._gateway.read(fields)
        task = self._store.accept(self._gateway.new_task_id(), video_request)
        if Fate.LOST in task.fates:
            hang_up(request)
        return web.json_response(self._gateway.accepted(task))

    async def _query(self, request: web.Request) -> web.Response:
        self._store.count("polls")
        task_id = request.match_info["task_id"]
        task = self._store.find(task_id)
        if task is None:
            raise self._gateway.unknown_task(task_id)
        task.queries += 1
        if Fate.HTML in task.fates:
            return _html(200, "Welcome")
        if Fate.OUTAGE in task.fates and task.queries <= _OUTAGE_QUERIES:
            return _html(502, "502 Bad Gateway")
        return web.json_response(self._gateway.report(task, _link(request, self._signer)))

    def _handler(self, page: Page) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response(page(request.query, _link(request, self._signer)))

        return answer

    async def _unknown(self, request: web.Request) -> web.Response:
        raise self._gateway.unknown_route(request.method, request.path)


async def _json_object(request: web.Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _link(request: web.Request, signer: LinkSigner) -> Link:
    """Put the host that the caller reached before each link, which may be the name of a container."""

    def link(task: VideoTask) -> str:
        return f"{request.scheme}://{request.host}{signer.path(task)}"

    return link


def _html(status: int, title: str) -> web.Response:
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html")
