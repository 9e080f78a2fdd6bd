"""Where a gateway is, who we are to it, and how to connect, for both clients: address, key, timeouts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.gateways import Ability, Gateway

CREATE_CONNECT_SECONDS = 10.0
CREATE_SECONDS = 60.0
READ_CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# No gateway says how many requests it bears; this is what one impatient user of a website may cause.
REQUESTS_PER_SECOND = 10.0
# Both from Kling's own sample code; a longer life is not documented as allowed.
JWT_LIFETIME_SECONDS = 1800
JWT_NOT_BEFORE_SECONDS = 5
# What is shorter is no secret but a word that may stand anywhere: emulators take any key.
SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A static key, sent as it is. Every gateway knows this form."""

    key: str = field(repr=False)

    def authorization(self) -> str:
        """Return the value of the Authorization header for a request that is sent now."""
        return f"Bearer {self.key}"

    def hide(self, text: str) -> str:
        """Return ``text`` without the secret of these credentials."""
        return _without(self.key, text)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """
    Kling's older pair of keys: each request carries a JWT that the secret key signed.

    Kling's new standard refuses it (Kling's docs, authentication).

    :param clock: Tells the seconds since the epoch, from which on a JWT lives half an hour.
    """

    access_key: str
    secret_key: str = field(repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def authorization(self) -> str:
        import jwt

        now = int(self.clock())
        life = {"exp": now + JWT_LIFETIME_SECONDS, "nbf": now - JWT_NOT_BEFORE_SECONDS}
        claims = {"iss": self.access_key, **life}
        return f"Bearer {jwt.encode(claims, self.secret_key, algorithm='HS256')}"

    def hide(self, text: str) -> str:
        return _without(self.secret_key, text)


Credentials = ApiKey | AccessKey


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "***") if len(secret) >= SHORTEST_SECRET else text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A gateway at an address, with our key to it.

    :param gateway: Its kind; None where neither the connection nor the host tells it.
    :param base_url: Scheme, host and port, without a slash at the end.
    :param timeout: Seconds to wait for an answer; None means 60 for a submission and 30 for a question.
    :param connect_timeout: Seconds to wait for a connection; None means 10 and 5.
    :param requests_per_second: How many requests all waitings of a triggerer together may send.
    """

    gateway: Gateway | None
    base_url: str
    credentials: Credentials
    timeout: float | None = None
    connect_timeout: float | None = None
    requests_per_second: float = REQUESTS_PER_SECOND

    def url(self, call: Call[Any]) -> str:
        return f"{self.base_url}{call.path}"

    def has(self, url: str) -> bool:
        """Return whether a link leads to the gateway itself, and may be opened with its key."""
        own, other = urlsplit(self.base_url), urlsplit(url)
        return (own.scheme, own.netloc) == (other.scheme, other.netloc)

    def headers(self) -> dict[str, str]:
        """Return the headers of a call that is sent now; a JWT in them is made for this moment."""
        return {"Authorization": self.credentials.authorization(), "Accept-Encoding": "identity"}

    def can(self, gateway: Gateway, ability: Ability) -> bool:
        """Return whether a gateway can do this, asked with our kind of key."""
        denied = gateway.api_key_only if isinstance(self.credentials, AccessKey) else ()
        return ability in gateway.abilities and ability not in denied

    def seconds(self, call: Call[Any]) -> tuple[float, float]:
        """Return how long to wait for a connection, and for the answer to a call."""
        connect, answer = (
            (CREATE_CONNECT_SECONDS, CREATE_SECONDS) if call.creates else (READ_CONNECT_SECONDS, READ_SECONDS)
        )
        return self.connect_timeout or connect, self.timeout or answer
