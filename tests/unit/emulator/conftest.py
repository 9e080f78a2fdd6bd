from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kling_emulator import KlingEmulator

from tests.unit.emulator.dialects import Caller, Emulate


@pytest.fixture
def emulate() -> Iterator[Emulate]:
    """Start an emulator whose tasks end at once, unless the test says otherwise."""
    with ExitStack() as stack:

        def start(gateway: str, key: str = "any-key", **settings: Any) -> Caller:
            emulator = KlingEmulator(gateway=gateway, **{"seconds_per_video": 0, **settings})
            return Caller(stack.enter_context(emulator), gateway, key)

        yield start


@pytest.fixture
def kling(emulate: Emulate) -> Caller:
    """Kling's own gateway."""
    return emulate("official")


@pytest.fixture
def elkapi(emulate: Emulate) -> Caller:
    """The gateway whose pictures can be small."""
    return emulate("elkapi")
