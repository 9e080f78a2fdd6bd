"""An Airflow connection of type ``kling``, read into the endpoint that it means."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.auth import AccessKey, ApiKey
from airflow_provider_kling.api.errors import KlingConnectionConfigError
from airflow_provider_kling.api.gateways import AUTO, Official, gateway_for
from airflow_provider_kling.api.sending import Endpoint

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_kling.api.auth import Credentials
    from airflow_provider_kling.api.gateways import Gateway

DEFAULT_HOST = "api-singapore.klingai.com"
EXAMPLE_URI = "kling://:API_KEY@api.ezmodel.cloud"
_EXTRAS = ("gateway", "timeout")

log = logging.getLogger(__name__)


def endpoint_of(connection: Connection) -> Endpoint:
    """
    Return the endpoint that a connection means.

    Host, port and schema make the address (Kling's own host and ``https`` where they are empty); a
    password alone is an API key, with a login they are access key and secret key. Of the extra only
    ``gateway`` and ``timeout`` (seconds) are read; null means not given.

    :raises KlingConnectionConfigError: something in it cannot be used.
    """
    name = connection.conn_id
    extra = _extra(name, connection.extra)
    scheme, _, host = (connection.host or DEFAULT_HOST).rpartition("://")
    host = host.rstrip("/")
    scheme = scheme or connection.schema or "https"
    if scheme not in ("http", "https"):
        raise KlingConnectionConfigError(
            f"schema={scheme!r} of connection {name!r} is unknown; leave it empty for https, or give http."
        )
    gateway = gateway_for(str(extra.get("gateway") or AUTO), host)
    port = f":{connection.port}" if connection.port else ""
    return Endpoint(
        gateway=gateway,
        base_url=f"{scheme}://{host}{port}",
        credentials=_credentials(name, connection.login, connection.password, gateway),
        timeout=_seconds(name, extra.get("timeout")),
    )


def _credentials(name: str, login: str | None, password: str | None, gateway: Gateway) -> Credentials:
    if not password:
        raise KlingConnectionConfigError(
            f"Connection {name!r} has no key; put the API key into its password, as in {EXAMPLE_URI}."
        )
    if not (password.isascii() and password.isprintable() and " " not in password):
        raise KlingConnectionConfigError(
            f"The password of connection {name!r} has a space, a line end or a letter beyond ASCII, which no "
            "key has; enter the key again."
        )
    if not login:
        return ApiKey(password)
    if not isinstance(gateway, Official):
        raise KlingConnectionConfigError(
            f"Connection {name!r} has a login, which is an access key of Kling's own API; the "
            f"{gateway.name} gateway takes an API key alone. Leave the login empty."
        )
    return AccessKey(login, password)


def _extra(name: str, text: str | None) -> dict[str, Any]:
    # Not Connection.extra_dejson: it may block, and this is also read on the triggerer's event loop.
    try:
        extra = json.loads(text or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise KlingConnectionConfigError(f"The extra of connection {name!r} is not a JSON object.")
    for key in sorted(set(extra) - set(_EXTRAS)):
        log.warning(
            "extra %r of connection %r is unknown and ignored; known: %s", key, name, ", ".join(_EXTRAS)
        )
    return {key: extra[key] for key in _EXTRAS if extra.get(key) is not None}


def _seconds(name: str, value: object) -> float | None:
    if value is None or value == "":
        return None
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1
    if not 0 < seconds < float("inf"):
        raise KlingConnectionConfigError(
            f"timeout={value!r} in the extra of connection {name!r} is not a positive number of seconds."
        )
    return seconds
