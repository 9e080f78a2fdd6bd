"""A finished video's bytes: streamed once, counted, hashed and checked on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import requests
from urllib3.exceptions import HTTPError

from airflow_provider_kling.api.client import Session
from airflow_provider_kling.api.endpoint import READ_CONNECT_SECONDS, READ_SECONDS
from airflow_provider_kling.api.errors import KlingMediaError
from airflow_provider_kling.api.media.mp4 import Mp4Scanner

if TYPE_CHECKING:
    from airflow_provider_kling.api.endpoint import Endpoint
    from airflow_provider_kling.api.generation import Video

PORTION_BYTES = 1024 * 1024
_WANTS_A_KEY = (requests.codes.unauthorized, requests.codes.forbidden)


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


def download(video: Video, sink: Sink, gateway: Endpoint) -> VideoFile:
    """
    Stream a video into ``sink`` and say what it is.

    The link is opened without our key: it carries its own signature, and a CDN refuses a second one
    (Kling's docs, result links). Only a link of the gateway's own that is refused so is tried with the key,
    since some relays pass the file through themselves (New API's code).

    :param gateway: Whose link it is.
    :raises KlingMediaError: what arrived is not a whole MP4 file. What is in ``sink`` by then is worthless.
    """
    with Session() as session, _Transfer() as transfer:
        response = _open(session, video.url)
        if response.status_code in _WANTS_A_KEY and gateway.has(video.url):
            response.close()
            response = _open(session, video.url, gateway.headers())
        with response:
            return transfer.take_in(response, sink)


def _open(session: Session, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
    return session.get(
        url,
        stream=True,
        timeout=(READ_CONNECT_SECONDS, READ_SECONDS),
        headers={"Accept-Encoding": "identity", **(headers or {})},
    )


class _Transfer:
    """The bytes of one video on their way. Its errors say how many had arrived, and hold no link."""

    def __init__(self) -> None:
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, requests.RequestException | HTTPError):
            # Its text and its chain hold the signed link.
            reason = (
                f"The transfer of the video broke off after {self._count} bytes ({type(error).__name__})."
            )
            raise KlingMediaError(reason) from None

    def take_in(self, response: requests.Response, sink: Sink) -> VideoFile:
        if response.status_code != requests.codes.ok:
            raise KlingMediaError("The video's link was refused.", http_status=response.status_code)
        digest, scanner = hashlib.sha256(), Mp4Scanner()
        for portion in response.iter_content(PORTION_BYTES):
            self._count += len(portion)
            digest.update(portion)
            scanner.feed(portion)
            sink.write(portion)
        promised = response.headers.get("Content-Length")
        if promised is not None and promised.isdecimal() and int(promised) != self._count:
            raise KlingMediaError(f"The video is cut short: {self._count} of {promised} bytes arrived.")
        outline = scanner.finish()
        return VideoFile(self._count, digest.hexdigest(), outline.duration, outline.width, outline.height)
