"""The worker's client: calls over ``requests``."""

from __future__ import annotations

import time
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

from airflow_provider_kling.api.errors import KlingError
from airflow_provider_kling.api.sending import CONNECT_SECONDS, report_left_out, retries
from airflow_provider_kling.api.session import Session
from airflow_provider_kling.api.tasks import TEXT2VIDEO, VideoTask
from airflow_provider_kling.api.waiting import Wait

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.requests import Text2VideoRequest
    from airflow_provider_kling.api.sending import Endpoint

T = TypeVar("T")


class KlingClient:
    """
    One gateway at one address, asked from a worker. Use it in a ``with``, or close it.

    Every method raises KlingError and nothing else.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._session = Session(self._authorize)

    def submit(self, request: Text2VideoRequest) -> VideoTask:
        """
        Make a generation. It costs money and cannot be cancelled.

        :raises KlingOutcomeUnknownError: it was sent, and whether it happened is not known.
        """
        call = self.endpoint.gateway.submit(request)
        report_left_out(self.endpoint.gateway, request)
        return self.perform(call)

    def get_task(self, task_id: str, product: str = TEXT2VIDEO) -> VideoTask:
        """Ask for one generation."""
        return self.perform(self.endpoint.gateway.query(task_id, product))

    def wait_for_task(
        self, task_id: str, product: str = TEXT2VIDEO, *, poll_interval: float, deadline: float
    ) -> VideoTask:
        """
        Ask until the generation has ended, well or not, and return it as it ended.

        :param poll_interval: Seconds from one question to the next.
        :param deadline: Seconds since the epoch.
        :raises KlingTimeoutError: the deadline came first.
        """
        wait = Wait(task_id, poll_interval, deadline)
        while True:
            outcome: VideoTask | KlingError
            try:
                outcome = self.get_task(task_id, product)
            except KlingError as error:
                outcome = error
            step = wait.after(outcome, time.time())
            if isinstance(step, VideoTask):
                return step
            time.sleep(step)

    def probe(self) -> None:
        """Ask, once and for free, whether the gateway is there and accepts the key."""
        self._exchange(self.endpoint.gateway.probe())

    def perform(self, call: Call[T]) -> T:
        """Send a call, again where that is free and may help, and return what its answer says."""
        return cast("T", Retrying(**retries(creates=call.creates))(self._exchange, call))

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
            response = self._session.request(
                call.method,
                self.endpoint.url(call),
                params=call.query,
                json=call.json,
                timeout=(CONNECT_SECONDS, self.endpoint.answer_seconds(call)),
                allow_redirects=not call.creates,  # a redirected POST may be sent on as something else
            )
        except (requests.RequestException, HTTPError) as error:
            raise self.endpoint.trouble(call, error, sent=not _never_left(error)) from error
        answer = self.endpoint.answer(response.status_code, response.content, response.headers)
        return cast("T", self.endpoint.read(call, answer))

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self.endpoint.headers())
        return request


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
