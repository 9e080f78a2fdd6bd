from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.gateways.base import KLING_FIELDS, given
from airflow_provider_kling.api.gateways.relay import Relay

if TYPE_CHECKING:
    from airflow_provider_kling.api.requests import Text2VideoRequest

# The sizes from which New API tells the ratio; it takes any other, and none, for 1:1.
_SIZES = {"16:9": "1280x720", "9:16": "720x1280", "1:1": "1024x1024"}


class NewApi(Relay):
    """
    A relay that runs New API, of whatever version, as its public code reads a request.

    Versions before February 2026 read Kling's fields at the top level and ignore ``metadata``. Later ones
    ignore them there, read them in ``metadata``, and ask for ``model``. So this body says it twice, and
    gives the ratio by ``size`` too.
    """

    name = "newapi"
    takes = KLING_FIELDS | {"metadata"}

    def body(self, request: Text2VideoRequest) -> dict[str, Any]:
        """Return the one body that all versions read alike."""
        fields = given(self.kling_fields(request))
        return {
            "size": _SIZES[fields["aspect_ratio"]],
            **fields,
            "model": request.model,
            "model_name": request.model,
            # Without a model, which would override the mapping of models that the relay's operator made.
            "metadata": given({**fields, **request.metadata}),
        }


class CrazyRouter(NewApi):
    """CrazyRouter: asked like New API, it answers in a form of its own (docs.crazyrouter.com)."""

    name = "crazyrouter"
    hosts = ("crazyrouter.com",)
