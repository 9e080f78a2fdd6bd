"""What tests ask the emulator about itself, and what they ask of it. These paths need no key."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from kling_emulator.plan_reader import read_plans

if TYPE_CHECKING:
    from kling_emulator.emulation import Emulation

ADMIN_PATH = "/_emulator/"


class Admin:
    """
    The admin paths.

    :param emulation: what they tell about.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._store = emulation.store
        self._plans = emulation.plans

    def routes(self) -> list[web.RouteDef]:
        """List what is served."""
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
        return web.json_response(asdict(self._store.counters))

    async def _creates(self, request: web.Request) -> web.Response:
        return web.json_response(self._store.creates())

    async def _tasks(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(task) for task in self._store.snapshots()])

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
        self._emulation.reset()
        return web.Response(status=204)
