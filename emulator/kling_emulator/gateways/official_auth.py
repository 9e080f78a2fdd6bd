from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.credentials import bearer_token
from kling_emulator.gateways.official_errors import official_error

if TYPE_CHECKING:
    from kling_emulator.credentials import Credentials
    from kling_emulator.gateways.refusal import RefusalError


def check_authorization(authorization: str, credentials: Credentials, *, takes_tokens: bool) -> None:
    """
    Raise a :class:`RefusalError` unless this is a good API key or a good JSON Web Token.

    :param authorization: the value of the Authorization header, empty if there is none.
    :param credentials: the keys that are accepted.
    :param takes_tokens: whether a token is good at all: the newer standard takes API keys only.
    """
    if not authorization.strip():
        raise _unauthorized(1001, "Authorization is empty")
    token = bearer_token(authorization)
    if token is None:
        raise _unauthorized(1002, "Authorization is not a Bearer token")
    if not takes_tokens and token.count(".") == 2 and token not in credentials.api_keys:
        raise _unauthorized(1002, "The current API does not support AK/SK")
    # A token has three parts. Without an access key to check it against, it is a key like any other.
    if credentials.access_key and credentials.secret_key and token.count(".") == 2:
        _check_token(token, credentials.access_key, credentials.secret_key)
    elif not credentials.accept(token):
        raise _unauthorized(1000, "API key is unknown")


def _check_token(token: str, access_key: str, secret_key: str) -> None:
    import jwt

    try:
        jwt.decode(
            token,
            secret_key,
            algorithms=["HS256"],
            issuer=access_key,
            options={"require": ["iss", "exp"]},
        )
    except jwt.ImmatureSignatureError:
        raise _unauthorized(1003, "Authorization is not valid yet") from None
    except jwt.ExpiredSignatureError:
        raise _unauthorized(1004, "Authorization has expired") from None
    except (jwt.InvalidSignatureError, jwt.InvalidIssuerError):
        raise _unauthorized(1000, "Access key is unknown or the signature is wrong") from None
    except jwt.InvalidTokenError as invalid:
        raise _unauthorized(1002, f"Authorization is no readable JSON Web Token: {invalid}") from None


def _unauthorized(code: int, message: str) -> RefusalError:
    return official_error(401, code, message)
