"""An Airflow connection of type ``kling``, read into the endpoint that it means."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.endpoint import REQUESTS_PER_SECOND, AccessKey, ApiKey, Credentials, Endpoint
from airflow_provider_kling.api.errors import KlingConnectionConfigError
from airflow_provider_kling.api.gateways import AUTO, GATEWAYS, Ability, Gateway, gateway_for
from airflow_provider_kling.generations.identity import OnUnknownOutcome, choice_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_HOST = "api-singapore.klingai.com"
EXAMPLE_URI = "kling://:API_KEY@api.ezmodel.cloud"
_EXTRAS = ("gateway", "timeout", "connect_timeout", "requests_per_second", "on_unknown_outcome")

log = logging.getLogger(__name__)


def endpoint_of(connection: Connection) -> Endpoint:
    """
    Return the endpoint that a connection means.

    Host, port and schema make the address (Kling's own host and ``https`` where they are empty); a
    password alone is an API key, with a login they are access key and secret key. Of the extra all but
    ``on_unknown_outcome`` is read here: ``gateway``, ``timeout`` and ``connect_timeout`` (seconds), and
    ``requests_per_second``; null means not given.

    :raises KlingConnectionConfigError: something in it cannot be used.
    """
    name = connection.conn_id
    extra = _extra(name, connection.extra)
    for key in sorted(set(extra) - set(_EXTRAS)):
        log.warning(
            "extra %r of connection %r is unknown and ignored; known: %s", key, name, ", ".join(_EXTRAS)
        )
    scheme, _, host = (connection.host or DEFAULT_HOST).rpartition("://")
    host = host.rstrip("/")
    scheme = scheme or connection.schema or "https"
    if scheme not in ("http", "https"):
        raise KlingConnectionConfigError(
            f"schema={scheme!r} of connection {name!r} is unknown; leave it empty for https, or give http."
        )
    gateway = gateway_for(str(extra.get("gateway") or AUTO), host)
    if gateway is None and connection.login:
        gateway = GATEWAYS["official"]  # no other takes an access key
    port = f":{connection.port}" if connection.port else ""
    return Endpoint(
        gateway=gateway,
        base_url=f"{scheme}://{host}{port}",
        credentials=_credentials(name, connection.login, connection.password, gateway),
        timeout=_positive(name, "timeout", extra, "number of seconds"),
        connect_timeout=_positive(name, "connect_timeout", extra, "number of seconds"),
        requests_per_second=_positive(name, "requests_per_second", extra, "number") or REQUESTS_PER_SECOND,
    )


def on_unknown_outcome_of(connection: Connection) -> OnUnknownOutcome:
    """
    Return what a connection says to do when the outcome of a submission is unknown; to stop, if nothing.

    :raises KlingConnectionConfigError: it says something else.
    """
    said = _extra(connection.conn_id, connection.extra).get("on_unknown_outcome") or OnUnknownOutcome.STOP
    try:
        return choice_of(OnUnknownOutcome, "on_unknown_outcome", said)
    except ValueError as unknown:
        raise KlingConnectionConfigError(
            f"In the extra of connection {connection.conn_id!r}, {unknown}."
        ) from None


def _credentials(name: str, login: str | None, password: str | None, gateway: Gateway | None) -> Credentials:
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
    if gateway is not None and Ability.ACCESS_KEY not in gateway.abilities:
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
    return extra


def _positive(name: str, key: str, extra: dict[str, Any], kind: str) -> float | None:
    value = extra.get(key)
    if value is None or value == "":
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = -1
    if not 0 < number < float("inf"):
        raise KlingConnectionConfigError(
            f"{key}={value!r} in the extra of connection {name!r} is not a positive {kind}."
        )
    return number
