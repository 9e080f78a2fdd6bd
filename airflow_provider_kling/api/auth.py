"""Who we are to a gateway: an API key, or an access key with its secret key."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

# Both from Kling's own sample code; a longer life is not documented as allowed.
JWT_LIFETIME_SECONDS = 1800
JWT_NOT_BEFORE_SECONDS = 5
# What is shorter is no secret but a word that may stand anywhere: emulators take any key.
SHORTEST_SECRET = 8


class Credentials(Protocol):
    """What a client needs to know of its keys."""

    @property
    def is_api_key(self) -> bool:
        """Whether this is a static key, which opens more than a signed token does."""

    def authorization(self) -> str:
        """Return the value of the Authorization header for a request that is sent now."""

    def hide(self, text: str) -> str:
        """Return ``text`` without the secrets of these credentials."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A static key, sent as it is. Every gateway knows this form."""

    key: str = field(repr=False)

    @property
    def is_api_key(self) -> bool:
        return True

    def authorization(self) -> str:
        return f"Bearer {self.key}"

    def hide(self, text: str) -> str:
        return _without(self.key, text)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """
    Kling's older pair of keys: each request carries a JWT that the secret key signed.

    :param clock: Tells the seconds since the epoch, from which on a JWT lives half an hour.
    """

    access_key: str
    secret_key: str = field(repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    @property
    def is_api_key(self) -> bool:
        return False  # and Kling's new standard refuses it (Kling's docs, authentication)

    def authorization(self) -> str:
        import jwt

        now = int(self.clock())
        claims = {
            "iss": self.access_key,
            "exp": now + JWT_LIFETIME_SECONDS,
            "nbf": now - JWT_NOT_BEFORE_SECONDS,
        }
        return f"Bearer {jwt.encode(claims, self.secret_key, algorithm='HS256')}"

    def hide(self, text: str) -> str:
        return _without(self.secret_key, text)


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "***") if len(secret) >= SHORTEST_SECRET else text
