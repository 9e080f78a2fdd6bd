"""A task's video: a real H.264 MP4 that shows its prompt, its task id and the passing of time."""

from __future__ import annotations

import colorsys
import textwrap
import zlib
from typing import TYPE_CHECKING

import av
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from pathlib import Path

    from kling_emulator.tasks import VideoTask

_WHITE_LUMA = b"\xeb"


def render(task: VideoTask, path: Path) -> None:
    """
    Write the video of a task.

    The picture is drawn once. From frame to frame only the luma of the bar under it changes, which is
    bytes in one plane, so five seconds of 720p cost a fraction of a second.

    :param task: whose video; its request says how long, how large and how many frames per second.
    :param path: the MP4 file to write.
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
