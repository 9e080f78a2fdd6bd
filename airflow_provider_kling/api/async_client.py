"""The triggerer's client: the same calls over ``aiohttp``."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from tenacity import AsyncRetrying

from airflow_provider_kling.api.calls import LARGEST_ANSWER_BYTES, PORTION_BYTES, Answer, Call
from airflow_provider_kling.api.errors import KlingUnreadableAnswerError
from airflow_provider_kling.api.gateways import Gateway, questions, unrecognised
from airflow_provider_kling.api.retrying import DEFAULT_RETRIES, Retries, Retry

if TYPE_CHECKING:
    from airflow_provider_kling.api.endpoint import Endpoint

T = TypeVar("T")


class AsyncKlingClient(AbstractAsyncContextManager["AsyncKlingClient"]):
    """
    One gateway at one address, asked from an event loop. Use it in an ``async with``, or close it.

    Every method raises KlingError and nothing else.

    :param retries: For how long a call is tried again.
    """

    def __init__(self, endpoint: Endpoint, retries: Retries = DEFAULT_RETRIES) -> None:
        self.endpoint = endpoint
        self.retries = retries
        self._gateway = endpoint.gateway
        self._recognising = asyncio.Lock()
        self._session = aiohttp.ClientSession(auto_decompress=False)

    async def gateway(self) -> Gateway:
        """Do as :meth:`~airflow_provider_kling.api.client.KlingClient.gateway` does."""
        async with self._recognising:
            for question in questions() if self._gateway is None else ():
                # Unreadable is a website's, where another path may lead to a gateway.
                with suppress(KlingUnreadableAnswerError):
                    self._gateway = self._gateway or await self.perform(question)
        if self._gateway is None:
            raise unrecognised(self.endpoint.base_url)
        return self._gateway

    async def perform(self, call: Call[T], retry: Retry = Retry.FREELY) -> T:
        """Send a call, again where that is free and may help, and return what its answer says."""
        retrying = AsyncRetrying(**self.retries.of_call(creates=call.creates, retry=retry))
        return await retrying(self._exchange, call)

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
            raise call.unanswered(error, self.endpoint, sent=not _never_left(error)) from error
        hide = self.endpoint.credentials.hide
        return call.outcome(Answer.taken_in(response.status, body, response.headers, hide))

    async def close(self) -> None:
        await self._session.close()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @cached_property
    def _proxy(self) -> str | None:
        # Not aiohttp's trust_env, which would also look for a login in .netrc and stumble over our own.
        try:
            parts = urlsplit(self.endpoint.base_url)
        except ValueError:  # no address at all, of which aiohttp will tell
            return None
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
    if isinstance(error, UnicodeError):  # a host is encoded before it is looked up
        return not isinstance(error, UnicodeDecodeError)
    return isinstance(
        error, aiohttp.InvalidURL | aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
    )
