"""
The fixture ``kling_emulator``, for the tests of those who use Kling.

Pytest loads this module in every session where the package is installed, so it imports nothing of weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kling_emulator import KlingEmulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "kling_emulator(gateway='official', seconds_per_video=0.5, ...): "
        "settings of the fixture kling_emulator, which are those of KlingEmulator",
    )


@pytest.fixture
def kling_emulator(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KlingEmulator]:
    """Run an emulator for one test, and point the connection ``kling_default`` at it."""
    from kling_emulator import KlingEmulator

    marker = request.node.get_closest_marker("kling_emulator")
    settings = {"gateway": "official", "seconds_per_video": 0.5, **(marker.kwargs if marker else {})}
    with KlingEmulator(**settings) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_KLING_DEFAULT", emulator.connection_uri)
        yield emulator
