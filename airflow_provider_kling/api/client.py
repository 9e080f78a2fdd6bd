"""The worker's client: calls over ``requests``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

import requests
from tenacity import Retrying
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from airflow_provider_kling.api.endpoint import LARGEST_ANSWER_BYTES, PORTION_BYTES, report
from airflow_provider_kling.api.errors import KlingUnreadableAnswerError
from airflow_provider_kling.api.gateways import LONGEST_PAGE
from airflow_provider_kling.api.generation import TEXT2VIDEO, Generation
from airflow_provider_kling.api.recognition import questions, unrecognised
from airflow_provider_kling.api.retrying import Retry, retries
from airflow_provider_kling.api.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.endpoint import Endpoint
    from airflow_provider_kling.api.gateways import Ability, Gateway
    from airflow_provider_kling.api.generation import Outcomes
    from airflow_provider_kling.api.reading.accounts import Account
    from airflow_provider_kling.api.requests import Text2VideoRequest

T = TypeVar("T")


class KlingClient:
    """
    One gateway at one address, asked from a worker. Use it in a ``with``, or close it.

    Every method raises KlingError and nothing else.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._gateway = endpoint.gateway
        self._session = Session(self._authorize)

    def gateway(self) -> Gateway:
        """
        Return the kind of gateway that this is; where the connection does not tell, ask once, for free.

        :raises KlingConnectionConfigError: it is none that can be recognised.
        """
        for question in questions() if self._gateway is None else ():
            # Unreadable is a website's, where another path may lead to a gateway.
            with suppress(KlingUnreadableAnswerError):
                self._gateway = self._gateway or self.perform(question)
        if self._gateway is None:
            raise unrecognised(self.endpoint.base_url)
        return self._gateway

    def can(self, ability: Ability) -> bool:
        """Return whether the gateway can do this, asked with our kind of key."""
        return self.endpoint.can(self.gateway(), ability)

    def submit(
        self,
        request: Text2VideoRequest,
        external_task_id: str | None = None,
        *,
        retry_throttled: bool = True,
    ) -> Generation:
        """
        Make a generation. It costs money and cannot be cancelled.

        :param external_task_id: Our own id for it, where the gateway can find one by it.
        :param retry_throttled: Whether to try again for a few seconds when the account has no room for it.
        :raises KlingOutcomeUnknownError: it was sent, and whether it happened is not known.
        :raises KlingDuplicateError: there is a generation with this external task id.
        """
        call = self.gateway().submit(request, external_task_id)
        report(self.gateway(), request)
        return self.perform(call, Retry.FREELY if retry_throttled else Retry.UNLESS_THROTTLED)

    def get_task(self, task_id: str, product: str = TEXT2VIDEO) -> Generation:
        """Ask for one generation."""
        return self.perform(self.gateway().query(task_id, product))

    def get_tasks(self, task_ids: Sequence[str], product: str = TEXT2VIDEO) -> Outcomes:
        """Ask for up to 20 generations at once; what is wrong with one of them is told in its place."""
        return self.perform(self.gateway().query_many(task_ids, product))

    def find_task(self, external_task_id: str, product: str = TEXT2VIDEO) -> Generation | None:
        """Look for a generation by our own id; None means that the gateway does not have it now."""
        return self.perform(self.gateway().find(external_task_id, product))

    def list_tasks(
        self, product: str = TEXT2VIDEO, *, page: int = 1, page_size: int = LONGEST_PAGE
    ) -> Outcomes:
        """Ask for one page of the account's generations, newest first; the last one is not full."""
        return self.perform(self.gateway().list_tasks(product, page=page, page_size=page_size))

    def account(self) -> Account:
        """Ask what is left in the account."""
        return self.perform(self.gateway().account())

    def probe(self) -> Account | None:
        """
        Ask, once and for free, whether the gateway is there and accepts the key.

        :return: What is left in the account, where the gateway tells it.
        """
        return self.perform(self.gateway().probe(), Retry.NEVER)

    def perform(self, call: Call[T], retry: Retry = Retry.FREELY) -> T:
        """
        Send a call, again where that is free and may help, and return what its answer says.

        :raises KlingError: and nothing else.
        """
        return cast("T", Retrying(**retries(creates=call.creates, retry=retry))(self._exchange, call))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _exchange(self, call: Call[T]) -> T:
        try:
            with self._session.request(
                call.method,
                self.endpoint.url(call),
                params=call.query,
                json=call.json,
                timeout=self.endpoint.seconds(call),
                allow_redirects=not call.creates,  # a redirected POST may be sent on as something else
                stream=True,
            ) as response:
                body = _body_of(response)
        except (requests.RequestException, HTTPError) as error:
            raise self.endpoint.trouble(call, error, sent=not _never_left(error)) from error
        answer = self.endpoint.answer(response.status_code, body, response.headers)
        return cast("T", self.endpoint.read(call, answer))

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self.endpoint.headers())
        return request


def _body_of(response: requests.Response) -> bytes:
    """Return the body as it was sent, or as much of it as tells that it is too long."""
    body = bytearray()
    for portion in response.raw.stream(PORTION_BYTES, decode_content=False):
        body += portion
        if len(body) > LARGEST_ANSWER_BYTES:
            break
    return bytes(body)


# What OpenSSL says when a connection fails before anything could be sent over it.
_HANDSHAKE_FAILURES = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")


def _never_left(error: Exception) -> bool:
    """Return whether it is certain that the gateway received nothing: no connection ever stood."""
    no_address = requests.exceptions.InvalidURL | LocationParseError
    if isinstance(error, requests.exceptions.ConnectTimeout | no_address):
        return True
    reason = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    if isinstance(reason, ProxyError):
        reason = reason.original_error
    if isinstance(reason, SSLError):
        return getattr(reason.args[0], "reason", None) in _HANDSHAKE_FAILURES
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
