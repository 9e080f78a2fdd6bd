"""The gateways that the emulator can be, each in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kling.emulator.gateways.crazyrouter import Crazyrouter
from airflow_provider_kling.emulator.gateways.elkapi import ElkApi
from airflow_provider_kling.emulator.gateways.envelope import Envelope
from airflow_provider_kling.emulator.gateways.ezmodel import EzModel
from airflow_provider_kling.emulator.gateways.ezmodel_code import EzModelCode
from airflow_provider_kling.emulator.gateways.official import Official
from airflow_provider_kling.emulator.gateways.old_new_api import OldNewApi
from airflow_provider_kling.emulator.gateways.proxying_new_api import ProxyingNewApi
from airflow_provider_kling.emulator.gateways.stock_new_api import StockNewApi

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.gateways.base import Gateway

_ALL = (Official, EzModel, ElkApi, StockNewApi, OldNewApi, EzModelCode, Crazyrouter, Envelope)

GATEWAYS: dict[str, type[Gateway]] = {gateway.name: gateway for gateway in _ALL}

PROXYING_GATEWAYS: dict[str, type[Gateway]] = {ProxyingNewApi.name: ProxyingNewApi}
"""Those that can stream the files themselves, in the form in which they do."""
