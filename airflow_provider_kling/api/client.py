"""The worker's client: calls over ``requests``."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
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

from airflow_provider_kling.api.calls import LARGEST_ANSWER_BYTES, PORTION_BYTES, Answer, Call
from airflow_provider_kling.api.errors import KlingUnreadableAnswerError
from airflow_provider_kling.api.gateways import Gateway, questions, unrecognised
from airflow_provider_kling.api.retrying import DEFAULT_RETRIES, Retries, Retry

if TYPE_CHECKING:
    from airflow_provider_kling.api.endpoint import Endpoint

T = TypeVar("T")


class Session(requests.Session):
    """A session that sends the key that it is given and no other: it takes no login from ``.netrc``."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = lambda request: request

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the key away when a redirect leads elsewhere; requests itself would then look into .netrc."""
        if self.should_strip_auth(str(response.request.url), str(prepared_request.url)):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


class KlingClient(AbstractContextManager["KlingClient"]):
    """
    One gateway at one address, asked from a worker. Use it in a ``with``, or close it.

    Every method raises KlingError and nothing else.

    :param retries: For how long a call is tried again.
    """

    def __init__(self, endpoint: Endpoint, retries: Retries = DEFAULT_RETRIES) -> None:
        self.endpoint = endpoint
        self.retries = retries
        self._gateway = endpoint.gateway
        self._session = Session()
        self._session.auth = self._authorize

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

    def perform(self, call: Call[T], retry: Retry = Retry.FREELY) -> T:
        """Send a call, again where that is free and may help, and return what its answer says."""
        retrying = Retrying(**self.retries.of_call(creates=call.creates, retry=retry))
        return cast("T", retrying(self._exchange, call))

    def close(self) -> None:
        self._session.close()

    def __exit__(self, *_: object) -> None:
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
            raise call.unanswered(error, self.endpoint, sent=not _never_left(error)) from error
        hide = self.endpoint.credentials.hide
        return call.outcome(Answer.taken_in(response.status_code, body, response.headers, hide))

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
