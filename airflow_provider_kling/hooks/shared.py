"""One client per event loop and connection, shared by all triggers that wait on it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_kling.hooks.kling import KlingHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_kling.api.async_client import AsyncKlingClient


@dataclass
class _Shared:
    users: int = 0
    client: AsyncKlingClient | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_client(kling_conn_id: str) -> AsyncIterator[AsyncKlingClient]:
    """
    Lend the client of a connection; the first user opens it, the last one closes it.

    :raises KlingConnectionConfigError: the connection is missing, or cannot be used.
    """
    of_loop = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = of_loop.setdefault(kling_conn_id, _Shared())
    shared.users += 1
    try:
        async with shared.opening:
            if shared.client is None:
                shared.client = await KlingHook(kling_conn_id).get_async_conn()
        yield shared.client
    finally:
        shared.users -= 1
        if not shared.users:
            del of_loop[kling_conn_id]
            if shared.client is not None:
                await shared.client.close()
