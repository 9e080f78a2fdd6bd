"""Videos that hundreds can be rendered of."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from unittest.mock import patch

from kling_emulator.tasks import VIDEO_SIZES

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = {"16:9": (320, 180), "9:16": (180, 320), "1:1": (160, 160)}


@contextlib.contextmanager
def small_videos() -> Iterator[None]:
    """Let the emulators of this process make small ones."""
    with patch.dict(VIDEO_SIZES, SIZES):
        yield
