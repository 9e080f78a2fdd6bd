"""The kinds of gateway, each in a file of its own, and which of them a connection means."""

from __future__ import annotations

from airflow_provider_kling.api.errors import KlingConnectionConfigError
from airflow_provider_kling.api.gateways.base import Ability, Gateway
from airflow_provider_kling.api.gateways.elkapi import ElkApi
from airflow_provider_kling.api.gateways.envelope import Envelope
from airflow_provider_kling.api.gateways.ezmodel import EzModel
from airflow_provider_kling.api.gateways.new_api import CrazyRouter, NewApi
from airflow_provider_kling.api.gateways.official import LONGEST_PAGE, MOST_AT_ONCE, Official

__all__ = ["AUTO", "GATEWAYS", "LONGEST_PAGE", "MOST_AT_ONCE", "Ability", "Gateway", "gateway_for"]

AUTO = "auto"
GATEWAYS: dict[str, Gateway] = {
    gateway.name: gateway
    for gateway in (Official(), EzModel(), ElkApi(), NewApi(), CrazyRouter(), Envelope())
}


def gateway_for(name: str, host: str) -> Gateway | None:
    """
    Return the gateway of that name; ``auto`` goes by the host, and None means that the host does not tell.

    :raises KlingConnectionConfigError: there is no gateway of that name.
    """
    if name == AUTO:
        return next((gateway for gateway in GATEWAYS.values() if _is_at(host, gateway.hosts)), None)
    if name not in GATEWAYS:
        raise KlingConnectionConfigError(
            f"gateway={name!r} in the connection's extra is unknown; "
            f"use one of {AUTO}, {', '.join(GATEWAYS)}."
        )
    return GATEWAYS[name]


def _is_at(host: str, domains: tuple[str, ...]) -> bool:
    name = host.lower().partition(":")[0]
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)
