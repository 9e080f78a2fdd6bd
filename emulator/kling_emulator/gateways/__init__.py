"""The gateways that the emulator can be, a file for each family of servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kling_emulator.gateways.elkapi import ElkApi
from kling_emulator.gateways.envelope import Envelope
from kling_emulator.gateways.ezmodel import EzModel
from kling_emulator.gateways.new_api import Crazyrouter, EzModelCode, OldNewApi, ProxyingNewApi, StockNewApi
from kling_emulator.gateways.official import Official

if TYPE_CHECKING:
    from kling_emulator.gateways.base import Gateway

_ALL = (Official, EzModel, ElkApi, StockNewApi, OldNewApi, EzModelCode, Crazyrouter, Envelope)

GATEWAYS: dict[str, type[Gateway]] = {gateway.name: gateway for gateway in _ALL}

PROXYING_GATEWAYS: dict[str, type[Gateway]] = {ProxyingNewApi.name: ProxyingNewApi}
"""Those that can stream the files themselves, in the form in which they do."""
