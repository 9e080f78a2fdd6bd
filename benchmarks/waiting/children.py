"""Processes of our own that are spoken with in lines of JSON, and that never outlive their use."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from scripts.local import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

LONGEST_LINE = 64 * 1024 * 1024
LOG_CHARACTERS = 4000


class RunError(Exception):
    """A run gave no figures."""


class Child:
    """
    A module that runs as a process.

    :param process: The process.
    :param log: The file that its standard error goes to.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def tell(self, **message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def hear(self) -> dict[str, Any]:
        """
        Receive a message.

        :raises RunError: the process ended without one.
        """
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            code = await self._process.wait()
            end = self._log.read_text(errors="replace")[-LOG_CHARACTERS:]
            raise RunError(f"a process ended with {code}; the end of what it said:\n{end}")
        message: dict[str, Any] = json.loads(line)
        return message

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message and receive the answer; raises as :meth:`hear`."""
        await self.tell(**message)
        return await self.hear()


@asynccontextmanager
async def running(
    module: str, *arguments: str, environment: Mapping[str, str], log: Path
) -> AsyncIterator[Child]:
    """
    Run a module, and kill it in the end, whatever happens.

    :param module: Its name, below ``benchmarks.waiting``.
    :param environment: All of its environment.
    :param log: Where its standard error shall go.
    """
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"benchmarks.waiting.{module}", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            cwd=ROOT,
            limit=LONGEST_LINE,
        )
    try:
        yield Child(process, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
