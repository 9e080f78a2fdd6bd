"""What tests ask the emulator about itself. These paths need no key."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.store import TaskStore

ADMIN_PATH = "/_emulator/"


class Admin:
    """
    The admin paths.

    :param store: what they tell about.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """List what is served."""
        return [
            web.get(ADMIN_PATH + "counters", self._counters),
            web.get(ADMIN_PATH + "creates", self._creates),
            web.get(ADMIN_PATH + "tasks", self._tasks),
            web.post(ADMIN_PATH + "reset", self._reset),
        ]

    async def _counters(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self._store.counters))

    async def _creates(self, request: web.Request) -> web.Response:
        return web.json_response(self._store.creates())

    async def _tasks(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(task) for task in self._store.snapshots()])

    async def _reset(self, request: web.Request) -> web.Response:
        self._store.reset()
        return web.Response(status=204)
