"""A finished video's bytes: streamed once, counted, hashed and checked on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import requests
from urllib3.exceptions import HTTPError

from airflow_provider_kling.api.client import Session
from airflow_provider_kling.api.endpoint import READ_CONNECT_SECONDS, READ_SECONDS, Endpoint
from airflow_provider_kling.api.errors import KlingMediaError
from airflow_provider_kling.api.media.mp4 import Mp4Scanner, Outline

if TYPE_CHECKING:
    from airflow_provider_kling.api.generation import Video

PORTION_BYTES = 1024 * 1024
_WANTS_A_KEY = (requests.codes.unauthorized, requests.codes.forbidden)


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class VideoFile(Outline):
    """
    A whole video file, and what it says of itself.

    :param bytes: Its size.
    :param sha256: Of its bytes, in hexadecimal.
    """

    bytes: int
    sha256: str


def download(video: Video, sink: Sink, gateway: Endpoint) -> VideoFile:
    """
    Stream a video into ``sink`` and say what it is.

    The link is opened without our key: it carries its own signature, and a CDN refuses a second one
    (Kling's docs, result links). Only a link of the gateway's own that is refused so is tried with the key,
    since some relays pass the file through themselves (New API's code).

    :param gateway: Whose link it is.
    :raises KlingMediaError: what arrived is not a whole MP4 file. What is in ``sink`` by then is worthless.
    """
    count, digest, scanner = 0, hashlib.sha256(), Mp4Scanner()
    try:
        with Session() as session, _opened(session, video.url, gateway) as response:
            if response.status_code != requests.codes.ok:
                raise KlingMediaError("The video's link was refused.", http_status=response.status_code)
            for portion in response.iter_content(PORTION_BYTES):
                count += len(portion)
                digest.update(portion)
                scanner.feed(portion)
                sink.write(portion)
    except (requests.RequestException, HTTPError) as error:
        # Its text and its chain hold the signed link.
        reason = f"The transfer of the video broke off after {count} bytes ({type(error).__name__})."
        raise KlingMediaError(reason) from None
    promised = response.headers.get("Content-Length")
    if promised is not None and promised.isdecimal() and int(promised) != count:
        raise KlingMediaError(f"The video is cut short: {count} of {promised} bytes arrived.")
    outline = scanner.finish()
    return VideoFile(outline.duration, outline.width, outline.height, count, digest.hexdigest())


def _opened(session: Session, url: str, gateway: Endpoint) -> requests.Response:
    ask = partial(session.get, url, stream=True, timeout=(READ_CONNECT_SECONDS, READ_SECONDS))
    response = ask(headers={"Accept-Encoding": "identity"})
    if response.status_code in _WANTS_A_KEY and gateway.has(url):
        response.close()
        response = ask(headers=gateway.headers())
    return response
