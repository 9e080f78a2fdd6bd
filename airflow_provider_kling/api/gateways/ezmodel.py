from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.gateways.base import KLING_FIELDS, given
from airflow_provider_kling.api.gateways.relay import Relay

if TYPE_CHECKING:
    from airflow_provider_kling.api.requests import Text2VideoRequest


class EzModel(Relay):
    """EzModel, as its page says: Kling's fields at the top level, Kling's envelope back."""

    name = "ezmodel"
    hosts = ("ezmodel.cloud",)
    modes = ("std", "pro")
    cfg_scale_range = (0.0, 100.0)
    takes = KLING_FIELDS | {"image_tail"}

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the body; what the page does not name goes to the top level as well."""
        own = {"model": request.model, "image_tail": request.image_tail}
        return given({**own, **self.kling_fields(request)})
