"""Which keys open the emulator."""

from __future__ import annotations

from dataclasses import dataclass

WRONG_KEY = "wrong-key"
"""Refused whatever the settings, so that anybody can see what a refusal looks like."""


@dataclass(frozen=True)
class Credentials:
    """
    The keys that are accepted.

    :param api_keys: the API keys; when empty, any key but :data:`WRONG_KEY` is one.
    :param access_key: the ``iss`` of the JSON Web Tokens that are accepted.
    :param secret_key: what those tokens are signed with.
    """

    api_keys: tuple[str, ...] = ()
    access_key: str | None = None
    secret_key: str | None = None

    def __post_init__(self) -> None:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("an access key and a secret key belong together")

    def accept(self, api_key: str) -> bool:
        """
        Tell whether an API key is good.

        :param api_key: the key as sent.
        """
        if api_key == WRONG_KEY:
            return False
        return api_key in self.api_keys if self.api_keys else bool(api_key)


def bearer_token(authorization: str) -> str | None:
    """
    Read the token out of an Authorization header.

    :param authorization: the value of the header.
    :return: the token; None where this is no ``Bearer`` header, or an empty one.
    """
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
