"""The gateways that the emulator can be, each in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.crazyrouter import Crazyrouter
from kling_emulator.gateways.elkapi import ElkApi
from kling_emulator.gateways.envelope import Envelope
from kling_emulator.gateways.ezmodel import EzModel
from kling_emulator.gateways.ezmodel_code import EzModelCode
from kling_emulator.gateways.official import Official
from kling_emulator.gateways.old_new_api import OldNewApi
from kling_emulator.gateways.proxying_new_api import ProxyingNewApi
from kling_emulator.gateways.stock_new_api import StockNewApi

if TYPE_CHECKING:
    from kling_emulator.gateways.base import Gateway

_ALL = (Official, EzModel, ElkApi, StockNewApi, OldNewApi, EzModelCode, Crazyrouter, Envelope)

GATEWAYS: dict[str, type[Gateway]] = {gateway.name: gateway for gateway in _ALL}

PROXYING_GATEWAYS: dict[str, type[Gateway]] = {ProxyingNewApi.name: ProxyingNewApi}
"""Those that can stream the files themselves, in the form in which they do."""
