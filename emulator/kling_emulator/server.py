"""One run of the HTTP server, from start to stop. Importing this takes the packages of the extra."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from kling_emulator.admin import Admin
from kling_emulator.exchange import Exchange
from kling_emulator.files import VideoFiles

if TYPE_CHECKING:
    import socket

    from kling_emulator.emulation import Emulation

# Prompts are short, but images travel in the body as Base64.
_BODY_BYTES = 64 * 1024 * 1024
# A stop is meant to look like a crash: whoever is waiting is not waited for.
_SHUTDOWN_SECONDS = 0.1


class Server:
    """
    Serves a gateway, its files and the admin paths on a socket.

    :param emulation: what is emulated.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._store = emulation.store
        self._files = VideoFiles(emulation)
        exchange = Exchange(emulation, self._files)
        app = web.Application(middlewares=[exchange.refuse], client_max_size=_BODY_BYTES)
        app.add_routes([*Admin(emulation).routes(), *self._files.routes(), *exchange.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def start(self, listener: socket.socket) -> None:
        """
        Begin to serve.

        :param listener: a listening socket, which the server then owns.
        """
        await self._runner.setup()
        protocol_factory = self._runner.server
        assert protocol_factory is not None

        def accept() -> asyncio.Protocol:
            self._store.count("connections")
            return protocol_factory()

        self._listening = await asyncio.get_running_loop().create_server(accept, sock=listener)

    async def stop(self) -> None:
        """Hang up on everybody and remove the files."""
        self._listening.close()
        await self._runner.cleanup()
        await asyncio.get_running_loop().shutdown_default_executor()
        self._files.close()
