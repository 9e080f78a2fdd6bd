"""The triggerer's client: the same calls over ``aiohttp``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import AsyncRetrying

from airflow_provider_kling.api.endpoint import LARGEST_ANSWER_BYTES, PORTION_BYTES
from airflow_provider_kling.api.errors import KlingUnreadableAnswerError
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation
from airflow_provider_kling.api.recognition import questions, unrecognised
from airflow_provider_kling.api.retrying import Retry, retries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.endpoint import Endpoint
    from airflow_provider_kling.api.gateways import Gateway
    from airflow_provider_kling.api.generation import Outcomes

T = TypeVar("T")


class AsyncKlingClient:
    """
    One gateway at one address, asked from an event loop. Use it in an ``async with``, or close it.

    Every method raises KlingError and nothing else. It only reads: submissions are a worker's work.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._gateway = endpoint.gateway
        self._recognising = asyncio.Lock()
        self._session = aiohttp.ClientSession(auto_decompress=False)

    async def gateway(self) -> Gateway:
        """
        Return the kind of gateway that this is; where the connection does not tell, ask once, for free.

        :raises KlingConnectionConfigError: it is none that can be recognised.
        """
        async with self._recognising:
            for question in questions() if self._gateway is None else ():
                # Unreadable is a website's, where another path may lead to a gateway.
                with suppress(KlingUnreadableAnswerError):
                    self._gateway = self._gateway or await self.perform(question)
        if self._gateway is None:
            raise unrecognised(self.endpoint.base_url)
        return self._gateway

    async def get_task(self, task_id: str, product: str = TEXT2VIDEO) -> Generation:
        """Ask for one generation."""
        return await self.perform((await self.gateway()).query(task_id, product))

    async def get_tasks(self, task_ids: Sequence[str], product: str = TEXT2VIDEO) -> Outcomes:
        """Ask for up to 20 generations at once; what is wrong with one of them is told in its place."""
        return await self.perform((await self.gateway()).query_many(task_ids, product))

    async def perform(self, call: Call[T], retry: Retry = Retry.FREELY) -> T:
        """
        Send a call, again where that is free and may help, and return what its answer says.

        :raises KlingError: and nothing else.
        """
        return await AsyncRetrying(**retries(creates=call.creates, retry=retry))(self._exchange, call)

    async def _exchange(self, call: Call[T]) -> T:
        connect, answer = self.endpoint.seconds(call)
        timeout = aiohttp.ClientTimeout(sock_connect=connect, sock_read=answer)
        try:
            async with self._session.request(
                call.method,
                self.endpoint.url(call),
                params=call.query,
                json=call.json,
                headers=self.endpoint.headers(),
                proxy=self._proxy,
                timeout=timeout,
                allow_redirects=not call.creates,  # a redirected POST may be sent on as something else
            ) as response:
                body = await _body_of(response)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:  # ValueError: the host is no name
            raise self.endpoint.trouble(call, error, sent=not _never_left(error)) from error
        received = self.endpoint.answer(response.status, body, response.headers)
        return cast("T", self.endpoint.read(call, received))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @cached_property
    def _proxy(self) -> str | None:
        # Not aiohttp's trust_env, which would also look for a login in .netrc and stumble over our own.
        parts = urlsplit(self.endpoint.base_url)
        return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """Return the body as it was sent, or as much of it as tells that it is too long."""
    body = bytearray()
    async for portion in response.content.iter_chunked(PORTION_BYTES):
        body += portion
        if len(body) > LARGEST_ANSWER_BYTES:
            break
    return bytes(body)


def _never_left(error: Exception) -> bool:
    """Return whether it is certain that the gateway received nothing: no connection ever stood."""
    return isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
