"""The URLs of finished videos, signed as a content delivery network signs them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kling_emulator.tasks import VideoTask

FILES_PATH = "/files/"
_KEPT_FOR = 30 * 24 * 3600
"""Seconds for which Kling keeps a video after its task's end."""


class LinkSigner:
    """
    Signs links with a secret of its own, which it knows again after the server's stop and start.

    :param link_seconds: how long a link is good after it was given out; None for as long as Kling keeps
        the video.
    """

    def __init__(self, link_seconds: float | None = None) -> None:
        self._link_seconds = link_seconds
        self._secret = secrets.token_bytes(32)

    def path(self, task: VideoTask) -> str:
        """
        Give the link of a task's file.

        :param task: whose file.
        :return: path and query string; the host is whichever the caller reached.
        """
        if self._link_seconds is None:
            expires = str(int(task.created_at + task.lasts) + _KEPT_FOR)
        else:
            expires = f"{time.time() + self._link_seconds:.3f}"
        signature = self._signature(task.task_id, expires)
        return f"{FILES_PATH}{task.task_id}.mp4?{urlencode({'Expires': expires, 'Signature': signature})}"

    def is_good(self, token: str, query: Mapping[str, str]) -> bool:
        """
        Tell whether a link is one that was given out, and not too long ago.

        :param token: the name of the file in it.
        :param query: its query string.
        """
        expires = query.get("Expires", "")
        expected = self._signature(token, expires)
        # As bytes: compare_digest() refuses to compare text outside ASCII.
        is_genuine = hmac.compare_digest(expected.encode(), query.get("Signature", "").encode())
        return is_genuine and time.time() < float(expires)

    def _signature(self, token: str, expires: str) -> str:
        return hmac.new(self._secret, f"{token}?{expires}".encode(), hashlib.sha256).hexdigest()
