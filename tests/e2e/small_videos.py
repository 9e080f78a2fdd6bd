"""Videos that hundreds can be rendered of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

from kling_emulator.tasks import VIDEO_SIZES

SIZES = {"16:9": (320, 180), "9:16": (180, 320), "1:1": (160, 160)}


@contextlib.contextmanager
def small_videos() -> Iterator[None]:
    """Let the emulators of this process make small ones."""
    with patch.dict(VIDEO_SIZES, SIZES):
        yield
