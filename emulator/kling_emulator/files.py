"""The emulated content delivery network: renders each video at its first download, then serves the file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aiohttp import web

from kling_emulator.faults import Kind, On, fault_of_transfer
from kling_emulator.inflict import inflict
from kling_emulator.links import FILES_PATH
from kling_emulator.phrases import phrase
from kling_emulator.render import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from kling_emulator.emulation import Emulation
    from kling_emulator.tasks import VideoTask


class VideoFiles:
    """
    Serves the videos of one run of the server, whose files go away with it.

    :param emulation: what is emulated.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._store = emulation.store
        self._signer = emulation.signer
        self._plans = emulation.plans
        self._folder = TemporaryDirectory(prefix="kling-emulator-")
        self._renderings: dict[str, asyncio.Future[None]] = {}

    def routes(self) -> list[web.RouteDef]:
        """List what is served."""
        return [web.get(FILES_PATH + "{token}.mp4", self._serve)]

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        task = self._store.find(token)
        # A signed link is its own key: real networks refuse a request that brings a second one.
        has_second_key = "Authorization" in request.headers
        if task is None or has_second_key or not self._signer.is_good(token, request.query):
            raise web.HTTPForbidden(text="AccessDenied")
        return await self.send(request, task, _error)

    async def send(
        self, request: web.Request, task: VideoTask, error: Callable[[int], web.StreamResponse]
    ) -> web.StreamResponse:
        """
        Answer a GET or a HEAD with a task's file, to somebody who may have it.

        :param request: the request.
        :param task: whose file.
        :param error: gives the server's own error of an HTTP status.
        """
        if request.method != "GET":
            return web.FileResponse(await self._rendered(task))
        planned = self._plans.take(On.FILE)

        async def transfer() -> web.StreamResponse:
            path = await self._rendered(task)
            self._store.count("downloads")
            task.transfers += 1
            if planned is not None and planned.kind is Kind.SHORT_BODY:
                return await _in_memory(path)
            fated = fault_of_transfer(task)
            if fated is not None:
                return await inflict(fated, request, lambda: _in_memory(path), error)
            return web.FileResponse(path)

        return await inflict(planned, request, transfer, error)

    async def _rendered(self, task: VideoTask) -> Path:
        path = Path(self._folder.name, f"{task.task_id}.mp4")
        if task.task_id not in self._renderings:
            loop = asyncio.get_running_loop()
            self._renderings[task.task_id] = loop.run_in_executor(None, render, task, path)
        # Shielded: whoever hangs up must not take the video from the others who wait for it.
        await asyncio.shield(self._renderings[task.task_id])
        return path


async def _in_memory(path: Path) -> web.Response:
    return web.Response(body=await asyncio.to_thread(path.read_bytes), content_type="video/mp4")


def _error(status: int) -> web.Response:
    return web.Response(status=status, text=phrase(status))
