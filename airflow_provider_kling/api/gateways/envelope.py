from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.gateways.base import KLING_FIELDS, given
from airflow_provider_kling.api.gateways.relay import Relay

if TYPE_CHECKING:
    from airflow_provider_kling.api.requests import Text2VideoRequest


class Envelope(Relay):
    """A relay that keeps Kling's own bodies both ways, under a relay's path."""

    name = "envelope"
    hosts = ("comfly.chat",)
    takes = KLING_FIELDS

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return Kling's body, with ``model`` beside ``model_name`` for relays that route by it."""
        return given({"model": request.model, "model_name": request.model, **self.kling_fields(request)})
