"""The emulated content delivery network: renders each video at its first download, then serves the file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from aiohttp import web

from airflow_provider_kling.emulator.fates import Fate
from airflow_provider_kling.emulator.links import FILES_PATH
from airflow_provider_kling.emulator.render import render

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.links import LinkSigner
    from airflow_provider_kling.emulator.store import TaskStore
    from airflow_provider_kling.emulator.tasks import VideoTask


class VideoFiles:
    """
    Serves the videos of one run of the server, whose files go away with it.

    :param store: where the tasks are.
    :param signer: knows which links are genuine.
    """

    def __init__(self, store: TaskStore, signer: LinkSigner) -> None:
        self._store = store
        self._signer = signer
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
        if task is None or has_second_key or not self._signer.is_genuine(token, request.query):
            raise web.HTTPForbidden(text="AccessDenied")
        path = await self._rendered(task)
        if request.method == "GET":
            self._store.count("downloads")
            task.transfers += 1
            if Fate.CUT_ALWAYS in task.fates or (Fate.CUT in task.fates and task.transfers == 1):
                return await _send_half(request, path)
        return web.FileResponse(path)

    async def _rendered(self, task: VideoTask) -> Path:
        path = Path(self._folder.name, f"{task.task_id}.mp4")
        if task.task_id not in self._renderings:
            loop = asyncio.get_running_loop()
            self._renderings[task.task_id] = loop.run_in_executor(None, render, task, path)
        # Shielded: whoever hangs up must not take the video from the others who wait for it.
        await asyncio.shield(self._renderings[task.task_id])
        return path


async def _send_half(request: web.Request, path: Path) -> web.StreamResponse:
    """Promise the whole file, send half of it, hang up."""
    video = await asyncio.to_thread(path.read_bytes)
    response = web.StreamResponse()
    response.content_type = "video/mp4"
    response.content_length = len(video)
    await response.prepare(request)
    await response.write(video[: len(video) // 2])
    hang_up(request)
    return response


def hang_up(request: web.Request) -> None:
    """
    Close a request's connection, once what was written to it is sent.

    :param request: the request.
    """
    if request.transport is not None:
        request.transport.close()
