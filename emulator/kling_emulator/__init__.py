"""A Kling gateway on your own machine, for development, demos and tests."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kling_emulator.account import Counters
    from kling_emulator.server import KlingEmulator
    from kling_emulator.tasks import State, TaskSnapshot

__version__ = "0.1.0"

__all__ = ["Counters", "KlingEmulator", "State", "TaskSnapshot"]

_MODULES = {"Counters": "account", "KlingEmulator": "server", "State": "tasks", "TaskSnapshot": "tasks"}


def __getattr__(name: str) -> Any:
    # At first use, not at import: pytest imports this package, for its plugin, in every session.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
