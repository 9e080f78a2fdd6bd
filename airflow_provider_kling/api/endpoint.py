"""Where a gateway is and how to connect to it, for both clients: address, key, timeouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_kling.api.auth import Credentials
    from airflow_provider_kling.api.calls import Call
    from airflow_provider_kling.api.gateways import Ability, Gateway

CREATE_CONNECT_SECONDS = 10.0
CREATE_SECONDS = 60.0
READ_CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# No gateway says how many requests it bears; this is what one impatient user of a website may cause.
REQUESTS_PER_SECOND = 10.0


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
        denied = ability in gateway.api_key_only and not self.credentials.is_api_key
        return ability in gateway.abilities and not denied

    def seconds(self, call: Call[Any]) -> tuple[float, float]:
        """Return how long to wait for a connection, and for the answer to a call."""
        connect, answer = (
            (CREATE_CONNECT_SECONDS, CREATE_SECONDS) if call.creates else (READ_CONNECT_SECONDS, READ_SECONDS)
        )
        return self.connect_timeout or connect, self.timeout or answer
