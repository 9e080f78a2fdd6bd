"""
The emulated content delivery network: renders each video at its first download, then serves the file.

A video is a real H.264 MP4 that shows its prompt, its task id and the passing of time.
"""

from __future__ import annotations

import asyncio
import colorsys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import av
from aiohttp import web
from PIL import Image, ImageDraw, ImageFont

from kling_emulator.account import FILES_PATH, Account, LinkSigner
from kling_emulator.faults import Answer, Asked, On, Plans, ShortBody, befall, fault_of_transfer, phrase

if TYPE_CHECKING:
    from kling_emulator.tasks import VideoTask

_WHITE_LUMA = b"\xeb"


class VideoFiles:
    """Serves the videos of one run of the server, whose files go away with it."""

    def __init__(self, account: Account, signer: LinkSigner, plans: Plans) -> None:
        self._account = account
        self._signer = signer
        self._plans = plans
        self._folder = TemporaryDirectory(prefix="kling-emulator-")
        self._renderings: dict[str, asyncio.Future[None]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get(FILES_PATH + "{token}.mp4", self._serve)]

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    async def _serve(self, request: web.Request) -> Answer:
        token = request.match_info["token"]
        task = self._account.find(token)
        # A signed link is its own key: real networks refuse a request that brings a second one.
        has_second_key = "Authorization" in request.headers
        if task is None or has_second_key or not self._signer.is_good(token, request.query):
            raise web.HTTPForbidden(text="AccessDenied")
        return await self.send(request, task, _error)

    async def send(self, request: web.Request, task: VideoTask, error: Callable[[int], Answer]) -> Answer:
        """
        Answer a GET or a HEAD with a task's file, to somebody who may have it.

        :param error: gives the server's own error of an HTTP status.
        """
        if request.method != "GET":
            return web.FileResponse(await self._rendered(task))
        planned = self._plans.take(On.FILE)

        async def transfer() -> Answer:
            path = await self._rendered(task)
            self._account.count("downloads")
            task.transfers += 1
            fated = fault_of_transfer(task.fates, task.transfers)
            if isinstance(planned, ShortBody):
                return await _in_memory(path)
            if fated is not None:
                return await fated.befall(
                    Asked(request=request, answer=lambda: _in_memory(path), error=error)
                )
            return web.FileResponse(path)

        return await befall(planned, Asked(request=request, answer=transfer, error=error))

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


def render(task: VideoTask, path: Path) -> None:
    """
    Write the video of a task, as long, as large and with as many frames per second as its request says.

    The picture is drawn once. From frame to frame only the luma of the bar under it changes, which is
    bytes in one plane, so five seconds of 720p cost a fraction of a second.
    """
    request = task.request
    still = av.VideoFrame.from_bytes(_picture(task).tobytes(), request.width, request.height, "rgba")
    still = still.reformat(format="yuv420p")
    luma, blue, red = (bytearray(plane) for plane in still.planes)
    stride = still.planes[0].line_size
    # "+faststart": the index comes first, as in files made for the web.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=request.fps)
        stream.width, stream.height, stream.pix_fmt = request.width, request.height, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for index in range(request.frames):
            progress = request.width * (index + 1) // request.frames
            for row in range(request.height - _bar_height(request.height), request.height):
                luma[row * stride : row * stride + progress] = _WHITE_LUMA * progress
            frame = av.VideoFrame(request.width, request.height, "yuv420p")
            for plane, pixels in zip(frame.planes, (luma, blue, red), strict=True):
                plane.update(bytes(pixels))
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _picture(task: VideoTask) -> Image.Image:
    width, height = task.request.width, task.request.height
    # JSON can carry half of a surrogate pair, which no font can draw.
    prompt = task.request.prompt.encode(errors="replace")
    # crc32, not hash(): the same prompt has the same colour in every process.
    hue = zlib.crc32(prompt) % 360 / 360
    red, green, blue = (round(255 * share) for share in colorsys.hsv_to_rgb(hue, 0.6, 0.45))
    picture = Image.new("RGBA", (width, height), (red, green, blue))
    pen = ImageDraw.Draw(picture)
    size = max(8, min(width, height) // 16)
    # A letter of the default font is about half as wide as it is high.
    columns = int(width * 0.9 / (size * 0.55))
    lines = textwrap.fill(prompt.decode(), columns, max_lines=8, placeholder=" ...")
    large, small = ImageFont.load_default(size), ImageFont.load_default(size // 2)
    pen.multiline_text((width / 2, height * 0.45), lines, "white", large, anchor="mm", align="center")
    pen.text((width / 2, height * 0.88), task.task_id, "white", small, anchor="mm")
    # Grey has no chroma: so the bar can move in the luma plane alone.
    pen.rectangle((0, height - _bar_height(height), width, height), (60, 60, 60))
    return picture


def _bar_height(height: int) -> int:
    return max(2, height // 40)
