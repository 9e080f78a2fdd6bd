"""A finished video's bytes: streamed once, counted, hashed and checked on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import requests
from urllib3.exceptions import HTTPError

from airflow_provider_kling.api.errors import KlingMediaError
from airflow_provider_kling.api.mp4 import Mp4Scanner
from airflow_provider_kling.api.sending import CONNECT_SECONDS, READ_SECONDS
from airflow_provider_kling.api.session import Session

if TYPE_CHECKING:
    from airflow_provider_kling.api.tasks import Video

PORTION_BYTES = 1024 * 1024


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """
    A whole video file.

    :param bytes: Its size.
    :param sha256: Of its bytes, in hexadecimal.
    :param duration: Seconds, as the file itself says; None where it does not.
    :param width: Pixels, likewise.
    :param height: Pixels, likewise.
    """

    bytes: int
    sha256: str
    duration: float | None
    width: int | None
    height: int | None


def download(video: Video, sink: Sink) -> VideoFile:
    """
    Stream a video into ``sink`` and say what it is.

    The link is opened without our key: it carries its own signature, and a CDN refuses a second one
    (Kling's docs, result links).

    :raises KlingMediaError: what arrived is not a whole MP4 file. What is in ``sink`` by then is worthless.
    """
    digest, scanner, count = hashlib.sha256(), Mp4Scanner(), 0
    try:
        with (
            Session() as session,
            session.get(
                video.url,
                stream=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                headers={"Accept-Encoding": "identity"},
            ) as response,
        ):
            if response.status_code != requests.codes.ok:
                raise KlingMediaError("The video's link was refused.", http_status=response.status_code)
            promised = response.headers.get("Content-Length")
            for portion in response.iter_content(PORTION_BYTES):
                count += len(portion)
                digest.update(portion)
                scanner.feed(portion)
                sink.write(portion)
    except (requests.RequestException, HTTPError) as error:
        # Its text and its chain hold the signed link.
        raise KlingMediaError(
            f"The transfer of the video broke off after {count} bytes ({type(error).__name__})."
        ) from None
    if promised is not None and promised.isdecimal() and int(promised) != count:
        raise KlingMediaError(f"The video is cut short: {count} of {promised} bytes arrived.")
    outline = scanner.finish()
    return VideoFile(count, digest.hexdigest(), outline.duration, outline.width, outline.height)
