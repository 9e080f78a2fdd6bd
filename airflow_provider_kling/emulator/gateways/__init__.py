"""The gateways that the emulator can be, each in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kling.emulator.gateways.elkapi import ElkApi
from airflow_provider_kling.emulator.gateways.ezmodel import EzModel
from airflow_provider_kling.emulator.gateways.official import Official

if TYPE_CHECKING:
    from airflow_provider_kling.emulator.gateways.base import Gateway

GATEWAYS: dict[str, type[Gateway]] = {gateway.name: gateway for gateway in (Official, EzModel, ElkApi)}
